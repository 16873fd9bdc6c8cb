//! Which cores the workers may use, and so how many workers there are when nobody says.
#![forbid(unsafe_code)]

use crate::sys::cores::{self, Classes};
use crate::sys::quota::{self, Quota};
use crate::sys::thread::{self, CORE_NUMBER_MAX};
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// Most workers of one server: far more than any machine's cores.
pub(crate) const WORKERS_MAX: usize = 1024;

/// Which cores the workers run on: [`Builder::cores`](crate::Builder::cores).
///
/// As text: `all`, `big`, `little`, or numbers like `0-3,6`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CoreChoice {
    /// All that the process may use; the kernel moves the workers among them.
    #[default]
    All,
    /// All but the slowest class: of a phone with one prime, three big and four little cores the first four.
    Big,
    /// The slowest class. They take the least power for a request, and are enough for many viewers.
    Little,
    /// These, by number.
    List(Vec<usize>),
}

impl CoreChoice {
    /// With their noun: `little cores`.
    pub(crate) fn cores(&self) -> String {
        match self {
            CoreChoice::List(cores) => named(cores),
            other => format!("{other} cores"),
        }
    }
}

impl fmt::Display for CoreChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CoreChoice::All => f.write_str("all"),
            CoreChoice::Big => f.write_str("big"),
            CoreChoice::Little => f.write_str("little"),
            CoreChoice::List(cores) => f.write_str(&ranges(cores)),
        }
    }
}

/// The text is no choice of cores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoreChoiceError(());

impl fmt::Display for CoreChoiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write all, big, little, or numbers of cores like 0-3,6 (up to {CORE_NUMBER_MAX})")
    }
}

impl Error for CoreChoiceError {}

impl FromStr for CoreChoice {
    type Err = CoreChoiceError;

    fn from_str(text: &str) -> Result<CoreChoice, CoreChoiceError> {
        match text {
            "all" => return Ok(CoreChoice::All),
            "big" => return Ok(CoreChoice::Big),
            "little" => return Ok(CoreChoice::Little),
            _ => {}
        }
        let number =
            |text: &str| text.parse::<usize>().ok().filter(|core| *core <= CORE_NUMBER_MAX).ok_or(CoreChoiceError(()));
        let mut cores = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(CoreChoiceError(()));
            }
            cores.extend(first..=last);
        }
        cores.sort_unstable();
        cores.dedup();
        Ok(CoreChoice::List(cores))
    }
}

/// Numbers as the kernel writes them: `0-3,8`.
pub(crate) fn ranges(numbers: &[usize]) -> String {
    let mut text: Vec<String> = Vec::new();
    let mut rest = numbers;
    while let Some(&first) = rest.first() {
        let count = rest.iter().zip(first..).take_while(|(number, expected)| *number == expected).count();
        text.push(if count == 1 { first.to_string() } else { format!("{first}-{}", first + count - 1) });
        rest = &rest[count..];
    }
    text.join(",")
}

/// The same with its noun.
pub(crate) fn named(cores: &[usize]) -> String {
    match cores {
        [] => "no core".to_owned(),
        [core] => format!("core {core}"),
        cores => format!("cores {}", ranges(cores)),
    }
}

/// What the system lets this process use.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    /// The cores that the calling thread may run on, by number; none where the kernel does not say.
    pub(crate) allowed: Vec<usize>,
    /// Those of the machine by their kind.
    pub(crate) classes: Classes,
    /// What the control group allows of their time.
    pub(crate) quota: Option<Quota>,
}

/// What was made of a choice.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The cores; none where the kernel does not say which there are.
    pub(crate) cores: Vec<usize>,
    /// What there is not of what was asked for.
    pub(crate) missing: Option<String>,
}

impl Cores {
    pub(crate) fn find() -> Cores {
        let root = Path::new("/");
        Cores { allowed: thread::allowed_cores(), classes: cores::classes(root), quota: quota::find(root) }
    }

