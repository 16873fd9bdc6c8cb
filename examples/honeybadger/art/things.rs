//! Small things that stand in scenes, as silhouettes: `x`, `y` is where they touch the ground, `size` is their height.

use super::canvas::{Canvas, lines, rounded};
use super::palette::{BLACK, Rgb, WHITE};
use crate::random::Random;

/// A person in a coat, seen from behind.
pub(super) fn person(canvas: &mut Canvas, x: f32, y: f32, size: f32, rgb: Rgb, coat: Rgb) {
    let at = |across: f32, up: f32| (x + across * size, y - up * size);
    canvas.fill(lines(&[at(-0.1, 0.4), at(-0.085, 0.0), at(-0.02, 0.0), at(0.0, 0.4)]), rgb, 1.0);
    canvas.fill(lines(&[at(0.0, 0.4), at(0.03, 0.0), at(0.1, 0.0), at(0.11, 0.4)]), rgb, 1.0);
    let body = [at(-0.05, 0.88), at(-0.17, 0.78), at(-0.17, 0.24), at(0.17, 0.24), at(0.17, 0.78), at(0.05, 0.88)];
    canvas.fill(rounded(&body), coat, 1.0);
    canvas.disc(x, y - size * 0.91, size * 0.082, rgb, 1.0);
}

/// A traveller with a long cloak and a staff.
pub(super) fn traveller(canvas: &mut Canvas, x: f32, y: f32, size: f32, rgb: Rgb, cloak: Rgb) {
    let at = |across: f32, up: f32| (x + across * size, y - up * size);
    canvas.fill(lines(&[at(0.235, 1.12), at(0.26, 1.12), at(0.3, 0.0), at(0.275, 0.0)]), rgb, 1.0);
    let body = [
        at(-0.08, 0.84),
        at(-0.2, 0.55),
        at(-0.3, 0.0),
        at(-0.1, -0.03),
        at(0.08, -0.03),
        at(0.24, 0.0),
        at(0.18, 0.55),
        at(0.09, 0.84),
    ];
    canvas.fill_along(lines(&body), at(-0.25, 0.4), at(0.25, 0.4), [(cloak, 1.0), (cloak.mix(BLACK, 0.4), 1.0)]);
    canvas.fill(
        lines(&[at(-0.13, 0.74), at(-0.09, 0.95), at(0.015, 1.08), at(0.1, 0.95), at(0.14, 0.74), at(0.0, 0.66)]),
        cloak.mix(rgb, 0.55),
        1.0,
    );
}

/// A conifer with drooping branches.
pub(super) fn pine(canvas: &mut Canvas, x: f32, y: f32, size: f32, rgb: Rgb) {
    let tiers = if size < canvas.pixel() * 14.0 { 2 } else { 6 };
    canvas.fill(Canvas::rectangle(x - size * 0.018, y - size * 0.2, size * 0.036, size * 0.22), rgb, 1.0);
    for tier in 0..tiers {
        let share = tier as f32 / tiers as f32;
        let (top, bottom) = (y - size * (1.0 - share * 0.88), y - size * (0.74 - share * 0.66));
        let half = size * (0.06 + share * 0.15);
        let tree = [(x, top), (x + half, bottom), (x + half * 0.3, bottom - size * 0.03)];
        let mirrored = tree.iter().rev().map(|&(at, up)| (2.0 * x - at, up));
        canvas.fill(lines(&tree.iter().copied().chain(mirrored).collect::<Vec<_>>()), rgb, 1.0);
    }
}

/// A row of conifers along a line.
pub(super) fn pines(canvas: &mut Canvas, random: &mut Random, line: &[(f32, f32)], size: f32, rgb: Rgb) {
    let mut x = random.real(-0.02, 0.02);
    while x < canvas.width + 0.02 {
        let nearest = line.iter().min_by(|a, b| (a.0 - x).abs().total_cmp(&(b.0 - x).abs()));
        if let Some(&(_, y)) = nearest {
            pine(canvas, x, y + size * 0.08, size * random.real(0.55, 1.25), rgb);
        }
        x += size * random.real(0.1, 0.42);
    }
}

/// A bare tree: it forks until its branches are too thin to see.
pub(super) fn bare_tree(canvas: &mut Canvas, random: &mut Random, x: f32, y: f32, size: f32, rgb: Rgb) {
    branch(canvas, random, (x, y), -std::f32::consts::FRAC_PI_2, size * 0.34, size * 0.036, rgb);
}

