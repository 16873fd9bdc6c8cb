//! How many cores this process may use, and so how many workers there are when nobody says.
#![forbid(unsafe_code)]

use crate::sys::quota::{self, Quota};
use crate::sys::thread;
use std::path::Path;

/// Most workers of one server: far more than any machine's cores.
pub(crate) const WORKERS_MAX: usize = 1024;

/// What the system lets this process use.
#[derive(Clone, Debug)]
pub(crate) struct Cores {
    /// The cores that the calling thread may run on, by number; none where the kernel does not say.
    pub(crate) allowed: Vec<usize>,
    /// What the control group allows of their time.
    pub(crate) quota: Option<Quota>,
}

impl Cores {
    pub(crate) fn find() -> Cores {
        Cores { allowed: thread::allowed_cores(), quota: quota::find(Path::new("/")) }
    }

    /// One for each core that may be used: those of the affinity mask, or as many as the quota is worth if that is fewer. A
    /// thread more than that would be stopped in the middle of its answers when the group has used its time up.
    pub(crate) fn workers(&self) -> usize {
        let quota = self.quota.as_ref().map_or(usize::MAX, Quota::cores);
        self.allowed.len().min(quota).clamp(1, WORKERS_MAX)
    }

    /// The core that a worker is pinned to: they are dealt in order, and again from the first when there are more workers.
    pub(crate) fn of_worker(&self, worker: usize) -> Option<usize> {
        self.allowed.get(worker.checked_rem(self.allowed.len())?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(allowed: &[usize], micros: Option<u64>) -> Cores {
        let quota = micros.map(|quota_micros| Quota { quota_micros, period_micros: 100_000, file: "cpu.max".into() });
        Cores { allowed: allowed.to_vec(), quota }
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
            assert_eq!(cores(allowed, micros).workers(), wanted, "{allowed:?} {micros:?}");
        }
        assert!(Cores::find().workers() >= 1);
    }

    #[test]
    fn cores_are_dealt_in_order() {
        let dealt = |allowed: &[usize]| (0..4).map(|worker| cores(allowed, None).of_worker(worker)).collect::<Vec<_>>();
        assert_eq!(dealt(&[2, 5, 6]), [Some(2), Some(5), Some(6), Some(2)]);
        assert_eq!(dealt(&[]), [None; 4]);
    }
}
