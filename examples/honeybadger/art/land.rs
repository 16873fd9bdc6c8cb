//! Scenes of open land: mountains, the far north, dunes, hills.

use super::canvas::{Canvas, Noise, lines};
use super::palette::{BLACK, Palette, WHITE};
use super::things;
use crate::random::Random;
use std::f32::consts::TAU;

/// Ridges behind each other, the far ones in the haze, with someone who looks at them.
pub(super) fn mountains(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    canvas.sky(palette.sky, 0.72);
    if palette.is_night {
        canvas.stars(random, 160, 0.6, palette.light);
    }
    let focus = canvas.focus;
    let (sun_x, sun_y) = (focus + random.real(-0.16, 0.16), random.real(0.24, 0.44));
    canvas.sun(sun_x, sun_y, random.real(0.05, 0.12), palette.light);
    let layers = random.between(4, 6);
    let peak = focus + random.real(-0.2, 0.2);
    let mut front = Vec::new();
    for layer in 0..layers {
        let nearness = (layer as f32 + 0.6) / layers as f32;
        let noise = Noise::new(random, 6, 0.47);
        let base = 0.5 + nearness * 0.3;
        let reach = 0.23 - nearness * 0.1;
        let line = canvas.line(0.006, |x| {
            let massif = if layer == 1 { 0.16 * (1.0 - (x - peak).abs() * 2.4).max(-0.3) } else { 0.0 };
            base - massif - reach * (0.25 + 0.75 * noise.crest(x * 1.7 + 9.0))
        });
        let rgb = palette.layer(nearness * 0.9);
        let foot = rgb.mix(palette.sky[2], 0.45 * (1.0 - nearness));
        canvas.fill_down(canvas.below(&line), (base - 0.2, rgb, 1.0), (base + 0.2, foot, 1.0));
        if layer + 2 == layers {
            things::pines(canvas, random, &line, 0.05, palette.layer(nearness * 0.95));
        }
        if layer + 1 < layers {
            canvas.mist(base + 0.05, 0.1, palette.sky[2], 0.3 * (1.0 - nearness));
        }
        front = line;
    }
    things::pines(canvas, random, &front, 0.12, palette.near);
    things::birds(canvas, random, focus + 0.12, sun_y + 0.06, 0.12, palette.near);
    let rock = Noise::new(random, 4, 0.5);
    let cliff = canvas.line(0.01, |x| 0.93 + 0.02 * rock.at(x * 5.0) - 0.1 * (1.0 - (x - focus).abs() * 3.4).max(-0.4));
    canvas.fill(canvas.below(&cliff), palette.near.mix(BLACK, 0.35), 1.0);
    things::traveller(canvas, focus, 0.836, 0.1, palette.near.mix(BLACK, 0.5), palette.accent);
}

/// Curtains of light over snow.
pub(super) fn north(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let [top, middle, low] = palette.sky;
    canvas.sky([top.mix(BLACK, 0.7), top.mix(BLACK, 0.35), middle.mix(BLACK, 0.1)], 0.75);
    canvas.stars(random, 220, 0.7, WHITE);
    let glow = low.mix(palette.accent, 0.35);
    for curtain in 0..3 {
        let noise = Noise::new(random, 3, 0.5);
        let base = random.real(0.36, 0.56) - curtain as f32 * 0.07;
        let rgb = if curtain == 1 { palette.light.mix(glow, 0.5) } else { glow };
        let step = canvas.pixel().max(0.004) * 2.0;
        let mut x = 0.0;
        while x < canvas.width {
            let foot = base + 0.14 * noise.at(x * 1.9);
            let fold = 0.5 + 0.5 * noise.at(x * 9.0 + 40.0);
            let height = 0.16 + 0.26 * fold;
            let ray = Canvas::rectangle(x, foot - height, step * 1.05, height);
            canvas.fill_down(ray, (foot - height, rgb, 0.0), (foot, rgb, 0.1 + 0.34 * fold));
            x += step;
        }
    }
    for layer in 0..3 {
        let nearness = layer as f32 / 3.0;
        let noise = Noise::new(random, 5, 0.5);
        let base = 0.68 + nearness * 0.17;
        let line = canvas.line(0.008, |x| base - (0.16 - nearness * 0.11) * noise.crest(x * 1.6));
        let snow = middle.mix(WHITE, 0.34 - nearness * 0.1).mix(top, 0.3);
        canvas.fill_down(canvas.below(&line), (base - 0.12, snow, 1.0), (base + 0.16, top.mix(BLACK, 0.25), 1.0));
    }
    let focus = canvas.focus;
    let noise = Noise::new(random, 3, 0.5);
    let bank = canvas.line(0.01, |x| 0.88 + 0.025 * noise.at(x * 2.0));
    canvas.fill_down(
        canvas.below(&bank),
        (0.86, middle.mix(WHITE, 0.45).mix(top, 0.2), 1.0),
        (1.0, top.mix(BLACK, 0.4), 1.0),
    );
    things::house(canvas, focus, 0.885, 0.075, palette.near.mix(BLACK, 0.3), palette.accent);
    for _ in 0..9 {
        let x = random.real(0.0, canvas.width);
        if (x - focus).abs() > 0.07 {
            things::pine(canvas, x, 0.9, random.real(0.08, 0.2), palette.near.mix(BLACK, 0.4));
        }
    }
}

