//! What scenes are drawn with: shapes, light and mist. A picture is 1 high and `width` wide, so that a scene is the same on
//! a poster, a wide picture and a stamp.

use super::palette::Rgb;
use crate::random::Random;
use tiny_skia::{
    BlendMode, Color, FillRule, GradientStop, LinearGradient, Paint, Path, PathBuilder, Pixmap, Point, RadialGradient,
    Rect, Shader, SpreadMode, Transform,
};

pub(super) struct Canvas {
    pixmap: Pixmap,
    /// The width in heights.
    pub(super) width: f32,
    /// Where the main thing stands: the middle of a poster, right of it in a wide picture, whose left is for text.
    pub(super) focus: f32,
    scale: f32,
    transform: Transform,
}

fn colour(rgb: Rgb, alpha: f32) -> Color {
    let part = |value: f32| value.clamp(0.0, 1.0);
    Color::from_rgba(part(rgb.0), part(rgb.1), part(rgb.2), part(alpha)).unwrap_or(Color::BLACK)
}

fn paint(shader: Shader<'_>, mode: BlendMode) -> Paint<'_> {
    Paint { shader, blend_mode: mode, anti_alias: true, ..Paint::default() }
}

/// A path through points, with straight lines.
pub(super) fn lines(points: &[(f32, f32)]) -> Option<Path> {
    let mut path = PathBuilder::new();
    for (number, &(x, y)) in points.iter().enumerate() {
        if number == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
    }
    path.close();
    path.finish()
}

/// A closed path whose corners are rounded: it goes through the middles of its sides.
pub(super) fn rounded(points: &[(f32, f32)]) -> Option<Path> {
    let middle = |a: (f32, f32), b: (f32, f32)| ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
    let last = *points.last()?;
    let start = middle(last, points[0]);
    let mut path = PathBuilder::new();
    path.move_to(start.0, start.1);
    for (number, &corner) in points.iter().enumerate() {
        let end = middle(corner, points[(number + 1) % points.len()]);
        path.quad_to(corner.0, corner.1, end.0, end.1);
    }
    path.close();
    path.finish()
}

impl Canvas {
    /// A mirrored one has left and right exchanged.
    pub(super) fn new(width: u32, height: u32, is_mirrored: bool) -> Option<Canvas> {
        let pixmap = Pixmap::new(width, height)?;
        let (scale, aspect) = (height as f32, width as f32 / height as f32);
        let focus = if aspect > 1.0 { aspect * 0.69 } else { aspect * 0.5 };
        let transform = if is_mirrored {
            Transform::from_row(-scale, 0.0, 0.0, scale, width as f32, 0.0)
        } else {
            Transform::from_scale(scale, scale)
        };
        Some(Canvas { pixmap, width: aspect, focus, scale, transform })
    }

    pub(super) fn into_pixmap(self) -> Pixmap {
        self.pixmap
    }

    /// The size of a pixel: what is smaller is not worth drawing.
    pub(super) fn pixel(&self) -> f32 {
        1.0 / self.scale
    }

    fn fill_with(&mut self, path: Option<Path>, paint: &Paint<'_>) {
        if let Some(path) = path {
            self.pixmap.fill_path(&path, paint, FillRule::Winding, self.transform, None);
        }
    }

    pub(super) fn fill(&mut self, path: Option<Path>, rgb: Rgb, alpha: f32) {
        self.fill_with(path, &paint(Shader::SolidColor(colour(rgb, alpha)), BlendMode::SourceOver));
    }

    /// Fills with one colour at the height `top`, another at `bottom`, both with their alpha.
    pub(super) fn fill_down(&mut self, path: Option<Path>, top: (f32, Rgb, f32), bottom: (f32, Rgb, f32)) {
        let stops =
            vec![GradientStop::new(0.0, colour(top.1, top.2)), GradientStop::new(1.0, colour(bottom.1, bottom.2))];
        self.fill_linear(path, (0.0, top.0), (0.0, bottom.0), stops);
    }

    /// Fills along any line.
    pub(super) fn fill_along(
        &mut self,
        path: Option<Path>,
        from: (f32, f32),
        to: (f32, f32),
        colours: [(Rgb, f32); 2],
    ) {
        let stops = vec![
            GradientStop::new(0.0, colour(colours[0].0, colours[0].1)),
            GradientStop::new(1.0, colour(colours[1].0, colours[1].1)),
        ];
        self.fill_linear(path, from, to, stops);
    }

    fn fill_linear(&mut self, path: Option<Path>, from: (f32, f32), to: (f32, f32), stops: Vec<GradientStop>) {
        let (from, to) = (Point::from_xy(from.0, from.1), Point::from_xy(to.0, to.1));
        if let Some(shader) = LinearGradient::new(from, to, stops, SpreadMode::Pad, Transform::identity()) {
            self.fill_with(path, &paint(shader, BlendMode::SourceOver));
        }
    }

    pub(super) fn rectangle(x: f32, y: f32, width: f32, height: f32) -> Option<Path> {
        Rect::from_xywh(x, y, width, height).map(PathBuilder::from_rect)
    }

    /// The whole picture, from its top to `horizon`, in three colours; below it goes on in the last.
    pub(super) fn sky(&mut self, colours: [Rgb; 3], horizon: f32) {
        let stops = vec![
            GradientStop::new(0.0, colour(colours[0], 1.0)),
            GradientStop::new(0.6, colour(colours[1], 1.0)),
            GradientStop::new(1.0, colour(colours[2], 1.0)),
        ];
        let all = Canvas::rectangle(0.0, 0.0, self.width, 1.0);
        self.fill_linear(all, (0.0, 0.0), (0.0, horizon), stops);
    }

    pub(super) fn disc(&mut self, x: f32, y: f32, radius: f32, rgb: Rgb, alpha: f32) {
        self.fill(PathBuilder::from_circle(x, y, radius), rgb, alpha);
    }

    pub(super) fn oval(&mut self, x: f32, y: f32, across: f32, down: f32, rgb: Rgb, alpha: f32) {
        let oval = Rect::from_xywh(x - across, y - down, across * 2.0, down * 2.0).and_then(PathBuilder::from_oval);
        self.fill(oval, rgb, alpha);
    }

    /// A cloud of five puffs, as one path, so that they do not show through each other.
    pub(super) fn puffs(&mut self, x: f32, y: f32, size: f32, rgb: Rgb, alpha: f32) {
        let mut path = PathBuilder::new();
        for puff in -2..=2 {
            let away = puff as f32;
            let (across, down) = (size * (0.95 - 0.2 * away.abs()), size * (0.52 - 0.13 * away.abs()));
            let middle = (x + away * size * 0.75, y - size * (0.3 - 0.12 * away.abs()));
            if let Some(puff) = Rect::from_xywh(middle.0 - across, middle.1 - down, across * 2.0, down * 2.0) {
                path.push_oval(puff);
            }
        }
        self.fill_down(path.finish(), (y - size, rgb, alpha), (y + size * 0.2, rgb, alpha * 0.55));
    }

    /// Light that fades from a point, and adds to what is there.
    pub(super) fn glow(&mut self, x: f32, y: f32, radius: f32, rgb: Rgb, alpha: f32) {
        self.blot(x, y, radius, rgb, alpha, BlendMode::Screen);
    }

    /// Colour that fades from a point, over what is there.
    pub(super) fn cloud(&mut self, x: f32, y: f32, radius: f32, rgb: Rgb, alpha: f32) {
        self.blot(x, y, radius, rgb, alpha, BlendMode::SourceOver);
    }

    fn blot(&mut self, x: f32, y: f32, radius: f32, rgb: Rgb, alpha: f32, mode: BlendMode) {
        let stops = vec![
            GradientStop::new(0.0, colour(rgb, alpha)),
            GradientStop::new(0.35, colour(rgb, alpha * 0.42)),
            GradientStop::new(0.7, colour(rgb, alpha * 0.1)),
            GradientStop::new(1.0, colour(rgb, 0.0)),
        ];
        let centre = Point::from_xy(x, y);
        let shader = RadialGradient::new(centre, 0.0, centre, radius, stops, SpreadMode::Pad, Transform::identity());
        if let Some(shader) = shader {
            let (left, top) = ((x - radius).max(0.0), (y - radius).max(0.0));
            let (right, bottom) = ((x + radius).min(self.width), (y + radius).min(1.0));
            self.fill_with(Canvas::rectangle(left, top, right - left, bottom - top), &paint(shader, mode));
        }
    }

    /// A ball lit from one side: `toward` is where the light comes from, in radii.
    pub(super) fn ball(&mut self, x: f32, y: f32, radius: f32, toward: (f32, f32), colours: [Rgb; 3]) {
        let stops = vec![
            GradientStop::new(0.0, colour(colours[0], 1.0)),
            GradientStop::new(0.45, colour(colours[1], 1.0)),
            GradientStop::new(0.95, colour(colours[2], 1.0)),
        ];
        let lit = Point::from_xy(x + toward.0 * radius, y + toward.1 * radius);
        let shader = RadialGradient::new(lit, 0.0, lit, radius * 1.75, stops, SpreadMode::Pad, Transform::identity());
        if let Some(shader) = shader {
            self.fill_with(PathBuilder::from_circle(x, y, radius), &paint(shader, BlendMode::SourceOver));
        }
    }

    /// A band of mist about a height.
    pub(super) fn mist(&mut self, y: f32, half: f32, rgb: Rgb, alpha: f32) {
        let width = self.width;
        self.fill_down(Canvas::rectangle(0.0, y - half, width, half), (y - half, rgb, 0.0), (y, rgb, alpha));
        self.fill_down(Canvas::rectangle(0.0, y, width, half), (y, rgb, alpha), (y + half, rgb, 0.0));
    }

    pub(super) fn stars(&mut self, random: &mut Random, count: usize, down_to: f32, rgb: Rgb) {
        for _ in 0..count {
            let (x, y) = (random.real(0.0, self.width), random.real(0.0, down_to));
            let size = random.real(0.0006, 0.0022) + random.real(0.0, 0.04).powi(3) * 30.0;
            let alpha = random.real(0.3, 1.0) * (1.0 - y / down_to * 0.7);
            self.disc(x, y, size.max(self.pixel() * 0.4), rgb, alpha);
        }
    }

    /// The light of the sky with its glow.
    pub(super) fn sun(&mut self, x: f32, y: f32, radius: f32, rgb: Rgb) {
        self.glow(x, y, radius * 7.0, rgb, 0.55);
        self.glow(x, y, radius * 2.6, rgb, 0.6);
        self.disc(x, y, radius, rgb, 1.0);
    }

    /// The part of a picture below a line through points; the ends are drawn down to the bottom.
    pub(super) fn below(&self, line: &[(f32, f32)]) -> Option<Path> {
        let (&first, &last) = (line.first()?, line.last()?);
        let mut path = PathBuilder::new();
        path.move_to(first.0, 1.02);
        for &(x, y) in line {
            path.line_to(x, y);
        }
        path.line_to(last.0, 1.02);
        path.close();
        path.finish()
    }

    /// A line from the left edge to the right.
    pub(super) fn line(&self, step: f32, height: impl Fn(f32) -> f32) -> Vec<(f32, f32)> {
        let step = step.max(self.pixel());
        let count = ((self.width + 0.04) / step) as usize + 1;
        (0..=count).map(|number| number as f32 * step - 0.02).map(|x| (x, height(x))).collect()
    }
}

/// Smooth noise in one dimension: sums of octaves, each half as long and `rough` as high as the one before. From -1 to 1.
pub(super) struct Noise {
    seed: u64,
    octaves: u32,
    rough: f32,
}

impl Noise {
    pub(super) fn new(random: &mut Random, octaves: u32, rough: f32) -> Noise {
        Noise { seed: random.next(), octaves, rough }
    }

    pub(super) fn at(&self, x: f32) -> f32 {
        self.sum(x, |value| value)
    }

    /// Sharp crests, as mountains have.
    pub(super) fn crest(&self, x: f32) -> f32 {
        self.sum(x, |value| 1.0 - 2.0 * value.abs())
    }

    fn sum(&self, x: f32, shape: impl Fn(f32) -> f32) -> f32 {
        let (mut sum, mut reach, mut weight, mut x) = (0.0, 0.0, 1.0, x);
        for octave in 0..self.octaves {
            sum += shape(self.octave(x, octave)) * weight;
            reach += weight;
            weight *= self.rough;
            x = x * 2.03 + 17.7;
        }
        sum / reach
    }

    fn octave(&self, x: f32, octave: u32) -> f32 {
        let cell = x.floor();
        let value = |cell: i64| {
            let mut random = Random::of("noise", self.seed ^ ((cell as u64) << 8) ^ u64::from(octave));
            random.real(-1.0, 1.0)
        };
        let (left, right, at) = (value(cell as i64), value(cell as i64 + 1), x - cell);
        left + (right - left) * at * at * (3.0 - 2.0 * at)
    }
}
