//! Scenes of the dark and the far: a forest at night, a lone house, other worlds, and shapes that mean nothing.

use super::canvas::{Canvas, Noise, lines, rounded};
use super::palette::{BLACK, Palette, WHITE};
use super::things;
use crate::random::Random;
use std::f32::consts::TAU;

/// Trunks in fog with light between them, and someone in it.
pub(super) fn forest(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let [top, middle, low] = palette.sky;
    canvas.sky([top, middle, low], 0.9);
    let focus = canvas.focus;
    canvas.glow(focus, 0.5, 0.6, palette.light, 0.55);
    canvas.glow(focus, 0.46, 0.22, palette.light, 0.5);
    let layers = 5;
    for layer in 0..layers {
        let nearness = (layer as f32 + 0.5) / layers as f32;
        let rgb = low.mix(palette.far, (nearness * 1.6).min(1.0)).mix(palette.near, (nearness - 0.3).max(0.0) * 1.4);
        let count = (canvas.width * (26.0 - 20.0 * nearness)) as usize;
        for _ in 0..count {
            let x = random.real(-0.05, canvas.width + 0.05);
            let half = 0.004 + 0.022 * nearness * nearness * random.real(0.6, 1.4);
            // A clearing in the middle, wider the closer it is.
            if (x - focus).abs() < 0.05 + 0.17 * nearness + half {
                continue;
            }
            let (lean, foot) = (random.real(-0.03, 0.03), 0.76 + 0.2 * nearness);
            let trunk = [
                (x - half + lean, -0.01),
                (x + half + lean, -0.01),
                (x + half * 1.15, foot - 0.06),
                (x + half * 2.0, foot),
                (x - half * 2.0, foot),
                (x - half * 1.15, foot - 0.06),
            ];
            canvas.fill(lines(&trunk), rgb, 1.0);
            for _ in 0..3 {
                let (y, side) = (random.real(0.05, 0.5), if random.chance(1, 2) { 1.0 } else { -1.0 });
                let reach = random.real(0.04, 0.12) * (0.5 + nearness);
                let twig = [(x + lean * 0.6, y), (x + side * reach, y - reach * 0.7), (x + lean * 0.6, y + half * 0.7)];
                canvas.fill(lines(&twig), rgb, 1.0);
            }
        }
        let noise = Noise::new(random, 3, 0.5);
        let base = 0.75 + 0.16 * nearness;
        let ground = canvas.line(0.012, |x| base + 0.014 * noise.at(x * 4.0));
        canvas.fill_down(canvas.below(&ground), (base, rgb, 1.0), (base + 0.15, rgb.mix(BLACK, 0.25), 1.0));
        if layer + 1 < layers {
            canvas.mist(0.72, 0.22, low.mix(palette.light, 0.25), 0.26 * (1.0 - nearness));
        }
        if layer == 2 {
            things::person(
                canvas,
                focus,
                0.86,
                random.real(0.17, 0.22),
                palette.near.mix(BLACK, 0.4),
                palette.accent.mix(BLACK, 0.3),
            );
        }
    }
    for ray in 0..5 {
        let x = focus + (ray as f32 - 2.0) * 0.12 + random.real(-0.04, 0.04);
        let beam = [(x, -0.01), (x + 0.05, -0.01), (x - 0.12, 0.9), (x - 0.24, 0.9)];
        canvas.fill_down(lines(&beam), (0.0, palette.light, 0.16), (0.9, palette.light, 0.0));
    }
}

/// A house and a bare tree on a hill, before a moon that is too large.
pub(super) fn lone_house(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    canvas.sky(palette.sky, 0.85);
    let focus = canvas.focus;
    if palette.is_night {
        canvas.stars(random, 130, 0.7, palette.light);
    }
    let (moon, radius) = ((focus + random.real(-0.06, 0.06), random.real(0.34, 0.42)), random.real(0.2, 0.27));
    canvas.glow(moon.0, moon.1, radius * 2.8, palette.light, 0.45);
    let pale = palette.light.mix(palette.sky[2], 0.2);
    canvas.ball(moon.0, moon.1, radius, (-0.3, -0.3), [palette.light, palette.light, pale]);
    for _ in 0..7 {
        let (angle, reach) = (random.real(0.0, TAU), random.real(0.0, 0.75) * radius);
        let (sin, cos) = angle.sin_cos();
        canvas.oval(
            moon.0 + cos * reach,
            moon.1 + sin * reach,
            random.real(0.01, 0.045),
            random.real(0.008, 0.04),
            palette.sky[2],
            0.17,
        );
    }
    let noise = Noise::new(random, 4, 0.5);
    let far = canvas.line(0.01, |x| 0.76 + 0.03 * noise.at(x * 3.0));
    things::pines(canvas, random, &far, 0.06, palette.layer(0.5));
    canvas.fill(canvas.below(&far), palette.layer(0.5), 1.0);
    canvas.mist(0.8, 0.1, palette.sky[2], 0.4);
    let near = palette.near.mix(BLACK, 0.25);
    let crest = |x: f32| 0.9 - 0.2 * (-((x - focus) * 3.6).powi(2)).exp();
    let hill = canvas.line(0.01, crest);
    canvas.fill(canvas.below(&hill), near, 1.0);
    let side = if random.chance(1, 2) { 1.0 } else { -1.0 };
    let house = focus - side * 0.07;
    things::house(canvas, house, crest(house) + 0.006, random.real(0.13, 0.17), near, palette.accent);
    let tree = focus + side * 0.12;
    let size = random.real(0.32, 0.42);
    things::bare_tree(canvas, random, tree, crest(tree) + 0.01, size, near);
    for post in 0..16 {
        let x = focus - 0.4 + post as f32 * 0.05;
        canvas.fill(Canvas::rectangle(x, crest(x) - 0.03, 0.005, 0.04), near, 1.0);
    }
    things::birds(canvas, random, moon.0, moon.1 - 0.05, 0.14, near);
}

