//! The file of settings: TOML, read key by key.

use super::listeners::{ListenerSettings, from_folder, help, of_listener, read_listeners};
use super::mounts::{MountSettings, RedirectSettings, read_mounts, read_redirects};
use super::place::{Complaints, Document, Place};
use super::table::{Table, Value, strings, wrong_type};
use super::{bare_serve_command, table};
use crate::failure::{Failure, io_failure};
use clap::builder::ValueHint;
use clap::error::ContextKind;
use clap::{Arg, ArgAction, Command};
use std::collections::BTreeSet;
use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use toml::de::{DeTable, DeValue};

/// Flags that are no key of the file: they name it, or are about one start, or have a structure of their own there.
const NOT_IN_FILE: [&str; 7] = ["help", "config", "takeover", "mount", "unix-mode", "ipv6-only", "proxy-from"];
/// Keys that are more than a flag.
const STRUCTURED: [&str; 4] = ["listen", "mount", "redirect", "paths"];

/// A key and its value as on the command line.
#[derive(Debug)]
pub(crate) struct Word {
    /// The id of its argument.
    pub(crate) id: String,
    pub(crate) word: OsString,
    pub(crate) place: Place,
}

/// What a file says.
#[derive(Debug)]
pub(crate) struct FileSettings {
    pub(crate) words: Vec<Word>,
    pub(crate) listeners: Option<Vec<ListenerSettings>>,
    pub(crate) mounts: Vec<MountSettings>,
    pub(crate) redirects: Vec<RedirectSettings>,
}

impl FileSettings {
    /// # Errors
    /// The file cannot be read, or all that is wrong with it, with line and column.
    pub(crate) fn read(path: &Path) -> Result<FileSettings, Failure> {
        let bytes = std::fs::read(path)
            .map_err(|error| io_failure(path, &error).remedy("name a file of settings that can be read"))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let line = error.as_bytes()[..error.utf8_error().valid_up_to()].split(|&byte| byte == b'\n').count();
            let what = format!("{}:{line}: this line is not UTF-8", path.display());
            Failure::new(what).remedy("save the file as UTF-8")
        })?;
        FileSettings::parse(path, text)
    }

    pub(crate) fn parse(path: &Path, text: String) -> Result<FileSettings, Failure> {
        let document = Arc::new(Document { path: path.to_owned(), text });
        let (parsed, errors) = DeTable::parse_recoverable(&document.text);
        let mut complaints = Complaints::new(Arc::clone(&document));
        for error in &errors {
            let end = document.text.len();
            complaints.add(error.span().unwrap_or(end..end), error.message(), "the format is TOML: https://toml.io");
        }
        if !errors.is_empty() {
            // What was made of such a file is a guess, so nothing more is said of it.
            return complaints.result(FileSettings::nothing());
        }
        // Of a path that is relative: whoever starts the program may do so anywhere.
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut settings = FileSettings::nothing();
        let mut table = Table::new(parsed.get_ref(), 0..0, "the file");
        settings.listeners = read_listeners(table.value("listen"), folder, &mut complaints);
        settings.mounts = read_mounts(table.value("mount"), folder, &mut complaints);
        settings.redirects = read_redirects(table.value("redirect"), &mut complaints);
        if let Some(paths) = table.value("paths") {
            for (path, span) in strings(paths, &mut complaints) {
                settings.mounts.push(MountSettings::at_root(folder.join(path), complaints.place(span)));
            }
        }
        let command = bare_serve_command();
        for (key, value) in parsed.get_ref() {
            let name = key.get_ref().as_ref();
            if STRUCTURED.contains(&name) {
                continue;
            }
            match flag_of(&command, name) {
                Some(flag) => settings.read_flag(&command, flag, name, value, folder, &mut complaints),
                None => {
                    let names = key_names(&command);
                    let known = names.iter().map(String::as_str);
                    let is_of_listener = of_listener(name).is_some();
                    let what = if is_of_listener { "is no key of the whole file" } else { "is no setting" };
                    complaints.add(key.span(), format!("{name:?} {what}"), help(name, known));
                }
            }
        }
        complaints.result(settings)
    }

    fn nothing() -> FileSettings {
        FileSettings { words: Vec::new(), listeners: None, mounts: Vec::new(), redirects: Vec::new() }
    }

    /// Makes words of a value and has the flag's own parser look at each.
    fn read_flag(
        &mut self,
        command: &Command,
        flag: &Arg,
        name: &str,
        value: &Value<'_>,
        folder: &Path,
        complaints: &mut Complaints,
    ) {
        let Some(long) = flag.get_long() else { return };
        let takes_list = matches!(flag.get_action(), ArgAction::Append);
        let values: Vec<&Value<'_>> = match value.get_ref() {
            DeValue::Array(values) if takes_list => values.iter().collect(),
            _ => vec![value],
        };
        for value in values {
            let Some(word) = word(flag, long, value, folder, complaints) else { continue };
            // The other word stands for what has to be served, which is not looked at here.
            let words = [OsString::from("--config=checked"), word.clone()];
            match command.clone().try_get_matches_from(words) {
                Ok(_) => {
                    let (id, place) = (flag.get_id().to_string(), complaints.place(value.span()));
                    self.words.push(Word { id, word, place });
                }
                Err(error) => {
                    let about = flag.get_help().map(ToString::to_string).unwrap_or_default();
                    let first = about.split(['\n', ';']).next().unwrap_or_default().to_owned();
                    complaints.add(value.span(), format!("{name}: {}", reason(&error)), first);
                }
            }
        }
    }
}

