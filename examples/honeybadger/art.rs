//! Pictures for titles that do not exist: each is a scene in the colours of its genre, drawn from the title's number.
//!
//! A picture's name carries a hash of its recipe (the version of this code and what it draws), not of its bytes: it is known
//! before anything is drawn, so a gallery can be packed at once and its art can come later.

mod beyond;
mod canvas;
mod finish;
mod land;
mod palette;
mod things;
mod town;
mod water;

use crate::random::Random;
use canvas::Canvas;
use finish::Finish;
use palette::{Mood, Palette};

/// To be raised with every change of what is drawn: names of pictures follow it, so that nobody keeps an old one.
pub(crate) const ART_VERSION: u64 = 1;

/// Posters, pixels.
pub(crate) const BOXART: (u32, u32) = (240, 336);
/// Wide pictures, pixels.
pub(crate) const HERO: (u32, u32) = (1280, 720);
/// One stamp of a sheet, pixels.
pub(crate) const CELL: (u32, u32) = (60, 84);
/// Stamps across and down a sheet.
pub(crate) const SHEET: (u32, u32) = (40, 25);

type Scene = fn(&mut Canvas, &Palette, &mut Random);

/// What a genre looks like: scenes, and moods. The first of each is the likeliest.
struct Look {
    genre: &'static str,
    scenes: &'static [Scene],
    moods: &'static [Mood],
}

const LOOKS: [Look; 20] = [
    Look {
        genre: "Action",
        scenes: &[town::city, town::road, land::dunes],
        moods: &[Mood::Neon, Mood::Warm, Mood::Dark],
    },
    Look {
        genre: "Adventure",
        scenes: &[land::mountains, land::dunes, water::sea, town::castle],
        moods: &[Mood::Warm, Mood::Strange],
    },
    Look {
        genre: "Animation",
        scenes: &[land::hills, water::deep, beyond::planet],
        moods: &[Mood::Bright, Mood::Strange],
    },
    Look { genre: "Comedy", scenes: &[beyond::shapes, land::hills, town::city], moods: &[Mood::Bright, Mood::Warm] },
    Look { genre: "Crime", scenes: &[town::city, beyond::forest, town::road], moods: &[Mood::Dark, Mood::Neon] },
    Look {
        genre: "Documentary",
        scenes: &[water::deep, land::north, land::mountains],
        moods: &[Mood::Cold, Mood::Old],
    },
    Look {
        genre: "Drama",
        scenes: &[water::sea, beyond::lone_house, land::mountains, town::city],
        moods: &[Mood::Warm, Mood::Cold, Mood::Old],
    },
    Look { genre: "Family", scenes: &[land::hills, water::sea, land::north], moods: &[Mood::Bright, Mood::Warm] },
    Look {
        genre: "Fantasy",
        scenes: &[town::castle, beyond::forest, land::mountains],
        moods: &[Mood::Strange, Mood::Warm, Mood::Cold],
    },
    Look { genre: "History", scenes: &[town::castle, land::dunes, water::sea], moods: &[Mood::Old, Mood::Warm] },
    Look {
        genre: "Horror",
        scenes: &[beyond::lone_house, beyond::forest, town::castle, water::deep],
        moods: &[Mood::Dark, Mood::Cold],
    },
    Look {
        genre: "Music",
        scenes: &[town::stage, beyond::shapes, town::road],
        moods: &[Mood::Neon, Mood::Warm, Mood::Bright],
    },
    Look {
        genre: "Mystery",
        scenes: &[beyond::forest, beyond::lone_house, town::city],
        moods: &[Mood::Dark, Mood::Cold],
    },
    Look {
        genre: "Nature",
        scenes: &[land::north, water::deep, land::mountains, land::hills],
        moods: &[Mood::Cold, Mood::Strange],
    },
    Look { genre: "Romance", scenes: &[water::sea, land::hills, town::city], moods: &[Mood::Warm, Mood::Bright] },
    Look {
        genre: "Science Fiction",
        scenes: &[beyond::planet, town::road, town::city],
        moods: &[Mood::Neon, Mood::Strange, Mood::Cold],
    },
    Look { genre: "Sport", scenes: &[town::road, land::mountains, beyond::shapes], moods: &[Mood::Bright, Mood::Warm] },
    Look {
        genre: "Thriller",
        scenes: &[town::city, beyond::forest, beyond::lone_house],
        moods: &[Mood::Dark, Mood::Cold],
    },
    Look { genre: "War", scenes: &[land::dunes, beyond::forest, water::sea], moods: &[Mood::Old, Mood::Dark] },
    Look {
        genre: "Western",
        scenes: &[land::dunes, land::mountains, beyond::lone_house],
        moods: &[Mood::Warm, Mood::Old],
    },
];

