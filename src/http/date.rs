//! HTTP dates (RFC 9110 section 5.6.7), written and read. Pure: time is an argument.
//!
//! Days are counted on a calendar whose years start in March, so that the leap day is the last of its year and month
//! lengths follow one line; 400 years are exactly 146,097 days (Howard Hinnant, "chrono-compatible low-level date
//! algorithms").
#![forbid(unsafe_code)]

/// The last second that a date with a four-digit year can name: 9999-12-31 23:59:59.
pub const SECONDS_MAX: u64 = 253_402_300_799;

const SECONDS_PER_DAY: i64 = 86_400;
/// Starts with the day of 1970-01-01.
const WEEKDAYS: [&[u8; 3]; 7] = [b"Thu", b"Fri", b"Sat", b"Sun", b"Mon", b"Tue", b"Wed"];
const WEEKDAYS_LONG: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// A moment of the proleptic Gregorian calendar in UTC. Compares in order of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Civil {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// 1 to the length of the month.
    day: i64,
    hour: i64,
    minute: i64,
    /// 60 only in 23:59:60.
    second: i64,
}

/// The moment as an IMF-fixdate, `Sun, 06 Nov 1994 08:49:37 GMT`: the only format that is generated (RFC 9110 section
/// 5.6.7). Times after [`SECONDS_MAX`] are written as that second, since the format ends there.
#[must_use]
pub fn write(unix_seconds: u64) -> [u8; 29] {
    let seconds = unix_seconds.min(SECONDS_MAX) as i64;
    let civil = civil_from_unix(seconds);
    let mut out = *b"Sun, 06 Nov 1994 08:49:37 GMT";
    out[0..3].copy_from_slice(WEEKDAYS[(seconds / SECONDS_PER_DAY % 7) as usize]);
    out[5..7].copy_from_slice(&two_digits(civil.day));
    out[8..11].copy_from_slice(MONTHS[civil.month as usize - 1]);
    out[12..14].copy_from_slice(&two_digits(civil.year / 100));
    out[14..16].copy_from_slice(&two_digits(civil.year % 100));
    out[17..19].copy_from_slice(&two_digits(civil.hour));
    out[20..22].copy_from_slice(&two_digits(civil.minute));
    out[23..25].copy_from_slice(&two_digits(civil.second));
    out
}

