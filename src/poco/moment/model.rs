//! Pure: the weights by which a moment is judged, as text and as factors.
#![forbid(unsafe_code)]

use super::super::schema;
use super::Sight;

/// The model that a pack has when it has no other.
const DEFAULT: &str = include_str!("default.model");
/// The first line of a model.
const FIRST_LINE: &str = "badger continue-watching model 1";
/// Most rules for places.
const PLACES_MAX: usize = 16;
/// Most that weights may add up to, whatever their signs: beyond exp(88) an `f32` knows nothing.
const LOGITS_MAX: f32 = 80.0;
const HOUR_SECONDS: u32 = 3600;

macro_rules! features {
    ($($(#[doc = $doc:literal])+ $name:ident = $word:literal $bins:literal,)+) => {
        /// What is looked at of a play. Each has bins, and each bin a weight.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Feature {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Feature {
            /// All of them, in their order.
            pub const ALL: &'static [Feature] = &[$(Feature::$name),+];

            /// Its name in a model.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Feature::$name => $word),+ }
            }

            /// How many bins it has.
            #[must_use]
            pub const fn bins(self) -> usize {
                match self { $(Feature::$name => $bins),+ }
            }
        }
    };
}

features! {
    /// Time since the last play: less than an hour, 2, 4, ... 1,024 hours, more; unknown counts as more.
    Age = "age" 12,
    /// How much of a title that has no episodes left was watched, in eighths; the last bin: all of it.
    Film = "film" 9,
    /// How much of the episode was watched, when others are left.
    Series = "series" 9,
    /// Episodes left: none, 1, up to 3, 7, 15, more.
    Left = "left" 6,
    /// Plays in the last 7 days: none, 1, up to 3, 7, more.
    Week = "week" 5,
    /// Plays in the last 30 days: none, 1, up to 3, 7, 15, more.
    Month = "month" 6,
    /// Share of plays in the hour of the day, the one before and the one behind it, in fifths; the last bin: unknown.
    Hour = "hour" 6,
    /// Share of plays on this device, in fifths; the last bin: unknown.
    Device = "device" 6,
    /// What the title is: unknown, a film, a series, a documentary, a special.
    Kind = "kind" 5,
}

/// Room for the bins of a feature: a power of two, so that a masked bin needs no look at a bound.
const BINS_MAX: usize = 16;
const FEATURES: usize = Feature::ALL.len();
const _: () = assert!(schema::Kind::ALL.len() == Feature::Kind.bins(), "each kind of title has a bin");
/// What the first models did not have: without its line such a feature says nothing.
const ADDED: &[Feature] = &[Feature::Kind];

/// Why a text is no model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it, and what to do.
    pub what: String,
}

impl std::fmt::Display for ModelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for ModelError {}

/// Weights, and which chance leads to which place.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// exp of the bias.
    base: f32,
    /// exp of each weight.
    factors: [[f32; BINS_MAX]; FEATURES],
    /// The same, to be found by what a record has.
    tables: Box<Tables>,
    /// The chance of a row is the logistic function of this much of its logit and this much more.
    calibration: [f32; 2],
    /// Least odds of the row as a whole, and the place that they lead to; the highest odds first.
    places: Vec<(f32, u16)>,
}

impl Default for Model {
    fn default() -> Model {
        // A test reads it, so the fallback is never taken.
        Model::from_text(DEFAULT).unwrap_or(Model {
            base: 1.0,
            factors: [[1.0; BINS_MAX]; FEATURES],
            tables: Box::new(Tables::of(&[[1.0; BINS_MAX]; FEATURES])),
            calibration: [1.0, 0.0],
            places: Vec::new(),
        })
    }
}

