//! What a device tells of its battery and of how warm it is, as the kernel has it in files: /sys/class/power_supply and
//! /sys/class/thermal.
//!
//! Drivers of phones leave files out, refuse to read them, or tell what cannot be. Whatever is not plausible is not known.
//! A read may ask a chip over a slow bus, so nothing here is done unless somebody wants to see it.
#![forbid(unsafe_code)]

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

/// Power supplies that are looked at; a phone has about five: battery, mains, USB, wireless, fuel gauge.
const SUPPLIES_MAX: usize = 16;
/// Thermal zones that are read, the first by number. Phones have 80 and more, one for each corner of each chip, and each may
/// take a millisecond; the first are those of the processor.
pub(crate) const ZONES_MAX: usize = 16;
/// More of a file is not read: what is looked for is a word or a number.
const FILE_BYTES_MAX: u64 = 128;
/// More of a name is left out.
const NAME_BYTES_MAX: usize = 48;

/// What is known of a device.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Device {
    pub(crate) batteries: Vec<Battery>,
    pub(crate) zones: Vec<Zone>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Battery {
    pub(crate) name: String,
    /// `Charging`, `Discharging`, `Not charging` or `Full`.
    pub(crate) status: Option<String>,
    /// From 0 to 1.
    pub(crate) charge: Option<f64>,
    pub(crate) celsius: Option<f64>,
    /// Drivers disagree on what is positive.
    pub(crate) amperes: Option<f64>,
    pub(crate) volts: Option<f64>,
}

/// A place whose temperature is measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Zone {
    pub(crate) number: usize,
    /// What it is: `cpu-thermal`.
    pub(crate) kind: String,
    pub(crate) celsius: f64,
}