/// The moment that an `HTTP-date` names, in seconds since 1970 (negative before it), or `None` if the bytes are none of
/// the three formats that a recipient must accept (RFC 9110 section 5.6.7).
///
/// The formats are read byte for byte, in their case and with no whitespace around them. The day must exist in its
/// month; 23:59:60 is a leap second and counts as the second after 23:59:59. A two-digit year is the last year with
/// these digits that does not put the date more than 50 years after `now_unix`.
///
/// The name of the weekday must be one, but need not be the weekday of the date: the grammar does not ask for it, the
/// numbers alone say when, and for a two-digit year it would test the guess at the century. Go does the same, and nginx
/// does not look at it.
#[must_use]
pub fn parse(value: &[u8], now_unix: u64) -> Option<i64> {
    // The three formats have different lengths: 24, 29, and 30 to 33.
    let civil = match value.len() {
        24 => parse_asctime(value)?,
        29 => parse_imf_fixdate(value)?,
        _ => parse_rfc850(value, now_unix)?,
    };
    let leap = civil.second == 60 && (civil.hour, civil.minute) == (23, 59);
    let valid = (1..=month_days(civil.year, civil.month)).contains(&civil.day)
        && civil.hour <= 23
        && civil.minute <= 59
        && (civil.second <= 59 || leap);
    valid.then(|| unix_from_civil(&civil))
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`; the fields are not in range yet.
fn parse_imf_fixdate(value: &[u8]) -> Option<Civil> {
    let fixed = WEEKDAYS.iter().any(|name| value.starts_with(&name[..]))
        && value[3..5] == *b", "
        && value[7] == b' '
        && value[11] == b' '
        && value[16] == b' '
        && value[25..] == *b" GMT";
    let (hour, minute, second) = parse_time(&value[17..25])?;
    let (day, month, year) = (digits(&value[5..7])?, parse_month(&value[8..11])?, digits(&value[12..16])?);
    fixed.then_some(Civil { year, month, day, hour, minute, second })
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`; the fields are not in range yet.
fn parse_rfc850(value: &[u8], now_unix: u64) -> Option<Civil> {
    let name = WEEKDAYS_LONG.iter().find(|name| value.starts_with(name.as_bytes()))?;
    let rest = &value[name.len()..];
    let fixed = rest.len() == 24
        && rest.starts_with(b", ")
        && rest[4] == b'-'
        && rest[8] == b'-'
        && rest[11] == b' '
        && rest.ends_with(b" GMT");
    if !fixed {
        return None;
    }
    let (hour, minute, second) = parse_time(&rest[12..20])?;
    let (day, month, year) = (digits(&rest[2..4])?, parse_month(&rest[5..8])?, digits(&rest[9..11])?);
    let mut latest = civil_from_unix(now_unix.min(SECONDS_MAX) as i64);
    latest.year += 50;
    let year = latest.year - (latest.year - year) % 100;
    let civil = Civil { year, month, day, hour, minute, second };
    Some(if civil > latest { Civil { year: year - 100, ..civil } } else { civil })
}

/// `Sun Nov  6 08:49:37 1994`; the fields are not in range yet.
fn parse_asctime(value: &[u8]) -> Option<Civil> {
    let fixed = WEEKDAYS.iter().any(|name| value.starts_with(&name[..]))
        && value[3] == b' '
        && value[7] == b' '
        && value[10] == b' '
        && value[19] == b' ';
    let (hour, minute, second) = parse_time(&value[11..19])?;
    let day = if value[8] == b' ' { digits(&value[9..10])? } else { digits(&value[8..10])? };
    let (month, year) = (parse_month(&value[4..7])?, digits(&value[20..24])?);
    fixed.then_some(Civil { year, month, day, hour, minute, second })
}

/// `08:49:37`, eight bytes.
fn parse_time(value: &[u8]) -> Option<(i64, i64, i64)> {
    let fixed = value[2] == b':' && value[5] == b':';
    let time = (digits(&value[0..2])?, digits(&value[3..5])?, digits(&value[6..8])?);
    fixed.then_some(time)
}

fn parse_month(value: &[u8]) -> Option<i64> {
    MONTHS.iter().position(|name| name[..] == *value).map(|index| index as i64 + 1)
}

/// The number that at most four decimal digits name.
fn digits(value: &[u8]) -> Option<i64> {
    value.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i64::from(byte - b'0')))
}

/// Two decimal digits of a number below 100.
fn two_digits(number: i64) -> [u8; 2] {
    [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8]
}

