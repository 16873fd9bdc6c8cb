//! The arithmetic of `docs/moment/fit.py` and that of the program agree on plays that the script wrote down.

use super::{calibration, gallery, reader};
use badgerserver::poco::moment::{Device, Feature, Model, Moment, order_for_moment};
use badgerserver::poco::{Gallery, Kind, Layout, Play};
use serde_json::Value;
use std::collections::BTreeSet;

/// A play alone in its row, and what the script says of it.
struct Case {
    record: Vec<u8>,
    moment: Moment,
    bins: Vec<usize>,
    logit: f64,
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn case(written: &Value) -> Case {
    let play = &written["play"];
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(number).collect::<Vec<u64>>();
    let bytes = |value: &Value| numbers(value).into_iter().map(|it| it.try_into().unwrap()).collect::<Vec<u8>>();
    let play = Play {
        card: 1,
        fraction_watched: number(&play["fraction_watched"]) as u8,
        last_play: number(&play["last_play"]) as u32,
        episodes_left: number(&play["episodes_left"]) as u16,
        plays: 1,
        plays_7_days: number(&play["plays_7_days"]) as u8,
        plays_30_days: number(&play["plays_30_days"]) as u8,
        devices: bytes(&play["devices"]).try_into().unwrap(),
        kind: Kind::from_name(play["kind"].as_str().unwrap()).unwrap(),
        hours: bytes(&play["hours"]).try_into().unwrap(),
    };
    let device = written["device"].as_str().map(|name| Device::from_name(name).unwrap());
    Case {
        record: Gallery { made_at: 0, ..gallery(&[play], Layout::Shared) }.to_record().unwrap(),
        moment: Moment { now: number(&written["now"]) as u32, device },
        bins: numbers(&written["bins"]).into_iter().map(|bin| bin as usize).collect(),
        logit: written["logit"].as_f64().unwrap(),
    }
}

fn cases() -> impl Iterator<Item = Case> {
    let written: Vec<Value> = serde_json::from_str(include_str!("../../docs/moment/odds.json")).unwrap();
    written.into_iter().map(|written| case(&written))
}

/// The logit of the row's chance.
fn logit(model: &Model, case: &Case) -> f64 {
    let Ok(made) = order_for_moment(model, case.moment, reader(&case.record));
    let chance = f64::from(made.expect("there is such a row").chance());
    (chance / (1.0 - chance)).ln()
}

#[test]
fn odds_are_those_of_the_fit() {
    let [slope, offset] = calibration();
    for case in cases() {
        let logit = (logit(&Model::default(), &case) - offset) / slope;
        assert!((logit - case.logit).abs() < 2e-3, "{logit}, not {}: {:?} {:?}", case.logit, case.moment, case.bins);
    }
}

/// By models in which one feature counts and the weights of its bins are their numbers, a logit is a bin. Two neighbours
/// whose weights are nearly the same would pass for each other above.
#[test]
fn bins_are_those_of_the_fit_and_none_is_left_out() {
    for (column, feature) in Feature::ALL.iter().enumerate() {
        let mut text = "badger continue-watching model 1\nbias 0\ncalibration 1 0\n".to_owned();
        for other in Feature::ALL {
            let weights = (0..other.bins()).map(|bin| if other == feature { bin } else { 0 });
            let weights: Vec<String> = weights.map(|weight| weight.to_string()).collect();
            text += &format!("{} {}\n", other.name(), weights.join(" "));
        }
        let model = Model::from_text(&text).unwrap();
        let mut missing: BTreeSet<usize> = (0..feature.bins()).collect();
        for case in cases() {
            let (found, meant) = (logit(&model, &case), case.bins[column]);
            assert!((found - meant as f64).abs() < 0.1, "{feature:?} {found}, not {meant}: {:?}", case.moment);
            missing.remove(&meant);
        }
        assert!(missing.is_empty(), "nothing in docs/moment/odds.json is in these bins of {feature:?}: {missing:?}");
    }
}