fn branch(canvas: &mut Canvas, random: &mut Random, from: (f32, f32), angle: f32, length: f32, half: f32, rgb: Rgb) {
    let (sin, cos) = angle.sin_cos();
    let to = (from.0 + cos * length, from.1 + sin * length);
    let thin = half * 0.66;
    let limb = [
        (from.0 - sin * half, from.1 + cos * half),
        (to.0 - sin * thin, to.1 + cos * thin),
        (to.0 + sin * thin, to.1 - cos * thin),
        (from.0 + sin * half, from.1 - cos * half),
    ];
    canvas.fill(lines(&limb), rgb, 1.0);
    if length < canvas.pixel() * 3.0 || half < canvas.pixel() * 0.12 {
        return;
    }
    for side in [-1.0, 1.0] {
        let (angle, length) = (angle + side * random.real(0.15, 0.62), length * random.real(0.62, 0.8));
        branch(canvas, random, to, angle, length, thin, rgb);
    }
}

/// Birds far away, in a loose group.
pub(super) fn birds(canvas: &mut Canvas, random: &mut Random, x: f32, y: f32, spread: f32, rgb: Rgb) {
    for _ in 0..random.between(3, 8) {
        let (x, y) = (x + random.real(-spread, spread), y + random.real(-spread, spread) * 0.5);
        let size = random.real(0.008, 0.02);
        let lift = random.real(0.2, 0.5);
        let wings = [
            (x - size, y - size * lift),
            (x - size * 0.4, y - size * (lift + 0.1)),
            (x, y),
            (x + size * 0.4, y - size * (lift + 0.1)),
            (x + size, y - size * lift),
            (x + size * 0.35, y - size * (lift - 0.1)),
            (x, y + size * 0.16),
            (x - size * 0.35, y - size * (lift - 0.1)),
        ];
        canvas.fill(lines(&wings), rgb, 0.9);
    }
}

/// A boat with two sails.
pub(super) fn sail_boat(canvas: &mut Canvas, x: f32, y: f32, size: f32, hull: Rgb, sail: Rgb) {
    let at = |across: f32, up: f32| (x + across * size, y - up * size);
    canvas.fill_along(
        lines(&[at(0.02, 1.0), at(0.06, 0.55), at(0.36, 0.16), at(0.02, 0.16)]),
        at(0.0, 0.5),
        at(0.36, 0.3),
        [(sail, 1.0), (sail.mix(BLACK, 0.25), 1.0)],
    );
    canvas.fill(lines(&[at(-0.02, 0.92), at(-0.02, 0.16), at(-0.3, 0.16)]), sail.mix(BLACK, 0.14), 1.0);
    canvas.fill(lines(&[at(-0.01, 1.04), at(0.012, 1.04), at(0.012, 0.1), at(-0.01, 0.1)]), hull, 1.0);
    canvas.fill(lines(&[at(-0.36, 0.13), at(0.44, 0.13), at(0.32, -0.02), at(-0.26, -0.02)]), hull, 1.0);
}

/// A balloon in coloured gores, with its basket; `x`, `y` is the middle of its envelope.
pub(super) fn balloon(canvas: &mut Canvas, x: f32, y: f32, size: f32, colours: [Rgb; 2], dark: Rgb) {
    let radius = size * 0.4;
    let foot = y + size * 0.62;
    for gore in [1.0, 0.74, 0.46, 0.16] {
        let stripe = if gore == 1.0 || gore == 0.46 { colours[0] } else { colours[1] };
        canvas.oval(x, y, radius * gore, radius, stripe, 1.0);
        let taper = [
            (x - radius * gore * 0.93, y + radius * 0.36),
            (x + radius * gore * 0.93, y + radius * 0.36),
            (x + radius * 0.18 * gore, foot - size * 0.06),
            (x - radius * 0.18 * gore, foot - size * 0.06),
        ];
        canvas.fill(lines(&taper), stripe, 1.0);
    }
    canvas.cloud(x - radius * 0.35, y - radius * 0.4, radius * 0.8, WHITE, 0.35);
    canvas.fill(Canvas::rectangle(x - size * 0.055, foot, size * 0.11, size * 0.09), dark, 1.0);
    for side in [-1.0, 1.0] {
        let rope = [
            (x + side * radius * 0.17, foot - size * 0.07),
            (x + side * radius * 0.2, foot - size * 0.07),
            (x + side * size * 0.052, foot + 0.002),
            (x + side * size * 0.04, foot + 0.002),
        ];
        canvas.fill(lines(&rope), dark, 0.8);
    }
}

