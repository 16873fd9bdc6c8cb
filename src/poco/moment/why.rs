//! Pure: why the order of a moment is as it is, for whoever asks: the header `Badger-Order-Why`.
//!
//! A list of RFC 9651 section 3.1, of inner lists. The first is about the row: which chance leads to which place (`at`, from 0),
//! with its position in the record, its place and its chance. The others are about its first titles: what speaks for
//! each (`by`, in logits more than the average of that feature's bins) or against it, with its position in the row and its chance.
//!
//! ```text
//! (0.5;at=0 0.35;at=1);row=1;place=0;chance=0.592, (device;bin=4;by=0.42 age;bin=5;by=0.41);item=3;chance=0.31
//! ```
#![forbid(unsafe_code)]

use super::super::schema;
use super::{Finder, Look, Model, Moment, Reason};
use bytemuck::Zeroable;
use std::fmt::Write;

/// The name of the header.
pub const ORDER_WHY_HEADER: &str = "Badger-Order-Why";
/// Titles that are told about: what a screen shows.
const TITLES_MAX: usize = 8;
/// Features that are told of each: those that count the most.
const FEATURES_MAX: usize = 3;

/// Why a row stands where it does.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OrderReasons {
    /// Its position in the record.
    pub row: u16,
    /// Where it stands, from 0.
    pub place: u16,
    /// The chance that anything of it is resumed.
    pub chance: f32,
    /// The chance from which on it would stand at a place, the highest first; below the last one it stands behind all others.
    pub places: Vec<(f32, u16)>,
    /// Its first titles, in their order.
    pub titles: Vec<TitleReasons>,
}

/// Why a title stands where it does in its row.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TitleReasons {
    /// Its position in the record's row.
    pub item: u16,
    /// The chance that it is resumed.
    pub chance: f32,
    /// What counts the most, first.
    pub reasons: Vec<Reason>,
}

impl OrderReasons {
    /// The value of the header.
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut value = String::from("(");
        for (index, (chance, place)) in self.places.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            put(&mut value, format_args!("{space}{};at={place}", Decimal(*chance)));
        }
        let (row, place) = (self.row, self.place);
        put(&mut value, format_args!(");row={row};place={place};chance={}", Decimal(self.chance)));
        for title in &self.titles {
            value.push_str(", (");
            for (index, reason) in title.reasons.iter().enumerate() {
                let space = if index == 0 { "" } else { " " };
                let (name, bin) = (reason.feature.name(), reason.bin);
                put(&mut value, format_args!("{space}{name};bin={bin};by={}", Decimal(reason.by)));
            }
            put(&mut value, format_args!(");item={};chance={}", title.item, Decimal(title.chance)));
        }
        value
    }
}

/// A decimal of RFC 9651 section 3.3.2: three digits behind the point, and no more of them than it takes.
struct Decimal(f32);

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Within a thousand a weight may be; and there is no -0.
        let thousandths = (self.0.clamp(-999.0, 999.0) * 1000.0).round() + 0.0;
        let text = format!("{:.3}", thousandths / 1000.0);
        let text = text.trim_end_matches('0');
        f.write_str(text)?;
        if text.ends_with('.') { f.write_str("0") } else { Ok(()) }
    }
}

fn put(value: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything.
    let _ = value.write_fmt(text);
}

/// Why [`super::order_for_moment`] says what it says. None where that does.
///
/// # Errors
/// What `read` says.
pub fn reasons_for_order<'r, E>(
    model: &Model,
    moment: Moment,
    read: impl Fn(u64, u64) -> Result<&'r [u8], E>,
) -> Result<Option<OrderReasons>, E> {
    Ok(Look::new(moment, read)?.map(|look| look.reasons(model)))
}

impl Look<'_> {
    fn reasons(&self, model: &Model) -> OrderReasons {
        let made = self.order(model);
        let finder = Finder::new(self.plays);
        let titles = made.best[..made.best_count].iter().take(TITLES_MAX).filter_map(|scored| {
            let item = self.items.all::<schema::Item>().nth(usize::from(scored.position()))?;
            let mut spare = schema::Play::zeroed();
            let play = finder.play_of(item.card.get(), &mut spare)?;
            let mut reasons = model.reasons(play, &self.sight);
            reasons.truncate(FEATURES_MAX);
            let odds = scored.odds();
            let chance = if odds.is_finite() { odds / (1.0 + odds) } else { 1.0 };
            Some(TitleReasons { item: scored.position(), chance, reasons })
        });
        OrderReasons {
            row: self.row,
            // The order names the rows down to this one.
            place: made.row_count as u16 - 1,
            chance: made.chance,
            places: model.places().collect(),
            titles: titles.collect(),
        }
    }
}
