//! Profiles: who looks, what they have watched, and the rows that were chosen for them.

use super::titles::{GENRES, Title};
use super::words::{DIRECTORS, FIRST_NAMES, PEOPLE};
use crate::random::Random;
use std::cmp::Reverse;
use std::io::{self, Write};

/// Rows of a gallery, and titles of a row.
pub(crate) const ROWS: usize = 40;
pub(crate) const ROW_TITLES: usize = 75;
/// Titles that a profile has finished, beside those it is in the middle of.
const FINISHED: usize = 24;
/// The demo's today, in seconds since 1970: a fixed day, so that the same demo is made on every day.
pub(crate) const MADE_AT: u32 = 1_790_000_000;
const DAY: u32 = 86_400;

/// A row: the titles' places in the list of all, best first.
#[derive(Debug)]
pub(crate) struct Row {
    name: String,
    kind: &'static str,
    pub(crate) titles: Vec<usize>,
    /// Whether each title has a score for this profile.
    is_scored: bool,
}

/// One profile. Number 0 is the guest, whose gallery is the default one.
#[derive(Debug)]
pub(crate) struct Profile {
    id: String,
    name: String,
    is_guest: bool,
    pub(crate) rows: Vec<Row>,
    /// Places of the titles that it is in the middle of, then of those that it has finished.
    watching: Vec<usize>,
    finished: Vec<usize>,
    /// How well each title fits, 0 to 99.
    scores: Vec<u32>,
    random: Random,
}

/// Profile `number` of the demo with these titles.
pub(crate) fn make(number: usize, titles: &[Title]) -> Profile {
    let mut random = Random::of("profile", number as u64);
    let is_guest = number == 0;
    let (id, name) = identity(number, &mut random);
    // A taste for each genre, a decade that it likes, and chance.
    let tastes: Vec<u32> = GENRES.iter().map(|_| random.between(0, 45)).collect();
    let decade = random.between(195, 202);
    let score = |title: &Title, random: &mut Random| {
        let taste = title.genres.iter().map(|genre| tastes[*genre]).max().unwrap_or_default();
        let era = if title.year / 10 == decade { 12 } else { 0 };
        (taste + era + title.popularity / 3 + random.between(0, 12)).min(99)
    };
    let scores: Vec<u32> = titles.iter().map(|title| score(title, &mut random)).collect();
    let mut best: Vec<usize> = (0..titles.len()).collect();
    best.sort_by_key(|place| (Reverse(scores[*place]), *place));
    let mut seen = best.clone();
    seen.sort_by_cached_key(|place| (Reverse(scores[*place] + random.between(0, 40)), *place));
    let watching: Vec<usize> = if is_guest { Vec::new() } else { seen.iter().copied().take(ROW_TITLES).collect() };
    let finished = if is_guest { Vec::new() } else { seen.iter().copied().skip(ROW_TITLES).take(FINISHED).collect() };
    let mut profile = Profile { id, name, is_guest, rows: Vec::new(), watching, finished, scores, random };
    profile.choose_rows(titles, &best, &tastes);
    profile
}

fn identity(number: usize, random: &mut Random) -> (String, String) {
    if number == 0 {
        return ("guest".to_owned(), "Guest".to_owned());
    }
    // The first ones have names for ids, so that a person can type them.
    if let Some(name) = FIRST_NAMES.get(number - 1) {
        return (name.to_lowercase().chars().map(plain).collect(), (*name).to_owned());
    }
    let name = if random.chance(1, 5) { random.pick(&PEOPLE) } else { random.pick(&FIRST_NAMES) };
    (format!("viewer-{number}"), name.to_owned())
}

/// A letter without what is above it.
fn plain(letter: char) -> char {
    match letter {
        'å' => 'a',
        'é' | 'ë' => 'e',
        'í' => 'i',
        'ł' => 'l',
        'ö' | 'ø' => 'o',
        'ü' => 'u',
        other => other,
    }
}