    /// What this choice needs to know: the kinds of cores are two files for each of them.
    pub(crate) fn find_for(choice: &CoreChoice) -> Cores {
        match choice {
            CoreChoice::Big | CoreChoice::Little => Cores::find(),
            CoreChoice::All | CoreChoice::List(_) => {
                let quota = quota::find(Path::new("/"));
                Cores { allowed: thread::allowed_cores(), classes: Classes::default(), quota }
            }
        }
    }

    /// The cores of a choice among those that the process may use. What is not there is told; when nothing of it is there,
    /// all take its place: a line that starts servers on several devices starts one on each.
    pub(crate) fn choose(&self, choice: &CoreChoice) -> Chosen {
        let is_known = !self.allowed.is_empty();
        let (wanted, is_told_apart) = match choice {
            CoreChoice::All => return Chosen { cores: self.allowed.clone(), missing: None },
            CoreChoice::Big => (self.classes.big(), self.classes.classes.len() > 1),
            CoreChoice::Little => (self.classes.little(), self.classes.classes.len() > 1),
            CoreChoice::List(cores) => (cores.clone(), true),
        };
        let (there, missing): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|core| self.allowed.contains(core));
        // Of a class some may be switched off, or another program's: that is no mistake.
        let is_list = matches!(choice, CoreChoice::List(_));
        let missing = match (is_known, is_told_apart, there.is_empty()) {
            (false, ..) => Some("the system does not say which cores this process may use".to_owned()),
            (_, false, _) => Some("the kernel tells no kinds of cores apart here".to_owned()),
            (_, _, true) => Some("this process may use none of them".to_owned()),
            (_, _, false) => {
                (is_list && !missing.is_empty()).then(|| format!("this process may not use {}", named(&missing)))
            }
        };
        Chosen { cores: if there.is_empty() { self.allowed.clone() } else { there }, missing }
    }

    /// One for each of these cores, or as many as the quota is worth if that is fewer. A thread more than that would be
    /// stopped in the middle of its answers when the group has used its time up.
    pub(crate) fn workers(&self, cores: &[usize]) -> usize {
        let quota = self.quota.as_ref().map_or(usize::MAX, Quota::cores);
        cores.len().min(quota).clamp(1, WORKERS_MAX)
    }
}

