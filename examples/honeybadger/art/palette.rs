//! Colours: what a mood looks like.

use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rgb(pub(super) f32, pub(super) f32, pub(super) f32);

pub(super) const BLACK: Rgb = Rgb(0.0, 0.0, 0.0);
pub(super) const WHITE: Rgb = Rgb(1.0, 1.0, 1.0);

pub(super) const fn hex(code: u32) -> Rgb {
    Rgb((code >> 16 & 255) as f32 / 255.0, (code >> 8 & 255) as f32 / 255.0, (code & 255) as f32 / 255.0)
}

impl Rgb {
    /// This colour at 0, the other at 1.
    pub(super) fn mix(self, other: Rgb, share: f32) -> Rgb {
        let part = |a: f32, b: f32| a + (b - a) * share;
        Rgb(part(self.0, other.0), part(self.1, other.1), part(self.2, other.2))
    }

    /// Turns the hue by a part of the circle, about the grey axis.
    fn turned(self, turn: f32) -> Rgb {
        let (sin, cos) = (turn * std::f32::consts::TAU).sin_cos();
        let (third, root) = ((1.0 - cos) / 3.0, sin * (1.0f32 / 3.0).sqrt());
        let part =
            |a: f32, b: f32, c: f32| (a * (cos + third) + b * (third - root) + c * (third + root)).clamp(0.0, 1.0);
        Rgb(part(self.0, self.1, self.2), part(self.1, self.2, self.0), part(self.2, self.0, self.1))
    }
}

/// The colours of one picture.
#[derive(Clone, Copy, Debug)]
pub(super) struct Palette {
    /// The sky from its top to the horizon.
    pub(super) sky: [Rgb; 3],
    /// Sun or moon, and what it lights.
    pub(super) light: Rgb,
    /// What is far away, and what is close: a silhouette.
    pub(super) far: Rgb,
    pub(super) near: Rgb,
    /// The small thing that the eye finds: a window, a sail, a coat.
    pub(super) accent: Rgb,
    pub(super) is_night: bool,
}

const fn day(sky: [u32; 3], light: u32, far: u32, near: u32, accent: u32) -> Palette {
    let sky = [hex(sky[0]), hex(sky[1]), hex(sky[2])];
    Palette { sky, light: hex(light), far: hex(far), near: hex(near), accent: hex(accent), is_night: false }
}

const fn night(sky: [u32; 3], light: u32, far: u32, near: u32, accent: u32) -> Palette {
    let Palette { sky, light, far, near, accent, .. } = day(sky, light, far, near, accent);
    Palette { sky, light, far, near, accent, is_night: true }
}

/// A mood is a handful of palettes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Warm,
    Cold,
    Dark,
    Neon,
    Bright,
    Old,
    Strange,
}

