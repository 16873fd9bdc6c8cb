//! A streaming service that does not exist: its titles and its viewers, the same on every machine.

mod concepts;
mod names;
pub(crate) mod profiles;
pub(crate) mod titles;
mod words;

use std::io::{self, Write};
use titles::Title;

/// To be raised with every change of what the demo is: what was prepared from an older one is made again.
pub(crate) const DEMO_VERSION: u64 = 1;

/// How large the demo is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) titles: usize,
    /// With the guest.
    pub(crate) profiles: usize,
}

/// The demo. Profiles are made one at a time, as they are written.
pub(crate) struct Demo {
    pub(crate) titles: Vec<Title>,
    pub(crate) profiles: usize,
}

impl Demo {
    pub(crate) fn new(size: Size) -> Demo {
        Demo { titles: titles::make(size.titles), profiles: size.profiles }
    }

    /// Writes titles.ndjson.
    pub(crate) fn write_titles(&self, out: &mut impl Write) -> io::Result<()> {
        titles::write(&self.titles, out)
    }

    /// Writes profiles.ndjson, the first `count` lines of it.
    pub(crate) fn write_profiles(&self, count: usize, out: &mut impl Write) -> io::Result<()> {
        (0..count.min(self.profiles))
            .try_for_each(|number| profiles::make(number, &self.titles).write(&self.titles, out))
    }

    /// The titles that the guest sees first: of so many rows, so many each, in the order in which they are looked at.
    pub(crate) fn first_screen(&self, rows: usize, columns: usize) -> Vec<&Title> {
        let guest = profiles::make(0, &self.titles);
        let mut places: Vec<usize> = Vec::new();
        for row in guest.rows.iter().take(rows) {
            for &place in row.titles.iter().take(columns) {
                if !places.contains(&place) {
                    places.push(place);
                }
            }
        }
        places.into_iter().map(|place| &self.titles[place]).collect()
    }
}
