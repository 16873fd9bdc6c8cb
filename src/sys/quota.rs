//! How much processor time the process's control group lets it have: what a container's limit on cores is.
//!
//! A group may be limited, and so may each group above it; the tightest counts. Version 2 writes `cpu.max`, version 1
//! `cpu.cfs_quota_us` and `cpu.cfs_period_us`, and both may be mounted at once. Where a group's files are is told by
//! `/proc/self/cgroup` (the group) and `/proc/self/mountinfo` (where its hierarchy is mounted, and from which group down).
#![forbid(unsafe_code)]

use std::fs;
use std::path::{Component, Path, PathBuf};

/// Processor time that a group may use in each period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    pub(crate) quota_micros: u64,
    pub(crate) period_micros: u64,
    /// The file that says so.
    pub(crate) file: PathBuf,
}

impl Quota {
    /// Cores that it is worth, rounded up: a thread more than that only waits. At least 1.
    pub(crate) fn cores(&self) -> usize {
        usize::try_from(self.quota_micros.div_ceil(self.period_micros)).unwrap_or(usize::MAX).max(1)
    }
}

/// The tightest quota of this process; `None`: it has none, or nobody says so. `root`: where the file system begins, which
/// is elsewhere in tests.
pub(crate) fn find(root: &Path) -> Option<Quota> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).ok()?;
    let mounts: Vec<Mount> = mounts.lines().filter_map(Mount::parse).collect();
    let mut found: Option<Quota> = None;
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(group)) = (parts.next(), parts.next(), parts.next()) else { continue };
        let has_cpu = controllers.split(',').any(|name| name == "cpu");
        // Version 2 has one hierarchy, and names no controller.
        let version = match (controllers.is_empty(), has_cpu) {
            (true, _) => Version::Two,
            (false, true) => Version::One,
            (false, false) => continue,
        };
        // A hierarchy may be mounted several times, each from another group down.
        for mount in mounts.iter().filter(|mount| mount.version == version) {
            for quota in mount.quotas(root, group) {
                if found.as_ref().is_none_or(|tightest| is_tighter(&quota, tightest)) {
                    found = Some(quota);
                }
            }
        }
    }
    found
}

