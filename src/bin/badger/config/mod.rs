//! The settings of `badger serve`: a flag goes before the environment, that before the file, and that before what is so by
//! itself.
//!
//! The flags are the one table of settings. A variable is a flag's name in capitals behind `BADGER_`, a key of the file is
//! its name with `_` for `-`, and its value is read by the flag's own parser: what the file says and nobody else does is
//! put before the words of the command line, which are read once more. So a new flag is a setting in all three places.
//! What has structure is the file's own: listeners, mounts and redirects.

mod file;
mod listeners;
mod mounts;
mod place;
mod table;

pub(crate) use listeners::unix_mode;

use crate::admin;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::serve::ServeArguments;
use crate::text::say;
use badgerserver::{ListenOptions, Router};
use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};
use file::FileSettings;
use listeners::{LISTEN_DEFAULT, ListenerSettings};
use mounts::{MountSettings, RedirectSettings};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The name that the words of `badger serve` are read under.
const SERVE: &str = "badger serve";

/// Everything that `badger serve` is told, wherever it was said.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) arguments: ServeArguments,
    pub(crate) listeners: Vec<(String, ListenOptions)>,
    /// Nobody said where to listen.
    pub(crate) listens_by_default: bool,
    pub(crate) mounts: Vec<MountSettings>,
    pub(crate) redirects: Vec<RedirectSettings>,
}

impl Settings {
    fn new(arguments: ServeArguments, file: Option<FileSettings>) -> Settings {
        let mut listeners: Vec<ListenerSettings> =
            arguments.listen.iter().map(|address| ListenerSettings::plain(address)).collect();
        let named = arguments.mounts.iter().map(|mount| MountSettings::plain(&mount.prefix, &mount.path));
        let at_root = arguments.paths.iter().map(|path| MountSettings::plain("", path));
        let mut mounts: Vec<MountSettings> = named.chain(at_root).collect();
        let mut redirects = Vec::new();
        if let Some(file) = file {
            if listeners.is_empty() {
                listeners.extend(file.listeners.unwrap_or_default());
            }
            // Behind those of the flags, so that of two with one prefix a flag's is asked first.
            mounts.extend(file.mounts);
            redirects = file.redirects;
        }
        let listens_by_default = listeners.is_empty();
        if listens_by_default {
            listeners.push(ListenerSettings::plain(LISTEN_DEFAULT));
        }
        let listeners = listeners
            .into_iter()
            .map(|listener| {
                let options = listener.options(&arguments);
                (listener.address, options)
            })
            .collect();
        Settings { arguments, listeners, listens_by_default, mounts, redirects }
    }

    /// Opens all that is to be served.
    ///
    /// # Errors
    /// What cannot be, each by itself.
    fn open(&self, lines: &Lines) -> Result<Router, Vec<Failure>> {
        let mut failures = Vec::new();
        let mut router = Router::new();
        for RedirectSettings { from, to, status } in &self.redirects {
            router = router.redirect(from, *status, to);
        }
        for mount in &self.mounts {
            match mount.open(lines) {
                Ok(mount) => router = router.mount(mount),
                Err(failure) => failures.push(failure),
            }
        }
        if let (true, Err(error)) = (failures.is_empty(), router.validate()) {
            failures.push(Failure::new(error.to_string()));
        }
        if failures.is_empty() { Ok(router) } else { Err(failures) }
    }

    /// As [`Settings::open`]; all that cannot be served is one error.
    pub(crate) fn router(&self, lines: &Lines) -> Result<Router, Failure> {
        self.open(lines).map_err(Failure::joined)
    }

    /// Whether what counts from the start on is the same: all but what is served.
    pub(crate) fn starts_as(&self, other: &Settings) -> bool {
        self.arguments == other.arguments && self.listeners == other.listeners
    }
}

/// What the program was started with. The file is read again whenever the settings are asked for.
pub(crate) struct Source {
    given: ArgMatches,
    /// What follows `serve` on the command line.
    words: Vec<OsString>,
}

impl Source {
    /// `given` is what clap has read of `badger serve`.
    pub(crate) fn new(given: ArgMatches) -> Source {
        Source { given, words: std::env::args_os().skip(2).collect() }
    }