/// Dunes, tables of rock, a caravan.
pub(super) fn dunes(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    canvas.sky(palette.sky, 0.66);
    let focus = canvas.focus;
    let sun = (focus + random.real(-0.2, 0.2), random.real(0.26, 0.42));
    canvas.sun(sun.0, sun.1, random.real(0.07, 0.15), palette.light);
    if random.chance(1, 2) {
        mesas(canvas, palette, random);
    }
    let layers = 5;
    for layer in 0..layers {
        let nearness = (layer as f32 + 1.0) / layers as f32;
        let base = 0.58 + nearness * 0.27;
        let (wave, shift) = (random.real(2.6, 4.6), random.real(0.0, TAU));
        let height = 0.035 + 0.035 * nearness;
        let crest = |x: f32| base - height * ((x * wave + shift).sin() + 0.5 * (x * wave * 0.47 + shift * 2.0).sin());
        let line = canvas.line(0.01, crest);
        let lit = palette.layer(nearness * 0.72).mix(palette.light, 0.3 * (1.0 - nearness * 0.6));
        canvas.fill_down(
            canvas.below(&line),
            (base - height, lit, 1.0),
            (base + 0.22, palette.layer(nearness * 0.95), 1.0),
        );
        if layer == 2 {
            for walker in 0..random.between(1, 4) {
                let x = focus + 0.04 * walker as f32 - 0.03;
                things::traveller(canvas, x, crest(x) + 0.004, 0.052, palette.near, palette.near);
            }
        }
    }
}

fn mesas(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    for _ in 0..random.between(2, 4) {
        let (x, half) = (random.real(0.0, canvas.width), random.real(0.04, 0.11));
        let top = random.real(0.4, 0.54);
        let table = [
            (x - half, top),
            (x + half, top + 0.004),
            (x + half * 1.12, top + 0.06),
            (x + half * 1.25, top + 0.07),
            (x + half * 1.6, 0.7),
            (x - half * 1.7, 0.7),
            (x - half * 1.2, top + 0.08),
            (x - half * 1.1, top + 0.03),
        ];
        let rgb = palette.layer(random.real(0.2, 0.4));
        canvas.fill_down(lines(&table), (top, rgb, 1.0), (0.68, rgb.mix(palette.sky[2], 0.5), 1.0));
    }
}

/// Green hills, clouds and balloons: the friendly one.
pub(super) fn hills(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    canvas.sky(palette.sky, 0.8);
    let focus = canvas.focus;
    let sun = (focus + random.real(-0.12, 0.12), random.real(0.34, 0.5));
    if random.chance(1, 2) {
        let turn = random.real(0.0, 1.0);
        for ray in 0..14 {
            let angle = |part: f32| ((ray as f32 + part) / 14.0 * TAU + turn).sin_cos();
            let ((a_sin, a_cos), (b_sin, b_cos)) = (angle(0.0), angle(0.5));
            let far = [
                (sun.0, sun.1),
                (sun.0 + a_cos * 2.2, sun.1 + a_sin * 2.2),
                (sun.0 + b_cos * 2.2, sun.1 + b_sin * 2.2),
            ];
            canvas.fill(lines(&far), palette.light, 0.15);
        }
    }
    canvas.sun(sun.0, sun.1, random.real(0.06, 0.13), palette.light);
    for _ in 0..5 {
        let (x, y, size) = (random.real(0.0, canvas.width), random.real(0.08, 0.4), random.real(0.04, 0.09));
        canvas.puffs(x, y, size, WHITE.mix(palette.sky[1], 0.15), random.real(0.55, 0.9));
    }
    for layer in 0..4 {
        let nearness = (layer as f32 + 1.0) / 4.0;
        let base = 0.62 + nearness * 0.24;
        let (wave, shift) = (random.real(2.0, 4.4), random.real(0.0, TAU));
        let line = canvas.line(0.01, |x| base - 0.06 * (x * wave + shift).sin());
        let rgb =
            palette.sky[2].mix(palette.far, 0.35 + nearness * 0.5).mix(palette.near, (nearness - 0.4).max(0.0) * 1.1);
        canvas.fill_down(canvas.below(&line), (base - 0.06, rgb, 1.0), (base + 0.2, rgb.mix(palette.near, 0.4), 1.0));
        let trees = 4 + layer * 2;
        for _ in 0..trees {
            let x = random.real(0.0, canvas.width);
            let (y, size) = (base - 0.06 * (x * wave + shift).sin(), random.real(0.016, 0.034) * (0.6 + nearness));
            canvas.oval(x, y - size * 0.8, size * 0.62, size, rgb.mix(palette.near, 0.45), 1.0);
        }
    }
    let colours = [palette.accent, palette.light];
    things::balloon(canvas, focus, random.real(0.3, 0.44), random.real(0.26, 0.36), colours, palette.near);
    for _ in 0..random.between(1, 3) {
        let x = random.real(0.06, canvas.width - 0.04);
        let colours = [palette.layer(0.55), palette.accent.mix(WHITE, 0.5)];
        if (x - focus).abs() > 0.16 {
            things::balloon(canvas, x, random.real(0.14, 0.52), random.real(0.07, 0.13), colours, palette.near);
        }
    }
}