impl Model {
    /// Reads a model: the first line `badger continue-watching model 1`, then, in any order, `bias W`, for each feature its
    /// name and a weight for each bin, `calibration SLOPE OFFSET`, and lines `place CHANCE POSITION`, the highest chance
    /// first: the row stands at this position (from 0) from this chance on, and behind all others below the last one.
    /// All numbers are from -64 to 64, and the bias and the largest weight of each feature add up to at most 80, whatever their
    /// signs. Behind `#` a line is a comment. `kind` may be left out, as models from before it do: it counts nothing then.
    ///
    /// # Errors
    /// The line, what is wrong with it, and what to do.
    pub fn from_text(text: &str) -> Result<Model, ModelError> {
        let wrong = |line: usize, what: String| ModelError { line, what };
        let mut lines =
            (1..).zip(text.lines()).map(|(number, line)| (number, line.split('#').next().unwrap_or("").trim()));
        match lines.next() {
            Some((_, FIRST_LINE)) => {}
            _ => return Err(wrong(1, format!("begin with the line `{FIRST_LINE}`"))),
        }
        let (mut bias, mut calibration) = (None, None);
        let mut weights = [None; FEATURES];
        let mut chances: Vec<(f32, u16, usize)> = Vec::new();
        let mut last_line = 1;
        for (number, line) in lines.filter(|(_, line)| !line.is_empty()) {
            last_line = number;
            let mut words = line.split_ascii_whitespace();
            let name = words.next().unwrap_or_default();
            let given = words.map(|word| match word.parse::<f32>() {
                Ok(value) if value.abs() <= 64.0 => Ok(value),
                Ok(_) | Err(_) => Err(wrong(number, format!("{word:?} is no number from -64 to 64"))),
            });
            let given = given.collect::<Result<Vec<f32>, ModelError>>()?;
            let exactly = |count: usize| match given.len() == count {
                true => Ok(()),
                false => Err(wrong(number, format!("{name} has {} numbers; write {count}", given.len()))),
            };
            let feature = Feature::ALL.iter().position(|feature| feature.name() == name);
            let is_repeated = match (name, feature) {
                ("bias", _) => {
                    exactly(1)?;
                    bias.replace(given[0]).is_some()
                }
                ("calibration", _) => {
                    exactly(2)?;
                    if given[0] <= 0.0 {
                        return Err(wrong(number, "the slope is not above 0, so more would mean less".to_owned()));
                    }
                    calibration.replace([given[0], given[1]]).is_some()
                }
                ("place", _) => {
                    exactly(2)?;
                    let (chance, position) = (given[0], given[1]);
                    let falls = chances.last().is_none_or(|last| chance < last.0);
                    if !(chance > 0.0 && chance < 1.0 && falls && position >= 0.0 && position.fract() == 0.0) {
                        let what = "a place has a chance between 0 and 1, below that of the line before, and a position, 0 to 64";
                        return Err(wrong(number, what.to_owned()));
                    }
                    if chances.len() == PLACES_MAX {
                        return Err(wrong(number, format!("more than {PLACES_MAX} places; leave the last ones out")));
                    }
                    chances.push((chance, position as u16, number));
                    false
                }
                (_, Some(index)) => {
                    exactly(Feature::ALL[index].bins())?;
                    let mut factors = [1.0; BINS_MAX];
                    factors.iter_mut().zip(&given).for_each(|(factor, weight)| *factor = weight.exp());
                    weights[index].replace(factors).is_some()
                }
                (_, None) => {
                    let names: Vec<_> = Feature::ALL.iter().map(|feature| feature.name()).collect();
                    let what =
                        format!("there is no {name:?}; there are bias, calibration, place, {}", names.join(", "));
                    return Err(wrong(number, what));
                }
            };
            if is_repeated {
                return Err(wrong(number, format!("{name} was given above; leave one of them out")));
            }
        }
        let missing = |name: &str| wrong(last_line, format!("the model ends without {name}; add its line"));
        let mut factors = [[1.0; BINS_MAX]; FEATURES];
        for (feature, given) in Feature::ALL.iter().zip(weights) {
            match given {
                Some(given) => factors[*feature as usize] = given,
                None if ADDED.contains(feature) => {}
                None => return Err(missing(feature.name())),
            }
        }
        let calibration = calibration.ok_or_else(|| missing("calibration"))?;
        let bias = bias.ok_or_else(|| missing("bias"))?;
        let largest = |factors: &[f32; BINS_MAX]| factors.iter().map(|factor| factor.ln().abs()).fold(0.0, f32::max);
        let logits = bias.abs() + factors.iter().map(largest).sum::<f32>();
        if logits > LOGITS_MAX {
            let what = format!(
                "the bias and the largest weight of each feature add up to {logits}, and chances can be told apart to {LOGITS_MAX}; write smaller weights"
            );
            return Err(wrong(last_line, what));
        }
        let [slope, offset] = calibration;
        let mut places = Vec::with_capacity(chances.len());
        for (chance, position, number) in chances {
            let odds = (((chance / (1.0 - chance)).ln() - offset) / slope).exp();
            if !(odds.is_normal() && odds < f32::MAX) {
                let what = format!(
                    "with the calibration {slope} {offset} no odds lead to a chance of {chance}; write a larger slope or leave the place out"
                );
                return Err(wrong(number, what));
            }
            places.push((odds, position));
        }
        let base = bias.exp();
        let tables = Box::new(Tables::of(&factors));
        Ok(Model { base, factors, tables, calibration, places })
    }

