//! The workload of galleries: the order for the moment that a request names. Pure.
#![forbid(unsafe_code)]

use super::workload::{Halt, Made, Payload};
use crate::http::request::Request;
use crate::poco::ORDER_HEADER;
use crate::poco::moment::{Device, Model, Moment, ORDER_WHY_HEADER, order_for_moment, reasons_for_order};

/// Makes the line `Badger-Order` for a request, and for one with `why=1` the line `Badger-Order-Why`.
pub(super) fn order(model: &Model, request: &Request<'_>, payload: &Payload<'_>, made: &mut Made) -> Result<(), Halt> {
    let (moment, asks_why) = moment_of(request)?;
    let read = |offset, bytes| payload.read(offset, bytes);
    if let Some(order) = order_for_moment(model, moment, read)? {
        order.write_header_value(&mut made.value);
        made.end(ORDER_HEADER);
    }
    if asks_why {
        if let Some(reasons) = reasons_for_order(model, moment, read)? {
            made.value.push_str(&reasons.header_value());
            made.end(ORDER_WHY_HEADER);
        }
    }
    Ok(())
}

/// The moment that a query names: `now=UNIX_SECONDS`, else by the server's clock, and `device=tv|phone|web`; and whether it
/// asks why: `why=1`.
fn moment_of(request: &Request<'_>) -> Result<(Moment, bool), Halt> {
    let refused = |what: String| {
        Halt::Refused(format!("{what}: GET {}?now={}&device=tv", request.path(), request.unix_seconds()))
    };
    let (mut now, mut device, mut why) = (None, None, None);
    // By bytes, since every request comes this way: they are cut at signs of ASCII, so what is between is text.
    for parameter in request.query().unwrap_or_default().as_bytes().split(|byte| *byte == b'&') {
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let is_repeated = if let Some(value) = parameter.strip_prefix(b"now=") {
            let Some(seconds) = seconds_of(value) else {
                let what = format!("now={}: seconds since 1970, at most 4294967295, in digits", text(value));
                return Err(refused(what));
            };
            now.replace(seconds).is_some()
        } else if let Some(value) = parameter.strip_prefix(b"device=") {
            match Device::ALL.into_iter().find(|device| device.name().as_bytes() == value) {
                Some(known) => device.replace(known).is_some(),
                None => return Err(refused(format!("device={}: there are tv, phone and web", text(value)))),
            }
        } else if let Some(value) = parameter.strip_prefix(b"why=") {
            if value != b"1" {
                return Err(refused(format!("why={}: write why=1, or leave it out", text(value))));
            }
            why.replace(()).is_some()
        } else {
            false
        };
        if is_repeated {
            return Err(refused(format!("{}: it was given before; leave one of them out", text(parameter))));
        }
    }
    let now = now.unwrap_or_else(|| u32::try_from(request.unix_seconds()).unwrap_or(u32::MAX));
    Ok((Moment { now, device }, why.is_some()))
}

/// A number in digits, and nothing else: `parse` would take a sign.
fn seconds_of(digits: &[u8]) -> Option<u32> {
    let add = |number: u32, digit: &u8| {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u32::from(digit)) }
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}
