//! Pure: the order of a gallery for the moment: where its *Continue Watching* row stands, and in what order its titles.
//!
//! ```text
//! play (record) + now + device -> a bin of each feature -> odds = product of the bins' factors     one for each title
//! odds -> titles by their odds, the first 16 named
//! any  = product of (1 + odds) - 1                      -> the chance that anything is resumed -> the row's place
//! ```
//! A feature's bin has a *weight*, in logits, so a title's odds are those of a logistic regression. The weights are data
//! ([`Model::from_text`]); `docs/moment/` fits and judges them. They become factors when they are read, so a request costs
//! multiplications and no logarithm. The record is read in stretches, of which the longest are its plays.
#![forbid(unsafe_code)]

use super::field::Struct;
use super::order::{Order, write_header_value};
use super::schema::{self, GALLERY, HEAD_BYTES, MAJOR, RecordHead, RowKind, Table};

mod model;

pub use model::{Feature, Model, ModelError};

/// Where a pack of galleries has its model, if not the default one.
pub const MOMENT_MODEL_KEY: &str = "/model/continue-watching";
/// Titles of the row that an order names: two screens of them.
pub const MOMENT_TITLES_MAX: usize = 16;
/// Rows of a gallery that are looked at.
pub const MOMENT_ROWS_MAX: u32 = 256;
/// Titles of the row that are looked at.
pub const MOMENT_ITEMS_MAX: u32 = 256;
/// Plays that are looked at; with more of them the record's own order stands.
pub const MOMENT_PLAYS_MAX: u32 = 1024;

/// A record that is older says nothing of what was played since, so its time stands still there; only the hour of the day
/// goes on.
pub const MOMENT_STALE_SECONDS: u32 = 2 * 86_400;

/// Where a viewer sits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Device {
    /// A television.
    Tv,
    /// A phone.
    Phone,
    /// A browser.
    Web,
}

impl Device {
    /// All of them, in the order of a play's shares.
    pub const ALL: [Device; 3] = [Device::Tv, Device::Phone, Device::Web];

    /// Its word in a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Device::Tv => "tv",
            Device::Phone => "phone",
            Device::Web => "web",
        }
    }

    /// What this word of a request means; none: it is none of them.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Device> {
        Device::ALL.into_iter().find(|device| device.name() == name)
    }
}

/// When a gallery is looked at, and on what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub now: u32,
    /// None: not known.
    pub device: Option<Device>,
}

/// What comes first at a moment, in memory of a fixed size.
#[derive(Clone, Debug)]
pub struct MomentOrder {
    rows: [u16; MOMENT_ROWS_MAX as usize],
    row_count: usize,
    /// The row that the titles are of.
    row: u16,
    /// Odds and position of titles, the best first.
    best: [(f32, u16); MOMENT_TITLES_MAX],
    best_count: usize,
    chance: f32,
}

impl MomentOrder {
    fn new(row: u16) -> MomentOrder {
        let (rows, best) = ([0; MOMENT_ROWS_MAX as usize], [(0.0, 0); MOMENT_TITLES_MAX]);
        MomentOrder { rows, row_count: 0, row, best, best_count: 0, chance: 0.0 }
    }

    /// The chance that anything of the row is resumed now, 0 to 1.
    #[must_use]
    pub fn chance(&self) -> f32 {
        self.chance
    }

    /// As plain data.
    #[must_use]
    pub fn to_order(&self) -> Order {
        let items: Vec<u16> = self.best[..self.best_count].iter().map(|best| best.1).collect();
        let items = if items.is_empty() { Vec::new() } else { vec![(self.row, items)] };
        Order { rows: self.rows[..self.row_count].to_vec(), items }
    }

    /// Appends the value of `Badger-Order`.
    pub fn write_header_value(&self, value: &mut String) {
        let mut items = [0; MOMENT_TITLES_MAX];
        items.iter_mut().zip(&self.best).for_each(|(item, best)| *item = best.1);
        let items = std::iter::once((self.row, &items[..self.best_count]));
        write_header_value(&self.rows[..self.row_count], items, value);
    }

    /// Takes a title in, if it is among the best.
    fn take(&mut self, odds: f32, position: u16) {
        let best = &self.best[..self.best_count];
        let place = best.iter().rposition(|known| known.0 >= odds).map_or(0, |before| before + 1);
        if place == MOMENT_TITLES_MAX {
            return;
        }
        self.best_count = (self.best_count + 1).min(MOMENT_TITLES_MAX);
        self.best.copy_within(place..self.best_count - 1, place + 1);
        self.best[place] = (odds, position);
    }

