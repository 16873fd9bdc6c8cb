//! The seed corpora, from tables: what the mutations of a fuzzer start from. Small, and one for each thing that a target
//! tells apart.

use super::poco::poco_seeds;

/// One committed file.
pub(super) struct Seed {
    pub(super) target: &'static str,
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Streams of requests, `|` for CR LF.
const STREAMS: &[&str] = &[
    "GET / HTTP/1.1|Host: a||",
    "GET /m HTTP/1.1|Host: a||HEAD /m HTTP/1.1|Host: a||GET /n HTTP/1.1|Host: a||",
    "GET /s HTTP/1.0||",
    "GET /s HTTP/1.0|Connection: keep-alive||GET /l HTTP/1.0||",
    "GET /s HTTP/1.2|Host: a||",
    "GET / HTTP/2.0|Host: a||",
    "GET / HTTP/1.1|Host: a|Connection: close||GET / HTTP/1.1|Host: a||",
    "GET / HTTP/1.1\nHost: a\n\nGET /s HTTP/1.1|Host: a||",
    "||GET / HTTP/1.1|Host: a||",
    "GET http://b:80/s?q=1 HTTP/1.1|Host: a||OPTIONS * HTTP/1.1|Host: a||CONNECT a:80 HTTP/1.1|Host: a||",
    "GET https://b/ HTTP/1.1|Host: a||GET /%2e%2e/ HTTP/1.1|Host: a||GET /%zz HTTP/1.1|Host: a||",
    "POST /m HTTP/1.1|Host: a|Content-Length: 5||helloGET / HTTP/1.1|Host: a||",
    "POST /m HTTP/1.1|Host: a|Content-Length: 5, 5|Content-Length: 5||helloGET / HTTP/1.1|Host: a||",
    "PUT / HTTP/1.1|Host: a|Content-Length: 99999||x",
    "POST /m HTTP/1.1|Host: a|Transfer-Encoding: chunked||5;a=\"b\"|hello|0|T: x||GET / HTTP/1.1|Host: a||",
    "POST / HTTP/1.1|Host: a|Transfer-Encoding: gzip, chunked||0||",
    "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Content-Length: 3||0||",
    "POST / HTTP/1.1|Host: a|Expect: 100-continue|Content-Length: 3||abcGET /w HTTP/1.1|Host: a||",
    "GET /s HTTP/1.1|Host: a|Range: bytes=0-9||GET /s HTTP/1.1|Host: a|Range: bytes=0-1,5-6,-1||",
    "GET /s HTTP/1.1|Host: a|If-None-Match: W/\"abc\", \"x\"||GET /s HTTP/1.1|Host: a|If-Match: *||",
    "GET /s HTTP/1.1|Host: a|If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT||",
    "GET /s HTTP/1.1|Host: a|If-Unmodified-Since: Sunday, 06-Nov-94 08:49:37 GMT|Range: bytes=1-|If-Range: \"abc\"||",
    "GET /f HTTP/1.1|Host: a||GET /b HTTP/1.1|Host: a||GET /a HTTP/1.1|Host: a||GET /p HTTP/1.1|Host: a||",
    "BREW /s HTTP/1.1|Host: [::1]:8080|Content-Length: 2||hiDELETE /s HTTP/1.1|Host: a||",
    "GET / HTTP/1.1|Host: a|Host: a||",
    "GET / HTTP/1.1||",
    "GET / HTTP/1.1|Host : a||",
    "GET / HTTP/1.1|Host: a| folded||",
    "\x16\x03\x01\x02\0\x01\0",
];

const CHUNKED: &[&str] = &[
    "0||",
    "5|hello|0||GET",
    "000a|0123456789|0|A: b|C:||",
    "1;a|x|0;c=d;e||",
    "1 \t; a = \"b\\\"\" ;c|x|0||",
    "F|0123456789abcde|fF|",
    "ffffffffffffffff|x",
    "5\nhello\n0\n\n",
    "3|ab",
];

const RANGES: &[&str] = &[
    "bytes=0-9",
    "bytes=5-",
    "bytes=-5",
    "bytes=0-0,2-3 ,\t-1",
    "bytes=0-,5-6",
    "BYTES=007-0008",
    "bytes=-0",
    "x=1-2",
];

const CODINGS: &[&str] = &[
    "gzip, deflate, br, zstd",
    "gzip;q=1.0, br;q=0.9, *;q=0",
    "identity;q=0, *",
    "x-gzip;Q=0.001\nbr;q=0\n*",
    "gzip;q=x, \"br\", zstd ; q=0.5",
];

const TARGETS: &[&str] = &[
    "/a/b%20c?d=e%zz",
    "http://a.example:80/b?c",
    "HTTPS://[::1]/",
    "*",
    "a.example:443",
    "/d%C3%A9j%c3%a0/%2e%2E/%2f",
    "//a/./b/../",
    "/a\\b",
    "/\"<>^`{|}[]",
];

const HOSTS: &[&str] = &[
    "a.example:80",
    "[::ffff:192.0.2.1]:443",
    "[v1.a:b]",
    "b%C3%BCcher.example",
    "127.0.0.1:",
    "user@a",
    "[fe80::1%25e]",
];

const DATES: &[&str] = &[
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Thu, 29 Feb 2024 23:59:60 GMT",
    "Fri, 31 Dec 9999 23:59:60 GMT",
];

/// What follows the signature of a proxy's header.
const PROXY_HEADERS: &[&[u8]] = &[
    b"\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x50GET",
    b"\x21\x12\0\x14\xc0\0\x02\x07\xc6\x33\x64\x01\x30\x39\0\x50\x04\0\x01\0\x02\0\x02h2",
    b"\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x30\x39\0\x50",
    b"\x20\0\0\0",
    b"\x21\0\0\x03abc",
    b"\x21\x31\0\x01a",
    b"\x21\x11\xff\xff",
];

/// Scripts of the worker: the weather first, then one step a byte, what it is in the low half.
const SCRIPTS: &[&[u8]] = &[
    b"\xff\0\0\x01\0\x07\x45",
    b"\xff\0\0\x02\0\x17\x27\x47\xf5\x3c",
    b"\x08\x01\0\x03\0\x6e\x27\x27\x25\xfb\x40\x2c",
    b"\x10\x03\0\x04\0\x27\0\x17\x01\x27\xf5\x02\x03\xf5\x03\x07\x0c",
    b"\x20\x02\x04\x05\0\x27\x25\x03\x2d\0\x4a GET /\x0a",
    b"\x40\x00\x03\x06\0\0\0\x07\x01\x27\x11\x37\xf5\xf6\x10",
    b"\x40\x03\x42\x07\0\x87\x97\xa7\xf5",
    b"\x00\x03\0\x08\0\xfe\x27\x27\x27\xfb\xff\xfb\xff\xfb\xff",
    b"\xff\0\0\x09\0\xe7\xbb\xf0\x0a\x0d\xf7\xf7\xf7",
];

fn wire(text: &str) -> Vec<u8> {
    text.replace('|', "\r\n").into_bytes()
}

/// Every seed.
pub(super) fn all() -> Vec<Seed> {
    let mut seeds: Vec<Seed> = Vec::new();
    let mut add = |target: &'static str, front: &[u8], rest: &[u8]| {
        let number = seeds.iter().filter(|seed| seed.target == target).count();
        seeds.push(Seed { target, name: format!("{number:02}"), bytes: [front, rest].concat() });
    };
    for (number, stream) in STREAMS.iter().enumerate() {
        let stream = wire(stream);
        add("connection", &[number as u8 % 3, number as u8], &stream);
        add("differential", b"", &stream);
        add("request_head", &[number as u8 % 2], &stream);
    }
    for (number, body) in CHUNKED.iter().enumerate() {
        add("chunked_body", &[number as u8, 0], &wire(body));
        let head = "POST /m HTTP/1.1|Host: a|Transfer-Encoding: chunked||";
        add("differential", &wire(head), &wire(&format!("{body}GET / HTTP/1.1|Host: a||")));
    }
    for value in RANGES {
        add("range", &[100, 0, 0, 0, 0, 0, 0, 0, 0], value.as_bytes());
    }
    for value in CODINGS {
        add("accept_encoding", &[0, 1, 3, 2, 1, 0], value.as_bytes());
    }
    for (number, value) in TARGETS.iter().enumerate() {
        add("target", &[number as u8 % 3], value.as_bytes());
    }
    for value in HOSTS {
        add("host", b"", value.as_bytes());
    }
    for value in PROXY_HEADERS {
        add("proxy_header", b"\r\n\r\n\0\r\nQUIT\n", value);
    }
    for value in DATES {
        add("date", &1_700_000_000u64.to_le_bytes(), value.as_bytes());
    }
    // The seed as it is; one change in each section, with the checksums made right; a cut.
    add("pack", b"\0", b"");
    for section in 0..8 {
        add("pack", &[0, 1, section, 16, 0, 1, 0xff, 0xff], b"/page");
    }
    add("pack", b"\x01\0\xf8", b"");
    for (number, record) in poco_seeds().iter().enumerate() {
        add("poco", &[number as u8, 2, 12, 0, 2, 1, 1, 1, 1, 40, 0, 0, 9], b"");
        if record.len() < 600 {
            add("poco", b"", record);
        }
    }
    add("poco", b"O", &[1, 0, 2, 0, 1, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0]);
    add("poco", b"O", b":AQACAAEAAAA=:");
    for script in SCRIPTS {
        add("worker", b"", script);
    }
    seeds
}
