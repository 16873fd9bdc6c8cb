//! Bytes to measure a network with: random ones, so that nothing on the way can make them fewer.
#![forbid(unsafe_code)]

use crate::http::range::{self, Ranges};
use crate::http::{Method, Request, Response};

/// What is sent when nothing is said.
const BYTES_DEFAULT: u64 = 1024 * 1024;
/// Most bytes of an answer. It is made in memory; who wants to measure for longer asks again on the same connection.
const BYTES_MAX: u64 = 32 * 1024 * 1024;

/// The word at this place: always the same one, so that parts fit together (splitmix64, Steele, Lea, Flood 2014).
fn word(place: u64) -> u64 {
    let mut word = place.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ word >> 31
}

/// The bytes from `first` on.
fn bytes(first: u64, len: u64) -> Vec<u8> {
    let skipped = first % 8;
    let mut bytes = Vec::with_capacity((len + 16) as usize);
    for place in first / 8..(first + len).div_ceil(8) {
        bytes.extend_from_slice(&word(place).to_le_bytes());
    }
    bytes.drain(..skipped as usize);
    bytes.truncate(len as usize);
    bytes
}

/// How many are asked for.
fn wanted(query: Option<&str>) -> Option<u64> {
    let mut wanted = BYTES_DEFAULT;
    for parameter in query.unwrap_or_default().split('&') {
        if let Some(text) = parameter.strip_prefix("bytes=") {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            wanted = text.parse().ok().filter(|bytes| is_number && *bytes <= BYTES_MAX)?;
        }
    }
    Some(wanted)
}

pub(super) fn answer(request: &Request<'_>) -> Response {
    let Some(total) = wanted(request.query()) else {
        return Response::text(format!(
            "bytes is a number from 0 to {BYTES_MAX}, as in /_badger/speed?bytes=1048576\n"
        ))
        .status(400);
    };
    let mut ranges = request.headers().filter(|(name, _)| name.eq_ignore_ascii_case("range"));
    let range = match (ranges.next(), ranges.next()) {
        // It has no validator, so a condition on one is not met (RFC 9110 section 13.1.5).
        (Some((_, value)), None) if request.header("if-range").is_none() && request.method() == Method::Get => {
            range::parse(value, total)
        }
        _ => Ranges::Ignore,
    };
    let answer =
        |first, len| Response::bytes("application/octet-stream", bytes(first, len)).header("Accept-Ranges", "bytes");
    match range {
        Ranges::One { first, len } => {
            let last = first + len - 1;
            answer(first, len).status(206).header("Content-Range", &format!("bytes {first}-{last}/{total}"))
        }
        Ranges::Unsatisfiable => Response::text("no byte of that range is there\n")
            .status(416)
            .header("Content-Range", &format!("bytes */{total}")),
        // Several parts may be answered by the whole (RFC 9110 section 15.3.7).
        Ranges::Ignore | Ranges::Several(_) => answer(0, total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Router;
    use crate::server::TestClient;

    fn client() -> TestClient {
        TestClient::new(Router::new().get("/speed", answer)).unwrap()
    }

    #[test]
    fn parts_are_parts_of_the_whole() {
        let mut client = client();
        let whole = client.get("/speed?bytes=1000");
        assert_eq!((whole.status(), whole.body().len(), whole.header("accept-ranges")), (200, 1000, Some("bytes")));
        for (range, first, last) in
            [("bytes=0-0", 0, 0), ("bytes=3-20", 3, 20), ("bytes=990-", 990, 999), ("bytes=-5", 995, 999)]
        {
            let part = client.request("GET", "/speed?bytes=1000", &[("Range", range)]);
            assert_eq!((part.status(), part.body()), (206, &whole.body()[first..=last]), "{range}");
            assert_eq!(part.header("content-range"), Some(&format!("bytes {first}-{last}/1000")[..]));
        }
        let outside = client.request("GET", "/speed?bytes=1000", &[("Range", "bytes=1000-")]);
        assert_eq!((outside.status(), outside.header("content-range")), (416, Some("bytes */1000")));
        for headers in [&[("Range", "bytes=0-1"), ("If-Range", "\"a\"")][..], &[("Range", "bytes=0-0,5-6")]] {
            assert_eq!(client.request("GET", "/speed?bytes=1000", headers).body(), whole.body());
        }
    }

    #[test]
    fn how_many_is_bounded() {
        let mut client = client();
        for (query, status) in
            [("", 200), ("?bytes=0", 200), ("?a=b&bytes=7", 200), ("?bytes=33554433", 400), ("?bytes=", 400)]
        {
            assert_eq!(client.get(&format!("/speed{query}")).status(), status, "{query}");
        }
        for query in ["?bytes=-1", "?bytes=+1", "?bytes=x", "?bytes=99999999999999999999999"] {
            assert_eq!(client.get(&format!("/speed{query}")).status(), 400, "{query}");
        }
        assert_eq!(client.get("/speed").body().len() as u64, BYTES_DEFAULT);
        assert_eq!(client.request("HEAD", "/speed?bytes=5", &[]).header("content-length"), Some("5"));
    }

    #[test]
    fn nothing_in_them_repeats() {
        let bytes = bytes(0, 256 * 1024);
        let mut counts = [0_u32; 256];
        bytes.iter().for_each(|&byte| counts[usize::from(byte)] += 1);
        assert!(counts.iter().all(|count| (850..1200).contains(count)), "{counts:?}");
        let mut words: Vec<_> = bytes.chunks(8).collect();
        words.sort_unstable();
        assert!(words.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
