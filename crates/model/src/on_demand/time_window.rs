//! The condition on the time.

use jiff::civil;
use serde::{Deserialize, Serialize};

/// Hours of some days, in local time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TimeWindow {
    /// The days on which it begins; absent: every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<Weekday>>,
    /// From this time on.
    #[cfg_attr(feature = "specta", specta(type = String))]
    pub from: civil::Time,
    /// Up to this time, and no longer at it. If that is not after `from`, it is the next day's.
    #[cfg_attr(feature = "specta", specta(type = String))]
    pub until: civil::Time,
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "specta", derive(specta::Type))]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl TimeWindow {
    /// Whether a moment is within it.
    #[must_use]
    pub fn contains(&self, now: civil::DateTime) -> bool {
        let time = now.time();
        let today = || self.begins_on(now.date());
        let yesterday = || now.date().yesterday().is_ok_and(|date| self.begins_on(date));
        if self.from < self.until {
            return (self.from..self.until).contains(&time) && today();
        }
        (time >= self.from && today()) || (time < self.until && yesterday())
    }

    /// The next moment after `now` at which it may begin or end.
    #[must_use]
    pub fn next_edge(&self, now: civil::DateTime) -> Option<civil::DateTime> {
        let edges = [self.from, self.until].into_iter().filter_map(|time| {
            let today = now.date().to_datetime(time);
            if today > now {
                return Some(today);
            }
            now.date().tomorrow().ok().map(|date| date.to_datetime(time))
        });
        edges.min()
    }

    fn begins_on(&self, date: civil::Date) -> bool {
        self.days.as_ref().is_none_or(|days| days.contains(&Weekday::of(date)))
    }
}

impl Weekday {
    /// All of them, from Monday on.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    fn of(date: civil::Date) -> Self {
        match date.weekday() {
            civil::Weekday::Monday => Self::Monday,
            civil::Weekday::Tuesday => Self::Tuesday,
            civil::Weekday::Wednesday => Self::Wednesday,
            civil::Weekday::Thursday => Self::Thursday,
            civil::Weekday::Friday => Self::Friday,
            civil::Weekday::Saturday => Self::Saturday,
            civil::Weekday::Sunday => Self::Sunday,
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let window: TimeWindow =
            serde_json::from_str(r#"{"days": ["friday"], "from": "22:00", "until": "06:00"}"#)
                .unwrap();
        // 2026-01-02 is a Friday.
        let contains =
            |day, hour, minute| window.contains(date(2026, 1, day).at(hour, minute, 0, 0));
        assert!(!contains(2, 21, 59));
        assert!(contains(2, 22, 0));
        assert!(contains(3, 5, 59));
        assert!(!contains(3, 6, 0));
        assert!(!contains(2, 1, 0));
        assert!(!contains(3, 23, 0));
        let edge = |day, hour| window.next_edge(date(2026, 1, day).at(hour, 0, 0, 0)).unwrap();
        assert_eq!(edge(2, 21), date(2026, 1, 2).at(22, 0, 0, 0));
        assert_eq!(edge(2, 22), date(2026, 1, 3).at(6, 0, 0, 0));
    }
}