/// A small house with lit windows and smoke from its chimney.
pub(super) fn house(canvas: &mut Canvas, x: f32, y: f32, size: f32, rgb: Rgb, window: Rgb) {
    let at = |across: f32, up: f32| (x + across * size, y - up * size);
    canvas.glow(x, y - size * 0.3, size * 1.8, window, 0.4);
    canvas.fill(lines(&[at(0.2, 1.0), at(0.31, 1.0), at(0.31, 0.5), at(0.2, 0.5)]), rgb, 1.0);
    canvas.fill(lines(&[at(-0.56, 0.46), at(0.0, 0.98), at(0.56, 0.46)]), rgb, 1.0);
    canvas.fill(lines(&[at(-0.44, 0.5), at(0.44, 0.5), at(0.44, -0.06), at(-0.44, -0.06)]), rgb, 1.0);
    for (across, up) in [(-0.29, 0.36), (0.1, 0.36), (-0.07, 0.7)] {
        canvas.fill(
            lines(&[at(across, up), at(across + 0.17, up), at(across + 0.17, up - 0.2), at(across, up - 0.2)]),
            window,
            1.0,
        );
    }
}

/// A rocket on its way up; `x`, `y` is its tail.
pub(super) fn rocket(canvas: &mut Canvas, x: f32, y: f32, size: f32, body: Rgb, flame: Rgb) {
    let at = |across: f32, up: f32| (x + across * size, y - up * size);
    canvas.glow(x, y, size * 1.2, flame, 0.8);
    canvas.fill_down(
        lines(&[at(-0.07, 0.02), at(0.07, 0.02), at(0.015, -2.2), at(-0.015, -2.2)]),
        (y, flame, 0.95),
        (y + size * 2.2, flame, 0.0),
    );
    canvas.fill(lines(&[at(-0.1, 0.34), at(-0.25, -0.02), at(0.25, -0.02), at(0.1, 0.34)]), body.mix(flame, 0.6), 1.0);
    let hull = [at(0.0, 1.25), at(0.15, 0.8), at(0.15, 0.05), at(-0.15, 0.05), at(-0.15, 0.8)];
    canvas.fill_along(rounded(&hull), at(-0.15, 0.5), at(0.15, 0.5), [(body.mix(BLACK, 0.35), 1.0), (body, 1.0)]);
    canvas.disc(x, y - size * 0.68, size * 0.055, body.mix(BLACK, 0.75), 1.0);
}

/// A whale, seen from its side, swimming to the left; `x`, `y` is its middle and `size` its length.
pub(super) fn whale(canvas: &mut Canvas, x: f32, y: f32, size: f32, back: Rgb, belly: Rgb) {
    let at = |across: f32, up: f32| (x + across * size, y - up * size);
    let body = [
        at(-0.54, 0.03),
        at(-0.42, 0.17),
        at(-0.05, 0.19),
        at(0.24, 0.07),
        at(0.44, 0.07),
        at(0.44, 0.04),
        at(0.2, -0.07),
        at(-0.2, -0.14),
        at(-0.5, -0.1),
    ];
    canvas.fill_down(rounded(&body), (y - size * 0.1, back, 1.0), (y + size * 0.12, belly, 1.0));
    canvas.fill(
        rounded(&[
            at(0.36, 0.06),
            at(0.5, 0.24),
            at(0.58, 0.2),
            at(0.5, 0.06),
            at(0.6, -0.04),
            at(0.52, -0.08),
            at(0.4, 0.02),
        ]),
        back,
        1.0,
    );
    canvas.fill(rounded(&[at(-0.24, -0.07), at(-0.1, -0.08), at(0.02, -0.28), at(-0.08, -0.26)]), back, 1.0);
    canvas.disc(x - size * 0.37, y - size * 0.0, size * 0.011, WHITE, 0.8);
}

/// A fish, swimming to the left.
pub(super) fn fish(canvas: &mut Canvas, x: f32, y: f32, size: f32, rgb: Rgb) {
    canvas.oval(x, y, size * 0.5, size * 0.2, rgb, 1.0);
    canvas.fill(
        lines(&[
            (x + size * 0.35, y),
            (x + size * 0.75, y - size * 0.22),
            (x + size * 0.66, y),
            (x + size * 0.75, y + size * 0.22),
        ]),
        rgb,
        1.0,
    );
}
