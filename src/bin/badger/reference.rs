//! What is made of the same table as `--help`: completions for shells, manual pages, and the README's table of flags.

use crate::Arguments;
use crate::failure::{Failure, io_failure};
use clap::{Args, Command, CommandFactory};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub(crate) struct CompletionsArguments {
    /// The shell: for bash, badger completions bash > /etc/bash_completion.d/badger
    shell: clap_complete::Shell,
}

/// Writes the completions of a shell to stdout.
pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "badger", &mut script);
    print(&script)
}

#[derive(Args)]
pub(crate) struct ManArguments {
    /// The command that the page is about, like pack files; none: badger itself
    #[arg(conflicts_with = "pages")]
    command: Vec<String>,
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "FOLDER")]
    pages: Option<PathBuf>,
}

/// Writes one page to stdout, or all pages into a folder.
pub(crate) fn man(arguments: &ManArguments) -> Result<ExitCode, Failure> {
    let commands = commands();
    if let Some(folder) = &arguments.pages {
        std::fs::create_dir_all(folder).map_err(|error| io_failure(folder, &error))?;
        for command in &commands {
            let path = folder.join(format!("{}.1", page_name(command)));
            std::fs::write(&path, page(command)?).map_err(|error| io_failure(&path, &error))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let wanted =
        ["badger"].into_iter().chain(arguments.command.iter().map(String::as_str)).collect::<Vec<_>>().join("-");
    match commands.iter().find(|command| page_name(command) == wanted) {
        Some(command) => print(&page(command)?),
        None => {
            let names: Vec<_> = commands
                .iter()
                .skip(1)
                .map(|command| page_name(command)["badger-".len()..].replace('-', " "))
                .collect();
            let what = format!("there is no command {:?}", arguments.command.join(" "));
            Err(Failure::new(what).remedy(format!("there are: {}", names.join(", "))))
        }
    }
}

/// Every command, badger itself first, each before those below it.
fn commands() -> Vec<Command> {
    fn gather(command: &Command, found: &mut Vec<Command>) {
        found.push(command.clone());
        command.get_subcommands().for_each(|command| gather(command, found));
    }
    let mut whole = Arguments::command().disable_help_subcommand(true);
    whole.build();
    let mut found = Vec::new();
    gather(&whole, &mut found);
    found
}

/// `badger-pack-files`.
fn page_name(command: &Command) -> &str {
    command.get_display_name().unwrap_or_else(|| command.get_name())
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let drawn = clap_mangen::Man::new(command.clone()).manual("badger").render(&mut page);
    drawn.map_err(|error| io_failure(Path::new("the page"), &error))?;
    Ok(page)
}

fn print(bytes: &[u8]) -> Result<ExitCode, Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        // Whoever reads has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(io_failure(Path::new("stdout"), &error)),
        Ok(()) => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    /// The flags of a command but those that every program has.
    fn flags(command: &Command) -> Vec<&Arg> {
        let is_own = |arg: &&Arg| arg.get_long().is_some_and(|long| long != "help" && long != "version");
        command.get_arguments().filter(is_own).collect()
    }

    /// What a flag is for: the first sentence of its help.
    fn purpose(arg: &Arg) -> String {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        help.split(". ").next().unwrap_or_default().to_owned()
    }

    /// The README's table.
    fn table() -> String {
        let mut table = "| command | flag | variable | what it does |\n|---|---|---|---|\n".to_owned();
        for command in commands() {
            for arg in flags(&command) {
                let long = arg.get_long().unwrap();
                let takes = arg.get_action().takes_values();
                let value =
                    arg.get_value_names().filter(|_| takes).map(|names| format!(" {}", names[0])).unwrap_or_default();
                let variable = arg.get_env().map(|name| format!("`{}`", name.to_str().unwrap())).unwrap_or_default();
                let (name, purpose) = (page_name(&command).replace('-', " "), purpose(arg).replace('|', "\\|"));
                table.push_str(&format!("| `{name}` | `--{long}{value}` | {variable} | {purpose} |\n"));
            }
        }
        table
    }

    #[test]
    fn help_manual_and_readme_name_the_same_flags() {
        let mut count = 0;
        for command in commands() {
            let help = command.clone().render_long_help().to_string();
            let page = String::from_utf8(page(&command).unwrap()).unwrap();
            let plain = page.replace('\\', "");
            for arg in flags(&command) {
                let long = arg.get_long().unwrap();
                let line = help
                    .lines()
                    .any(|line| line.trim_start().split([' ', '=', '[']).any(|word| word == format!("--{long}")));
                assert!(line, "{} --help lacks --{long}", page_name(&command));
                assert!(plain.contains(&format!("--{long}")), "badger man: {} lacks --{long}", page_name(&command));
                let joined = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
                assert!(joined(&help).contains(&joined(&purpose(arg))), "--{long}: {}", purpose(arg));
                count += 1;
            }
            // Nothing but these: a flag of the page is one of the help.
            for word in plain.split(|c: char| !(c.is_alphanumeric() || c == '-')).filter(|word| word.starts_with("--"))
            {
                assert!(word == "--help" || help.contains(word), "badger man: {} has {word}", page_name(&command));
            }
        }
        assert!(count > 30, "{count} flags");
    }

    #[test]
    fn the_readme_has_the_table_of_flags() {
        const BEGIN: &str = "<!-- flags: begin -->\n";
        const END: &str = "<!-- flags: end -->";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
        let readme = std::fs::read_to_string(path).unwrap();
        let (before, rest) = readme.split_once(BEGIN).expect("the mark where the table begins");
        let (written, after) = rest.split_once(END).expect("the mark where the table ends");
        if std::env::var_os("README_WRITE").is_some() {
            std::fs::write(path, format!("{before}{BEGIN}{}{END}{after}", table())).unwrap();
        } else {
            assert!(
                written == table(),
                "README.md: README_WRITE=1 cargo test --features cli --bin badger readme\n{}",
                table()
            );
        }
    }

    #[test]
    fn every_shell_gets_completions() {
        for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
            let mut script = Vec::new();
            let shell: clap_complete::Shell = shell.parse().unwrap();
            clap_complete::generate(shell, &mut Arguments::command(), "badger", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("idle-time") && script.contains("completions"), "{shell}");
        }
    }
}