/// What is drawn for one title.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe<'a> {
    pub(crate) title: u32,
    /// The first of its genres; one that is not known looks like a drama.
    pub(crate) genre: &'a str,
}

impl Recipe<'_> {
    fn seed(&self) -> u64 {
        Random::of(self.genre, u64::from(self.title)).next() ^ ART_VERSION
    }

    /// Eight hexadecimal digits that are others when the picture is another one.
    fn hash(&self) -> String {
        format!("{:08x}", Random::of("art name", self.seed()).next() >> 32)
    }

    pub(crate) fn boxart_path(&self) -> String {
        format!("boxart/{}-{}.jpg", self.title, self.hash())
    }

    pub(crate) fn hero_path(&self) -> String {
        format!("hero/{}-{}.jpg", self.title, self.hash())
    }

    fn canvas(&self, width: u32, height: u32) -> Option<Canvas> {
        let mut random = Random::of("art", self.seed());
        let look = LOOKS.iter().find(|look| look.genre == self.genre).unwrap_or(&LOOKS[6]);
        // The smaller of two draws: what comes first in a list is drawn more often.
        let scene = random.below(look.scenes.len()).min(random.below(look.scenes.len()));
        let mood = random.below(look.moods.len()).min(random.below(look.moods.len()));
        let palette = look.moods[mood].palette(&mut random);
        // A wide picture has its left for text, so it stays as it is.
        let is_mirrored = random.chance(1, 2) && width < height;
        let mut canvas = Canvas::new(width, height, is_mirrored)?;
        look.scenes[scene](&mut canvas, &palette, &mut random);
        Some(canvas)
    }

    /// The poster as a JPEG.
    pub(crate) fn boxart(&self) -> Result<Vec<u8>, ArtError> {
        let (width, height) = BOXART;
        let drawn = self.canvas(width, height).ok_or(ArtError)?.into_pixmap();
        finish::encode(&Finish::poster(&drawn, self.seed()), width, height, 84)
    }

    /// The wide picture as a JPEG. It is drawn at half its size, which costs a quarter, and its grain at the full one.
    pub(crate) fn hero(&self) -> Result<Vec<u8>, ArtError> {
        let (width, height) = HERO;
        let drawn = self.canvas(width / 2, height / 2).ok_or(ArtError)?.into_pixmap();
        finish::encode(&Finish::hero(&drawn, self.seed()), width, height, 80)
    }

    /// The stamp as pixels, three bytes each.
    fn stamp(&self) -> Result<Vec<u8>, ArtError> {
        let drawn = self.canvas(CELL.0, CELL.1).ok_or(ArtError)?.into_pixmap();
        Ok(Finish::stamp(&drawn))
    }
}

/// A sheet of stamps as a JPEG, in the order of the recipes, row by row. A short one has fewer rows.
pub(crate) fn sheet(recipes: &[Recipe<'_>]) -> Result<Vec<u8>, ArtError> {
    let rows = sheet_rows(recipes.len());
    let (width, height) = (SHEET.0 * CELL.0, rows * CELL.1);
    let stride = width as usize * 3;
    let mut pixels = vec![0; stride * height as usize];
    for (number, recipe) in recipes.iter().enumerate() {
        let (x, y) = cell(number);
        let stamp = recipe.stamp()?;
        for (row, line) in stamp.chunks_exact(CELL.0 as usize * 3).enumerate() {
            let start = (y as usize + row) * stride + x as usize * 3;
            pixels[start..start + line.len()].copy_from_slice(line);
        }
    }
    finish::encode(&pixels, width, height, 78)
}

/// How many rows a sheet of so many stamps has.
pub(crate) fn sheet_rows(stamps: usize) -> u32 {
    (stamps as u32).div_ceil(SHEET.0)
}

/// Where a stamp is on its sheet, in pixels.
pub(crate) fn cell(number: usize) -> (u32, u32) {
    let number = number as u32;
    (number % SHEET.0 * CELL.0, number / SHEET.0 * CELL.1)
}

/// A picture without pixels or too large for a JPEG. The sizes above are neither.
#[derive(Debug)]
pub(crate) struct ArtError;

impl std::fmt::Display for ArtError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a picture of this size cannot be drawn")
    }
}
