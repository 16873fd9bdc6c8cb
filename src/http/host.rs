//! The value of `Host`, and the authority of a target (RFC 9110 section 7.2, RFC 3986 section 3.2). Pure.
#![forbid(unsafe_code)]

use std::net::Ipv6Addr;

/// Whether these bytes are the value of a `Host` field: `uri-host [ ":" port ]` (RFC 9110 section 7.2), or empty, which
/// is what a client sends whose target has no authority (RFC 9112 section 3.2).
#[must_use]
pub fn is_valid(value: &[u8]) -> bool {
    value.is_empty() || is_authority(value)
}

/// Whether these bytes are the authority of an `http` URI: a host that is not empty (RFC 9110 section 4.2.1), with or
/// without a port, and no userinfo, which a recipient should take for an attempt to deceive (section 4.2.4).
#[must_use]
pub fn is_authority(value: &[u8]) -> bool {
    let host_bytes = match value.first() {
        Some(b'[') => memchr::memchr(b']', value).map_or(0, |end| end + 1),
        _ => memchr::memchr(b':', value).unwrap_or(value.len()),
    };
    let (host, port) = value.split_at(host_bytes);
    is_port(port) && if host.starts_with(b"[") { is_ip_literal(host) } else { is_reg_name(host) }
}

/// Nothing, or a colon and a port that TCP has. The digits may be missing (RFC 3986 section 3.2.3).
fn is_port(bytes: &[u8]) -> bool {
    let Some((colon, digits)) = bytes.split_first() else {
        return true;
    };
    let number = digits.iter().try_fold(0u32, |number, byte| {
        let next = number * 10 + u32::from(byte.wrapping_sub(b'0'));
        (byte.is_ascii_digit() && next <= 65_535).then_some(next)
    });
    *colon == b':' && number.is_some()
}

/// A registered name (RFC 3986 section 3.2.2), but not an empty one. Every IPv4 address is one to this grammar too.
fn is_reg_name(host: &[u8]) -> bool {
    if host.iter().all(|&byte| PLAIN[usize::from(byte)]) {
        return !host.is_empty();
    }
    let mut rest = host;
    while let [byte, tail @ ..] = rest {
        rest = match (*byte, tail) {
            (b'%', [high, low, tail @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => tail,
            (byte, tail) if is_unreserved(byte) || is_sub_delim(byte) => tail,
            _ => return false,
        };
    }
    !host.is_empty()
}

/// An address in brackets (RFC 3986 section 3.2.2): IPv6 without a zone, or an address of a version to come.
fn is_ip_literal(host: &[u8]) -> bool {
    let [b'[', address @ .., b']'] = host else {
        return false;
    };
    match address {
        [b'v' | b'V', future @ ..] => is_ip_future(future),
        _ => std::str::from_utf8(address).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok()),
    }
}

/// `1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`: `IPvFuture` after its `v`.
fn is_ip_future(bytes: &[u8]) -> bool {
    let Some(dot) = memchr::memchr(b'.', bytes) else {
        return false;
    };
    let (version, address) = (&bytes[..dot], &bytes[dot + 1..]);
    !version.is_empty()
        && version.iter().all(u8::is_ascii_hexdigit)
        && !address.is_empty()
        && address.iter().all(|&byte| is_unreserved(byte) || is_sub_delim(byte) || byte == b':')
}

/// The bytes of a registered name that stand for themselves.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        plain[byte] = is_unreserved(byte as u8) || is_sub_delim(byte as u8);
        byte += 1;
    }
    plain
};

/// RFC 3986 section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 section 2.2.
const fn is_sub_delim(byte: u8) -> bool {
    matches!(byte, b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::list::random::Random;

    #[test]
    fn accepted() {
        let cases = [
            "example.com",
            "EXAMPLE.com.",
            "example.com:",
            "example.com:80",
            "example.com:0",
            "example.com:65535",
            "example.com:00080",
            "localhost",
            "a_b.example",
            "xn--bcher-kva.example",
            "b%C3%BCcher.example",
            "!$&'()*+,;=",
            "127.0.0.1",
            "127.0.0.1:8080",
            "999.1.1.1",
            "[::1]",
            "[::]:8080",
            "[2001:DB8::1]:",
            "[1:2:3:4:5:6:7:8]",
            "[1:2:3:4:5:6:7::]",
            "[::ffff:192.0.2.1]:443",
            "[v1.a:b]",
            "[vF.~]:1",
        ];
        for host in cases {
            assert!(is_valid(host.as_bytes()) && is_authority(host.as_bytes()), "{host:?}");
        }
        assert!(is_valid(b"") && !is_authority(b""));
    }

    #[test]
    fn refused() {
        let cases = [
            " ",
            ":",
            ":80",
            "a b",
            " example.com",
            "example.com ",
            "user@example.com",
            "user:password@example.com",
            "a,b@c",
            "example.com/",
            "example.com?",
            "example.com#",
            "example.com\\",
            "http://example.com",
            "example.com:80:80",
            "example.com:65536",
            "example.com:99999999999999999999999",
            "example.com:+80",
            "example.com:-1",
            "example.com:8o",
            "example.com: 80",
            "example.com:http",
            "a%",
            "a%4",
            "a%4g",
            "bücher.example",
            "a\0b",
            "a\tb",
            "a\x7f",
            "\"a\"",
            "<a>",
            "::1",
            "[]",
            "[",
            "]",
            "[::1",
            "::1]",
            "[::1]]",
            "[::1]a",
            "[::1]80",
            "[[::1]]",
            "[:::]",
            "[1:2:3:4:5:6:7]",
            "[1:2:3:4:5:6:7:8:9]",
            "[1::2::3]",
            "[12345::]",
            "[::g]",
            "[::1%25eth0]",
            "[fe80::1%eth0]",
            "[127.0.0.1]",
            "[::256.0.0.1]",
            "[v.a]",
            "[v1]",
            "[v1.]",
            "[vg.a]",
            "[v1.a%41]",
        ];
        for host in cases {
            assert!(!is_valid(host.as_bytes()), "{host:?}");
        }
    }

    #[test]
    fn any_bytes_give_an_answer_and_nothing_that_ends_a_host_gets_in() {
        let mut random = Random::new(4);
        for _ in 0..200_000 {
            let host = random.bytes(b"a1.:[]%@-vf", 16);
            if is_valid(&host) {
                assert!(host.iter().all(|&byte| byte.is_ascii_graphic() && !b"/?#@\\\"<>^`{|}".contains(&byte)));
            }
        }
    }
}
