//! Pure: which payloads are in the pack already. A table of hashes and places; the bytes are compared by the writer.
//!
//! 16 B a payload in a list that grows by eighths, and a power of two of u32 places into it, at most 3/4 full:
//! 23 to 29 B a payload. The index is rebuilt from the list when it grows, so there are never two of them.
#![forbid(unsafe_code)]

const EMPTY: u32 = u32::MAX;

#[derive(Default)]
pub(super) struct Dedupe {
    list: Vec<(u64, u64)>,
    index: Vec<u32>,
}

impl Dedupe {
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The offsets of payloads with this hash, oldest first; almost always none or one.
    pub(super) fn candidates(&self, hash: u64) -> impl Iterator<Item = u64> + '_ {
        self.probe(hash)
            .map_while(|place| self.list.get(self.index[place] as usize))
            .filter(move |known| known.0 == hash)
            .map(|known| known.1)
    }

    pub(super) fn insert(&mut self, hash: u64, offset: u64) {
        if (self.list.len() + 1) * 4 > self.index.len() * 3 {
            let places = (self.index.len() * 2).max(64);
            self.index = Vec::new(); // the old one goes before the new one comes
            self.index = vec![EMPTY; places];
            (0..self.list.len()).for_each(|number| self.place(number));
        }
        push_by_eighths(&mut self.list, (hash, offset));
        self.place(self.list.len() - 1);
    }

    fn place(&mut self, number: usize) {
        let free = self.probe(self.list[number].0).find(|&place| self.index[place] == EMPTY);
        if let Some(place) = free {
            self.index[place] = number as u32;
        }
    }

    /// All places, from the one that the hash asks for on; there is always an empty one, once there are any.
    fn probe(&self, hash: u64) -> impl Iterator<Item = usize> + use<> {
        let mask = self.index.len().wrapping_sub(1);
        (0..self.index.len()).map(move |step| (hash as usize).wrapping_add(step) & mask)
    }
}

/// Pushes onto a list that grows by an eighth at a time: doubling would hold twice what is needed.
pub(super) fn push_by_eighths<T>(list: &mut Vec<T>, item: T) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len() / 8 + 1024);
    }
    list.push(item);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_offset_is_found_under_its_hash() {
        let mut dedupe = Dedupe::default();
        assert_eq!(dedupe.candidates(1).count(), 0);
        let hash = |number: u64| (number / 3).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..3000).for_each(|number| dedupe.insert(hash(number), number));
        for number in 0..3000 {
            let first = number / 3 * 3;
            assert_eq!(dedupe.candidates(hash(number)).collect::<Vec<_>>(), [first, first + 1, first + 2]);
        }
        assert_eq!(dedupe.candidates(12345).count(), 0);
        assert_eq!(dedupe.len(), 3000);
    }
}