    /// Names the rows down to this one at its place; the others keep their order, and those behind need no name.
    fn place(&mut self, row_count: u32, place: Option<u16>) {
        // Behind what is looked at there is no place: a gallery that long has it at the end of that.
        let last = row_count.min(MOMENT_ROWS_MAX) as u16 - 1;
        let others = (0..=last).filter(|other| *other != self.row).take(usize::from(place.unwrap_or(last)));
        let named = others.chain(std::iter::once(self.row));
        self.row_count = self.rows.iter_mut().zip(named).map(|(place, row)| *place = row).count();
    }
}

/// Puts a gallery into the order of a moment. `read` gives a stretch of the record, by offset and length; it may be asked
/// again for the same. None: a gallery without such a row, or one that this version cannot read.
///
/// # Errors
/// What `read` says.
pub fn order_for_moment<'r, E>(
    model: &Model,
    moment: Moment,
    read: impl Fn(u64, u64) -> Result<&'r [u8], E>,
) -> Result<Option<MomentOrder>, E> {
    let start = read(0, (HEAD_BYTES + schema::Gallery::SCHEMA.bytes) as u64)?;
    let head = RecordHead::read(start);
    if head.magic != GALLERY.magic || head.major != MAJOR {
        return Ok(None);
    }
    let block_bytes = (head.block_bytes as usize).min(schema::Gallery::SCHEMA.bytes);
    let block = schema::Gallery::read(start.get(HEAD_BYTES..HEAD_BYTES + block_bytes).unwrap_or_default());
    let table = |table: Table, first: u32, count: u32| {
        let count = count.min(table.count.saturating_sub(first));
        let stride = u64::from(table.stride);
        let bytes = read(u64::from(table.offset) + u64::from(first) * stride, u64::from(count) * stride)?;
        let stride = (table.stride as usize).max(1);
        Ok(Elements { bytes, stride, count: bytes.len() / stride })
    };
    let row_count = block.rows.count.min(MOMENT_ROWS_MAX);
    if row_count == 0 || block.plays.count == 0 || block.plays.count > MOMENT_PLAYS_MAX {
        return Ok(None);
    }
    let rows = table(block.rows, 0, row_count)?;
    let is_wanted = |row: &schema::Row| row.kind == RowKind::ContinueWatching.number();
    let Some((position, row)) = rows.all::<schema::Row>().enumerate().find(|(_, row)| is_wanted(row)) else {
        return Ok(None);
    };
    let made_at = if block.made_at == 0 { u32::MAX } else { block.made_at };
    let sight = Sight {
        now: moment.now.min(made_at.saturating_add(MOMENT_STALE_SECONDS)),
        hour: (moment.now / 3600 % 24) as usize,
        device: moment.device,
    };
    let items = table(block.items, row.first_item, row.item_count.min(MOMENT_ITEMS_MAX))?;
    let plays = table(block.plays, 0, block.plays.count)?;

    let mut made = MomentOrder::new(position as u16);
    let mut any = 1.0_f32;
    for (item_position, item) in (0..).zip(items.all::<schema::Item>()) {
        let Some(play) = plays.play_of(item.card.get()) else { continue };
        let odds = model.odds(&play, sight);
        any *= 1.0 + odds;
        made.take(odds, item_position);
    }
    let (place, chance) = model.place((any - 1.0).min(f32::MAX));
    made.chance = chance;
    made.place(block.rows.count, place);
    Ok(Some(made))
}

/// A moment as plays are looked at: times count up to `now`, and the hour is that of the day.
#[derive(Clone, Copy, Debug)]
struct Sight {
    now: u32,
    hour: usize,
    device: Option<Device>,
}

/// The elements of a stretch of a table.
#[derive(Clone, Copy)]
struct Elements<'r> {
    bytes: &'r [u8],
    stride: usize,
    /// Divided once, and not for each search.
    count: usize,
}

impl<'r> Elements<'r> {
    fn all<S: Struct>(self) -> impl Iterator<Item = S> + 'r {
        self.bytes.chunks_exact(self.stride).map(S::read)
    }

    /// The play of a card: a binary search, since plays are sorted by card.
    fn play_of(self, card: u32) -> Option<schema::Play> {
        // A card is the first field of a play, three bytes long.
        let card_at = |index: usize| match self.bytes.get(index * self.stride..) {
            Some([low, middle, high, ..]) => u32::from_le_bytes([*low, *middle, *high, 0]),
            Some(_) | None => u32::MAX,
        };
        let (mut first, mut left) = (0, self.count);
        while left > 1 {
            let half = left / 2;
            first += if card_at(first + half) <= card { half } else { 0 };
            left -= half;
        }
        let bytes = self.bytes.get(first * self.stride..(first + 1) * self.stride)?;
        let play = schema::Play::read(bytes);
        (play.card.get() == card).then_some(play)
    }
}