fn is_tighter(one: &Quota, other: &Quota) -> bool {
    u128::from(one.quota_micros) * u128::from(other.period_micros)
        < u128::from(other.quota_micros) * u128::from(one.period_micros)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// Where a hierarchy is mounted.
#[derive(Debug)]
struct Mount {
    version: Version,
    /// The group that its top is.
    top: String,
    at: String,
}

impl Mount {
    /// A line of `mountinfo`, if it mounts a hierarchy that knows of processor time: proc_pid_mountinfo(5).
    fn parse(line: &str) -> Option<Mount> {
        let (left, right) = line.split_once(" - ")?;
        let mut left = left.split(' ').skip(3);
        let (top, at) = (unescape(left.next()?), unescape(left.next()?));
        let mut right = right.split(' ');
        let (kind, options) = (right.next()?, right.nth(1)?);
        let version = match kind {
            "cgroup2" => Version::Two,
            "cgroup" if options.split(',').any(|option| option == "cpu") => Version::One,
            _ => return None,
        };
        Some(Mount { version, top, at })
    }

    /// The quotas of a group and of those above it, as far as this mount shows them.
    fn quotas(&self, root: &Path, group: &str) -> Vec<Quota> {
        let at = root.join(self.at.trim_start_matches('/'));
        // A group outside the top of the mount is written with `..` or does not begin with it: its own limits cannot be
        // seen from here, the top's can.
        let below = Path::new(group).strip_prefix(&self.top).unwrap_or(Path::new(""));
        let is_plain = below.components().all(|part| matches!(part, Component::Normal(_)));
        let mut folder = if is_plain { at.join(below) } else { at.clone() };
        let mut quotas = Vec::new();
        loop {
            quotas.extend(self.quota(&folder));
            if folder == at || !folder.pop() {
                return quotas;
            }
        }
    }

    fn quota(&self, folder: &Path) -> Option<Quota> {
        let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
        let (quota_micros, period_micros, file) = match self.version {
            Version::Two => {
                let file = folder.join("cpu.max");
                let text = fs::read_to_string(&file).ok()?;
                let (quota, period) = text.trim().split_once(' ')?;
                // `max` is no number: no limit.
                (quota.parse().ok()?, period.parse().ok()?, file)
            }
            // -1 is no such number: no limit.
            Version::One => {
                (number("cpu.cfs_quota_us")?, number("cpu.cfs_period_us")?, folder.join("cpu.cfs_quota_us"))
            }
        };
        (quota_micros > 0 && period_micros > 0).then_some(Quota { quota_micros, period_micros, file })
    }
}

/// The kernel writes white space and backslashes in a path as three octal digits.
fn unescape(text: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::tree::Tree;

    /// A file system as a container sees it.
    struct Container(Tree);

    impl Container {
        fn new(groups: &str, mounts: &str, files: &[(&str, &str)]) -> Container {
            let tree = Tree::new("quota");
            tree.write("proc/self/cgroup", groups);
            tree.write("proc/self/mountinfo", mounts);
            files.iter().for_each(|(name, text)| tree.write(name, text));
            Container(tree)
        }

        fn found(&self) -> Option<(u64, u64, usize)> {
            find(self.0.root()).map(|quota| (quota.quota_micros, quota.period_micros, quota.cores()))
        }
    }

    const TWO: &str = "41 31 0:38 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";
    const ONE: &str = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n";

    #[test]
    fn version_two_rounds_up_and_the_tightest_group_counts() {
        for (own, above, wanted) in [
            ("max 100000\n", "max 100000\n", None),
            ("150000 100000\n", "max 100000\n", Some((150_000, 100_000, 2))),
            ("200000 100000\n", "max 100000\n", Some((200_000, 100_000, 2))),
            ("10000 100000\n", "max 100000\n", Some((10_000, 100_000, 1))),
            ("400000 100000\n", "50000 50000\n", Some((50_000, 50_000, 1))),
            ("nonsense\n", "300000 100000\n", Some((300_000, 100_000, 3))),
            ("0 100000\n", "100000 0\n", None),
        ] {
            let files = [("sys/fs/cgroup/a/b/cpu.max", own), ("sys/fs/cgroup/a/cpu.max", above)];
            assert_eq!(Container::new("0::/a/b\n", TWO, &files).found(), wanted, "{own} {above}");
        }
    }

    #[test]
    fn version_one_is_found_by_its_controller() {
        let groups = "9:cpuset:/wrong\n3:cpuacct,cpu:/docker/x\n0::/\n";
        let tree = |quota: &str| {
            let folder = "sys/fs/cgroup/cpu,cpuacct/docker/x/";
            let (quota_file, period_file) = (format!("{folder}cpu.cfs_quota_us"), format!("{folder}cpu.cfs_period_us"));
            Container::new(groups, ONE, &[(&quota_file, quota), (&period_file, "100000\n")])
        };
        assert_eq!(tree("-1\n").found(), None);
        assert_eq!(tree("250000\n").found(), Some((250_000, 100_000, 3)));
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_top() {
        // Without a namespace of groups: the mount begins at the group that /proc names.
        let mounts = TWO.replace(" / /sys", " /docker/x /sys");
        let files = [("sys/fs/cgroup/cpu.max", "200000 100000\n"), ("sys/fs/cgroup/in/cpu.max", "100000 100000\n")];
        assert_eq!(Container::new("0::/docker/x\n", &mounts, &files).found(), Some((200_000, 100_000, 2)));
        assert_eq!(Container::new("0::/docker/x/in\n", &mounts, &files).found(), Some((100_000, 100_000, 1)));
        // A group that this mount does not show, and one outside the namespace.
        for group in ["0::/other\n", "0::/../y\n"] {
            assert_eq!(Container::new(group, &mounts, &files).found(), Some((200_000, 100_000, 2)), "{group}");
        }
    }

    #[test]
    fn both_versions_at_once_and_neither() {
        let files = [
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/unified/cpu.max", "100000 100000\n"),
        ];
        let mounts = format!("{ONE}{}", TWO.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified"));
        assert_eq!(Container::new("3:cpu,cpuacct:/\n0::/\n", &mounts, &files).found(), Some((100_000, 100_000, 1)));
        assert_eq!(Container::new("", "", &[]).found(), None);
        assert_eq!(find(Path::new("/nowhere/at/all")), None);
    }

    #[test]
    fn a_path_with_a_blank_is_written_in_octal() {
        let mounts = TWO.replace("/sys/fs/cgroup", "/sys/fs/c\\040g");
        let files = [("sys/fs/c g/cpu.max", "100000 50000\n")];
        assert_eq!(Container::new("0::/\n", &mounts, &files).found(), Some((100_000, 50_000, 2)));
    }
}