/// Looks. `root`: where the file system begins, which is elsewhere in tests.
pub(crate) fn look(root: &Path) -> Device {
    let supplies = root.join("sys/class/power_supply");
    let mut names = names(&supplies);
    names.sort_unstable();
    let batteries = names.iter().take(SUPPLIES_MAX).filter_map(|name| battery(&supplies.join(name), name)).collect();
    let thermal = root.join("sys/class/thermal");
    let number = |name: String| name.strip_prefix("thermal_zone")?.parse::<usize>().ok();
    let mut numbers: Vec<_> = self::names(&thermal).into_iter().filter_map(number).collect();
    numbers.sort_unstable();
    let zones = numbers.into_iter().take(ZONES_MAX).filter_map(|number| zone(&thermal, number)).collect();
    Device { batteries, zones }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// A word or a number, if the driver says one.
fn word(folder: &Path, name: &str) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(folder.join(name)).ok()?.take(FILE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    let text = plain(String::from_utf8_lossy(&bytes).trim());
    (!text.is_empty()).then_some(text)
}

/// Printable ASCII, not too long: it becomes part of lines and labels.
fn plain(text: &str) -> String {
    let is_plain = |character: &char| character.is_ascii_graphic() || *character == ' ';
    text.chars().filter(is_plain).take(NAME_BYTES_MAX).collect()
}

/// In units of which `per_unit` are one, if it is in what is plausible.
fn number(folder: &Path, name: &str, per_unit: f64, plausible: std::ops::RangeInclusive<f64>) -> Option<f64> {
    let value = word(folder, name)?.parse::<i64>().ok()? as f64 / per_unit;
    plausible.contains(&value).then_some(value)
}

fn battery(folder: &Path, name: &str) -> Option<Battery> {
    // A mouse or a game pad has a battery too, whose scope is `Device`.
    if word(folder, "type")? != "Battery" || word(folder, "scope").is_some_and(|scope| scope == "Device") {
        return None;
    }
    // One that was taken out goes on telling what it last knew.
    if word(folder, "present").is_some_and(|present| present == "0") {
        return None;
    }
    let battery = Battery {
        name: plain(name),
        status: word(folder, "status").filter(|status| status != "Unknown"),
        charge: number(folder, "capacity", 100.0, 0.0..=1.0),
        // Tenths of a degree.
        celsius: number(folder, "temp", 10.0, -40.0..=120.0),
        // Millionths; a phone's charger gives a few amperes.
        amperes: number(folder, "current_now", 1e6, -30.0..=30.0),
        volts: number(folder, "voltage_now", 1e6, 0.5..=100.0),
    };
    let Battery { status, charge, celsius, amperes, volts, .. } = &battery;
    let is_known = status.is_some() || [charge, celsius, amperes, volts].iter().any(|value| value.is_some());
    is_known.then_some(battery)
}

fn zone(folder: &Path, number: usize) -> Option<Zone> {
    let folder = folder.join(format!("thermal_zone{number}"));
    let value = word(&folder, "temp")?.parse::<i64>().ok()? as f64;
    // Thousandths of a degree, but whole degrees on some kernels of old phones; as thousandths these would be nothing at all.
    let celsius = if value.abs() <= 150.0 { value } else { value / 1000.0 };
    // A sensor that is switched off says 0, or something no phone has survived.
    let is_plausible = value != 0.0 && (-40.0..=150.0).contains(&celsius);
    let kind = word(&folder, "type").unwrap_or_else(|| "unknown".to_owned());
    is_plausible.then_some(Zone { number, kind, celsius })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sys::tree::Tree;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let tree = Tree::new("device");
        files.iter().for_each(|(name, text)| tree.write(&format!("sys/class/{name}"), text));
        tree
    }

    /// A phone on its charger, warm.
    pub(crate) fn phone() -> Tree {
        tree(&[
            ("power_supply/battery/type", "Battery\n"),
            ("power_supply/battery/status", "Charging\n"),
            ("power_supply/battery/capacity", "83\n"),
            ("power_supply/battery/temp", "312\n"),
            ("power_supply/battery/current_now", "-412000\n"),
            ("power_supply/battery/voltage_now", "3921000\n"),
            ("power_supply/usb/type", "USB\n"),
            ("power_supply/usb/online", "1\n"),
            ("thermal/cooling_device0/type", "Processor\n"),
            ("thermal/thermal_zone0/type", "cpu-thermal\n"),
            ("thermal/thermal_zone0/temp", "41500\n"),
            ("thermal/thermal_zone10/type", "say \"hot\"\\\n"),
            ("thermal/thermal_zone10/temp", "36000\n"),
        ])
    }

    #[test]
    fn a_phone_tells_of_its_battery_and_how_warm_it_is() {
        let device = look(phone().root());
        let battery = Battery {
            name: "battery".to_owned(),
            status: Some("Charging".to_owned()),
            charge: Some(0.83),
            celsius: Some(31.2),
            amperes: Some(-0.412),
            volts: Some(3.921),
        };
        assert_eq!(device.batteries, [battery]);
        let zone = |number, kind: &str, celsius| Zone { number, kind: kind.to_owned(), celsius };
        assert_eq!(device.zones, [zone(0, "cpu-thermal", 41.5), zone(10, "say \"hot\"\\", 36.0)]);
    }

    #[test]
    fn what_cannot_be_is_not_known() {
        let charge = |text: &str| {
            let tree = tree(&[
                ("power_supply/b/type", "Battery"),
                ("power_supply/b/status", "Full"),
                ("power_supply/b/capacity", text),
            ]);
            look(tree.root()).batteries[0].charge
        };
        for (text, wanted) in [
            ("0", Some(0.0)),
            ("100\n", Some(1.0)),
            ("101", None),
            ("-1", None),
            ("", None),
            ("n/a", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(charge(text), wanted, "{text}");
        }
        let celsius = |text: &str| {
            let tree = tree(&[("thermal/thermal_zone0/temp", text)]);
            look(tree.root()).zones.first().map(|zone| (zone.kind.clone(), zone.celsius))
        };
        for (text, wanted) in [
            ("41500", Some(41.5)),
            ("-5000", Some(-5.0)),
            // A kernel of an old phone.
            ("38", Some(38.0)),
            ("0", None),
            ("-274000", None),
            ("200000", None),
            ("-9223372036854775808", None),
            ("", None),
            ("hot", None),
        ] {
            assert_eq!(celsius(text), wanted.map(|celsius| ("unknown".to_owned(), celsius)), "{text}");
        }
    }

    #[test]
    fn only_batteries_of_the_machine_count() {
        let tree = tree(&[
            ("power_supply/AC/type", "Mains"),
            ("power_supply/AC/online", "1"),
            ("power_supply/hid-mouse/type", "Battery"),
            ("power_supply/hid-mouse/scope", "Device"),
            ("power_supply/hid-mouse/capacity", "50"),
            ("power_supply/BAT0/type", "Battery"),
            ("power_supply/BAT0/scope", "System"),
            ("power_supply/BAT0/capacity", "12"),
            ("power_supply/BAT1/type", "Battery"),
            ("power_supply/BAT1/present", "0"),
            ("power_supply/BAT1/capacity", "77"),
            // One of which nothing is known, and one whose file is a folder: neither can be read.
            ("power_supply/BAT2/type", "Battery"),
            ("power_supply/BAT2/status", "Unknown"),
            ("power_supply/BAT2/capacity/x", "1"),
            ("power_supply/broken/type/x", "Battery"),
        ]);
        let found = look(tree.root()).batteries;
        assert_eq!(
            found.iter().map(|battery| (&battery.name[..], battery.charge)).collect::<Vec<_>>(),
            [("BAT0", Some(0.12))]
        );
        assert_eq!(look(Path::new("/nowhere/at/all")), Device::default());
    }

    #[test]
    fn of_many_zones_the_first_are_read_and_names_stay_plain() {
        let tree = Tree::new("device");
        for number in 0..90 {
            tree.write(&format!("sys/class/thermal/thermal_zone{number}/temp"), "30000");
            tree.write(
                &format!("sys/class/thermal/thermal_zone{number}/type"),
                &format!("\u{1b}[1mé{}", "z".repeat(200)),
            );
        }
        let zones = look(tree.root()).zones;
        assert_eq!(zones.iter().map(|zone| zone.number).collect::<Vec<_>>(), (0..ZONES_MAX).collect::<Vec<_>>());
        assert!(
            zones.iter().all(|zone| zone.kind.starts_with("[1mz") && zone.kind.len() <= NAME_BYTES_MAX),
            "{zones:?}"
        );
    }
}
