//! Names of titles and people, in the scripts of the world.

use super::concepts::CONCEPTS;
use super::words::*;
use crate::random::Random;

/// A title's name, and what it is called where it was made (empty: the same).
pub(super) struct Name {
    pub(super) shown: String,
    pub(super) original: String,
}

pub(super) fn title(random: &mut Random) -> Name {
    match random.below(20) {
        0..=11 => Name { shown: english(random), original: String::new() },
        12 => Name { shown: format!("{} {}", random.pick(&EMOJI), english(random)), original: String::new() },
        number => {
            let (english, native) = pair(random);
            // As a shop does: some are sold under their own name.
            if number < 16 {
                Name { shown: english, original: native }
            } else {
                Name { shown: native, original: String::new() }
            }
        }
    }
}

fn english(random: &mut Random) -> String {
    let (adjective, noun, place) = (random.pick(&ADJECTIVES), random.pick(&NOUNS), random.pick(&PLACES));
    match random.below(14) {
        0..=2 => format!("The {adjective} {noun}"),
        3 => format!("{adjective} {}", random.pick(&PLURALS)),
        4 => format!("The {} of {place}", random.pick(&TRADES)),
        5 => format!("{} {}", random.pick(&NUMBERS), random.pick(&PLURALS)),
        6 => format!("{} {place}", random.pick(&DOING)),
        7 => format!("{}’s {noun}", random.pick(&FIRST_NAMES)),
        8 => format!("The {noun} and the {}", random.pick(&NOUNS)),
        9 => format!("{place}: {adjective} {}", random.pick(&PLURALS)),
        10 => format!("{} & {}", random.pick(&FIRST_NAMES), random.pick(&FIRST_NAMES)),
        11 => format!("Goodnight, {place}"),
        12 => format!("{place} {}", random.between(2, 9)),
        _ => format!("How to Steal the {noun}"),
    }
}

/// The same name in English and in the language of its country.
fn pair(random: &mut Random) -> (String, String) {
    let (first, mut second) = (random.pick(&CONCEPTS), random.pick(&CONCEPTS));
    while second == first {
        second = random.pick(&CONCEPTS);
    }
    let language = 1 + random.below(10);
    let (a, b) = (first[language], second[language]);
    let of = format!("The {} of the {}", second[0], first[0]);
    let and = format!("{} and {}", first[0], second[0]);
    let lower = || b.to_lowercase();
    match language {
        1 => (and, format!("{a} y {}", lower())),
        2 => (and, format!("{a} i {}", lower())),
        3 => (and, format!("{a} va\u{300} {}", lower())),
        4 => (and, format!("{a} и {}", lower())),
        5 => (and, format!("{a} και {}", lower())),
        6 => (of, format!("{b} ال{a}")),
        7 => (and, format!("{a} और {b}")),
        8 => (of, format!("{a}之{b}")),
        9 => (of, format!("{a}の{b}")),
        _ => (of, format!("{a}의 {b}")),
    }
}

pub(super) fn person(random: &mut Random) -> String {
    if random.chance(1, 9) {
        return random.pick(&PEOPLE).to_owned();
    }
    format!("{} {}", random.pick(&FIRST_NAMES), random.pick(&LAST_NAMES))
}

pub(super) fn synopsis(random: &mut Random) -> String {
    let mut text =
        random.pick(&OPENINGS).replace("{p}", random.pick(&PLACES)).replace("{n}", random.pick(&FIRST_NAMES));
    let trade = random.pick(&TRADES).to_lowercase();
    if trade.starts_with(['a', 'e', 'i', 'o', 'u']) {
        text = text.replace("A {t}", "An {t}").replace("a {t}", "an {t}");
    }
    text = text.replace("{t}", &trade);
    let mut sentences = vec![text, random.pick(&MIDDLES).to_owned()];
    if random.chance(1, 2) {
        sentences.push(random.pick(&ENDINGS).to_owned());
    }
    sentences.join(" ")
}
