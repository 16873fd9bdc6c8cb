//! Pure: the entity tag of what is put together from several payloads.
#![forbid(unsafe_code)]

use xxhash_rust::xxh3::Xxh3;

/// Takes in what decides the bytes of an answer, and gives a tag for it: as strong as the hashes that it is fed.
pub(crate) struct Tag(Xxh3);

impl Tag {
    pub(crate) fn new() -> Tag {
        Tag(Xxh3::new())
    }

    /// Takes in `bytes`. Values of changing length have to be told apart by the caller.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// 32 lower-case hexadecimal digits, as the tags of single payloads have.
    pub(crate) fn digits(&self) -> [u8; 32] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let hash = self.0.digest128().to_be_bytes();
        std::array::from_fn(|index| HEX[usize::from(hash[index / 2] >> (4 * (1 - index % 2)) & 15)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_the_hash_of_all_that_was_added() {
        let mut tag = Tag::new();
        tag.add(b"ab");
        tag.add(b"c");
        let expected = xxhash_rust::xxh3::xxh3_128(b"abc");
        assert_eq!(std::str::from_utf8(&tag.digits()).unwrap(), format!("{expected:032x}"));
    }
}