/// A planet with rings over the ground of another one, and whoever has come.
pub(super) fn planet(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let [top, middle, low] = palette.sky;
    canvas.sky([top.mix(BLACK, 0.55), middle.mix(BLACK, 0.3), low.mix(middle, 0.35)], 0.85);
    let focus = canvas.focus;
    for _ in 0..5 {
        let (x, y) = (random.real(0.0, canvas.width), random.real(0.0, 0.6));
        canvas.glow(x, y, random.real(0.2, 0.5), if random.chance(1, 2) { low } else { palette.far }, 0.3);
    }
    canvas.stars(random, 260, 0.8, WHITE);
    let centre = (focus + random.real(-0.08, 0.1), random.real(0.3, 0.42));
    let radius = random.real(0.17, 0.27);
    let (lit, shade) = (palette.light.mix(low, 0.35), top.mix(BLACK, 0.65));
    let has_rings = random.chance(1, 2);
    let tilt = random.real(-0.35, 0.35);
    if has_rings {
        rings(canvas, palette, centre, radius, tilt, false);
    }
    canvas.glow(centre.0, centre.1, radius * 1.7, low, 0.5);
    canvas.ball(centre.0, centre.1, radius, (-0.55, -0.5), [lit, low.mix(palette.far, 0.55), shade]);
    for _ in 0..6 {
        let y = random.real(-0.75, 0.75);
        let half = (1.0f32 - y * y).sqrt() * random.real(0.55, 0.95);
        canvas.oval(
            centre.0 - radius * 0.04,
            centre.1 + y * radius,
            half * radius,
            radius * random.real(0.01, 0.045),
            shade,
            0.17,
        );
    }
    if has_rings {
        rings(canvas, palette, centre, radius, tilt, true);
    }
    let moon = (centre.0 + radius * random.real(1.1, 1.5), centre.1 - radius * random.real(0.5, 1.0));
    canvas.ball(moon.0, moon.1, radius * 0.16, (-0.5, -0.5), [WHITE, palette.light.mix(low, 0.5), shade]);
    for layer in 0..4 {
        let nearness = (layer as f32 + 1.0) / 4.0;
        let noise = Noise::new(random, 5, 0.52);
        let base = 0.66 + nearness * 0.22;
        let line = canvas.line(0.007, |x| base - (0.1 - 0.06 * nearness) * noise.crest(x * (1.6 + nearness)));
        let rgb = low.mix(palette.far, 0.4 + 0.4 * nearness).mix(palette.near, nearness * 0.85);
        canvas.fill_down(canvas.below(&line), (base - 0.08, rgb, 1.0), (base + 0.16, rgb.mix(palette.near, 0.5), 1.0));
        canvas.mist(base + 0.03, 0.07, low, 0.2 * (1.0 - nearness));
    }
    match random.below(3) {
        0 => things::rocket(canvas, focus - 0.14, 0.62, 0.11, WHITE.mix(low, 0.2), palette.accent),
        1 => {
            canvas.glow(focus, 0.8, 0.12, palette.accent, 0.35);
            things::person(canvas, focus, 0.88, 0.13, palette.near.mix(BLACK, 0.5), WHITE.mix(palette.accent, 0.35));
        }
        _ => {
            for dome in 0..3 {
                let (x, size) = (focus - 0.12 + dome as f32 * 0.11, random.real(0.035, 0.06));
                canvas.glow(x, 0.85, size * 2.4, palette.accent, 0.5);
                canvas.ball(x, 0.87, size, (-0.4, -0.7), [palette.accent.mix(WHITE, 0.6), palette.far, palette.near]);
            }
            canvas.fill(Canvas::rectangle(0.0, 0.87, canvas.width, 0.2), palette.near, 1.0);
        }
    }
}

