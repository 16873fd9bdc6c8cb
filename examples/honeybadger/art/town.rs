//! Scenes that people have built: a city, a road, a stage, a castle.

use super::canvas::{Canvas, Noise, lines, rounded};
use super::palette::{BLACK, Palette, Rgb, WHITE};
use super::things;
use crate::random::Random;

/// Towers behind each other with lit windows, a street that shines, rain.
pub(super) fn city(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    canvas.sky(palette.sky, 0.78);
    let focus = canvas.focus;
    if palette.is_night {
        canvas.stars(random, 60, 0.4, palette.light);
    }
    let moon = (focus + random.real(-0.18, 0.18), random.real(0.2, 0.4));
    canvas.sun(moon.0, moon.1, random.real(0.08, 0.17), palette.light);
    for layer in 0..3 {
        let nearness = (layer as f32 + 1.0) / 3.0;
        let rgb = palette.layer(0.2 + nearness * 0.75);
        let mut x = random.real(-0.1, 0.0);
        while x < canvas.width {
            let width = random.real(0.05, 0.11) * (0.7 + 0.5 * nearness);
            // The street is open in the middle, so that near towers stand at its sides.
            let away = ((x + width / 2.0 - focus).abs() * 2.2).min(1.0);
            let height = random.real(0.12, 0.4) * (0.6 + 0.55 * away * nearness) + 0.1 * (1.0 - nearness);
            tower(canvas, random, (x, 0.83 - height, width), rgb, palette, nearness);
            x += width + random.real(0.0, 0.012);
        }
        canvas.mist(0.8, 0.16, palette.sky[2], 0.34 * (1.0 - nearness * 0.7));
    }
    let ground = palette.near.mix(BLACK, 0.3);
    let street = Canvas::rectangle(0.0, 0.82, canvas.width, 0.2);
    canvas.fill_down(street, (0.82, palette.layer(0.9), 1.0), (0.9, ground, 1.0));
    canvas.glow(focus, 0.83, 0.34, palette.sky[2].mix(palette.light, 0.3), 0.55);
    for _ in 0..26 {
        let x = focus + random.real(-0.34, 0.34);
        let rgb = if random.chance(1, 2) { palette.accent } else { palette.light };
        let (y, length) = (random.real(0.84, 0.93), random.real(0.02, 0.07));
        let streak = Canvas::rectangle(x, y, random.real(0.002, 0.006), length);
        canvas.fill_down(streak, (y, rgb, 0.55), (y + length, rgb, 0.0));
    }
    match random.below(3) {
        0 => things::person(canvas, focus, 0.94, 0.22, palette.near.mix(BLACK, 0.6), palette.near.mix(BLACK, 0.6)),
        1 => {
            for (side, size) in [(-0.05, 0.19), (0.05, 0.175)] {
                things::person(canvas, focus + side, 0.935, size, BLACK, palette.near.mix(BLACK, 0.5));
            }
        }
        _ => car(canvas, focus, 0.92, 0.1, palette),
    }
    if random.chance(1, 3) {
        for _ in 0..90 {
            let (x, y) = (random.real(0.0, canvas.width + 0.1), random.real(-0.05, 1.0));
            let length = random.real(0.03, 0.08);
            let drop = [(x, y), (x + 0.0018, y), (x - length * 0.2, y + length)];
            canvas.fill(lines(&drop), WHITE, 0.2);
        }
    }
}

fn tower(canvas: &mut Canvas, random: &mut Random, place: (f32, f32, f32), rgb: Rgb, palette: &Palette, nearness: f32) {
    let (x, top, width) = place;
    canvas.fill_down(
        Canvas::rectangle(x, top, width, 1.0 - top),
        (top, rgb, 1.0),
        (0.95, rgb.mix(palette.sky[2], 0.12), 1.0),
    );
    let middle = x + width / 2.0;
    match random.below(4) {
        0 => canvas.fill(lines(&[(middle - 0.003, top), (middle, top - 0.07), (middle + 0.003, top)]), rgb, 1.0),
        1 => canvas.fill(Canvas::rectangle(x + width * 0.2, top - 0.025, width * 0.6, 0.03), rgb, 1.0),
        2 => canvas.fill(lines(&[(x, top), (x + width, top - 0.04), (x + width, top + 0.001)]), rgb, 1.0),
        _ => {}
    }
    let (gap, window) = (0.0155, 0.0072);
    if nearness < 0.5 || window < canvas.pixel() * 0.45 {
        return;
    }
    let (across, down) = (((width - 0.008) / gap) as usize, ((0.8 - top) / (gap * 1.25)) as usize);
    let lit_of_ten = random.between(2, 5) as usize;
    for number in 0..across * down {
        if random.chance(lit_of_ten, 10) {
            let (column, row) = ((number % across) as f32, (number / across) as f32);
            let rgb = if random.chance(1, 8) { palette.accent } else { palette.light };
            let place = (x + 0.006 + column * gap, top + 0.012 + row * gap * 1.25);
            canvas.fill(
                Canvas::rectangle(place.0, place.1, window, window * 1.3),
                rgb,
                random.real(0.35, 0.95) * nearness,
            );
        }
    }
}

