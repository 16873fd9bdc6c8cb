//! Where it listens.

use super::place::Complaints;
use super::table::{Table, Value, nearest, wrong_type};
use crate::serve::ServeArguments;
use badgerserver::{ListenOptions, TrustedProxy};
use std::ops::Range;
use std::path::Path;
use toml::de::DeValue;

/// Where it listens when nothing is said: this machine only.
pub(crate) const LISTEN_DEFAULT: &str = "127.0.0.1:8080";

/// An address, and what the file says of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ListenerSettings {
    pub(crate) address: String,
    mode: Option<u32>,
    ipv6_only: Option<bool>,
    proxy_from: Option<Vec<TrustedProxy>>,
}

impl ListenerSettings {
    /// One that a flag names.
    pub(super) fn plain(address: &str) -> ListenerSettings {
        ListenerSettings { address: address.to_owned(), ..ListenerSettings::default() }
    }

    /// With what the flags say of all listeners, which goes before what the file says of this one.
    pub(super) fn options(&self, arguments: &ServeArguments) -> ListenOptions {
        let mut options = ListenOptions::default();
        options.unix_mode = arguments.unix_mode.or(self.mode);
        options.ipv6_only = arguments.ipv6_only || self.ipv6_only.unwrap_or_default();
        options.proxy_from = match &arguments.proxy_from[..] {
            [] => self.proxy_from.clone().unwrap_or_default(),
            given => given.to_vec(),
        };
        options
    }

    fn read(mut table: Table<'_>, folder: &Path, complaints: &mut Complaints) -> Option<ListenerSettings> {
        let address = table.required("address", complaints);
        let address = address.filter(|(address, span)| is_address(address, span.clone(), complaints));
        let mode = table.value("mode").and_then(|value| read_mode(value, complaints));
        let ipv6_only = table.boolean("ipv6_only", complaints);
        let is_given = table.value("proxy_from").is_some();
        let mut proxies = Vec::new();
        for (text, span) in table.strings("proxy_from", complaints) {
            match text.parse() {
                Ok(proxy) => proxies.push(proxy),
                Err(error) => complaints.add(span, format!("{text:?} names no proxy"), format!("{error}")),
            }
        }
        table.finish(complaints);
        let address = from_folder(&address?.0, folder);
        Some(ListenerSettings { address, mode, ipv6_only, proxy_from: is_given.then_some(proxies) })
    }
}

/// The path of a unix socket is relative to the folder of the file, as all paths in it.
pub(super) fn from_folder(address: &str, folder: &Path) -> String {
    match address.strip_prefix("unix:") {
        Some(path) if !path.is_empty() => format!("unix:{}", folder.join(path).display()),
        _ => address.to_owned(),
    }
}

/// Whether it looks like an address; whether it can be had is seen when the server starts.
fn is_address(address: &str, span: Range<usize>, complaints: &mut Complaints) -> bool {
    let is_one = match address.strip_prefix("unix:") {
        Some(path) => !path.is_empty(),
        None => address.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()),
    };
    if !is_one {
        complaints.add(
            span,
            format!("{address:?} is no address"),
            "addresses are like 127.0.0.1:8080, [::]:8080, unix:PATH",
        );
    }
    is_one
}

/// `listen = "127.0.0.1:8080"`, a list of such texts, of tables, or `[[listen]]`.
pub(super) fn read_listeners(
    value: Option<&Value<'_>>,
    folder: &Path,
    complaints: &mut Complaints,
) -> Option<Vec<ListenerSettings>> {
    let mut one = |value: &Value<'_>| match value.get_ref() {
        DeValue::String(address) => is_address(address, value.span(), complaints)
            .then(|| ListenerSettings::plain(&from_folder(address, folder))),
        DeValue::Table(_) => {
            let table = Table::of(value, "[[listen]]", complaints)?;
            ListenerSettings::read(table, folder, complaints)
        }
        _ => {
            wrong_type(value, "an address in quotes, or a table with address = \"...\"", complaints);
            None
        }
    };
    match value?.get_ref() {
        DeValue::Array(values) => Some(values.iter().filter_map(one).collect()),
        _ => Some(one(value?).into_iter().collect()),
    }
}

/// `0o660`, or the same as a text.
fn read_mode(value: &Value<'_>, complaints: &mut Complaints) -> Option<u32> {
    let text = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 8 => number.as_str(),
        DeValue::String(text) => text,
        _ => "",
    };
    let mode = unix_mode(text);
    if let Err(what) = mode {
        complaints.add(value.span(), "these are no permissions of a file", what);
    }
    mode.ok()
}

/// `660`: permissions as chmod takes them.
pub(crate) fn unix_mode(text: &str) -> Result<u32, &'static str> {
    let is_octal = text.len() >= 3 && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o777);
    mode.ok_or("write permissions as chmod takes them, like 660 (in the file 0o660 or \"660\")")
}

/// Why a key that is a flag has no meaning beside the listeners.
pub(super) fn of_listener(key: &str) -> Option<String> {
    let inside = match key {
        "unix_mode" => "mode",
        "ipv6_only" | "proxy_from" => key,
        _ => return None,
    };
    Some(format!("it belongs to a listener: [[listen]] with address and {inside}"))
}

/// What to write in place of a key that there is not.
pub(super) fn help<'n>(key: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    of_listener(key).unwrap_or_else(|| nearest(key, known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions() {
        for (text, mode) in [("660", Some(0o660)), ("0600", Some(0o600)), ("777", Some(0o777))] {
            assert_eq!(unix_mode(text).ok(), mode, "{text}");
        }
        for text in ["", "6", "66", "888", "0o660", "1777", "+660", "rw-rw----"] {
            assert!(unix_mode(text).is_err(), "{text}");
        }
    }
}