/// Half of the rings of a planet: those behind it, or those before it.
fn rings(canvas: &mut Canvas, palette: &Palette, centre: (f32, f32), radius: f32, tilt: f32, is_front: bool) {
    let (sin, cos) = tilt.sin_cos();
    for (inner, outer, alpha) in [(1.32, 1.5, 0.75), (1.55, 1.78, 0.5), (1.83, 1.9, 0.7)] {
        let start = if is_front { 0.0 } else { TAU / 2.0 };
        let arc = |reach: f32, part: usize| {
            let (up, across) = (start + part as f32 / 30.0 * TAU / 2.0).sin_cos();
            let (x, y) = (across * reach * radius, up * reach * radius * 0.24);
            (centre.0 + x * cos - y * sin, centre.1 + x * sin + y * cos)
        };
        let band: Vec<_> =
            (0..=30).map(|part| arc(outer, part)).chain((0..=30).rev().map(|part| arc(inner, part))).collect();
        canvas.fill(lines(&band), palette.light.mix(palette.sky[2], 0.4), alpha);
    }
}

/// Plain shapes, as on a poster of the fifties.
pub(super) fn shapes(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let ground = palette.sky[2].mix(WHITE, 0.12);
    let inks = [palette.sky[0], palette.sky[1], palette.accent, palette.far, palette.near];
    canvas.fill_down(
        Canvas::rectangle(0.0, 0.0, canvas.width, 1.0),
        (0.0, ground, 1.0),
        (1.0, palette.sky[2].mix(palette.sky[1], 0.35), 1.0),
    );
    let centre = (canvas.focus, random.real(0.38, 0.5));
    match random.below(3) {
        0 => {
            for ring in 0..7 {
                let radius = 0.33 * (1.0 - ring as f32 / 7.5);
                canvas.disc(centre.0, centre.1, radius, if ring % 2 == 0 { inks[ring / 2] } else { ground }, 1.0);
            }
            let wedge = [(centre.0, centre.1), (centre.0 - 0.16, 1.0), (centre.0 + 0.16, 1.0)];
            canvas.fill(lines(&wedge), palette.near, 1.0);
            things::person(canvas, centre.0, centre.1 + 0.035, 0.17, palette.near, palette.near);
        }
        1 => {
            for row in 0..9 {
                for column in 0..(canvas.width * 9.0) as usize + 1 {
                    let (x, y, size) = (column as f32 / 9.0, row as f32 / 9.0, 1.0 / 9.0);
                    let rgb = inks[random.below(5)].mix(ground, random.real(0.0, 0.35));
                    let corners = [(x, y), (x + size, y), (x + size, y + size), (x, y + size)];
                    let turn = random.below(4);
                    let corner = |number: usize| corners[(turn + number) % 4];
                    match random.below(4) {
                        0 => canvas.fill(lines(&[corner(0), corner(1), corner(2)]), rgb, 1.0),
                        1 => canvas.disc(x + size / 2.0, y + size / 2.0, size / 2.0, rgb, 1.0),
                        2 => canvas.fill(rounded(&[corner(0), corner(0), corner(1), corner(2), corner(2)]), rgb, 1.0),
                        _ => canvas.disc(x + size / 2.0, y + size / 2.0, size * 0.22, rgb, 1.0),
                    }
                }
            }
            canvas.disc(centre.0, centre.1, 0.25, palette.near, 1.0);
            canvas.disc(centre.0, centre.1, 0.235, palette.accent, 1.0);
            let sail =
                [(centre.0, centre.1 - 0.15), (centre.0 + 0.13, centre.1 + 0.08), (centre.0 - 0.13, centre.1 + 0.08)];
            canvas.fill(lines(&sail), ground, 1.0);
            canvas.disc(centre.0, centre.1 + 0.01, 0.045, palette.near, 1.0);
        }
        _ => {
            for band in (0..8).rev() {
                let radius = 0.09 + band as f32 * 0.062;
                let rgb = inks[band % 5].mix(ground, if band > 4 { 0.35 } else { 0.0 });
                canvas.disc(centre.0, 0.72, radius, rgb, 1.0);
            }
            let water = Canvas::rectangle(0.0, 0.72, canvas.width, 0.3);
            canvas.fill(water, palette.near, 1.0);
            for strip in 0..9 {
                let half = 0.34 - strip as f32 * 0.03;
                let bar = Canvas::rectangle(
                    centre.0 - half + random.real(-0.03, 0.03),
                    0.745 + strip as f32 * 0.026,
                    half * 2.0,
                    0.007,
                );
                canvas.fill(bar, inks[strip % 4].mix(ground, 0.25), 0.9);
            }
            things::sail_boat(
                canvas,
                centre.0 + random.real(-0.08, 0.08),
                0.735,
                0.16,
                palette.near.mix(BLACK, 0.3),
                ground,
            );
        }
    }
}