    /// The text of the default model.
    #[must_use]
    pub fn default_text() -> &'static str {
        DEFAULT
    }

    /// The odds that this title is resumed.
    #[inline]
    pub(super) fn odds(&self, play: &schema::Play, sight: &Sight) -> f32 {
        let Tables { age, watched, left, week, month, hour, device, kind } = &*self.tables;
        let near = near(play, sight);
        let hour = if near > 0 || play.hours != [0; 24] { hour[usize::from(near)] } else { hour[UNKNOWN] };
        let device = match sight.device {
            Some(known) if play.devices != [0; 4] => device[usize::from(play.devices[known as usize])],
            Some(_) | None => device[UNKNOWN],
        };
        let watched = watched[usize::from(play.episodes_left > 0)][usize::from(play.fraction_watched)];
        // In two chains, so that multiplications overlap.
        let past = age[age_bin(play, sight) % BINS_MAX] * week[usize::from(play.plays_7_days)] * watched;
        let rest = month[usize::from(play.plays_30_days)] * left[usize::from(byte(play.episodes_left))];
        self.base * past * (rest * (hour * device) * kind[usize::from(play.kind)])
    }

    /// The place of a row that is resumed at these odds, none: behind all others; and the chance of it.
    pub(super) fn place(&self, odds: f32) -> (Option<u16>, f32) {
        let place = self.places.iter().find(|place| odds >= place.0).map(|place| place.1);
        (place, self.chance(odds))
    }

    /// The calibrated chance of a row.
    fn chance(&self, odds: f32) -> f32 {
        let [slope, offset] = self.calibration;
        if odds > 0.0 { 1.0 / (1.0 + (-(slope * odds.ln() + offset)).exp()) } else { 0.0 }
    }

    /// Which chance leads to which place, the highest first.
    pub(super) fn places(&self) -> impl Iterator<Item = (f32, u16)> {
        self.places.iter().map(|(odds, place)| (self.chance(*odds), *place))
    }

    /// What of a play counts how much, the most first. A feature that does not apply is not among it.
    pub(super) fn reasons(&self, play: &schema::Play, sight: &Sight) -> Vec<Reason> {
        let bins = Bins::of(play, sight);
        let mut reasons: Vec<Reason> = bins
            .each()
            .map(|(feature, bin)| {
                let weights = self.factors[feature as usize][..feature.bins()].iter().map(|factor| factor.ln());
                let average = weights.clone().sum::<f32>() / feature.bins() as f32;
                Reason { feature, bin, by: weights.clone().nth(bin).unwrap_or(average) - average }
            })
            .collect();
        reasons.sort_by(|one, other| other.by.abs().total_cmp(&one.by.abs()));
        reasons
    }
}

/// What a feature of a title says, and how much that counts.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Reason {
    /// What was looked at.
    pub feature: Feature,
    /// The bin that the title is in.
    pub bin: usize,
    /// Logits that this bin has more than the feature's bins have on average; below 0 it speaks against the title.
    pub by: f32,
}

/// Behind the bytes of a table: what is not known.
const UNKNOWN: usize = 256;

/// Factors by what a record has, so that a request counts no bits and compares no bounds. A byte is always inside.
#[derive(Clone, Debug, PartialEq)]
struct Tables {
    /// By its bin.
    age: [f32; BINS_MAX],
    /// Without and with episodes left: `film` and `series` multiplied, since of the two one is always in its first bin.
    watched: [[f32; 256]; 2],
    left: [f32; 256],
    week: [f32; 256],
    month: [f32; 256],
    hour: [f32; UNKNOWN + 1],
    device: [f32; UNKNOWN + 1],
    kind: [f32; 256],
}