/// The flag that a key stands for.
fn flag_of<'c>(command: &'c Command, key: &str) -> Option<&'c Arg> {
    let is_it = |long: &str| !NOT_IN_FILE.contains(&long) && !long.contains('_') && long.replace('-', "_") == key;
    command.get_arguments().find(|arg| arg.get_long().is_some_and(is_it))
}

/// Every key of the file's outermost table.
pub(crate) fn key_names(command: &Command) -> BTreeSet<String> {
    let longs = command.get_arguments().filter_map(Arg::get_long).filter(|long| !NOT_IN_FILE.contains(long));
    longs.map(|long| long.replace('-', "_")).chain(STRUCTURED.map(str::to_owned)).collect()
}

/// A value as a word of the command line; `None`: there is none to say, or a complaint.
fn word(flag: &Arg, long: &str, value: &Value<'_>, folder: &Path, complaints: &mut Complaints) -> Option<OsString> {
    let may_be_bare =
        !flag.get_action().takes_values() || flag.get_num_args().is_some_and(|count| count.min_values() == 0);
    let text = match value.get_ref() {
        DeValue::Boolean(is_so) if may_be_bare => return is_so.then(|| OsString::from(format!("--{long}"))),
        _ if !flag.get_action().takes_values() => {
            wrong_type(value, "true or false", complaints);
            return None;
        }
        // An address, which may have a path in it.
        DeValue::String(text) if long == "admin" => from_folder(text, folder),
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => number.to_string(),
            Err(_) => {
                complaints.add(value.span(), "this number is too large", "write a smaller one");
                return None;
            }
        },
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            table::wrong_type(value, "a text or a number", complaints);
            return None;
        }
    };
    let is_path = matches!(flag.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath);
    // What stands for stdin or stdout is no path.
    let text = if is_path && text != "-" { folder.join(text).into_os_string() } else { text.into() };
    let mut word = OsString::from(format!("--{long}="));
    word.push(text);
    Some(word)
}