/// A car from behind.
fn car(canvas: &mut Canvas, x: f32, y: f32, size: f32, palette: &Palette) {
    let body = palette.near.mix(BLACK, 0.55);
    let at = |across: f32, up: f32| (x + across * size, y - up * size);
    canvas.oval(x, y + size * 0.02, size * 1.15, size * 0.1, BLACK, 0.6);
    canvas.fill(rounded(&[at(-0.62, 1.0), at(0.62, 1.0), at(0.9, 0.5), at(-0.9, 0.5)]), body, 1.0);
    canvas.fill(rounded(&[at(-0.44, 0.9), at(0.44, 0.9), at(0.62, 0.56), at(-0.62, 0.56)]), palette.sky[1], 0.5);
    canvas.fill(rounded(&[at(-1.1, 0.66), at(1.1, 0.66), at(1.16, 0.0), at(-1.16, 0.0)]), body, 1.0);
    for side in [-1.0, 1.0] {
        canvas.glow(x + side * size * 0.74, y - size * 0.4, size * 1.1, palette.accent, 0.75);
        let lamp = [at(side * 0.55, 0.47), at(side * 0.94, 0.47), at(side * 0.94, 0.33), at(side * 0.55, 0.33)];
        canvas.fill(lines(&lamp), palette.accent.mix(WHITE, 0.3), 1.0);
    }
}

/// A road into a striped sun over a grid.
pub(super) fn road(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let horizon = 0.58;
    canvas.sky(palette.sky, horizon);
    canvas.stars(random, 120, 0.4, palette.light);
    let (focus, radius) = (canvas.focus, random.real(0.19, 0.26));
    let sun_y = horizon - radius * 0.55;
    canvas.glow(focus, sun_y, radius * 3.0, palette.sky[2], 0.7);
    canvas.ball(
        focus,
        sun_y,
        radius,
        (0.0, -0.9),
        [palette.light, palette.light.mix(palette.sky[2], 0.5), palette.sky[2]],
    );
    for stripe in 0..6 {
        let y = sun_y + radius * (0.05 + stripe as f32 * 0.17);
        // As wide as the sun is at this height.
        let half = (radius * radius - (y - sun_y).powi(2)).max(0.0).sqrt() + 0.002;
        let gap = Canvas::rectangle(focus - half, y, half * 2.0, 0.004 + stripe as f32 * 0.0028);
        canvas.fill(gap, palette.sky[2].mix(palette.sky[1], 0.55), 1.0);
    }
    for layer in 0..2 {
        let noise = Noise::new(random, 5, 0.5);
        let reach = 0.15 - layer as f32 * 0.05;
        let line = canvas.line(0.006, |x| {
            horizon - reach * (((x - focus).abs() - 0.1).max(0.0) * 2.6).min(1.0) * (0.7 + 0.5 * noise.crest(x * 3.0))
        });
        canvas.fill(canvas.below(&line), palette.layer(0.35 + 0.3 * layer as f32), 1.0);
    }
    let ground = Canvas::rectangle(0.0, horizon, canvas.width, 1.0 - horizon);
    canvas.fill_down(ground, (horizon, palette.far.mix(palette.near, 0.2), 1.0), (1.0, palette.near, 1.0));
    let glow = palette.accent;
    for row in 1..14 {
        let share = (row as f32 / 14.0).powi(2);
        let y = horizon + share * (1.0 - horizon);
        canvas.fill(Canvas::rectangle(0.0, y, canvas.width, 0.0012 + share * 0.003), glow, 0.25 + 0.5 * share);
    }
    for column in -16..=16 {
        let (top, bottom) = (focus + column as f32 * 0.028, focus + column as f32 * 0.24);
        let line = [(top - 0.0006, horizon), (top + 0.0006, horizon), (bottom + 0.003, 1.01), (bottom - 0.003, 1.01)];
        canvas.fill_down(lines(&line), (horizon, glow, 0.12), (1.0, glow, 0.7));
    }
    canvas.mist(horizon, 0.05, palette.sky[2], 0.7);
    let asphalt = [(focus - 0.012, horizon), (focus + 0.012, horizon), (focus + 0.3, 1.01), (focus - 0.3, 1.01)];
    canvas.fill_down(
        lines(&asphalt),
        (horizon, palette.near.mix(palette.far, 0.5), 1.0),
        (0.85, palette.near.mix(BLACK, 0.4), 1.0),
    );
    for dash in 0..7 {
        let place = |part: f32| ((dash as f32 + part) / 7.0).powi(2);
        let (near, far) = (place(0.55), place(0.0));
        let y = |share: f32| horizon + share * (1.0 - horizon);
        let mark = [
            (focus - 0.001 - far * 0.01, y(far)),
            (focus + 0.001 + far * 0.01, y(far)),
            (focus + 0.001 + near * 0.01, y(near)),
            (focus - 0.001 - near * 0.01, y(near)),
        ];
        canvas.fill(lines(&mark), palette.light, 0.9);
    }
    car(canvas, focus + 0.075, 0.86, 0.082, palette);
}

