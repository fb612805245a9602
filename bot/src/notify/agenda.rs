//! When a digest is due by the partner's clock. Only the wall-clock intent and the days done are remembered; the
//! instant is reckoned anew each time, so that neither a change of the offset nor of the clock can move it. PURE.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::manners::{Digest, Manners, Quiet};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Daily,
    Weekly,
}

impl Kind {
    pub const ALL: [Kind; 2] = [Kind::Daily, Kind::Weekly];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Daily => "daily",
            Kind::Weekly => "weekly",
        }
    }
}

/// What the partner gets on which of their days, and from when on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    pub kind: Kind,
    /// The partner's local day; at most one digest of a kind is sent for it.
    pub day: Date,
    pub at: i64,
}

/// Where the week's picture comes when there is no hour for a digest.
const DEFAULT_HOUR: u8 = 9;
/// A week always holds a Monday.
const DAYS_AHEAD: i64 = 8;

/// The next digest of this kind: one whose hour has passed today is due at once, one of a past day is not made up
/// for, because the next covers everything since the last that arrived.
pub fn next(
    kind: Kind,
    manners: &Manners,
    zone: &TimeZone,
    now: i64,
    is_done: impl Fn(Date) -> bool,
) -> Option<Due> {
    let hour = hour(kind, manners)?;
    let local = Timestamp::from_millisecond(now)
        .ok()?
        .to_zoned(zone.clone());
    (0..DAYS_AHEAD).find_map(|ahead| {
        let day = local.date().checked_add(ahead.days()).ok()?;
        if kind == Kind::Weekly && day.weekday() != Weekday::Monday || is_done(day) {
            return None;
        }
        let at = instant(day, hour, zone)?;
        // The hour is over and the quiet of the evening has begun: tomorrow, then.
        let too_late = ahead == 0 && at < now && manners.quiet.holds(as_hour(local.hour()));
        (!too_late).then_some(Due { kind, day, at })
    })
}

fn hour(kind: Kind, manners: &Manners) -> Option<u8> {
    let wanted = match (kind, manners.digest) {
        (Kind::Daily, Digest::Off) => return None,
        (Kind::Weekly, _) if !manners.weekly => return None,
        (_, Digest::At(hour)) => hour,
        (Kind::Weekly, Digest::Off) => DEFAULT_HOUR,
    };
    Some(manners.quiet.first_after(wanted))
}

/// That hour of that day; an hour the clocks skip comes when they have.
fn instant(day: Date, hour: u8, zone: &TimeZone) -> Option<i64> {
    let hour = i8::try_from(hour).ok()?;
    let at = day.at(hour, 0, 0, 0).to_zoned(zone.clone()).ok()?;
    // A day that a place skipped has no hours.
    (at.date() == day).then(|| at.timestamp().as_millisecond())
}

/// Whether the partner's phone should make no sound now.
pub fn is_quiet(quiet: Quiet, now: i64, zone: &TimeZone) -> bool {
    let at = Timestamp::from_millisecond(now);
    at.is_ok_and(|at| quiet.holds(as_hour(at.to_zoned(zone.clone()).hour())))
}

