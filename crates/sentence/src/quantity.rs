//! Amounts as people say them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use crate::language::Language;

/// Decimal, from a thousand bytes on.
const BYTE_UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];

/// Bytes in decimal units, cut to a tenth: `999 B`, `1.2 MB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    let mut scale: u64 = 1;
    let mut unit = "B";
    for larger in BYTE_UNITS {
        if count / scale < 1000 {
            break;
        }
        scale *= 1000;
        unit = larger;
    }
    match scale {
        1 => format!("{count} {unit}"),
        scale => format!("{}.{} {unit}", count / scale, count % scale / (scale / 10)),
    }
}

/// A time span in at most two units: `12 s`, `5 min`, `2 h 5 min`, `3 days 4 h`.
#[must_use]
pub fn span(span: Duration) -> String {
    let seconds = span.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let pair = |first: String, second: u64, unit: &str| match second {
        0 => first,
        second => format!("{first} {second} {unit}"),
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => pair(format!("{hours} h"), minutes % 60, "min"),
        (1, hours, _) => pair("1 day".into(), hours % 24, "h"),
        (days, hours, _) => pair(format!("{days} days"), hours % 24, "h"),
    }
}

/// How long ago `then` was. A clock that was set back makes it zero, never negative.
#[must_use]
pub fn since(then: Timestamp, now: Timestamp) -> Duration {
    let elapsed = now.duration_since(then).max(SignedDuration::ZERO);
    Duration::try_from(elapsed).unwrap_or_default()
}

/// The local date and time: `2026-03-01 14:05:09`.
#[must_use]
pub fn local_time(time: Timestamp) -> String {
    time.to_zoned(TimeZone::system()).strftime("%F %T").to_string()
}

/// `a`, `a and b`, `a, b and c`.
#[must_use]
pub fn enumeration(items: &[String], language: Language) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => {
            format!("{} {} {last}", first.join(", "), language.of("and", "und"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_as_people_say_them() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1_200_000, "1.2 MB"),
            (999_999, "999.9 kB"),
            (1_000_000, "1.0 MB"),
            (3_500_000_000_000, "3.5 TB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        for (seconds, text) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (86_400, "1 day"),
            (273_600, "3 days 4 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_time() {
        let (early, late) =
            (Timestamp::from_second(100).unwrap(), Timestamp::from_second(130).unwrap());
        assert_eq!(since(early, late), Duration::from_secs(30));
        assert_eq!(since(late, early), Duration::ZERO);
    }
}
