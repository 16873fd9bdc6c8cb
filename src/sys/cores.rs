//! Which cores of the machine are fast ones and which are slow ones, as the kernel tells it in files.
//!
//! Phones have two or three kinds of cores. `cpu_capacity` (64-bit ARM) is how much a core gets done, 1024 for the best.
//! Where no table of the board has it, it is 1024 for all of them, though they differ; then, and where there is no such
//! file, the highest frequency tells them apart.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

/// Cores whose figures differ by less than this part of the larger one are alike: a processor that lets its best core run
/// a few percent faster has one kind of cores, and the kinds of a phone are a tenth apart at least.
const ALIKE_PART: u64 = 16;

/// Cores that are alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    /// The largest figure of these cores: capacity, or highest frequency in kHz.
    pub(crate) figure: u64,
    /// By number, in order.
    pub(crate) cores: Vec<usize>,
}

/// The classes of the machine's cores, the slowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    /// What they were told apart by: the name of the file.
    pub(crate) by: &'static str,
    /// Fewer than two: the cores are alike, or the kernel does not say.
    pub(crate) classes: Vec<Class>,
}

impl Classes {
    /// Those of the slowest class; none when the cores are not told apart.
    pub(crate) fn little(&self) -> Vec<usize> {
        match &self.classes[..] {
            [little, _, ..] => little.cores.clone(),
            _ => Vec::new(),
        }
    }

    /// All others; none when the cores are not told apart.
    pub(crate) fn big(&self) -> Vec<usize> {
        let mut cores: Vec<_> = self.classes.iter().skip(1).flat_map(|class| class.cores.clone()).collect();
        cores.sort_unstable();
        cores
    }
}

/// Looks at every core that has files. `root`: where the file system begins, which is elsewhere in tests.
pub(crate) fn classes(root: &Path) -> Classes {
    let folder = root.join("sys/devices/system/cpu");
    let number = |name: &str| name.strip_prefix("cpu")?.parse::<usize>().ok();
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let cores: Vec<usize> = entries.filter_map(|entry| number(entry.file_name().to_str()?)).collect();
    let mut found = Classes::default();
    for (by, file) in [("cpu_capacity", "cpu_capacity"), ("cpuinfo_max_freq", "cpufreq/cpuinfo_max_freq")] {
        let figure = |core: usize| {
            let text = fs::read_to_string(folder.join(format!("cpu{core}/{file}"))).ok()?;
            text.trim().parse::<u64>().ok().filter(|figure| *figure > 0)
        };
        let figures: Vec<_> = cores.iter().filter_map(|&core| Some((figure(core)?, core))).collect();
        let classes = sorted(figures);
        if classes.len() > found.classes.len() {
            found = Classes { by, classes };
        }
        if found.classes.len() > 1 {
            break;
        }
    }
    found
}

fn sorted(mut figures: Vec<(u64, usize)>) -> Vec<Class> {
    figures.sort_unstable();
    let mut classes: Vec<Class> = Vec::new();
    for (figure, core) in figures {
        match classes.last_mut() {
            Some(class) if figure - class.figure < figure.div_ceil(ALIKE_PART) => {
                class.figure = figure;
                class.cores.push(core);
            }
            _ => classes.push(Class { figure, cores: vec![core] }),
        }
    }
    classes.iter_mut().for_each(|class| class.cores.sort_unstable());
    classes
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::sys::tree::Tree;

    /// A machine whose cores have these figures in this file; of one that has none there is nothing but its folder.
    pub(crate) fn machine(files: &[(&str, &[Option<u64>])]) -> Tree {
        let tree = Tree::new("cores");
        tree.write("sys/devices/system/cpu/online", "0-7\n");
        tree.write("sys/devices/system/cpu/cpufreq/boost", "1\n");
        for (file, figures) in files {
            for (core, figure) in figures.iter().enumerate() {
                tree.write(&format!("sys/devices/system/cpu/cpu{core}/uevent"), "");
                if let Some(figure) = figure {
                    tree.write(&format!("sys/devices/system/cpu/cpu{core}/{file}"), &format!("{figure}\n"));
                }
            }
        }
        tree
    }

    const CAPACITY: &str = "cpu_capacity";
    const FREQUENCY: &str = "cpufreq/cpuinfo_max_freq";

    #[test]
    fn machines_that_there_are() {
        let some = |figures: &[u64]| figures.iter().copied().map(Some).collect::<Vec<_>>();
        let four_and_four = some(&[446, 446, 446, 446, 1024, 1024, 1024, 1024]);
        let three = some(&[250, 250, 250, 250, 830, 830, 830, 1024]);
        let alike = some(&[1024; 8]);
        let frequencies =
            some(&[1_804_800, 1_804_800, 1_804_800, 1_804_800, 2_208_000, 2_208_000, 2_208_000, 2_208_000]);
        // An octa-core whose halves are of one kind with two frequencies, the first half the faster one.
        let halves = some(&[2_000_000, 2_000_000, 2_000_000, 2_000_000, 1_500_000, 1_500_000, 1_500_000, 1_500_000]);
        let board = some(&[1_500_000; 4]);
        let favoured = some(&[4_900_000, 4_900_000, 5_000_000, 5_050_000]);
        let off = [Some(1_400_000), Some(1_400_000), None, None, Some(2_000_000)];
        type Row<'a> = (&'a str, &'a [(&'a str, &'a [Option<u64>])], &'a [usize], &'a [usize], &'a str);
        let rows: [Row; 10] = [
            ("phone, 4 + 4", &[(CAPACITY, &four_and_four)], &[0, 1, 2, 3], &[4, 5, 6, 7], CAPACITY),
            ("phone, 4 + 3 + 1", &[(CAPACITY, &three)], &[0, 1, 2, 3], &[4, 5, 6, 7], CAPACITY),
            (
                "phone without a table of capacities",
                &[(CAPACITY, &alike), (FREQUENCY, &frequencies)],
                &[0, 1, 2, 3],
                &[4, 5, 6, 7],
                "cpuinfo_max_freq",
            ),
            ("32-bit phone", &[(FREQUENCY, &halves)], &[4, 5, 6, 7], &[0, 1, 2, 3], "cpuinfo_max_freq"),
            ("Raspberry Pi", &[(FREQUENCY, &board)], &[], &[], "cpuinfo_max_freq"),
            ("64-bit Raspberry Pi", &[(CAPACITY, &alike[..4]), (FREQUENCY, &board)], &[], &[], CAPACITY),
            ("desktop with favoured cores", &[(FREQUENCY, &favoured)], &[], &[], "cpuinfo_max_freq"),
            ("virtual machine", &[(CAPACITY, &[None, None])], &[], &[], ""),
            ("cores that are off", &[(FREQUENCY, &off)], &[0, 1], &[4], "cpuinfo_max_freq"),
            ("nonsense", &[(CAPACITY, &[Some(0), Some(1024)])], &[], &[], CAPACITY),
        ];
        for (name, files, little, big, by) in rows {
            let found = classes(machine(files).root());
            assert_eq!((&found.little()[..], &found.big()[..], found.by), (little, big, by), "{name}");
        }
        assert_eq!(classes(Path::new("/nowhere/at/all")), Classes::default());
    }

    #[test]
    fn three_kinds_are_three_classes() {
        let found = classes(machine(&[(CAPACITY, &[Some(1024), Some(250), Some(830), Some(832)])]).root());
        let told: Vec<_> = found.classes.iter().map(|class| (class.figure, &class.cores[..])).collect();
        assert_eq!(told, [(250, &[1][..]), (832, &[2, 3]), (1024, &[0])]);
    }
}