impl Tables {
    fn of(factors: &[[f32; BINS_MAX]; FEATURES]) -> Tables {
        let of = |feature: Feature, bin: usize| factors[feature as usize][bin];
        let by = |feature, bin: fn(u32) -> usize| std::array::from_fn(|byte| of(feature, bin(byte as u32)));
        let shares = |feature: Feature| {
            std::array::from_fn(|byte| of(feature, if byte == UNKNOWN { SHARE_BINS } else { share_bin(byte as u32) }))
        };
        let watched = |has_more: bool| {
            std::array::from_fn(|byte| {
                let eighths = eighths_bin(byte as u32);
                let (film, series) = if has_more { (0, eighths) } else { (eighths, 0) };
                of(Feature::Film, film) * of(Feature::Series, series)
            })
        };
        Tables {
            age: factors[Feature::Age as usize],
            watched: [watched(false), watched(true)],
            left: by(Feature::Left, left_bin),
            week: by(Feature::Week, week_bin),
            month: by(Feature::Month, month_bin),
            hour: shares(Feature::Hour),
            device: shares(Feature::Device),
            kind: by(Feature::Kind, kind_bin),
        }
    }
}

// From what a record has to a bin.

fn bits(number: u32, last: usize) -> usize {
    ((u32::BITS - number.leading_zeros()) as usize).min(last)
}

fn age_bin(play: &schema::Play, sight: &Sight) -> usize {
    let age = match play.last_play {
        0 => u32::MAX,
        last_play => sight.now.saturating_sub(last_play) / HOUR_SECONDS,
    };
    bits(age, Feature::Age.bins() - 1)
}

fn eighths_bin(half_percents: u32) -> usize {
    (half_percents / 25).min(8) as usize
}

fn left_bin(episodes: u32) -> usize {
    bits(episodes, Feature::Left.bins() - 1)
}

fn week_bin(plays: u32) -> usize {
    bits(plays, Feature::Week.bins() - 1)
}

fn month_bin(plays: u32) -> usize {
    bits(plays, Feature::Month.bins() - 1)
}

/// A kind that a newer version added is not known here.
fn kind_bin(kind: u32) -> usize {
    let known = u8::try_from(kind).ok().and_then(schema::Kind::from_number).unwrap_or_default();
    usize::from(known.number())
}

/// Bins of a share, of which the one behind them is for what is not known.
const SHARE_BINS: usize = 5;

fn share_bin(share: u32) -> usize {
    (share * 5 / 256).min(4) as usize
}

/// A number, or what a byte can say of it: more is in the last bin anyway.
fn byte(number: u16) -> u8 {
    number.min(255) as u8
}

/// The share of plays about this hour. Rounded, three shares may be more than all.
fn near(play: &schema::Play, sight: &Sight) -> u8 {
    // Read with a remainder, the hours need no look at a bound: there are 24, and they are below that.
    byte(sight.hours.iter().map(|hour| u16::from(play.hours[usize::from(*hour) % 24])).sum())
}

/// The bins that a play is in.
struct Bins {
    has_more: bool,
    eighths: usize,
    age: usize,
    left: usize,
    week: usize,
    month: usize,
    hour: usize,
    device: usize,
    kind: usize,
}

impl Bins {
    fn of(play: &schema::Play, sight: &Sight) -> Bins {
        let near = near(play, sight);
        Bins {
            has_more: play.episodes_left > 0,
            eighths: eighths_bin(u32::from(play.fraction_watched)),
            age: age_bin(play, sight),
            left: left_bin(u32::from(play.episodes_left)),
            week: week_bin(u32::from(play.plays_7_days)),
            month: month_bin(u32::from(play.plays_30_days)),
            hour: if play.hours == [0; 24] { SHARE_BINS } else { share_bin(u32::from(near)) },
            device: match sight.device {
                Some(device) if play.devices != [0; 4] => share_bin(u32::from(play.devices[device as usize])),
                Some(_) | None => SHARE_BINS,
            },
            kind: kind_bin(u32::from(play.kind)),
        }
    }

