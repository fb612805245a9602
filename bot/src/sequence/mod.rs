//! When is what due: a wall-clock intent and a zone become an instant, as late as possible. PURE.
//!
//! Nothing keeps an offset from UTC: 10:00 stays 10:00 across a change of the clocks. The zones come with the program.

mod days;
mod missed;
#[cfg(test)]
mod product;
#[cfg(test)]
mod tests;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

pub use days::Days;
pub use missed::{Missed, Verdict, judge};

const DAY_MS: i64 = 24 * 3_600_000;
/// A rule that allows any day at all allows one within that many.
const MOST_DAYS: i32 = 16;

/// When a step may be said: a delay, and what the lead's own clock must show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Milliseconds after the anchor. With `at`, whole days are days of the lead's calendar.
    pub after_ms: i64,
    pub at: Option<Time>,
    pub days: Days,
    pub window: Option<Window>,
}

/// Hours of the day; `to` is outside. When `from` is later than `to`, it goes over midnight and belongs to the day it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Time,
    pub to: Time,
}

impl Rule {
    /// The instant of a step whose delay counts from `anchor_ms`.
    pub fn due(&self, anchor_ms: i64, zone: &TimeZone) -> i64 {
        let Some(at) = self.at else {
            return self.next(anchor_ms.saturating_add(self.after_ms), zone);
        };
        let earliest = anchor_ms.saturating_add(self.after_ms % DAY_MS);
        let days = i32::try_from(self.after_ms / DAY_MS).unwrap_or(i32::MAX);
        let first = local(earliest, zone).date().saturating_add(days.days());
        self.on_allowed_day(first, at, earliest, zone)
    }

    /// The first instant not before `from_ms` at which the lead's clock allows the step.
    pub fn next(&self, from_ms: i64, zone: &TimeZone) -> i64 {
        let here = local(from_ms, zone);
        if let Some(at) = self.at {
            return self.on_allowed_day(here.date(), at, from_ms, zone);
        }
        let Some(window) = &self.window else {
            if self.days.allows(here.date().weekday()) {
                return from_ms;
            }
            return self.on_allowed_day(here.date(), here.time(), from_ms, zone);
        };
        if let Some(opened) = window.opened(&here)
            && self.days.allows(opened.weekday())
        {
            return from_ms;
        }
        self.on_allowed_day(here.date(), window.from, from_ms, zone)
    }

    /// The clock time `at` on the first allowed day from `first` on that is not before `earliest`.
    fn on_allowed_day(&self, first: Date, at: Time, earliest: i64, zone: &TimeZone) -> i64 {
        let mut date = first;
        for _ in 0..MOST_DAYS {
            if self.days.allows(date.weekday()) {
                let due = instant(date, at, zone);
                if due >= earliest {
                    return due;
                }
            }
            date = date.saturating_add(1.day());
        }
        earliest
    }
}

impl Window {
    /// The day whose window is open at that time, if one is.
    fn opened(&self, here: &Zoned) -> Option<Date> {
        let (date, time) = (here.date(), here.time());
        if self.from < self.to {
            return (self.from <= time && time < self.to).then_some(date);
        }
        if time >= self.from {
            Some(date)
        } else {
            (time < self.to).then(|| date.saturating_sub(1.day()))
        }
    }
}

/// The zone of that IANA name; UTC when there is none such.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

pub fn is_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// What the clock shows there.
pub fn local(at_ms: i64, zone: &TimeZone) -> Zoned {
    Timestamp::from_millisecond(at_ms)
        .unwrap_or(Timestamp::MAX)
        .to_zoned(zone.clone())
}

/// A time that the clocks leave out is the one after the gap; one that comes twice is the first.
pub fn instant(date: Date, at: Time, zone: &TimeZone) -> i64 {
    zone.to_ambiguous_zoned(date.to_datetime(at))
        .compatible()
        .map_or(i64::MAX, |zoned| zoned.timestamp().as_millisecond())
}
