//! Content codings and which of them a client gets (RFC 9110 sections 8.4.1 and 12.5.3). Pure; allocates nothing.
#![forbid(unsafe_code)]

use super::list;

/// A content coding that payloads are stored in (RFC 9110 section 8.4.1; `br` from RFC 7932, `zstd` from RFC 8878).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Encoding {
    /// No coding at all.
    Identity = 0,
    /// `gzip`.
    Gzip = 1,
    /// `br`.
    Brotli = 2,
    /// `zstd`.
    Zstd = 3,
}

impl Encoding {
    /// The coding's name in `Content-Encoding`, where `identity` does not belong (RFC 9110 section 8.4).
    #[must_use]
    pub const fn token(self) -> &'static str {
        match self {
            Encoding::Identity => "identity",
            Encoding::Gzip => "gzip",
            Encoding::Brotli => "br",
            Encoding::Zstd => "zstd",
        }
    }

    /// The coding that a token of `Accept-Encoding` names, without regard to case; `x-gzip` is `gzip` (RFC 9110 section
    /// 8.4.1.3).
    fn parse(token: &[u8]) -> Option<Encoding> {
        match token.len() {
            2 if list::token_eq_ignore_case(token, "br") => Some(Encoding::Brotli),
            4 if list::token_eq_ignore_case(token, "gzip") => Some(Encoding::Gzip),
            4 if list::token_eq_ignore_case(token, "zstd") => Some(Encoding::Zstd),
            6 if list::token_eq_ignore_case(token, "x-gzip") => Some(Encoding::Gzip),
            8 if list::token_eq_ignore_case(token, "identity") => Some(Encoding::Identity),
            _ => None,
        }
    }

    /// What breaks a tie of weight and size, so that the order in which the forms are stored never decides.
    const fn tie(self) -> u8 {
        match self {
            Encoding::Identity => 0,
            Encoding::Gzip => 1,
            Encoding::Zstd => 2,
            Encoding::Brotli => 3,
        }
    }
}

/// The index of the best of the `available` forms of a payload (coding and size in bytes), or `None` if the client
/// takes none of them: 406, or what the caller has for that case (RFC 9110 section 12.5.3).
///
/// `accept_encoding` are the values of all lines of the field. The highest weight wins, then the smaller form, then
/// `br` before `zstd` before `gzip` before `identity`. Identity is acceptable unless its weight, or that of `*` if it
/// has none of its own, is 0; where no weight speaks of it, it comes last. A form named twice has its lower weight.
///
/// An element that cannot be read gives what it names the weight 0, but never identity, so that no mistake of a client
/// ends in a 406.
///
/// Without the field every coding is acceptable (section 12.5.3), but a client that does not ask may be one that cannot
/// unpack: identity, and if it is not there the first of `gzip`, `br`, `zstd` that is, the oldest first.
pub fn choose<'a, L>(accept_encoding: L, available: &[(Encoding, u64)]) -> Option<usize>
where
    L: IntoIterator<Item = &'a [u8]>,
{
    let mut lines = accept_encoding.into_iter().peekable();
    if lines.peek().is_none() {
        return (0..available.len()).min_by_key(|&index| available[index].0);
    }
    let weights = Weights::parse(lines);
    let mut best = None;
    for (index, &(encoding, bytes)) in available.iter().enumerate() {
        if let Some(weight) = weights.of(encoding) {
            let rank = (weight, std::cmp::Reverse(bytes), encoding.tie());
            if best.is_none_or(|(best_rank, _)| rank > best_rank) {
                best = Some((rank, index));
            }
        }
    }
    best.map(|(_, index)| index)
}

/// The weights of one request in thousandths.
#[derive(Default)]
struct Weights {
    /// By the number of the coding; `None` if it is not named.
    named: [Option<u16>; 4],
    /// That of `*`.
    star: Option<u16>,
}

impl Weights {
    fn parse<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Weights {
        let mut weights = Weights::default();
        for element in list::values(lines) {
            let end = memchr::memchr(b';', element).unwrap_or(element.len());
            let (token, weight) = (list::trim(&element[..end]), parse_weight(&element[end..]));
            let slot = match (Encoding::parse(token), weight) {
                (Some(Encoding::Identity), None) => continue,
                (Some(encoding), _) => &mut weights.named[encoding as usize],
                (None, Some(_)) if token == b"*" => &mut weights.star,
                (None, _) => continue,
            };
            let weight = weight.unwrap_or(0);
            *slot = Some(slot.map_or(weight, |other| other.min(weight)));
        }
        weights
    }

