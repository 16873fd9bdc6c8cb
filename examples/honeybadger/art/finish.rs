//! From a drawing to a file: upscaling, the dark side that text stands on, grain, JPEG.

use super::ArtError;
use crate::random::Random;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use tiny_skia::Pixmap;

pub(super) struct Finish;

impl Finish {
    /// A poster: its foot is darker, for a name.
    pub(super) fn poster(drawn: &Pixmap, seed: u64) -> Vec<u8> {
        let (width, height) = (drawn.width() as usize, drawn.height() as usize);
        let mut out = Vec::with_capacity(width * height * 3);
        let mut grain = Grain::new(seed, 9.0);
        for (number, pixel) in drawn.pixels().iter().enumerate() {
            let (x, y) = (number % width, number / width);
            let (across, down) = (x as f32 / width as f32 - 0.5, y as f32 / height as f32);
            let foot = ((down - 0.66) / 0.34).max(0.0);
            let shade =
                (1.0 - 0.42 * foot * foot) * (1.0 - 0.5 * across * across) * (1.0 - 0.18 * (0.35 - down).max(0.0));
            grain.push(&mut out, [pixel.red(), pixel.green(), pixel.blue()].map(f32::from), shade);
        }
        out
    }

    /// A wide picture at twice the drawing's size: dark on the left and at the foot.
    pub(super) fn hero(drawn: &Pixmap, seed: u64) -> Vec<u8> {
        let (width, height) = (drawn.width() as usize, drawn.height() as usize);
        let pixels = drawn.pixels();
        let mut out = Vec::with_capacity(width * height * 12);
        let mut grain = Grain::new(seed, 7.0);
        let sides: Vec<f32> = (0..width * 2)
            .map(|x| x as f32 / (width * 2) as f32)
            .map(|x| 0.16 + 0.84 * smooth((x - 0.04) / 0.54))
            .collect();
        for y in 0..height * 2 {
            let down = y as f32 / (height * 2) as f32;
            let foot = 1.0 - 0.62 * smooth((down - 0.68) / 0.32);
            // Each pixel becomes four: three parts of it and one of the neighbour on that side.
            let (row, next) = (y / 2, if y % 2 == 0 { (y / 2).saturating_sub(1) } else { (y / 2 + 1).min(height - 1) });
            for (x, side) in sides.iter().enumerate() {
                let (column, beside) =
                    (x / 2, if x % 2 == 0 { (x / 2).saturating_sub(1) } else { (x / 2 + 1).min(width - 1) });
                let [a, b] = [pixels[row * width + column], pixels[row * width + beside]];
                let [c, d] = [pixels[next * width + column], pixels[next * width + beside]];
                let part = |of: fn(&tiny_skia::PremultipliedColorU8) -> u8| {
                    let [a, b, c, d] = [&a, &b, &c, &d].map(|pixel| u32::from(of(pixel)));
                    (a * 9 + (b + c) * 3 + d) as f32 / 16.0
                };
                let rgb = [part(|pixel| pixel.red()), part(|pixel| pixel.green()), part(|pixel| pixel.blue())];
                grain.push(&mut out, rgb, side * foot);
            }
        }
        out
    }

    pub(super) fn stamp(drawn: &Pixmap) -> Vec<u8> {
        drawn.pixels().iter().flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()]).collect()
    }
}

fn smooth(at: f32) -> f32 {
    let at = at.clamp(0.0, 1.0);
    at * at * (3.0 - 2.0 * at)
}

/// The grain of film: it also hides the steps of slow gradients.
struct Grain {
    random: Random,
    bits: u64,
    left: u32,
    strength: f32,
}

impl Grain {
    fn new(seed: u64, strength: f32) -> Grain {
        Grain { random: Random::of("grain", seed), bits: 0, left: 0, strength }
    }

    fn push(&mut self, out: &mut Vec<u8>, rgb: [f32; 3], shade: f32) {
        if self.left == 0 {
            (self.bits, self.left) = (self.random.next(), 4);
        }
        // The sum of two numbers is mostly small, as grain is.
        let sum = (self.bits & 255) as f32 + (self.bits >> 8 & 255) as f32;
        (self.bits, self.left) = (self.bits >> 16, self.left - 1);
        let grain = (sum / 255.0 - 1.0) * self.strength;
        out.extend(rgb.map(|part| (part * shade + grain + 0.5).clamp(0.0, 255.0) as u8));
    }
}

pub(super) fn encode(pixels: &[u8], width: u32, height: u32, quality: u8) -> Result<Vec<u8>, ArtError> {
    let (Ok(width), Ok(height)) = (u16::try_from(width), u16::try_from(height)) else { return Err(ArtError) };
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, quality);
    encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
    encoder.encode(pixels, width, height, ColorType::Rgb).map_err(|_| ArtError)?;
    Ok(out)
}