/// The core that a worker is pinned to: they are dealt in order, and again from the first when there are more workers.
pub(crate) fn of_worker(cores: &[usize], worker: usize) -> Option<usize> {
    cores.get(worker.checked_rem(cores.len())?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::cores::tests::machine;

    fn cores(allowed: &[usize], micros: Option<u64>) -> Cores {
        let quota = micros.map(|quota_micros| Quota { quota_micros, period_micros: 100_000, file: "cpu.max".into() });
        Cores { allowed: allowed.to_vec(), classes: Classes::default(), quota }
    }

    #[test]
    fn the_mask_and_the_quota_bound_the_workers() {
        let many: Vec<usize> = (0..5000).collect();
        for (allowed, micros, wanted) in [
            (&[0, 1, 2, 3][..], None, 4),
            (&[0, 1, 2, 3], Some(150_000), 2),
            (&[0, 1, 2, 3], Some(10_000), 1),
            (&[5, 7], Some(900_000), 2),
            (&[], None, 1),
            (&[], Some(300_000), 1),
            (&many, None, WORKERS_MAX),
        ] {
            assert_eq!(cores(&[], micros).workers(allowed), wanted, "{allowed:?} {micros:?}");
        }
        let found = Cores::find();
        assert!(found.workers(&found.allowed) >= 1);
    }

    #[test]
    fn cores_are_dealt_in_order() {
        let dealt = |allowed: &[usize]| (0..4).map(|worker| of_worker(allowed, worker)).collect::<Vec<_>>();
        assert_eq!(dealt(&[2, 5, 6]), [Some(2), Some(5), Some(6), Some(2)]);
        assert_eq!(dealt(&[]), [None; 4]);
    }

    #[test]
    fn ranges_are_written_as_the_kernel_does() {
        for (numbers, text) in [(&[][..], ""), (&[3], "3"), (&[0, 1, 2, 3], "0-3"), (&[0, 1, 3, 5, 6], "0-1,3,5-6")] {
            assert_eq!(ranges(numbers), text);
        }
    }

    #[test]
    fn choices_are_read_and_written() {
        for (text, choice, written) in [
            ("all", CoreChoice::All, "all"),
            ("big", CoreChoice::Big, "big"),
            ("little", CoreChoice::Little, "little"),
            ("0", CoreChoice::List(vec![0]), "0"),
            ("6,0-3,2", CoreChoice::List(vec![0, 1, 2, 3, 6]), "0-3,6"),
            ("65535", CoreChoice::List(vec![65_535]), "65535"),
        ] {
            assert_eq!(text.parse(), Ok(choice.clone()), "{text}");
            assert_eq!(choice.to_string(), written);
        }
        for text in
            ["", "Big", "0-", "-1", "65536", "3-1", "0,,1", "0 1", "0-1-2", "4000000000", "0-99999999999999999999"]
        {
            assert_eq!(text.parse::<CoreChoice>(), Err(CoreChoiceError(())), "{text}");
        }
    }

    #[test]
    fn choices_on_machines_that_there_are() {
        const CAPACITY: &str = "cpu_capacity";
        let figures = |figures: &[u64]| figures.iter().copied().map(Some).collect::<Vec<_>>();
        let two = figures(&[446, 446, 446, 446, 1024, 1024, 1024, 1024]);
        let three = figures(&[250, 250, 250, 250, 830, 830, 830, 1024]);
        let (all, pi) = ((0..8).collect::<Vec<usize>>(), [0, 1, 2, 3]);
        let big_only = [4, 5, 6, 7];
        let list = |text: &str| text.parse::<CoreChoice>().unwrap();
        let none = "this process may use none of them";
        let alike = "the kernel tells no kinds of cores apart here";
        type Row<'a> = (&'a [Option<u64>], &'a [usize], CoreChoice, &'a [usize], Option<&'a str>);
        let rows: [Row; 15] = [
            (&two, &all, CoreChoice::All, &all, None),
            (&two, &all, CoreChoice::Little, &[0, 1, 2, 3], None),
            (&two, &all, CoreChoice::Big, &[4, 5, 6, 7], None),
            (&three, &all, CoreChoice::Little, &[0, 1, 2, 3], None),
            (&three, &all, CoreChoice::Big, &[4, 5, 6, 7], None),
            // Only those of the mask count, and the classes are the machine's.
            (&three, &[2, 3, 4, 7], CoreChoice::Little, &[2, 3], None),
            (&three, &[2, 3, 4, 7], CoreChoice::Big, &[4, 7], None),
            (&two, &big_only, CoreChoice::Little, &big_only, Some(none)),
            (&figures(&[1024; 4]), &pi, CoreChoice::Little, &pi, Some(alike)),
            (&figures(&[1024; 4]), &pi, CoreChoice::Big, &pi, Some(alike)),
            (&[], &[0, 1], CoreChoice::Big, &[0, 1], Some(alike)),
            (&[], &[0, 1], list("1"), &[1], None),
            (&[], &[0, 1], list("0-3,6"), &[0, 1], Some("this process may not use cores 2-3,6")),
            (&[], &[0, 1], list("5"), &[0, 1], Some(none)),
            (&[], &[], list("0"), &[], Some("the system does not say which cores this process may use")),
        ];
        for (figures, allowed, choice, wanted, missing) in rows {
            let classes = cores::classes(machine(&[(CAPACITY, figures)]).root());
            let chosen = Cores { allowed: allowed.to_vec(), classes, quota: None }.choose(&choice);
            assert_eq!((&chosen.cores[..], chosen.missing.as_deref()), (wanted, missing), "{choice} of {allowed:?}");
        }
    }
}