fn as_hour(hour: i8) -> u8 {
    u8::try_from(hour).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(at: &str) -> i64 {
        at.parse::<Timestamp>().unwrap().as_millisecond()
    }

    fn shown(due: Option<Due>) -> String {
        due.map_or("never".into(), |due| {
            let at = Timestamp::from_millisecond(due.at).unwrap();
            format!("{} {at}", due.day)
        })
    }

    fn daily(hour: u8, zone: &str, now: &str, done: &[&str]) -> String {
        let manners = Manners {
            digest: Digest::At(hour),
            ..Manners::default()
        };
        let zone = TimeZone::get(zone).unwrap();
        shown(next(Kind::Daily, &manners, &zone, ms(now), |day| {
            done.contains(&day.to_string().as_str())
        }))
    }

    #[test]
    fn nine_is_nine_by_the_partners_clock_whatever_the_clocks_do() {
        for (hour, zone, now, done, due) in [
            // Kazakhstan is at UTC+5 since March 2024.
            (
                9,
                "Asia/Almaty",
                "2026-11-27T03:59:00Z",
                "",
                "2026-11-27 2026-11-27T04:00:00Z",
            ),
            (
                9,
                "Asia/Almaty",
                "2026-11-27T04:00:00Z",
                "2026-11-27",
                "2026-11-28 2026-11-28T04:00:00Z",
            ),
            // Berlin loses an hour on 29 March 2026 and wins one on 25 October.
            (
                9,
                "Europe/Berlin",
                "2026-03-28T12:00:00Z",
                "2026-03-28",
                "2026-03-29 2026-03-29T07:00:00Z",
            ),
            (
                9,
                "Europe/Berlin",
                "2026-10-24T12:00:00Z",
                "2026-10-24",
                "2026-10-25 2026-10-25T08:00:00Z",
            ),
            // New York: the hour before the spring change, asked on the evening before.
            (
                8,
                "America/New_York",
                "2026-03-08T01:00:00Z",
                "2026-03-07",
                "2026-03-08 2026-03-08T12:00:00Z",
            ),
            (
                20,
                "Asia/Vladivostok",
                "2026-11-29T23:30:00Z",
                "",
                "2026-11-30 2026-11-30T10:00:00Z",
            ),
            // A leap day, and a day the partner's island skipped.
            (
                9,
                "Europe/Moscow",
                "2028-02-28T12:00:00Z",
                "2028-02-28",
                "2028-02-29 2028-02-29T06:00:00Z",
            ),
            (
                9,
                "Pacific/Apia",
                "2011-12-30T09:00:00Z",
                "2011-12-29",
                "2011-12-31 2011-12-30T19:00:00Z",
            ),
        ] {
            assert_eq!(daily(hour, zone, now, &[done]), due, "{zone} {now}");
        }
    }

    #[test]
    fn a_missed_hour_is_made_up_for_on_the_same_day_and_never_at_night() {
        let zone = "Asia/Almaty";
        let due = "2026-11-27 2026-11-27T04:00:00Z";
        assert_eq!(daily(9, zone, "2026-11-27T16:30:00Z", &[]), due, "21:30");
        let tomorrow = "2026-11-28 2026-11-28T04:00:00Z";
        assert_eq!(
            daily(9, zone, "2026-11-27T17:30:00Z", &[]),
            tomorrow,
            "22:30"
        );
    }

    #[test]
    fn quiet_hours_move_a_digest_to_their_end() {
        let manners = Manners {
            digest: Digest::At(7),
            quiet: Quiet::Hours { from: 21, to: 9 },
            ..Manners::default()
        };
        let zone = TimeZone::get("Europe/Moscow").unwrap();
        let due = next(
            Kind::Daily,
            &manners,
            &zone,
            ms("2026-11-27T00:00:00Z"),
            |_| false,
        );
        assert_eq!(shown(due), "2026-11-27 2026-11-27T06:00:00Z");
        assert!(is_quiet(manners.quiet, ms("2026-11-27T18:00:00Z"), &zone));
        assert!(!is_quiet(manners.quiet, ms("2026-11-27T06:00:00Z"), &zone));
    }

    #[test]
    fn a_clock_that_jumps_brings_neither_a_burst_nor_a_long_silence() {
        // A month ahead: one digest for that day, not thirty.
        let done = ["2026-11-27", "2026-12-27"];
        let zone = "Europe/Moscow";
        let ahead = daily(9, zone, "2026-12-27T12:00:00Z", &done);
        assert_eq!(ahead, "2026-12-28 2026-12-28T06:00:00Z");
        // And back again: the next day is told as always.
        let back = daily(9, zone, "2026-11-28T05:00:00Z", &done);
        assert_eq!(back, "2026-11-28 2026-11-28T06:00:00Z");
    }

    #[test]
    fn an_offset_kept_from_the_start_would_be_an_hour_late() {
        // As tokio-cron-scheduler 0.15 reckons (its issue 107): the control of what this module does not do.
        let now = "2027-03-27T12:00:00Z";
        let real = daily(9, "Europe/Berlin", now, &["2027-03-27"]);
        assert_eq!(real, "2027-03-28 2027-03-28T07:00:00Z");
        let kept = TimeZone::fixed(jiff::tz::offset(1));
        let told = |day: Date| day.to_string() == "2027-03-27";
        let late = next(Kind::Daily, &Manners::default(), &kept, ms(now), told);
        assert_eq!(shown(late), "2027-03-28 2027-03-28T08:00:00Z");
    }

    #[test]
    fn the_week_is_told_on_monday() {
        let zone = TimeZone::get("Asia/Almaty").unwrap();
        let weekly = |manners: &Manners, now: &str, done: &str| {
            shown(next(Kind::Weekly, manners, &zone, ms(now), |day| {
                day.to_string() == done
            }))
        };
        let manners = Manners::default();
        let monday = "2026-11-30 2026-11-30T04:00:00Z";
        assert_eq!(weekly(&manners, "2026-11-27T10:00:00Z", ""), monday);
        // Sunday 23:30 in UTC is Monday in Almaty already.
        assert_eq!(weekly(&manners, "2026-11-29T23:30:00Z", ""), monday);
        assert_eq!(
            weekly(&manners, "2026-11-30T05:00:00Z", "2026-11-30"),
            "2026-12-07 2026-12-07T04:00:00Z"
        );
        let off = Manners {
            weekly: false,
            ..manners
        };
        assert_eq!(weekly(&off, "2026-11-27T10:00:00Z", ""), "never");
        let no_daily = Manners {
            digest: Digest::Off,
            ..manners
        };
        assert_eq!(weekly(&no_daily, "2026-11-27T10:00:00Z", ""), monday);
    }
}
