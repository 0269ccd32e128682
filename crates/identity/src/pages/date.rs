// SPDX-License-Identifier: Apache-2.0
//! Days as people read them.

use std::fmt;

const DAY_MS: i64 = 86_400_000;

/// A day of the Gregorian calendar, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    /// The year.
    pub(crate) year: i64,
    /// The month, from 0.
    pub(crate) month: usize,
    /// The day of the month, from 1.
    pub(crate) day: i64,
}

impl Date {
    /// The day of a time in milliseconds since the epoch.
    pub(crate) fn of_ms(ms: i64) -> Self {
        // Eras of 400 years that begin on the first of March of the year 0.
        let days = ms.div_euclid(DAY_MS) + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let since_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * since_march + 2) / 5 + 1;
        let month = (since_march + 2) % 12;
        let year = year + era * 400 + i64::from(month < 2);
        Self { year, month: usize::try_from(month).unwrap_or_default(), day }
    }
}

/// A minute, in UTC, as both languages read it: `2026-11-27 00:43 UTC` (ISO 8601).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    date: Date,
    minute: i64,
}

impl Moment {
    /// The minute of a time in milliseconds since the epoch.
    pub(crate) fn of_ms(ms: i64) -> Self {
        Self { date: Date::of_ms(ms), minute: ms.rem_euclid(DAY_MS) / 60_000 }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Date { year, month, day } = self.date;
        let (hour, minute) = (self.minute / 60, self.minute % 60);
        write!(f, "{year}-{:02}-{day:02} {hour:02}:{minute:02} UTC", month + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise somebody is told a wrong day for the end of their account.
    #[test]
    fn days_are_those_of_the_calendar() {
        for (ms, year, month, day) in [
            (0, 1970, 0, 1),
            (-1, 1969, 11, 31),
            (951_782_400_000, 2000, 1, 29),
            (1_700_000_000_000, 2023, 10, 14),
            (4_107_542_399_999, 2100, 1, 28),
            (4_107_542_400_000, 2100, 2, 1),
        ] {
            assert_eq!(Date::of_ms(ms), Date { year, month, day });
        }
    }

    /// Otherwise somebody looks for a thief at the wrong hour.
    #[test]
    fn minutes_are_those_of_the_day() {
        assert_eq!(Moment::of_ms(1_700_000_000_000).to_string(), "2023-11-14 22:13 UTC");
        assert_eq!(Moment::of_ms(-1).to_string(), "1969-12-31 23:59 UTC");
    }
}