    /// The features that apply, each with its bin.
    fn each(&self) -> impl Iterator<Item = (Feature, usize)> {
        Feature::ALL.iter().filter_map(|feature| {
            let bin = match feature {
                Feature::Age => self.age,
                Feature::Film if self.has_more => return None,
                Feature::Series if !self.has_more => return None,
                Feature::Film | Feature::Series => self.eighths,
                Feature::Left => self.left,
                Feature::Week => self.week,
                Feature::Month => self.month,
                Feature::Hour => self.hour,
                Feature::Device => self.device,
                Feature::Kind if self.kind == 0 => return None,
                Feature::Kind => self.kind,
            };
            Some((*feature, bin))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poco::moment::{Device, Moment};

    /// What a request multiplies and what is told of it are made in two ways from the same weights.
    #[test]
    fn the_odds_are_those_of_the_bins_that_are_told() {
        let model = Model::default();
        // Each value of a byte, and of what has more of them the edges of its bins.
        let wide = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 255, 256, 300, u16::MAX];
        let made_at = 1_790_000_000;
        let mut met = [[false; BINS_MAX]; FEATURES];
        for turn in 0..20_000_u32 {
            // Steps that have no divisor in common with the lengths, so that all come together in the end.
            let step = |prime: u32, count: usize| (turn.wrapping_mul(prime) >> 3) as usize % count;
            let byte = |prime: u32| step(prime, 256) as u8;
            let mut hours = [0; 24];
            if turn % 7 > 0 {
                hours[step(2_654_435_761, 24)] = byte(40_503);
                hours[step(2_246_822_519, 24)] = byte(3_266_489_917);
            }
            let shares = [byte(668_265_263), byte(374_761_393), byte(1_274_126_177), 0];
            let hours_ago = [0, 1, 2, 5, 9, 20, 40, 80, 150, 300, 700, 1500, 5000][step(1_911_520_717, 13)];
            let play = schema::Play {
                last_play: if turn % 11 == 0 { 0 } else { made_at - hours_ago * HOUR_SECONDS },
                episodes_left: wide[step(2_869_860_233, wide.len())],
                fraction_watched: byte(1_597_334_677),
                plays_7_days: byte(3_812_015_801),
                plays_30_days: byte(958_689_617),
                devices: if turn % 5 > 0 { shares } else { [0; 4] },
                kind: byte(2_127_912_214),
                hours,
                ..bytemuck::Zeroable::zeroed()
            };
            let device = [None, Some(Device::Tv), Some(Device::Phone), Some(Device::Web)][step(97_531, 4)];
            let sight = Sight::new(Moment { now: made_at + turn % 3600, device }, made_at);
            let mut logits = model.base.ln();
            for (feature, bin) in Bins::of(&play, &sight).each() {
                met[feature as usize][bin] = true;
                logits += model.factors[feature as usize][bin].ln();
            }
            // What is not told counts by its first bin, whatever the title is.
            let more = if play.episodes_left > 0 { Feature::Film } else { Feature::Series };
            logits += model.factors[more as usize][0].ln();
            if kind_bin(u32::from(play.kind)) == 0 {
                logits += model.factors[Feature::Kind as usize][0].ln();
            }
            let odds = model.odds(&play, &sight).ln();
            assert!((odds - logits).abs() < 1e-4, "{odds} and {logits}: {play:?}, {sight:?}");
        }
        for feature in Feature::ALL {
            let first = usize::from(*feature == Feature::Kind);
            let missed = (first..feature.bins()).find(|&bin| !met[*feature as usize][bin]);
            assert_eq!(missed, None, "{feature:?}");
        }
    }

    /// A model of which an `f32` could not tell the chances.
    #[test]
    fn weights_are_bounded_together() {
        let with = |changes: &[(&str, &str)]| {
            let line = |line: &str| {
                let name = line.split(' ').next().unwrap_or_default();
                changes.iter().find(|change| change.0 == name).map_or(line.to_owned(), |change| change.1.to_owned())
            };
            Model::from_text(&DEFAULT.lines().map(line).collect::<Vec<_>>().join("\n"))
        };
        assert!(with(&[]).is_ok());
        assert!(with(&[("bias", "bias 40")]).is_ok());
        let large = "age 0 0 0 0 0 0 0 0 0 0 0 -45";
        let error = with(&[("bias", "bias 40"), ("age", large)]).unwrap_err();
        assert!(error.what.contains("add up to") && error.what.contains("smaller weights"), "{error}");
        for calibration in ["calibration 0.001 0", "calibration 0.5 64", "calibration 0.5 -64"] {
            let error = with(&[("calibration", calibration)]).unwrap_err();
            assert!(error.what.contains("larger slope"), "{calibration}: {error}");
            assert!(DEFAULT.lines().nth(error.line - 1).is_some_and(|line| line.starts_with("place ")), "{error}");
        }
    }
}
