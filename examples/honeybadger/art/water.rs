//! Scenes of water: the sea from above, and from below.

use super::canvas::{Canvas, Noise, lines, rounded};
use super::palette::{BLACK, Palette, WHITE};
use super::things;
use crate::random::Random;

/// A low sun, its road on the water, a boat or a lighthouse.
pub(super) fn sea(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let horizon = random.real(0.52, 0.6);
    canvas.sky(palette.sky, horizon);
    let focus = canvas.focus;
    if palette.is_night {
        canvas.stars(random, 140, 0.45, palette.light);
    }
    let (sun_x, radius) = (focus + random.real(-0.05, 0.05), random.real(0.1, 0.2));
    let sun_y = horizon - radius * random.real(-0.1, 0.9);
    canvas.sun(sun_x, sun_y, radius, palette.light);
    for _ in 0..7 {
        let (x, y) = (random.real(0.0, canvas.width), random.real(0.1, horizon - 0.08));
        canvas.oval(
            x,
            y,
            random.real(0.08, 0.3),
            random.real(0.004, 0.014),
            palette.sky[2].mix(palette.light, 0.4),
            0.4,
        );
    }
    let deep = palette.near.mix(palette.sky[0], 0.35);
    let water = Canvas::rectangle(0.0, horizon, canvas.width, 1.0 - horizon);
    canvas.fill_down(water, (horizon, palette.sky[2].mix(palette.far, 0.55), 1.0), (1.0, deep, 1.0));
    canvas.glow(sun_x, horizon, 0.5, palette.light, 0.28);
    // The road of light: strips that widen and part toward the viewer.
    for strip in 0..46 {
        let share = strip as f32 / 46.0;
        let y = horizon + 0.004 + share * share * (1.0 - horizon);
        let half = radius * (0.85 - share * 0.35) * random.real(0.3, 1.1);
        let x = sun_x + random.real(-0.06, 0.06) * (0.3 + share);
        canvas.oval(x, y, half, 0.0016 + share * 0.005, palette.light, 0.75 - share * 0.45);
    }
    let waves = 5;
    for wave in 0..waves {
        let nearness = (wave as f32 + 1.0) / waves as f32;
        let noise = Noise::new(random, 3, 0.5);
        let base = horizon + (1.0 - horizon) * (0.3 + 0.62 * nearness);
        let line = canvas.line(0.008, |x| base + (0.012 + 0.016 * nearness) * noise.at(x * (6.0 - 3.0 * nearness)));
        let rgb = palette.far.mix(deep, 0.4 + 0.6 * nearness);
        canvas.fill_down(canvas.below(&line), (base - 0.02, rgb, 0.75), (base + 0.14, deep, 0.6));
    }
    if random.chance(3, 5) {
        let size = random.real(0.14, 0.24);
        things::sail_boat(canvas, focus - 0.08, horizon + 0.09, size, palette.near, palette.accent.mix(WHITE, 0.55));
        canvas.oval(focus - 0.07, horizon + 0.095, size * 0.42, 0.006, palette.near, 0.5);
    } else {
        lighthouse(canvas, palette, random, horizon);
    }
    things::birds(canvas, random, focus + 0.1, horizon - 0.2, 0.14, palette.near);
}

fn lighthouse(canvas: &mut Canvas, palette: &Palette, random: &mut Random, horizon: f32) {
    let x = canvas.focus + random.real(0.12, 0.18);
    let noise = Noise::new(random, 4, 0.5);
    let rock =
        canvas.line(0.008, |at| horizon + 0.2 - 0.2 * (1.0 - (at - x).abs() * 3.0) + 0.015 * noise.at(at * 18.0));
    canvas.fill(canvas.below(&rock), palette.near, 1.0);
    let (foot, top) = (horizon + 0.03, horizon - 0.27);
    let lamp = (x, top - 0.018);
    for side in [-1.0, 1.0] {
        let beam = [lamp, (x + side * 1.2, top - 0.16), (x + side * 1.2, top + 0.06)];
        canvas.fill_along(lines(&beam), lamp, (x + side * 0.7, top), [(palette.light, 0.5), (palette.light, 0.0)]);
    }
    let wall = WHITE.mix(palette.far, 0.35);
    let tower = lines(&[(x - 0.022, top), (x + 0.022, top), (x + 0.034, foot), (x - 0.034, foot)]);
    canvas.fill_along(tower, (x - 0.03, top), (x + 0.03, top), [(wall, 1.0), (palette.near, 1.0)]);
    for band in 0..3 {
        let (y, half) = (top + 0.035 + band as f32 * 0.09, 0.0235 + band as f32 * 0.0037);
        canvas.fill(
            lines(&[(x - half, y), (x + half, y), (x + half + 0.002, y + 0.042), (x - half - 0.002, y + 0.042)]),
            palette.accent.mix(BLACK, 0.25),
            0.9,
        );
    }
    canvas.fill(Canvas::rectangle(x - 0.029, top - 0.006, 0.058, 0.01), palette.near, 1.0);
    canvas.fill(Canvas::rectangle(x - 0.017, top - 0.034, 0.034, 0.03), palette.light, 1.0);
    canvas.fill(lines(&[(x - 0.022, top - 0.034), (x, top - 0.062), (x + 0.022, top - 0.034)]), palette.near, 1.0);
    canvas.glow(lamp.0, lamp.1, 0.16, palette.light, 0.8);
}