/// Beams of light, a singer, and the heads of the audience.
pub(super) fn stage(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    let [top, middle, low] = palette.sky;
    canvas.sky([top.mix(BLACK, 0.6), middle.mix(BLACK, 0.45), low.mix(top, 0.4)], 0.95);
    let (focus, floor) = (canvas.focus, 0.78);
    for fold in 0..26 {
        let x = fold as f32 / 26.0 * canvas.width;
        let width = canvas.width / 26.0;
        let shade = Canvas::rectangle(x, 0.0, width, floor);
        canvas.fill_along(shade, (x, 0.0), (x + width, 0.0), [(BLACK, 0.34), (BLACK, 0.0)]);
    }
    for beam in 0..5 {
        let from = focus + (beam as f32 - 2.0) * 0.2;
        let to = focus + random.real(-0.2, 0.2);
        let rgb = [palette.light, palette.accent, low][random.below(3)];
        let cone = [(from - 0.012, -0.01), (from + 0.012, -0.01), (to + 0.15, floor + 0.02), (to - 0.15, floor + 0.02)];
        canvas.fill_down(lines(&cone), (0.0, rgb, 0.5), (floor, rgb, 0.06));
        canvas.oval(to, floor + 0.02, 0.15, 0.022, rgb, 0.25);
        canvas.glow(from, 0.0, 0.12, rgb, 0.8);
    }
    canvas.fill_down(
        Canvas::rectangle(0.0, floor, canvas.width, 0.3),
        (floor, middle.mix(BLACK, 0.3), 1.0),
        (0.9, BLACK, 1.0),
    );
    canvas.oval(focus, floor + 0.025, 0.2, 0.02, palette.light, 0.5);
    canvas.glow(focus, 0.6, 0.32, palette.light, 0.5);
    let dark = palette.near.mix(BLACK, 0.6);
    things::person(canvas, focus, floor + 0.03, 0.34, dark, palette.accent.mix(BLACK, 0.45));
    canvas.fill(Canvas::rectangle(focus + 0.052, floor - 0.23, 0.004, 0.26), BLACK, 1.0);
    canvas.disc(focus + 0.05, floor - 0.238, 0.011, BLACK, 1.0);
    for row in 0..2 {
        let mut x = random.real(-0.05, 0.0);
        while x < canvas.width + 0.05 {
            let size = random.real(0.03, 0.042) * (1.0 + 0.25 * row as f32);
            let y = 0.92 + 0.05 * row as f32 + random.real(-0.015, 0.015);
            canvas.disc(x, y, size, if row == 0 { top.mix(BLACK, 0.75) } else { BLACK }, 1.0);
            canvas.oval(
                x,
                y + size * 2.2,
                size * 1.9,
                size * 1.4,
                if row == 0 { top.mix(BLACK, 0.75) } else { BLACK },
                1.0,
            );
            if random.chance(1, 6) {
                let arm = [
                    (x + size, y + size * 1.6),
                    (x + size * 1.6, y - size * 2.2),
                    (x + size * 2.0, y - size * 2.2),
                    (x + size * 1.9, y + size * 1.6),
                ];
                canvas.fill(lines(&arm), BLACK, 1.0);
            }
            x += size * random.real(2.0, 3.2);
        }
    }
}

