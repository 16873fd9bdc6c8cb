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
use bytemuck::Zeroable;

mod model;
mod why;

pub use model::{Feature, Model, ModelError, Reason};
pub use why::{ORDER_WHY_HEADER, OrderReasons, TitleReasons, reasons_for_order};

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
    best: [Scored; MOMENT_TITLES_MAX],
    best_count: usize,
    chance: f32,
}

/// The odds of a title and its position. The bits of an `f32` that is not negative are in the order of what they mean, so one
/// number compares both: more is better, and of equal odds what the record has first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Scored(u64);

impl Scored {
    fn new(odds: f32, position: u16) -> Scored {
        Scored(u64::from(odds.to_bits()) << 16 | u64::from(!position))
    }

    fn odds(self) -> f32 {
        f32::from_bits((self.0 >> 16) as u32)
    }

    fn position(self) -> u16 {
        !(self.0 as u16)
    }
}

impl MomentOrder {
    fn new(row: u16) -> MomentOrder {
        let (rows, best) = ([0; MOMENT_ROWS_MAX as usize], [Scored::default(); MOMENT_TITLES_MAX]);
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
        let items: Vec<u16> = self.best[..self.best_count].iter().map(|best| best.position()).collect();
        let items = if items.is_empty() { Vec::new() } else { vec![(self.row, items)] };
        Order { rows: self.rows[..self.row_count].to_vec(), items }
    }

    /// Appends the value of `Badger-Order`.
    pub fn write_header_value(&self, value: &mut String) {
        let mut items = [0; MOMENT_TITLES_MAX];
        items.iter_mut().zip(&self.best).for_each(|(item, best)| *item = best.position());
        let items = std::iter::once((self.row, &items[..self.best_count]));
        write_header_value(&self.rows[..self.row_count], items, value);
    }

    /// Takes a title in, if it is among the best.
    #[inline]
    fn take(&mut self, odds: f32, position: u16) {
        let scored = Scored::new(odds, position);
        let mut place = match self.best_count {
            // Most titles of a long row end here.
            MOMENT_TITLES_MAX if scored < self.best[MOMENT_TITLES_MAX - 1] => return,
            MOMENT_TITLES_MAX => MOMENT_TITLES_MAX - 1,
            count => {
                self.best_count += 1;
                count
            }
        };
        while place > 0 && self.best[place - 1] < scored {
            self.best[place] = self.best[place - 1];
            place -= 1;
        }
        self.best[place] = scored;
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
/// again for the same. None: a gallery without such a row, or with titles in it and no plays, or one that this version cannot read.
///
/// # Errors
/// What `read` says.
pub fn order_for_moment<'r, E>(
    model: &Model,
    moment: Moment,
    read: impl Fn(u64, u64) -> Result<&'r [u8], E>,
) -> Result<Option<MomentOrder>, E> {
    Ok(Look::new(moment, read)?.map(|look| look.order(model)))
}

/// What of a gallery counts at a moment.
struct Look<'r> {
    /// The position of the row.
    row: u16,
    row_count: u32,
    items: Elements<'r>,
    plays: Elements<'r>,
    sight: Sight,
}

