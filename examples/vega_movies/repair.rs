//! What is wrong with the data, one function each: text in, text or number out, and what was done to it.

/// The year in which the first film was shot.
const FIRST_YEAR: u16 = 1888;
/// The data were gathered in 2010 and have two films that were announced for 2011. A later year is one of the last century
/// whose first two digits were lost on the way, and guessed: "Gone with the Wind" in 2039.
const LAST_YEAR: u16 = 2011;
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The upper halves of two character sets. Titles were written in the second and read as the first.
const MAC_ROMAN: &str = "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø\
                         ¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ";
const WINDOWS_1252_CONTROLS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// A release date, as far as it can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Year {
    /// As it stands there.
    Said(u16),
    /// The last two digits stood there, and the century that fits.
    Completed(u16),
    /// A year to come, one century earlier.
    Moved(u16),
    /// The day is not in the calendar, the year may be right.
    NoSuchDay(u16),
    /// No film can be from then.
    Impossible,
    /// Not a date in any form that is known here.
    NoDate,
}

/// Reads `Jun 12 1998`, `12-Jun-98`, `1998-06-12`, `6/12/98` or `1998`.
pub fn year(text: &str) -> Year {
    let parts: Vec<&str> = text.split([' ', '-', '/', ',', '.']).filter(|it| !it.is_empty()).collect();
    let month_name = |text: &str| {
        let start: String = text.chars().take(3).collect::<String>().to_ascii_lowercase();
        MONTHS.iter().position(|month| *month == start).map(|month| month as u16 + 1)
    };
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?;
    let (year, month, day) = match parts.as_slice() {
        [year] => (*year, Some(1), Some(1)),
        [month, day, year] if month_name(month).is_some() => (*year, month_name(month), number(day)),
        [day, month, year] if month_name(month).is_some() => (*year, month_name(month), number(day)),
        [year, month, day] if year.len() == 4 => (*year, number(month), number(day)),
        [month, day, year] => (*year, number(month), number(day)),
        _ => return Year::NoDate,
    };
    let (Some(said), Some(month), Some(day)) = (number(year), month, day) else { return Year::NoDate };
    let found = match (year.len(), said) {
        (2, _) if 2000 + said <= LAST_YEAR => Year::Completed(2000 + said),
        (2, _) => Year::Completed(1900 + said),
        (4, FIRST_YEAR..=LAST_YEAR) => Year::Said(said),
        (4, _) if (FIRST_YEAR..=LAST_YEAR).contains(&said.saturating_sub(100)) => Year::Moved(said - 100),
        (4, _) => return Year::Impossible,
        _ => return Year::NoDate,
    };
    match found {
        Year::Said(year) | Year::Completed(year) | Year::Moved(year) if !is_day(year, month, day) => {
            Year::NoSuchDay(year)
        }
        found => found,
    }
}

fn is_day(year: u16, month: u16, day: u16) -> bool {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + u16::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// Letters that stand where their look cannot be meant ("LÈon") in the character set that they were written in ("Léon").
pub fn letters(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied().unwrap_or(' ');
    let repaired = characters.iter().enumerate().map(|(index, &character)| {
        let before = if index == 0 { ' ' } else { at(index - 1) };
        letter(character, before, at(index + 1)).unwrap_or(character)
    });
    repaired.collect()
}

/// What a character was before it was misread, if its neighbours say that it was.
fn letter(character: char, before: char, after: char) -> Option<char> {
    if character.is_ascii() {
        return None;
    }
    let place = MAC_ROMAN.chars().position(|it| it == character)?;
    let written = match place {
        0..32 => WINDOWS_1252_CONTROLS.chars().nth(place)?,
        _ => char::from_u32(place as u32 + 0x80)?,
    };
    let is_out_of_place = if character.is_alphabetic() {
        // A capital inside a word that goes on in small letters.
        before.is_alphabetic() && character.is_uppercase() && (before.is_lowercase() || after.is_lowercase())
    } else {
        // A sign inside a word.
        before.is_alphabetic() && (before.is_lowercase() || after.is_lowercase())
    };
    let is_half = written == '½' && before.is_ascii_digit();
    let is_ellipsis = written == '…' && before == ' ' && after == ' ';
    let is_small_letter = ('ß'..='ÿ').contains(&written) && written != '÷';
    (is_half || is_ellipsis || (is_out_of_place && is_small_letter)).then_some(written)
}

/// Without spaces at the ends, and with one where there are several.
pub fn spaces(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `Secret, The` is filed under S, and called `The Secret`.
pub fn article(text: &str) -> String {
    for article in ["The", "An", "A"] {
        let name = text.strip_suffix(article).and_then(|rest| rest.strip_suffix(", "));
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            return format!("{article} {name}");
        }
    }
    text.to_owned()
}

/// `Lolita (1962)` of 1962 is called `Lolita`: the year has a field of its own.
pub fn without_year(text: &str, year: u16) -> String {
    match text.strip_suffix(&format!(" ({year})")) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => text.to_owned(),
    }
}
