//! Pure: the order of rows and of their items that travels beside a gallery, in the header `Badger-Order`. So the record
//! and its compressed forms never move, and a revalidation answers 304 with a new order.
//!
//! The value is a byte sequence of RFC 9651 section 3.3.5, `:base64:`, of
//! `version u8 | 0 u8 | row_count u16 | row u16 ... | then any number of (row u16 | item_count u16 | item u16 ...)`.
//! An order names what comes first; what it does not name follows in the order of the record.
#![forbid(unsafe_code)]

use super::error::PocoError;
use super::gallery::GalleryView;

/// The name of the header.
pub const ORDER_HEADER: &str = "Badger-Order";
/// Longest order that is written: 4,096 characters in the header. Proxies give 4 to 8 KiB to the head of an answer, and
/// what comes after the first 1,500 positions is on nobody's screen.
pub const ORDER_BYTES_MAX: usize = 3072;
const VERSION: u8 = 1;

/// What comes first: rows, and items in rows. Positions are those in the record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Rows that come first, in this order.
    pub rows: Vec<u16>,
    /// For some rows (by their position in the record) the items that come first, in this order.
    pub items: Vec<(u16, Vec<u16>)>,
}

/// A row in its place, with its items in theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RowOrder {
    /// Position of the row in the record.
    pub row: u16,
    /// Positions of its items in the record's row.
    pub items: Vec<u16>,
}

impl Order {
    /// The bytes of the order, at most [`ORDER_BYTES_MAX`]: what does not fit is left out from the end, so its positions
    /// follow in the order of the record.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for_each_byte(&self.rows, self.items(), |byte| bytes.push(byte));
        bytes
    }

    fn items(&self) -> impl Iterator<Item = (u16, &[u16])> {
        self.items.iter().map(|(row, items)| (*row, &items[..]))
    }

    /// The value of the header.
    #[must_use]
    pub fn header_value(&self) -> String {
        let mut value = String::new();
        write_header_value(&self.rows, self.items(), &mut value);
        value
    }

    /// Reads the bytes of an order.
    ///
    /// # Errors
    /// Another version, a ragged length, a repeated position: the record's own order holds.
    pub fn decode(bytes: &[u8]) -> Result<Order, PocoError> {
        let refused = |what| PocoError::Order { what };
        match bytes.first() {
            Some(&VERSION) => {}
            Some(_) => return Err(refused("another version")),
            None => return Err(refused("empty")),
        }
        if bytes.len() % 2 != 0 {
            return Err(refused("a ragged length"));
        }
        let mut numbers = bytes[2..].chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        let list = |numbers: &mut dyn Iterator<Item = u16>| {
            let count = usize::from(numbers.next().ok_or(refused("a count is missing"))?);
            let positions: Vec<u16> = numbers.take(count).collect();
            if positions.len() < count {
                return Err(refused("fewer positions than it announces"));
            }
            if has_repeated(&positions) {
                return Err(refused("a repeated position"));
            }
            Ok(positions)
        };
        let mut order = Order { rows: list(&mut numbers)?, items: Vec::new() };
        while let Some(row) = numbers.next() {
            order.items.push((row, list(&mut numbers)?));
        }
        let rows: Vec<u16> = order.items.iter().map(|(row, _)| *row).collect();
        if has_repeated(&rows) {
            return Err(refused("the items of a row twice"));
        }
        Ok(order)
    }

    /// Reads the value of the header.
    ///
    /// # Errors
    /// As [`Order::decode`], and what is no byte sequence.
    pub fn from_header_value(value: &str) -> Result<Order, PocoError> {
        let refused = PocoError::Order { what: "no byte sequence, which is base64 between two colons" };
        let text = value.trim_matches([' ', '\t']).strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
        let bytes = text.and_then(|text| from_base64(text.as_bytes())).ok_or(refused)?;
        Order::decode(&bytes)
    }

    /// The rows of a gallery in this order, each with its items in theirs.
    ///
    /// # Errors
    /// A repeated position, or one that the gallery has not: the record's own order holds.
    pub fn apply(&self, gallery: &GalleryView<'_>) -> Result<Vec<RowOrder>, PocoError> {
        let rows = gallery.rows();
        let mut items: Vec<Option<&[u16]>> = vec![None; rows.len()];
        for (row, first) in &self.items {
            match items.get_mut(usize::from(*row)) {
                Some(place @ None) => *place = Some(first),
                Some(Some(_)) => return Err(PocoError::Order { what: "the items of a row twice" }),
                None => return Err(PocoError::Order { what: "a row that is not there" }),
            }
        }
        let ordered = in_order(&self.rows, rows.len())?.into_iter().map(|row| {
            let index = usize::from(row);
            let count = rows.get(index).map_or(0, |row| row.len());
            Ok(RowOrder { row, items: in_order(items[index].unwrap_or_default(), count)? })
        });
        ordered.collect()
    }
}