/// Under water: light from above, a whale or a shoal, weed.
pub(super) fn deep(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let [top, middle, low] = palette.sky;
    let surface = low.mix(palette.light, 0.35);
    canvas.sky([surface, middle.mix(top, 0.25), top.mix(BLACK, 0.55)], 1.0);
    let focus = canvas.focus;
    canvas.glow(focus, -0.05, 0.75, palette.light, 0.7);
    for _ in 0..9 {
        let (x, lean) = (focus + random.real(-0.55, 0.55), random.real(-0.3, 0.3));
        let (narrow, wide, reach) = (random.real(0.01, 0.03), random.real(0.05, 0.13), random.real(0.6, 1.0));
        let ray = [(x - narrow, -0.01), (x + narrow, -0.01), (x + lean + wide, reach), (x + lean - wide, reach)];
        canvas.fill_down(lines(&ray), (0.0, palette.light, 0.26), (reach, palette.light, 0.0));
    }
    let (dark, pale) = (palette.near.mix(top, 0.3), middle.mix(low, 0.4));
    if random.chance(1, 2) {
        let size = random.real(0.5, 0.62);
        things::whale(canvas, focus, random.real(0.38, 0.5), size, dark, pale);
        things::whale(canvas, focus + 0.22, 0.63, size * 0.32, dark.mix(pale, 0.2), pale);
    } else {
        let centre = (focus, random.real(0.36, 0.5));
        for _ in 0..70 {
            let (angle, reach) = (random.real(0.0, std::f32::consts::TAU), random.real(0.02, 0.3));
            let (sin, cos) = angle.sin_cos();
            let rgb = if random.chance(1, 6) { palette.accent } else { dark.mix(pale, random.real(0.0, 0.7)) };
            things::fish(canvas, centre.0 + cos * reach, centre.1 + sin * reach * 0.62, random.real(0.018, 0.042), rgb);
        }
    }
    for layer in 0..3 {
        let nearness = layer as f32 / 2.0;
        let noise = Noise::new(random, 4, 0.5);
        let line = canvas.line(0.008, |x| {
            0.8 + 0.08 * nearness + 0.05 * noise.at(x * 3.2)
                - 0.18 * ((x - focus).abs() - 0.28).max(0.0) * (1.4 - nearness)
        });
        let rgb = middle.mix(palette.near, 0.45 + 0.5 * nearness).mix(top, 0.3);
        canvas.fill_down(canvas.below(&line), (0.7, rgb, 1.0), (1.0, rgb.mix(BLACK, 0.6), 1.0));
        for _ in 0..14 {
            let x = random.real(0.0, canvas.width);
            let (height, sway) = (random.real(0.05, 0.2), random.real(-0.05, 0.05));
            let foot = 0.9 + 0.1 * nearness;
            let weed = [
                (x - 0.006, foot),
                (x - 0.004 + sway, foot - height * 0.6),
                (x - sway * 0.4, foot - height),
                (x + 0.006 + sway, foot - height * 0.5),
                (x + 0.008, foot),
            ];
            canvas.fill(rounded(&weed), rgb.mix(BLACK, 0.25), 1.0);
        }
    }
    for _ in 0..40 {
        let (x, y) = (random.real(0.0, canvas.width), random.real(0.0, 0.9));
        canvas.disc(x, y, random.real(0.001, 0.0045), WHITE, random.real(0.1, 0.5));
    }
}
