//! Keys with one hash. XXH64 takes 8 bytes at a time into each of four lanes, and each step can be undone: whatever the
//! first 8 bytes of a lane are, there are second 8 bytes after which the lane is what somebody wants. One try in some
//! thousands gives bytes that a key may have; two lanes with 65 choices each give 4,225 keys.

#[path = "golden/sample.rs"]
mod sample;

use badgerserver::pack::{Pack, Record, WriteError};
use sample::{Content, Random, answer, options, try_build};
use xxhash_rust::xxh64::xxh64;

const PRIME_1: u64 = 0x9e37_79b1_85eb_ca87;
const PRIME_2: u64 = 0xc2b2_ae3d_27d4_eb4f;

/// The number by which to multiply to undo a multiplication by an odd one: each step doubles the bits that are right.
fn inverse(odd: u64) -> u64 {
    (0..6).fold(odd, |guess, _| guess.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(guess))))
}

/// Pairs of 8 bytes, 32 bytes apart in a key, after which a lane that began as `start` is the same.
fn lane_choices(start: u64, seed: u64, count: usize) -> Vec<([u8; 8], [u8; 8])> {
    let after = |first: u64| start.wrapping_add(first.wrapping_mul(PRIME_2)).rotate_left(31).wrapping_mul(PRIME_1);
    let wanted =
        after(u64::from_le_bytes(*b"aaaaaaaa")).wrapping_add(u64::from_le_bytes(*b"aaaaaaaa").wrapping_mul(PRIME_2));
    let (undo, mut random, mut choices) = (inverse(PRIME_2), Random(seed), vec![(*b"aaaaaaaa", *b"aaaaaaaa")]);
    while choices.len() < count {
        let mixed = random.next();
        let first: [u8; 8] = std::array::from_fn(|place| b'a' + (mixed >> (place * 8)) as u8 % 26);
        let second = wanted.wrapping_sub(after(u64::from_le_bytes(first))).wrapping_mul(undo).to_le_bytes();
        if second.iter().all(|byte| (b'0'..=b'~').contains(byte)) {
            choices.push((first, second));
        }
    }
    choices
}

fn colliding_keys() -> Vec<String> {
    let (left, right) = (lane_choices(PRIME_2, 1, 65), lane_choices(0, 2, 65));
    let mut keys = Vec::new();
    for (left_first, left_second) in &left {
        for (right_first, right_second) in &right {
            let parts: [&[u8]; 8] = [
                b"/aaaaaaa",
                left_first,
                right_first,
                b"aaaaaaaa",
                b"aaaaaaaa",
                left_second,
                right_second,
                b"aaaaaaaa",
            ];
            keys.push(String::from_utf8(parts.concat()).unwrap());
        }
    }
    assert!(keys.iter().all(|key| xxh64(key.as_bytes(), 0) == xxh64(keys[0].as_bytes(), 0)));
    keys
}

fn contents_of(keys: &[String]) -> Vec<Content> {
    keys.iter().map(|key| Content::new(key, "a/b", key.as_bytes())).collect()
}

#[test]
fn keys_with_one_hash_are_all_found() {
    let keys = colliding_keys();
    let (inside, outside) = keys.split_at(700);
    let mut contents = contents_of(inside);
    contents.extend((0..300).map(|number| Content::new(&format!("/{number}"), "a/b", b"x")));
    let pack = Pack::from_bytes(try_build(&contents, options()).unwrap().0).unwrap();
    let (mut checked, mut record) = (pack.checked(), Record::default());
    for key in inside {
        let found = answer(&pack, key, &mut checked, &mut record).unwrap().unwrap();
        assert_eq!(found.variants[0].2, key.as_bytes());
    }
    for key in &outside[..100] {
        assert_eq!(pack.lookup(key.as_bytes(), &mut checked, &mut record), Ok(false));
    }
    assert_eq!(pack.verify(&mut |_, _| {}).problems, []);
    // The order of the input decides the order of the records, but never the order of the slots.
    contents.reverse();
    assert_eq!(
        Pack::from_bytes(try_build(&contents, options()).unwrap().0).unwrap().verify(&mut |_, _| {}).problems,
        []
    );
}

#[test]
fn more_than_a_bucket_may_hold_are_refused() {
    let keys = colliding_keys();
    assert!(try_build(&contents_of(&keys[..4096]), options()).is_ok());
    let error = try_build(&contents_of(&keys[..4097]), options()).unwrap_err();
    assert!(matches!(error, WriteError::Whole(_)));
    assert_eq!(
        error.to_string(),
        "more than 4,096 keys share the first bits of their hash: they were chosen to collide"
    );
}