    /// The weight of an acceptable coding, 0 for an identity that no weight speaks of; `None` if it is not acceptable.
    fn of(&self, encoding: Encoding) -> Option<u16> {
        match (self.named[encoding as usize].or(self.star), encoding) {
            (Some(0), _) => None,
            (Some(weight), _) => Some(weight),
            (None, Encoding::Identity) => Some(0),
            (None, Encoding::Gzip | Encoding::Brotli | Encoding::Zstd) => None,
        }
    }
}

/// The thousandths that `[ OWS ";" OWS "q=" qvalue ]` names, 1000 if it is empty (RFC 9110 section 12.4.2); `None` if
/// it is malformed.
fn parse_weight(bytes: &[u8]) -> Option<u16> {
    let [b';', weight @ ..] = bytes else {
        return Some(1000);
    };
    let [b'q' | b'Q', b'=', whole @ (b'0' | b'1'), rest @ ..] = list::trim(weight) else {
        return None;
    };
    let fraction = match rest {
        [] => &[],
        [b'.', fraction @ ..] if fraction.len() <= 3 => fraction,
        _ => return None,
    };
    let mut thousandths = u16::from(*whole - b'0') * 1000;
    let mut place = 100;
    for digit in fraction {
        if !digit.is_ascii_digit() {
            return None;
        }
        thousandths += u16::from(digit - b'0') * place;
        place /= 10;
    }
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::Encoding::*;
    use super::*;
    use crate::http::list::random::Random;

    const ALL: &[(Encoding, u64)] = &[(Identity, 100), (Gzip, 50), (Brotli, 40), (Zstd, 45)];

    fn chosen(lines: &[&str], available: &[(Encoding, u64)]) -> Option<Encoding> {
        choose(lines.iter().map(|line| line.as_bytes()), available).map(|index| available[index].0)
    }

    #[test]
    fn of_all_forms() {
        let cases: &[(&[&str], Option<Encoding>)] = &[
            (&[], Some(Identity)),
            (&[""], Some(Identity)),
            (&[" , "], Some(Identity)),
            (&["gzip"], Some(Gzip)),
            (&["x-gzip"], Some(Gzip)),
            (&["X-GZip"], Some(Gzip)),
            (&["BR"], Some(Brotli)),
            (&["zstd"], Some(Zstd)),
            (&["identity"], Some(Identity)),
            (&["deflate, compress"], Some(Identity)),
            (&["gzip, deflate, br, zstd"], Some(Brotli)),
            (&["gzip", "br"], Some(Brotli)),
            (&["gzip", "", "deflate"], Some(Gzip)),
            (&["gzip;q=1.0, br;q=0.9"], Some(Gzip)),
            (&["gzip;q=0.001"], Some(Gzip)),
            (&["gzip ; q=0.5 ,\tbr;\tq=0.6"], Some(Brotli)),
            (&["gzip;Q=0.5, br;q=0.501"], Some(Brotli)),
            (&["gzip;q=0"], Some(Identity)),
            (&["gzip;q=0.000, br;q=0.0"], Some(Identity)),
            (&["identity, gzip;q=0.9"], Some(Identity)),
            (&["identity;q=0.5, gzip;q=0.5"], Some(Gzip)),
            (&["*"], Some(Brotli)),
            (&["*, br;q=0"], Some(Zstd)),
            (&["br;q=0, zstd;q=0, *;q=0.5"], Some(Gzip)),
            (&["gzip;q=0.5, *;q=0.4"], Some(Gzip)),
            (&["gzip;q=0.5, *;q=0.6"], Some(Brotli)),
            (&["*;q=0"], None),
            (&["identity;q=0"], None),
            (&["identity;q=0, deflate"], None),
            (&["*;q=0, identity"], Some(Identity)),
            (&["*;q=0, identity;q=0.001"], Some(Identity)),
            (&["*;q=0, gzip"], Some(Gzip)),
            (&["identity;q=0, *"], Some(Brotli)),
            (&["identity;q=0, gzip;q=0.1"], Some(Gzip)),
            // Named twice: the lower weight.
            (&["gzip, gzip;q=0"], Some(Identity)),
            (&["gzip;q=0, x-gzip"], Some(Identity)),
            // Cannot be read: not acceptable, but for identity.
            (&["gzip;q="], Some(Identity)),
            (&["gzip;q=a"], Some(Identity)),
            (&["gzip;q=2"], Some(Identity)),
            (&["gzip;q=1.001"], Some(Identity)),
            (&["gzip;q=0.0001"], Some(Identity)),
            (&["gzip;q=-1"], Some(Identity)),
            (&["gzip;q=+1"], Some(Identity)),
            (&["gzip;q=.5"], Some(Identity)),
            (&["gzip;q=01"], Some(Identity)),
            (&["gzip;q =1"], Some(Identity)),
            (&["gzip;q= 1"], Some(Identity)),
            (&["gzip;q=\"1\""], Some(Identity)),
            (&["gzip;q=1;q=1"], Some(Identity)),
            (&["gzip;level=9"], Some(Identity)),
            (&["gzip;"], Some(Identity)),
            (&["gzip br"], Some(Identity)),
            (&["\"gzip\""], Some(Identity)),
            (&["gzip;q=x, *"], Some(Brotli)),
            (&["br;q=x, *"], Some(Zstd)),
            (&["*;q=x"], Some(Identity)),
            (&["identity;q=x"], Some(Identity)),
            (&["gzip;q=1., br;q=0."], Some(Gzip)),
            (&["gzip;q=1.000"], Some(Gzip)),
        ];
        for (lines, expected) in cases {
            assert_eq!(chosen(lines, ALL), *expected, "{lines:?}");
        }
    }

    #[test]
    fn of_some_forms() {
        type Case<'a> = (&'a [&'a str], &'a [(Encoding, u64)], Option<Encoding>);
        let cases: &[Case<'_>] = &[
            (&["gzip"], &[], None),
            (&[], &[], None),
            (&[], &[(Zstd, 1), (Brotli, 1), (Gzip, 9)], Some(Gzip)),
            (&[], &[(Zstd, 1), (Brotli, 2)], Some(Brotli)),
            (&[""], &[(Gzip, 1)], None),
            (&["br"], &[(Gzip, 1)], None),
            (&["br"], &[(Gzip, 1), (Identity, 9)], Some(Identity)),
            (&["gzip"], &[(Gzip, 9), (Identity, 1)], Some(Gzip)),
            // The same weight: the smaller one.
            (&["gzip, br"], &[(Brotli, 9), (Gzip, 8)], Some(Gzip)),
            (&["gzip, identity"], &[(Gzip, 9), (Identity, 8)], Some(Identity)),
            // And the same size.
            (&["*"], &[(Identity, 5), (Gzip, 5), (Zstd, 5), (Brotli, 5)], Some(Brotli)),
            (&["*"], &[(Zstd, 5), (Gzip, 5), (Identity, 5)], Some(Zstd)),
            (&["*"], &[(Identity, 5), (Gzip, 5)], Some(Gzip)),
        ];
        for (lines, available, expected) in cases {
            assert_eq!(chosen(lines, available), *expected, "{lines:?} {available:?}");
        }
    }

    #[test]
    fn weights() {
        let valid = [("", 1000), (";q=0", 0), (";q=0.", 0), (";q=0.5", 500), (";q=0.05", 50), ("; Q=0.999 ", 999)];
        for (weight, expected) in valid {
            assert_eq!(parse_weight(weight.as_bytes()), Some(expected), "{weight:?}");
        }
        for thousandths in 0..=1000u16 {
            let weight = format!(";q={}.{:03}", thousandths / 1000, thousandths % 1000);
            assert_eq!(parse_weight(weight.as_bytes()), Some(thousandths));
        }
    }

    #[test]
    fn tokens_go_round() {
        for encoding in [Identity, Gzip, Brotli, Zstd] {
            assert_eq!(Encoding::parse(encoding.token().as_bytes()), Some(encoding));
        }
    }

    #[test]
    fn any_bytes_give_a_choice_that_the_order_of_the_forms_does_not_change() {
        let mut random = Random::new(9);
        let words: [&[u8]; 12] =
            [b"gzip", b"br", b"zstd", b"identity", b"*", b";q=", b"0", b"1", b".5", b",", b", ", b"\""];
        for _ in 0..100_000 {
            let mut line = Vec::new();
            for _ in 0..random.below(10) {
                line.extend_from_slice(words[random.below(words.len())]);
            }
            line.extend(random.bytes(b" ;,=", 2));
            let forms = [(Identity, 9), (Gzip, 7), (Brotli, random.below(3) as u64 + 6), (Zstd, 7)];
            let mut turned = forms;
            turned.rotate_left(random.below(4));
            let one = choose([&line[..]], &forms).map(|index| forms[index]);
            let other = choose([&line[..]], &turned).map(|index| turned[index]);
            assert_eq!(one, other, "{}", line.escape_ascii());
        }
    }
}