/// The bytes of an order, one after the other.
fn for_each_byte<'o>(rows: &[u16], items: impl Iterator<Item = (u16, &'o [u16])>, mut take: impl FnMut(u8)) {
    let rows = &rows[..rows.len().min((ORDER_BYTES_MAX - 4) / 2)];
    let mut bytes = 0;
    let mut put = |number: u16| {
        number.to_le_bytes().into_iter().for_each(&mut take);
        bytes += 2;
        bytes
    };
    put(u16::from(VERSION));
    let mut bytes = put(rows.len() as u16);
    rows.iter().for_each(|row| bytes = put(*row));
    for (row, items) in items {
        let room = ORDER_BYTES_MAX.saturating_sub(bytes + 4) / 2;
        let items = &items[..items.len().min(room)];
        if items.is_empty() {
            continue;
        }
        put(row);
        put(items.len() as u16);
        items.iter().for_each(|item| bytes = put(*item));
    }
}

/// Bytes that are turned into text at once: whole groups of three, and more than most orders have.
const BLOCK_BYTES: usize = 96;

/// Appends the value of the header: without memory of its own, for the path of a request.
pub(super) fn write_header_value<'o>(rows: &[u16], items: impl Iterator<Item = (u16, &'o [u16])>, value: &mut String) {
    let (mut block, mut count) = ([0; BLOCK_BYTES], 0);
    value.push(':');
    for_each_byte(rows, items, |byte| {
        if count == BLOCK_BYTES {
            push_base64(&block, value);
            count = 0;
        }
        block[count] = byte;
        count += 1;
    });
    push_base64(&block[..count], value);
    value.push(':');
}

/// Appends at most a block in base64, padded.
fn push_base64(bytes: &[u8], value: &mut String) {
    let digits = |first: u8, second: u8, third: u8| {
        let bits = u32::from(first) << 16 | u32::from(second) << 8 | u32::from(third);
        [18, 12, 6, 0].map(|shift| BASE64[(bits >> shift & 63) as usize])
    };
    let mut text = [0; BLOCK_BYTES / 3 * 4];
    let groups = bytes.chunks_exact(3);
    let last = match *groups.remainder() {
        [first] => {
            let [one, two, ..] = digits(first, 0, 0);
            Some([one, two, b'=', b'='])
        }
        [first, second] => {
            let [one, two, three, _] = digits(first, second, 0);
            Some([one, two, three, b'='])
        }
        _ => None,
    };
    let groups = groups.map(|group| digits(group[0], group[1], group[2])).chain(last);
    text.chunks_exact_mut(4).zip(groups).for_each(|(text, digits)| text.copy_from_slice(&digits));
    // They are letters, digits and signs of ASCII.
    value.push_str(std::str::from_utf8(&text[..bytes.len().div_ceil(3) * 4]).unwrap_or_default());
}

/// All positions below `count`: those that come first, then the others.
fn in_order(first: &[u16], count: usize) -> Result<Vec<u16>, PocoError> {
    let mut is_named = vec![false; count];
    for position in first {
        match is_named.get_mut(usize::from(*position)) {
            Some(is_named) if !*is_named => *is_named = true,
            Some(_) => return Err(PocoError::Order { what: "a repeated position" }),
            None => return Err(PocoError::Order { what: "a position that is not there" }),
        }
    }
    let others = (0..=u16::MAX).zip(is_named).filter(|(_, is_named)| !is_named).map(|(position, _)| position);
    Ok(first.iter().copied().chain(others).collect())
}

fn has_repeated(positions: &[u16]) -> bool {
    let mut sorted = positions.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// What base64 means; none: it is not. Padding may be missing, as RFC 9651 section 4.2.7 asks.
fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let is_padding_fit = text.len() == end || (text.len() % 4 == 0 && text.len() - end <= 2);
    if !is_padding_fit || end % 4 == 1 {
        return None;
    }
    let mut bytes = Vec::with_capacity(end * 3 / 4);
    for group in text[..end].chunks(4) {
        let mut bits = 0;
        for (index, digit) in group.iter().enumerate() {
            let value = BASE64.iter().position(|known| known == digit)?;
            bits |= (value as u32) << (18 - 6 * index);
        }
        bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
    }
    Some(bytes)
}