impl Profile {
    fn choose_rows(&mut self, titles: &[Title], best: &[usize], tastes: &[u32]) {
        let pick = |fits: &dyn Fn(&Title) -> bool| -> Vec<usize> {
            best.iter().copied().filter(|place| fits(&titles[*place])).take(ROW_TITLES).collect()
        };
        let mut rows = Vec::with_capacity(ROWS);
        let mut push = |name: String, kind, titles, is_scored| rows.push(Row { name, kind, titles, is_scored });
        if self.is_guest {
            push("Start Here".into(), "other", pick(&|title| title.match_score > 80 && title.year > 1980), false);
            push("Short and Sweet".into(), "other", pick(&|title| title.runtime_minutes < 45), false);
        } else {
            push("Continue Watching".into(), "continue_watching", self.watching.clone(), false);
            let mut list = best.to_vec();
            let mut random = self.random.clone();
            list.sort_by_cached_key(|place| (Reverse(self.scores[*place] / 8 + random.between(0, 12)), *place));
            push("My List".into(), "my_list", list.into_iter().take(ROW_TITLES).collect(), false);
        }
        let mut trending: Vec<usize> = (0..titles.len()).collect();
        trending.sort_by_key(|place| (Reverse(titles[*place].popularity), *place));
        trending.truncate(ROW_TITLES);
        push("Trending Now".into(), "trending", trending, false);
        let name = if self.is_guest { "Top Picks".to_owned() } else { format!("Top Picks for {}", self.name) };
        push(name, "top_picks", best.iter().copied().take(ROW_TITLES).collect(), true);
        push("New Releases".into(), "new", pick(&|title| title.year >= 2022), false);
        for &seed in self.finished.iter().take(6) {
            let seed = &titles[seed];
            let is_alike =
                |title: &Title| title.id != seed.id && title.genres.iter().any(|it| seed.genres.contains(it));
            push(format!("Because you watched {}", seed.name), "because", pick(&is_alike), true);
        }
        let mut genres: Vec<usize> = (0..GENRES.len()).collect();
        genres.sort_by_key(|genre| (Reverse(tastes[*genre]), *genre));
        // The guest has no history: nothing is there because of it, and there is room for every genre.
        for &genre in genres.iter().take(if self.is_guest { GENRES.len() } else { 14 }) {
            push(GENRES[genre].to_owned(), "genre", pick(&|title| title.genres.contains(&genre)), false);
        }
        for _ in 0..4 {
            let director = self.random.below(DIRECTORS.len());
            let is_alike = |title: &Title| title.director % 4 == director % 4;
            let mut row = pick(&|title| title.director == director);
            row.extend(pick(&|title| title.director != director && is_alike(title)));
            row.truncate(ROW_TITLES);
            push(format!("For fans of {}", DIRECTORS[director]), "director", row, false);
        }
        for decade in [1950, 1970, 1980, 1990, 2000, 2010] {
            push(format!("The {decade}s"), "decade", pick(&|title| title.year / 10 * 10 == decade), false);
        }
        push("Under 90 Minutes".into(), "other", pick(&|title| !title.is_series && title.runtime_minutes < 90), false);
        push("Series to Get Lost In".into(), "other", pick(&|title| title.is_series), false);
        push("Epic Evenings".into(), "other", pick(&|title| title.runtime_minutes > 145), false);
        push("Hidden Gems".into(), "other", pick(&|title| title.popularity < 12), false);
        push("Loved by Nearly Everyone".into(), "other", pick(&|title| title.match_score > 92), false);
        rows.truncate(ROWS);
        self.rows = rows;
    }

    /// Writes the profile's line of profiles.ndjson.
    pub(crate) fn write(mut self, titles: &[Title], out: &mut impl Write) -> io::Result<()> {
        write!(
            out,
            "{{\"id\":\"{}\",\"name\":{},\"default\":{},",
            self.id,
            serde_json::json!(self.name),
            self.is_guest
        )?;
        write!(out, "\"made_at\":{MADE_AT},\"rows\":[")?;
        for (number, row) in self.rows.iter().enumerate() {
            let name = serde_json::json!(row.name);
            let comma = if number == 0 { "" } else { "," };
            write!(out, "{comma}{{\"id\":{},\"name\":{name},\"kind\":\"{}\",\"titles\":[", number + 1, row.kind)?;
            for (number, &place) in row.titles.iter().enumerate() {
                let comma = if number == 0 { "" } else { "," };
                match row.is_scored {
                    true => {
                        write!(out, "{comma}{{\"id\":{},\"match_score\":{}}}", titles[place].id, self.scores[place])?
                    }
                    false => write!(out, "{comma}{}", titles[place].id)?,
                }
            }
            out.write_all(b"]}")?;
        }
        out.write_all(b"],\"plays\":[")?;
        let plays = self.watching.iter().chain(&self.finished).copied().collect::<Vec<_>>();
        for (number, place) in plays.into_iter().enumerate() {
            out.write_all(if number == 0 { b"" } else { b"," })?;
            self.write_play(number, &titles[place], out)?;
        }
        out.write_all(b"]}\n")
    }

    fn write_play(&mut self, number: usize, title: &Title, out: &mut impl Write) -> io::Result<()> {
        let random = &mut self.random;
        let is_finished = number >= self.watching.len();
        // Most recent first, days apart.
        let days_ago = number as u32 * 3 + random.between(0, 5);
        let last_play = MADE_AT - days_ago * DAY - random.between(0, DAY - 1);
        let hundredths = if is_finished { 100 } else { random.between(4, 94) };
        let plays = random.between(1, 12);
        let (week, month) = (if days_ago < 7 { plays.min(4) } else { 0 }, if days_ago < 30 { plays.min(9) } else { 0 });
        let episodes = if title.is_series && !is_finished { random.between(1, 30) } else { 0 };
        write!(out, "{{\"title\":{},\"last_play\":{last_play},\"fraction_watched\":", title.id)?;
        write!(out, "{}.{:02},\"episodes_left\":{episodes},\"plays\":{plays},", hundredths / 100, hundredths % 100)?;
        write!(out, "\"plays_7_days\":{week},\"plays_30_days\":{month},\"hours\":[")?;
        // An hour of the day that it is watched in, and the hours about it.
        let evening = random.between(16, 27) % 24;
        for hour in 0..24u32 {
            let away = (hour + 24 - evening) % 24;
            let count = [plays, plays / 2, plays / 4].get(away.min(24 - away) as usize).copied().unwrap_or_default();
            write!(out, "{}{count}", if hour == 0 { "" } else { "," })?;
        }
        let [tv, phone, web] = [random.between(0, 9), random.between(0, 4), random.between(0, 2)];
        write!(out, "],\"devices\":{{\"tv\":{tv},\"phone\":{phone},\"web\":{web},\"other\":0}}}}")
    }
}
