//! Sends bytes and reads the answers, with a reader that believes nothing.

use crate::site;
use crate::ways::Client;
use badgerserver::TestResponse;

/// Requests are written with `|` for CR LF.
pub(crate) fn bytes_of(text: &str) -> Vec<u8> {
    text.replace('|', "\r\n").into_bytes()
}

/// Stands behind whatever is sent: its answer says that the connection goes on.
const PROBE: &str = "GET /after HTTP/1.1|Host: a||";

/// That these bytes have these answers: `200 h304 close` are two, the second to a HEAD and the last of its connection.
#[track_caller]
pub(crate) fn check(text: &str, expected: &str) {
    check_bytes(&bytes_of(text), expected);
}

/// [`check`] for each.
#[track_caller]
pub(crate) fn check_all(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        check(text, expected);
    }
}

/// [`check`] for bytes that are no text.
#[track_caller]
pub(crate) fn check_bytes(bytes: &[u8], expected: &str) -> Vec<TestResponse> {
    let name = bytes[..bytes.len().min(300)].escape_ascii();
    let mut client = site::client();
    let mut answers = client.bytes(&[bytes, &bytes_of(PROBE)].concat());
    let closes = expected.ends_with("close");
    let words: Vec<&str> = expected.split(' ').filter(|word| !matches!(*word, "close" | "")).collect();
    if !closes {
        let last = answers.pop().unwrap_or_else(|| panic!("{name}: no answer at all"));
        assert!(last.body() == b"after", "{name}: the connection did not go on; the last answer is {}", last.status());
    }
    let statuses: Vec<u16> = answers.iter().map(TestResponse::status).collect();
    let wanted: Vec<u16> = words.iter().map(|word| word.trim_start_matches('h').parse().unwrap()).collect();
    assert_eq!(statuses, wanted, "{name}");
    for (index, (answer, word)) in answers.iter().zip(&words).enumerate() {
        let is_last = closes && index + 1 == words.len();
        let says_close = check_answer(answer, word.starts_with('h'));
        assert_eq!(says_close, is_last, "{name}: {}", String::from_utf8_lossy(answer.head()));
    }
    answers
}

/// One request without a body, and its answer, checked.
#[track_caller]
pub(crate) fn ask(client: &mut Client, method: &str, target: &str, fields: &[(&str, &str)]) -> TestResponse {
    let answer = client.request(method, target, fields);
    check_answer(&answer, method == "HEAD");
    answer
}

/// The values of all fields of this name.
pub(crate) fn fields<'a>(answer: &'a TestResponse, name: &str) -> Vec<&'a str> {
    let head = std::str::from_utf8(answer.head()).unwrap();
    let lines = head.trim_end().split("\r\n").skip(1).map(|line| line.split_once(": ").unwrap());
    lines.filter(|line| line.0.eq_ignore_ascii_case(name)).map(|line| line.1).collect()
}

/// What holds for every answer; gives whether it is the last of its connection.
#[track_caller]
pub(crate) fn check_answer(answer: &TestResponse, to_head: bool) -> bool {
    let head = std::str::from_utf8(answer.head()).expect("a head is text");
    let (status_line, rest) = head.split_once("\r\n").unwrap();
    let status = answer.status();
    // RFC 9112 section 4: the version, a space, three digits, a space, a reason.
    let reason = status_line.strip_prefix(&format!("HTTP/1.1 {status} ")).expect(status_line);
    assert!((100..=599).contains(&status) && !reason.is_empty(), "{status_line}");
    assert!(head.ends_with("\r\n\r\n") && head.matches("\r\n\r\n").count() == 1, "{head:?}");
    assert_eq!(head.matches('\r').count(), head.matches("\r\n").count());
    assert_eq!(head.matches('\n').count(), head.matches("\r\n").count());
    if status < 200 {
        assert_eq!((rest, answer.body()), ("\r\n", &b""[..]), "an interim answer has no fields here");
        return false;
    }
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    for line in rest.trim_end_matches("\r\n").split("\r\n") {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("{line:?} is no field line"));
        assert!(!name.is_empty() && name.bytes().all(token), "{line:?}");
        assert!(value == value.trim() && !value.bytes().any(|byte| byte < 0x20 || byte == 0x7f), "{line:?}");
        // RFC 9110 section 5.3: only a list may be there more than once; none of ours is.
        assert_eq!(fields(answer, name).len(), 1, "{name} twice: {head}");
        assert!(!value.split(',').any(|element| element.trim().is_empty()) || value.is_empty(), "{line:?}");
    }
    check_date(fields(answer, "Date")[0]);
    assert!(fields(answer, "Transfer-Encoding").is_empty() && fields(answer, "Upgrade").is_empty());
    let connection = fields(answer, "Connection");
    assert!(matches!(connection[..], [] | ["close"] | ["keep-alive"]), "{connection:?}");
    let length = fields(answer, "Content-Length").first().map(|length| length.parse::<usize>().unwrap());
    match (status, length) {
        (204 | 304, length) => assert!(length.is_none() && answer.body().is_empty(), "{head}"),
        (_, None) => panic!("no Content-Length in {head}"),
        (205, Some(length)) => assert_eq!((length, answer.body().len()), (0, 0)),
        (_, Some(length)) => assert_eq!(answer.body().len(), if to_head { 0 } else { length }, "{head}"),
    }
    match status {
        401 => assert!(!fields(answer, "WWW-Authenticate").is_empty()),
        405 => assert!(!fields(answer, "Allow").is_empty()),
        416 => assert!(fields(answer, "Content-Range")[0].starts_with("bytes */")),
        _ => {}
    }
    connection == ["close"]
}

/// RFC 9110 section 5.6.7: `Sun, 06 Nov 1994 08:49:37 GMT`, to the byte.
fn check_date(date: &str) {
    let shape: String = date.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let is_date = |day: &&str, month: &&str| shape == format!("{day}, 99 {month} 9999 99:99:99 GMT");
    assert!(days.iter().any(|day| months.iter().any(|month| is_date(day, month))), "{date}");
}
