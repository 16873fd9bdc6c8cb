//! The workload of galleries: the order for the moment that a request names. Pure.
#![forbid(unsafe_code)]

use super::workload::{Halt, Payload};
use crate::http::request::Request;
use crate::poco::moment::{Device, Model, Moment, order_for_moment};

/// Writes the value of `Badger-Order` for a request.
pub(super) fn order(
    model: &Model,
    request: &Request<'_>,
    payload: &Payload<'_>,
    value: &mut String,
) -> Result<(), Halt> {
    let moment = moment_of(request)?;
    if let Some(made) = order_for_moment(model, moment, |offset, bytes| payload.read(offset, bytes))? {
        made.write_header_value(value);
    }
    Ok(())
}

/// The moment that a query names: `now=UNIX_SECONDS`, else by the server's clock, and `device=tv|phone|web`.
fn moment_of(request: &Request<'_>) -> Result<Moment, Halt> {
    let refused = |what: String| {
        Halt::Refused(format!("{what}: GET {}?now={}&device=tv", request.path(), request.unix_seconds()))
    };
    let (mut now, mut device) = (None, None);
    for parameter in request.query().unwrap_or_default().split('&') {
        let is_repeated = match parameter.split_once('=') {
            Some(("now", text)) => {
                // `parse` alone would take a sign.
                let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                let Some(seconds) = digits.and_then(|text| text.parse::<u32>().ok()) else {
                    return Err(refused(format!("now={text}: seconds since 1970, at most 4294967295, in digits")));
                };
                now.replace(seconds).is_some()
            }
            Some(("device", text)) => match Device::from_name(text) {
                Some(known) => device.replace(known).is_some(),
                None => return Err(refused(format!("device={text}: there are tv, phone and web"))),
            },
            Some(_) | None => false,
        };
        if is_repeated {
            return Err(refused(format!("{parameter}: it was given before; leave one of them out")));
        }
    }
    let now = now.unwrap_or_else(|| u32::try_from(request.unix_seconds()).unwrap_or(u32::MAX));
    Ok(Moment { now, device })
}