fn month_days(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn unix_from_civil(civil: &Civil) -> i64 {
    let days = days_from_civil(civil.year, civil.month, civil.day);
    days * SECONDS_PER_DAY + civil.hour * 3600 + civil.minute * 60 + civil.second
}

fn civil_from_unix(seconds: i64) -> Civil {
    let (year, month, day) = civil_from_days(seconds.div_euclid(SECONDS_PER_DAY));
    let time = seconds.rem_euclid(SECONDS_PER_DAY);
    Civil { year, month, day, hour: time / 3600, minute: time / 60 % 60, second: time % 60 }
}

/// Days since 1970-01-01. 719,468 of them lie between 0000-03-01 and then; 153 is the length of five months in a row
/// from March or August on.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::list::random::Random;

    /// 2026-01-01 00:00:00.
    const NOW: u64 = 1_767_225_600;

    #[test]
    fn written() {
        let cases = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (SECONDS_MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ];
        for (seconds, date) in cases {
            assert_eq!(std::str::from_utf8(&write(seconds)).unwrap(), date);
        }
    }

    #[test]
    fn read() {
        let cases = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Sun Nov 06 08:49:37 1994", 784_111_777),
            ("Wed Nov 16 08:49:37 1994", 784_975_777),
            // The weekday is a name, not a check.
            ("Mon, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Wednesday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            ("Sat, 31 Dec 2016 23:59:59 GMT", 1_483_228_799),
            ("Tue, 29 Feb 2000 00:00:00 GMT", 951_782_400),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Sat, 01 Jan 0000 00:00:00 GMT", -62_167_219_200),
        ];
        for (date, seconds) in cases {
            assert_eq!(parse(date.as_bytes(), NOW), Some(seconds), "{date}");
        }
    }

    #[test]
    fn refused() {
        let cases = [
            "",
            "0",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 gmt",
            "sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 nov 1994 08:49:37 GMT",
            "Sun, 06 NOV 1994 08:49:37 GMT",
            "Sun,  6 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 8:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT ",
            " Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06-Nov-1994 08:49:37 GMT",
            "Sun, +6 Nov 1994 08:49:37 GMT",
            "Xyz, 06 Nov 1994 08:49:37 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Thu, 31 Nov 1994 08:49:37 GMT",
            "Sun, 30 Feb 2000 08:49:37 GMT",
            "Mon, 29 Feb 2100 08:49:37 GMT",
            "Thu, 29 Feb 2001 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:60 GMT",
            "Sun, 06 Nov 1994 23:59:61 GMT",
            "Sun, 06 Nov 1994 08-49-37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "sunday, 06-Nov-94 08:49:37 GMT",
            "Sunday, 06 Nov 94 08:49:37 GMT",
            "Sunday, 06-Nov-1994 08:49:37 GMT",
            "Sunday, 31-Feb-94 08:49:37 GMT",
            "Sunday",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov   08:49:37 1994",
            "Sun Nov  0 08:49:37 1994",
            "Sun Nov 6  08:49:37 1994",
            "Sun Nov  6 08:49:37 94  ",
            "Sunday Nov 6 08:49:37 1994",
        ];
        for date in cases {
            assert_eq!(parse(date.as_bytes(), NOW), None, "{date:?}");
        }
    }

    #[test]
    fn two_digit_years() {
        // (now, date, the year it means)
        let cases = [
            ("Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-26 00:00:00 GMT", 2026),
            ("Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-76 00:00:00 GMT", 2076),
            ("Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-76 00:00:01 GMT", 1976),
            ("Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 31-Dec-75 23:59:60 GMT", 2076),
            ("Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-77 00:00:00 GMT", 1977),
            ("Thu, 01 Jan 2026 00:00:00 GMT", "Thursday, 01-Jan-99 00:00:00 GMT", 1999),
            // The year 2000 problem, which the rule is for.
            ("Fri, 31 Dec 1999 00:00:00 GMT", "Saturday, 01-Jan-00 00:00:00 GMT", 2000),
            ("Sat, 01 Jan 2050 00:00:00 GMT", "Saturday, 01-Jan-00 00:00:00 GMT", 2100),
            ("Sat, 01 Jan 2050 00:00:00 GMT", "Saturday, 29-Feb-00 00:00:00 GMT", 2000),
        ];
        for (now, date, year) in cases {
            let now = parse(now.as_bytes(), 0).unwrap() as u64;
            let seconds = parse(date.as_bytes(), now).unwrap();
            assert_eq!(civil_from_unix(seconds).year, year, "{date} at {now}");
        }
        // 2100 has no 29 February, and the rule does not go looking for a year that has.
        assert_eq!(parse(b"Monday, 29-Feb-00 00:00:00 GMT", 3_000_000_000), None);
        for now in [0, SECONDS_MAX, u64::MAX] {
            assert!(parse(b"Sunday, 06-Nov-94 08:49:37 GMT", now).is_some());
        }
    }

    #[test]
    fn every_day_to_the_year_9999_goes_round() {
        let mut random = Random::new(2);
        let mut last = (1969, 12, 31);
        for day in 0..=(SECONDS_MAX / 86_400) {
            let seconds = day * 86_400 + random.below(86_400) as u64;
            let date = write(seconds);
            assert_eq!(parse(&date, 0), Some(seconds as i64));
            let civil = civil_from_days(day as i64);
            assert!(civil > last && civil.2 <= month_days(civil.0, civil.1));
            last = civil;
        }
        assert_eq!(last, (9999, 12, 31));
    }

    #[test]
    fn any_bytes_give_a_date_or_none() {
        let mut random = Random::new(3);
        for _ in 0..200_000 {
            let mut date = match random.below(3) {
                0 => b"Sun, 06 Nov 1994 08:49:37 GMT".to_vec(),
                1 => b"Sunday, 06-Nov-94 08:49:37 GMT".to_vec(),
                _ => b"Sun Nov  6 08:49:37 1994".to_vec(),
            };
            for _ in 0..random.below(4) {
                let index = random.below(date.len());
                date[index] = b"0123456789 :-,SunaNovGMT\xff"[random.below(25)];
            }
            if random.below(8) == 0 {
                date.truncate(random.below(date.len()));
            }
            let _ = parse(&date, random.next());
        }
    }
}