const WARM: [Palette; 5] = [
    day([0x3a2b5c, 0xd8576b, 0xfdc16d], 0xfff1c4, 0xb5546b, 0x20142c, 0xffd27a),
    day([0x27354f, 0xe07a4b, 0xfbd38a], 0xfff3d0, 0xa85f52, 0x1c1a26, 0xf4e3b5),
    day([0x512b4a, 0xc8434f, 0xff9a5a], 0xffe0a8, 0x8f3a50, 0x1e0f1f, 0xffb84d),
    day([0x164863, 0x9f8fae, 0xffb88a], 0xffeccf, 0x77708f, 0x14202f, 0xff8a5c),
    day([0x6a3937, 0xe0864e, 0xffdf9e], 0xfffae0, 0xb96f4f, 0x2c1718, 0xfff0c2),
];
const COLD: [Palette; 5] = [
    day([0x1c3b57, 0x5f93ae, 0xcfe3e6], 0xffffff, 0x7ea3b5, 0x0f2233, 0xe8573f),
    night([0x071426, 0x123a5a, 0x3f7d99], 0xe9f6ff, 0x2c5c79, 0x050d18, 0xffd58a),
    day([0x2d3e50, 0x7f97a6, 0xdfe0d8], 0xfffdf2, 0x8298a4, 0x17222c, 0xd94f30),
    night([0x0a0f2c, 0x23346e, 0x6f7fc0], 0xf3f0ff, 0x3f4d8f, 0x060818, 0xffc46b),
    day([0x114b5f, 0x1a936f, 0xc6dabf], 0xf3e9d2, 0x5fae95, 0x08262f, 0xffb03b),
];
const DARK: [Palette; 5] = [
    night([0x05070c, 0x101c22, 0x34504f], 0xd8e6d6, 0x223836, 0x020405, 0xff6a3d),
    night([0x0b0509, 0x32101a, 0x7c2a2a], 0xffd8c2, 0x4f1a22, 0x060204, 0xffc65c),
    night([0x07080f, 0x1b1d36, 0x4a4560], 0xefe6ff, 0x2c2b48, 0x030409, 0xf4d06f),
    night([0x08100a, 0x16301f, 0x5b7a4c], 0xf0ffd6, 0x2b4a30, 0x030704, 0xffe27a),
    night([0x0a0a0a, 0x2a2623, 0x7d7062], 0xfff2dc, 0x4a423b, 0x050505, 0xe0402f),
];
const NEON: [Palette; 5] = [
    night([0x0b0324, 0x5a1477, 0xff4f8b], 0xffd36e, 0x4b1a74, 0x08021a, 0x39f3ff),
    night([0x020b24, 0x0f3f86, 0x22c1d6], 0xfff0ff, 0x164a86, 0x020616, 0xff3fa4),
    night([0x12022a, 0x8a1c6c, 0xff8a4a], 0xfff08a, 0x5f1663, 0x0c0118, 0x58ffd6),
    night([0x041a1f, 0x0b5d5a, 0x8be28b], 0xf7ffd8, 0x14605a, 0x020d10, 0xff5f5f),
    night([0x0a0a2a, 0x36329a, 0xc56bff], 0xffe6ff, 0x342f86, 0x060518, 0xffe14d),
];
const BRIGHT: [Palette; 5] = [
    day([0x2f9fd0, 0x8fd3e8, 0xfff0c9], 0xfffbe0, 0x6fbf9a, 0x1f5a4c, 0xff5d4a),
    day([0xff7f6b, 0xffb48a, 0xfff0b8], 0xffffff, 0xf2907b, 0x7a2f4d, 0x2bb7b3),
    day([0x5b5bd6, 0xb38be6, 0xffd3dc], 0xfff7ea, 0x9a7fd6, 0x2f2a78, 0xffcf3f),
    day([0x00a6a6, 0x7fd8be, 0xfcefb4], 0xfffdf0, 0x4fb8a0, 0x0b4f58, 0xff6f59),
    day([0xf2a541, 0xf7c96b, 0xfff3d0], 0xffffff, 0xe08a3c, 0x6b2d3c, 0x2374ab),
];
const OLD: [Palette; 4] = [
    day([0x6b5b45, 0xb59b6f, 0xead9ae], 0xfff6dc, 0x9a845f, 0x2c2318, 0xa8392b),
    day([0x4d5a4a, 0x98a07a, 0xe3dcb4], 0xfdf6da, 0x869070, 0x1f261c, 0xb8522e),
    day([0x4c4650, 0x97818a, 0xe2c9b5], 0xfff3e2, 0x86707c, 0x211c26, 0x7d2e3a),
    night([0x14161c, 0x3d4350, 0x9a978c], 0xfff5dd, 0x555a63, 0x0b0c10, 0xd9a441),
];
const STRANGE: [Palette; 5] = [
    night([0x120a2e, 0x4b2a7b, 0xe06fa8], 0xffe0f0, 0x553486, 0x0b0620, 0x7bf0d0),
    day([0x0f4c4a, 0x5fb49c, 0xf6e7a1], 0xfff8cf, 0x4f9f8c, 0x09302f, 0xff7a59),
    night([0x1a0b12, 0x7a2e3f, 0xf0a35e], 0xfff0cf, 0x6f2d40, 0x12060b, 0x9be7ff),
    night([0x05142a, 0x1f5a6e, 0x9fe0b0], 0xf7ffe3, 0x23617a, 0x030b18, 0xff86c8),
    day([0x3b1f5b, 0xb04f9b, 0xffc5a1], 0xfff0e0, 0x94478f, 0x220f38, 0x6ff0e6),
];

impl Mood {
    pub(super) fn palette(self, random: &mut Random) -> Palette {
        let palettes: &[Palette] = match self {
            Mood::Warm => &WARM,
            Mood::Cold => &COLD,
            Mood::Dark => &DARK,
            Mood::Neon => &NEON,
            Mood::Bright => &BRIGHT,
            Mood::Old => &OLD,
            Mood::Strange => &STRANGE,
        };
        let palette = random.pick(palettes);
        let turn = random.real(-0.045, 0.045);
        let Palette { sky, light, far, near, accent, is_night } = palette;
        let sky = sky.map(|colour| colour.turned(turn));
        Palette { sky, light, far: far.turned(turn), near: near.turned(turn), accent, is_night }
    }
}

impl Palette {
    /// The colour of a layer: 0 is at the horizon, where it has the sky's, 1 is close.
    pub(super) fn layer(&self, nearness: f32) -> Rgb {
        let haze = self.sky[2].mix(self.far, (nearness * 2.4).min(1.0));
        haze.mix(self.near, ((nearness - 0.25) / 0.75).clamp(0.0, 1.0))
    }
}