/// A castle on its rock, over a valley in the mist.
pub(super) fn castle(canvas: &mut Canvas, palette: &Palette, random: &mut Random) {
    canvas.sky(palette.sky, 0.75);
    let focus = canvas.focus;
    if palette.is_night {
        canvas.stars(random, 150, 0.5, palette.light);
    }
    let moon = (focus + random.real(-0.14, 0.2), random.real(0.22, 0.36));
    canvas.sun(moon.0, moon.1, random.real(0.09, 0.17), palette.light);
    for layer in 0..2 {
        let noise = Noise::new(random, 5, 0.5);
        let base = 0.56 + layer as f32 * 0.08;
        let line = canvas.line(0.007, |x| base - 0.12 * noise.crest(x * 2.0));
        let rgb = palette.layer(0.14 + 0.2 * layer as f32);
        canvas.fill_down(canvas.below(&line), (base - 0.1, rgb, 1.0), (base + 0.14, palette.sky[2], 1.0));
    }
    let noise = Noise::new(random, 5, 0.5);
    let rock = canvas.line(0.006, |x| {
        let away = (x - focus).abs();
        let plateau = if away < 0.15 { 0.0 } else { (away - 0.15) * 1.5 };
        0.575 + plateau.min(0.4) + 0.022 * noise.at(x * 12.0)
    });
    let stone = palette.layer(0.72);
    canvas.fill_down(canvas.below(&rock), (0.56, stone, 1.0), (0.86, stone.mix(palette.sky[2], 0.45), 1.0));
    for (across, width, height, roof) in [
        (-0.12, 0.036, 0.13, true),
        (0.115, 0.04, 0.16, true),
        (-0.055, 0.06, 0.19, false),
        (0.055, 0.046, 0.24, true),
        (0.0, 0.05, 0.33, true),
    ] {
        let (height, x) = (height * random.real(0.85, 1.15), focus + across);
        let top = 0.59 - height;
        let wall = Canvas::rectangle(x - width / 2.0, top, width, height + 0.01);
        canvas.fill_along(
            wall,
            (x - width / 2.0, 0.0),
            (x + width / 2.0, 0.0),
            [(stone.mix(palette.light, 0.12), 1.0), (stone.mix(BLACK, 0.3), 1.0)],
        );
        let half = width * 0.62;
        if roof {
            canvas.fill(
                lines(&[(x - half, top), (x, top - width * 1.8), (x + half, top)]),
                stone.mix(BLACK, 0.45),
                1.0,
            );
        } else {
            for tooth in 0..4 {
                let left = x - half + tooth as f32 * half * 0.56;
                canvas.fill(Canvas::rectangle(left, top - 0.014, half * 0.32, 0.02), stone, 1.0);
            }
        }
        for window in 0..2 {
            let y = top + 0.03 + 0.05 * window as f32;
            if random.chance(3, 4) {
                canvas.glow(x, y, 0.03, palette.accent, 0.5);
                canvas.fill(Canvas::rectangle(x - 0.004, y - 0.007, 0.008, 0.014), palette.accent, 1.0);
            }
        }
    }
    canvas.fill(Canvas::rectangle(focus - 0.15, 0.53, 0.3, 0.07), stone.mix(BLACK, 0.12), 1.0);
    for tooth in 0..11 {
        canvas.fill(
            Canvas::rectangle(focus - 0.15 + tooth as f32 * 0.0277, 0.516, 0.016, 0.018),
            stone.mix(BLACK, 0.12),
            1.0,
        );
    }
    canvas.mist(0.78, 0.16, palette.sky[2], 0.5);
    let noise = Noise::new(random, 4, 0.5);
    let front = canvas.line(0.01, |x| 0.87 + 0.03 * noise.at(x * 3.0));
    things::pines(canvas, random, &front, 0.13, palette.near);
    canvas.fill(canvas.below(&front), palette.near, 1.0);
    things::birds(canvas, random, moon.0, moon.1, 0.12, palette.near);
}