    /// # Errors
    /// What is wrong with the file, or that there is nothing to serve.
    pub(crate) fn load(&self) -> Result<Settings, Failure> {
        let Some(path) = self.given.get_one::<PathBuf>("config") else {
            return Ok(Settings::new(read_words(serve_command(), self.words.clone())?, None));
        };
        let file = FileSettings::read(path)?;
        let is_given =
            |id: &str| matches!(self.given.value_source(id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
        let words = file.words.iter().filter(|word| !is_given(&word.id)).map(|word| word.word.clone());
        let arguments = read_words(serve_command(), words.chain(self.words.iter().cloned()))?;
        let settings = Settings::new(arguments, Some(file));
        if settings.mounts.is_empty() && settings.redirects.is_empty() {
            let what = format!("{}: nothing to serve", path.display());
            return Err(Failure::new(what).remedy("add [[mount]] with prefix and path, or name packs and directories"));
        }
        Ok(settings)
    }
}

fn serve_command() -> Command {
    ServeArguments::augment_args(Command::new(SERVE)).no_binary_name(true)
}

/// The same without the environment, for a file by itself.
fn bare_serve_command() -> Command {
    serve_command().mut_args(|arg| arg.env(Resettable::Reset))
}

/// Reads words that were read before, one by one or as they stand, so an error is a contradiction between them.
fn read_words(command: Command, words: impl IntoIterator<Item = OsString>) -> Result<ServeArguments, Failure> {
    let read = command.try_get_matches_from(words).and_then(|matches| ServeArguments::from_arg_matches(&matches));
    read.map_err(|error| Failure::new(file::reason(&error)).remedy("`badger serve --help` explains each setting"))
}

#[derive(clap::Subcommand)]
pub(crate) enum ConfigCommand {
    /// Examine a file of settings, and open all that it serves
    Check(CheckArguments),
}

#[derive(Args)]
pub(crate) struct CheckArguments {
    /// The file, as `badger serve --config` takes it
    file: PathBuf,
}

/// Says what a file means, by itself: neither flags nor the environment are asked.
pub(crate) fn check(arguments: &CheckArguments) -> Result<ExitCode, Failure> {
    let file = FileSettings::read(&arguments.file)?;
    let config = OsString::from("--config=checked");
    let words = file.words.iter().map(|word| word.word.clone()).chain([config]);
    let flags = read_words(bare_serve_command(), words)?;
    if let Err(error) = flags.limits().validate() {
        let what = error.to_string();
        // A limit is called as its key is, with its unit or `_max` behind.
        let word = file.words.iter().find(|word| what.contains(&format!(" {}_max ", word.id)));
        return Err(word.map_or_else(|| Failure::new(&what), |word| word.place.failure(&what)));
    }
    let settings = Settings::new(flags, Some(file));
    admin::Plan::read(&settings.arguments)?;
    let lines = Lines::start().map_err(|error| Failure::new(format!("threads: {error}")))?;
    let opened = settings.open(&lines);
    lines.flush();
    drop(opened.map_err(Failure::joined)?);
    for (address, _) in &settings.listeners {
        say(format_args!("listens on {address}"));
    }
    for mount in &settings.mounts {
        let prefix = if mount.prefix.is_empty() { "/" } else { &mount.prefix };
        say(format_args!("serves {} at {prefix}", mount.path.display()));
    }
    for redirect in &settings.redirects {
        say(format_args!("leads {} to {} ({})", redirect.from, redirect.to, redirect.status));
    }
    say(format_args!("{}: good", arguments.file.display()));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_tells_where_it_listens() {
        let command = serve_command();
        let listen = command.get_arguments().find(|arg| arg.get_id() == "listen").unwrap();
        let help = listen.get_help().unwrap().to_string();
        assert!(help.ends_with(&format!("[default: {LISTEN_DEFAULT}]")), "{help}");
    }

    /// Every flag of `serve` has a variable of its name.
    #[test]
    fn variables_are_named_as_flags() {
        for arg in serve_command().get_arguments() {
            let Some(long) = arg.get_long().filter(|long| *long != "help") else { continue };
            let variable = format!("BADGER_{}", long.replace('-', "_").to_uppercase());
            let has = arg.get_env().map(|name| name.to_string_lossy().into_owned());
            assert_eq!(has, Some(variable), "--{long}: #[arg(long, env = \"...\")]");
        }
    }
}
