//! Weekly time windows, as in "Monday to Friday, 08:00 to 18:00, at UTC+01:00".

use crate::time::Timestamp;
use std::cmp::Ordering;
use std::fmt;

const MINUTES_OF_DAY: i64 = 24 * 60;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A time of day in minutes since midnight. 24:00 is the end of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeOfDay(i64);

impl TimeOfDay {
    /// Parses `HH:MM`, from 00:00 to 24:00.
    pub fn parse(text: &str) -> Option<Self> {
        let minutes = hours_and_minutes(text)?;
        (minutes <= MINUTES_OF_DAY).then_some(Self(minutes))
    }
}

/// The offset of local time from UTC, in minutes; positive if local time is ahead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UtcOffset(i64);

impl UtcOffset {
    /// Parses `+HH:MM`, `-HH:MM` or `Z`. The largest offset on earth is 14 hours.
    pub fn parse(text: &str) -> Option<Self> {
        const MOST: i64 = 14 * 60;
        let (sign, rest) = match text.split_at_checked(1)? {
            ("Z", "") => return Some(Self(0)),
            ("+", rest) => (1, rest),
            ("-", rest) => (-1, rest),
            _ => return None,
        };
        let minutes = hours_and_minutes(rest)?;
        (minutes <= MOST).then_some(Self(sign * minutes))
    }
}

/// Parses `HH:MM`, with two digits each.
fn hours_and_minutes(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let fit = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<i64>().ok().filter(|_| fit)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (minutes < 60).then_some(hours * 60 + minutes)
}

/// Days of the week, Monday first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Days(u8);

impl Days {
    pub const ALL: Self = Self(0b111_1111);
    pub const NONE: Self = Self(0);

    /// Adds a day; 0 is Monday.
    pub const fn with(self, day: u8) -> Self {
        Self(self.0 | 1 << (day % 7))
    }

    fn has(self, day: i64) -> bool {
        self.0 & 1 << day.rem_euclid(7) != 0
    }
}

/// A weekly window. A window that ends before it begins crosses midnight and belongs to the day on
/// which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub days: Days,
    /// The first minute inside the window.
    pub from: TimeOfDay,
    /// The first minute after the window.
    pub to: TimeOfDay,
    pub offset: UtcOffset,
}

impl Window {
    pub fn holds(&self, now: Timestamp) -> bool {
        // The minutes of any u64 of seconds fit into an i64.
        let minutes = i64::try_from(now.as_secs() / 60).unwrap_or_default() + self.offset.0;
        let (day, minute) = (
            minutes.div_euclid(MINUTES_OF_DAY),
            minutes.rem_euclid(MINUTES_OF_DAY),
        );
        // 1970-01-01 was a Thursday.
        let weekday = day + 3;
        let (from, to) = (self.from.0, self.to.0);
        if from < to {
            self.days.has(weekday) && (from..to).contains(&minute)
        } else {
            (self.days.has(weekday) && minute >= from)
                || (self.days.has(weekday - 1) && minute < to)
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        if self.days != Days::ALL {
            let has = |(day, _): &(i64, &str)| self.days.has(*day);
            let names = (0..).zip(DAYS).filter(has).map(|(_, name)| name);
            write!(f, "{} ", names.collect::<Vec<_>>().join(", "))?;
        }
        write!(f, "{} to {} UTC", clock(self.from.0), clock(self.to.0))?;
        let ahead = self.offset.0;
        match ahead.cmp(&0) {
            Ordering::Equal => Ok(()),
            Ordering::Greater => write!(f, "+{}", clock(ahead)),
            Ordering::Less => write!(f, "-{}", clock(-ahead)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23, a Monday, at midnight UTC.
    const MONDAY: u64 = 1_795_392_000;

    fn window(days: &[u8], from: &str, to: &str, offset: &str) -> Window {
        Window {
            days: days.iter().fold(Days::NONE, |days, day| days.with(*day)),
            from: TimeOfDay::parse(from).unwrap(),
            to: TimeOfDay::parse(to).unwrap(),
            offset: UtcOffset::parse(offset).unwrap(),
        }
    }

    #[test]
    fn window_contains_exactly_its_minutes() {
        let weekdays = [0, 1, 2, 3, 4];
        let office = window(&weekdays, "08:00", "18:00", "Z");
        let berlin = window(&weekdays, "08:00", "18:00", "+01:00");
        let new_york = window(&weekdays, "08:00", "18:00", "-05:00");
        let friday_night = window(&[4], "22:00", "06:00", "Z");
        let sunday_night = window(&[6], "22:00", "06:00", "Z");
        let monday = window(&[0], "00:00", "24:00", "Z");
        let kiribati = window(&[0], "00:00", "24:00", "+14:00");
        for (window, day, clock, expected) in [
            (office, 0, "07:59", false),
            (office, 0, "08:00", true),
            (office, 4, "17:59", true),
            (office, 4, "18:00", false),
            (office, 5, "12:00", false),
            (berlin, 0, "06:59", false),
            (berlin, 0, "07:00", true),
            (berlin, 0, "17:00", false),
            (new_york, 0, "12:59", false),
            (new_york, 0, "13:00", true),
            (new_york, 4, "22:59", true),
            (friday_night, 4, "21:59", false),
            (friday_night, 4, "22:00", true),
            (friday_night, 5, "00:00", true),
            (friday_night, 5, "05:59", true),
            (friday_night, 5, "06:00", false),
            (friday_night, 5, "22:00", false),
            (friday_night, 4, "03:00", false),
            (sunday_night, 0, "05:59", true),
            (sunday_night, 6, "05:59", false),
            (monday, 0, "00:00", true),
            (monday, 0, "23:59", true),
            (monday, 1, "00:00", false),
            (kiribati, 0, "09:59", true),
            (kiribati, 0, "10:00", false),
            (kiribati, 6, "10:00", true),
        ] {
            let minutes = u64::try_from(hours_and_minutes(clock).unwrap()).unwrap();
            let now = Timestamp::from_secs(MONDAY + day * 86_400 + minutes * 60);
            assert_eq!(window.holds(now), expected, "{window} day {day} {clock}");
        }
    }

    #[test]
    fn window_at_the_limits_of_time_is_evaluated() {
        let west = window(&[2], "20:00", "24:00", "-04:00");
        assert!(west.holds(Timestamp::from_secs(60)), "Wednesday, in 1969");
        let _ = west.holds(Timestamp::from_millis(u64::MAX));
    }

    #[test]
    fn invalid_spelling_is_rejected() {
        for text in [
            "", "8:00", "08:0", "08:60", "24:01", "25:00", "+8:00", "08.00", "08:00:00", "ab:cd",
            "é:00",
        ] {
            assert_eq!(TimeOfDay::parse(text), None, "{text}");
        }
        for text in [
            "", "01:00", "+1:00", "+0100", "+14:01", "z", "UTC", "−01:00", "+",
        ] {
            assert_eq!(UtcOffset::parse(text), None, "{text}");
        }
    }

    #[test]
    fn window_is_displayed_in_words() {
        let shown = window(&[0, 4], "22:00", "06:00", "-03:30").to_string();
        assert_eq!(shown, "mon, fri 22:00 to 06:00 UTC-03:30");
        let berlin = window(&[0, 0], "08:00", "18:00", "+01:00").to_string();
        assert_eq!(berlin, "mon 08:00 to 18:00 UTC+01:00", "a day named twice");
        let every = Window {
            days: Days::ALL,
            ..window(&[], "00:00", "24:00", "+00:00")
        };
        assert_eq!(every.to_string(), "00:00 to 24:00 UTC");
    }
}