/// What clap has against a value, without what it says about flags.
pub(crate) fn reason(error: &clap::Error) -> String {
    if let Some(source) = error.source() {
        return source.to_string();
    }
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    match error.get(ContextKind::ValidValue) {
        Some(values) => format!("{first}; there are: {values}"),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::serve_command;
    use super::*;

    fn parse(text: &str) -> Result<FileSettings, String> {
        FileSettings::parse(Path::new("in/b.toml"), text.to_owned()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn each_key_is_read() {
        let text = r#"
            listen = ["127.0.0.1:0", { address = "unix:run/b", mode = 0o660, proxy_from = ["unix", "10.0.0.0/8"] }]
            paths = ["site", "/abs/b.badger"]
            workers = 2
            backend = "epoll"
            idle_time = 30
            admin = "unix:run/admin"
            admin_token_file = "token"
            server_timing = true
            [[mount]]
            prefix = "/assets"
            path = "public"
            cache_control = "public, max-age=300"
            immutable = false
            cors = "*"
            fallback = "/index.html"
            not_found = "/404.html"
            headers = { X-A = ["1", "2"], X-B = "3" }
            [[mount]]
            prefix = "/gallery"
            path = "g.badger"
            fallback = { below = "/gallery/", key = "/gallery/default", header = "X-Old", value = "yes" }
            [mount.cors]
            origins = ["https://a.example", "https://b.example"]
            allow_headers = ["X-C"]
            expose_headers = ["ETag"]
            max_age = 600
            credentials = true
            [[redirect]]
            from = "/old/{*rest}"
            to = "/new/{rest}"
            status = 301
        "#;
        let settings = parse(text).unwrap();
        let words: Vec<_> = settings.words.iter().map(|word| word.word.to_str().unwrap()).collect();
        let of_admin = ["--admin=unix:in/run/admin", "--admin-token-file=in/token"];
        let others = ["--backend=epoll", "--idle-time=30", "--server-timing", "--workers=2"];
        assert_eq!(words, [&of_admin[..], &others].concat());
        let listeners: Vec<_> = settings.listeners.unwrap().into_iter().map(|listener| listener.address).collect();
        assert_eq!(listeners, ["127.0.0.1:0", "unix:in/run/b"]);
        let mounts: Vec<_> =
            settings.mounts.iter().map(|mount| (mount.prefix.as_str(), mount.path.to_str().unwrap())).collect();
        assert_eq!(
            mounts,
            [("/assets", "in/public"), ("/gallery", "in/g.badger"), ("", "in/site"), ("", "/abs/b.badger")]
        );
        assert_eq!(
            settings.redirects,
            [RedirectSettings { from: "/old/{*rest}".into(), to: "/new/{rest}".into(), status: 301 }]
        );
    }

    #[test]
    fn complaints_have_line_column_and_remedy() {
        for (text, place, what, remedy) in [
            ("workers = 2\nworker = 1\n", "2:1", "\"worker\" is no setting", "did you mean workers?"),
            ("workers = \"x\"", "1:11", "workers: invalid digit found in string", "Event loops"),
            ("workers = 0", "1:11", "workers: number would be zero", "Event loops"),
            ("workers = [1]", "1:11", "this is a list", "write a text or a number"),
            ("backend = \"select\"", "1:11", "backend: ", "How to talk to the kernel"),
            ("a = [1,\n", "1:8", "unclosed array", "TOML"),
            ("a = 1\na = 2\n", "2:1", "duplicate key", "TOML"),
            ("listen = 80", "1:10", "this is a whole number", "write an address in quotes"),
            ("listen = [\"a:1\", \"127.0.0.1\"]", "1:18", "\"127.0.0.1\" is no address", "127.0.0.1:8080"),
            ("[[listen]]\naddress = \"unix:\"\n", "2:11", "\"unix:\" is no address", "unix:PATH"),
            (
                "unix_mode = \"660\"",
                "1:1",
                "\"unix_mode\" is no key of the whole file",
                "[[listen]] with address and mode",
            ),
            ("config = \"b\"", "1:1", "\"config\" is no setting", "there are: "),
            ("[[listen]]\naddress = \"unix:b\"\nmode = 660\n", "3:8", "these are no permissions", "0o660"),
            ("[[listen]]\nipv6_only = true\n", "1:1", "[[listen]] has no address", "add address"),
            (
                "[[listen]]\naddress = \"a:1\"\nproxy_from = [\"x\", \"::1\"]\n",
                "3:15",
                "\"x\" names no proxy",
                "network",
            ),
            ("[mount]\nprefix = \"/\"\n", "1:1", "[[mount]] may be there several times", "two brackets"),
            ("[[mount]]\nprefix = \"/\"\n", "1:1", "[[mount]] has no path", "add path"),
            ("[[mount]]\nprefix = \"/\"\npath = 1\n", "3:8", "this is a whole number", "text in quotes"),
            (
                "[[mount]]\nprefix = \"/\"\npath = \"a\"\nheader = {}\n",
                "4:1",
                "[[mount]] has no key \"header\"",
                "did you mean headers?",
            ),
            (
                "[[mount]]\nprefix = \"/\"\npath = \"a\"\n[mount.cors]\norigin = \"*\"\n",
                "5:1",
                "cors has no key \"origin\"",
                "origins",
            ),
            (
                "[[mount]]\nprefix = \"/\"\npath = \"a\"\ncors = { origins = \"*\", max_age = -1 }\n",
                "4:35",
                "this is a whole number",
                "from 0",
            ),
            ("[[redirect]]\nfrom = \"/a\"\nto = \"/{b}\"\n", "3:6", "redirect from \"/a\" to \"/{b}\"", "it goes like"),
            (
                "[[redirect]]\nfrom = \"a\"\nto = \"/b\"\n",
                "2:8",
                "pattern \"a\": it must start with '/'",
                "it goes like",
            ),
            ("[[redirect]]\nfrom = \"/a\"\nto = \"/b\"\nstatus = 200\n", "4:10", "redirect from", "it goes like"),
        ] {
            let message = parse(text).unwrap_err();
            let start = format!("error: in/b.toml:{place}: {what}");
            assert!(message.starts_with(&start) && message.contains(" | "), "{text:?}: expected {start:?}\n{message}");
            let help = message.lines().last().unwrap_or_default();
            assert!(help.starts_with(" help: ") && help.contains(remedy), "{text:?}: expected {remedy:?}\n{message}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_in_its_order() {
        let message = parse("b = 1\nworkers = 0\n[[mount]]\nprefix = 1\npath = \"a\"\n").unwrap_err();
        let places: Vec<_> = message.lines().filter_map(|line| line.strip_prefix("error: in/b.toml:")).collect();
        assert_eq!(places.iter().map(|place| &place[..4]).collect::<Vec<_>>(), ["1:1:", "2:11", "4:10"], "{message}");
        assert_eq!(message.matches("\n help: ").count(), 3);
    }

    /// docs/configuration.md names every key, and its files are read without a complaint.
    #[test]
    fn the_documentation_is_true() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let text = std::fs::read_to_string(path).unwrap();
        for name in key_names(&serve_command()) {
            assert!(text.contains(&format!("`{name}`")), "docs/configuration.md does not name `{name}`");
        }
        let files: Vec<_> = text.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert!(files.len() > 2);
        for file in files {
            assert!(parse(file).is_ok(), "{}", parse(file).unwrap_err());
        }
    }
}