impl<'r> Look<'r> {
    fn new<E>(moment: Moment, read: impl Fn(u64, u64) -> Result<&'r [u8], E>) -> Result<Option<Look<'r>>, E> {
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
        if row_count == 0 || block.plays.count > MOMENT_PLAYS_MAX {
            return Ok(None);
        }
        let rows = table(block.rows, 0, row_count)?;
        let is_wanted = |row: &schema::Row| row.kind == RowKind::ContinueWatching.number();
        let Some((position, row)) = rows.all::<schema::Row>().enumerate().find(|(_, row)| is_wanted(row)) else {
            return Ok(None);
        };
        // Whoever made it knows better what stands in the row. Nobody can go on with an empty one, and that is an order.
        if block.plays.count == 0 && row.item_count > 0 {
            return Ok(None);
        }
        let items = table(block.items, row.first_item, row.item_count.min(MOMENT_ITEMS_MAX))?;
        let plays = table(block.plays, 0, block.plays.count)?;
        let sight = Sight::new(moment, block.made_at);
        Ok(Some(Look { row: position as u16, row_count: block.rows.count, items, plays, sight }))
    }

    fn order(&self, model: &Model) -> MomentOrder {
        let mut made = MomentOrder::new(self.row);
        let finder = Finder::new(self.plays);
        let (mut any, mut spare) = (1.0_f32, schema::Play::zeroed());
        for (position, item) in (0..).zip(self.items.all::<schema::Item>()) {
            let Some(play) = finder.play_of(item.card.get(), &mut spare) else { continue };
            let odds = model.odds(play, &self.sight);
            any *= 1.0 + odds;
            made.take(odds, position);
        }
        let (place, chance) = model.place((any - 1.0).min(f32::MAX));
        made.chance = chance;
        made.place(self.row_count, place);
        made
    }
}

/// A moment as plays are looked at: times count up to `now`, and the hour is that of the day (UTC), as plays have it.
#[derive(Clone, Copy, Debug)]
struct Sight {
    now: u32,
    /// The hour, the one before and the one behind it.
    hours: [u8; 3],
    device: Option<Device>,
}

impl Sight {
    fn new(moment: Moment, made_at: u32) -> Sight {
        let made_at = if made_at == 0 { u32::MAX } else { made_at };
        let hour = (moment.now / 3600 % 24) as u8;
        Sight {
            now: moment.now.min(made_at.saturating_add(MOMENT_STALE_SECONDS)),
            hours: [hour, (hour + 23) % 24, (hour + 1) % 24],
            device: moment.device,
        }
    }
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

    /// The card of an element. It is the first field of a play, three bytes long.
    #[inline]
    fn card_at(self, index: usize) -> u32 {
        match self.bytes.get(index * self.stride..) {
            Some([low, middle, high, ..]) => u32::from_le_bytes([*low, *middle, *high, 0]),
            Some(_) | None => u32::MAX,
        }
    }

    /// A play where it lies, as those of a record in a pack can be read: a copy took a third of what a title takes. One that lies
    /// otherwise, or is of fewer fields than this version knows, is read into `spare`.
    #[inline]
    fn play_at<'s>(self, index: usize, spare: &'s mut schema::Play) -> Option<&'s schema::Play>
    where
        'r: 's,
    {
        let bytes = self.bytes.get(index * self.stride..(index + 1) * self.stride)?;
        let known = bytes.get(..schema::Play::SCHEMA.bytes);
        if let Some(play) = known.and_then(|known| bytemuck::try_from_bytes(known).ok()) {
            return Some(play);
        }
        *spare = schema::Play::read(bytes);
        Some(spare)
    }

    /// The position of a card's play: a binary search, since plays are sorted by card.
    fn search(self, card: u32) -> usize {
        let (mut first, mut left) = (0, self.count);
        while left > 1 {
            let half = left / 2;
            first += if self.card_at(first + half) <= card { half } else { 0 };
            left -= half;
        }
        first
    }
}

/// Places for hints: five for each play that a profile has usually.
const HINTS: usize = 512;

/// Finds the play of a card: where one with the same low bits was seen last, else by a search.
struct Finder<'r> {
    plays: Elements<'r>,
    hints: [u16; HINTS],
}

impl<'r> Finder<'r> {
    fn new(plays: Elements<'r>) -> Finder<'r> {
        let mut hints = [0; HINTS];
        for (index, play) in (0..).zip(plays.bytes.chunks_exact(plays.stride)) {
            if let [low, middle, ..] = play {
                hints[usize::from(u16::from_le_bytes([*low, *middle])) % HINTS] = index;
            }
        }
        Finder { plays, hints }
    }

    #[inline]
    fn play_of<'s>(&self, card: u32, spare: &'s mut schema::Play) -> Option<&'s schema::Play>
    where
        'r: 's,
    {
        let mut index = usize::from(self.hints[card as usize % HINTS]);
        if self.plays.card_at(index) != card {
            index = self.plays.search(card);
            if self.plays.card_at(index) != card {
                return None;
            }
        }
        self.plays.play_at(index, spare)
    }
}
