//! Tables of when. Expected instants are written by hand, in UTC.

use jiff::Timestamp;
use jiff::civil::Time;

use super::missed::GRACE_MS;
use super::*;

const HOUR_MS: i64 = 3_600_000;

pub(super) fn ms(text: &str) -> i64 {
    text.parse::<Timestamp>().unwrap().as_millisecond()
}

fn text(at: i64) -> String {
    Timestamp::from_millisecond(at).unwrap().to_string()
}

fn clock(text: &str) -> Time {
    text.parse().unwrap()
}

fn rule(after_ms: i64, at: Option<&str>) -> Rule {
    Rule {
        after_ms,
        at: at.map(clock),
        days: Days::ALL,
        window: None,
    }
}

fn window(from: &str, to: &str) -> Option<Window> {
    Some(Window {
        from: clock(from),
        to: clock(to),
    })
}

/// Zone, the day before at noon there, nine o'clock of the day the clocks change, a time in the gap or fold, its instant.
pub(super) const CHANGES: [(&str, &str, &str, &str, &str); 12] = [
    (
        "America/New_York",
        "2026-03-07T17:00:00Z",
        "2026-03-08T13:00:00Z",
        "02:30",
        "2026-03-08T07:30:00Z",
    ),
    (
        "America/New_York",
        "2026-10-31T16:00:00Z",
        "2026-11-01T14:00:00Z",
        "01:30",
        "2026-11-01T05:30:00Z",
    ),
    (
        "Europe/Berlin",
        "2026-03-28T11:00:00Z",
        "2026-03-29T07:00:00Z",
        "02:30",
        "2026-03-29T01:30:00Z",
    ),
    (
        "Europe/Berlin",
        "2026-10-24T10:00:00Z",
        "2026-10-25T08:00:00Z",
        "02:30",
        "2026-10-25T00:30:00Z",
    ),
    (
        "Europe/London",
        "2026-03-28T12:00:00Z",
        "2026-03-29T08:00:00Z",
        "01:30",
        "2026-03-29T01:30:00Z",
    ),
    (
        "Europe/London",
        "2026-10-24T11:00:00Z",
        "2026-10-25T09:00:00Z",
        "01:30",
        "2026-10-25T00:30:00Z",
    ),
    (
        "Pacific/Auckland",
        "2026-04-03T23:00:00Z",
        "2026-04-04T21:00:00Z",
        "02:30",
        "2026-04-04T13:30:00Z",
    ),
    (
        "Pacific/Auckland",
        "2026-09-26T00:00:00Z",
        "2026-09-26T20:00:00Z",
        "02:30",
        "2026-09-26T14:30:00Z",
    ),
    (
        "Australia/Lord_Howe",
        "2026-04-04T01:00:00Z",
        "2026-04-04T22:30:00Z",
        "01:45",
        "2026-04-04T14:45:00Z",
    ),
    (
        "Australia/Lord_Howe",
        "2026-10-03T01:30:00Z",
        "2026-10-03T22:00:00Z",
        "02:15",
        "2026-10-03T15:45:00Z",
    ),
    (
        "America/Santiago",
        "2026-04-04T15:00:00Z",
        "2026-04-05T13:00:00Z",
        "00:30",
        "2026-04-05T04:30:00Z",
    ),
    (
        "America/Santiago",
        "2026-09-05T16:00:00Z",
        "2026-09-06T12:00:00Z",
        "00:30",
        "2026-09-06T04:30:00Z",
    ),
];

#[test]
fn nine_is_nine_on_the_day_the_clocks_change() {
    for (name, noon, nine, odd, odd_instant) in CHANGES {
        let zone = zone(name);
        assert_eq!(local(ms(noon), &zone).time(), clock("12:00"), "{name}");
        let day = rule(DAY_MS, Some("09:00")).due(ms(noon), &zone);
        assert_eq!(text(day), text(ms(nine)), "{name} at 09:00");
        let strange = rule(DAY_MS, Some(odd)).due(ms(noon), &zone);
        assert_eq!(text(strange), text(ms(odd_instant)), "{name} at {odd}");
        let elapsed = rule(DAY_MS, None).due(ms(noon), &zone);
        assert_eq!(
            elapsed,
            ms(noon) + DAY_MS,
            "{name}: a delay alone is elapsed time"
        );
    }
}

#[test]
fn a_window_over_midnight_opens_and_closes_by_the_leads_clock_when_the_clocks_change() {
    for (name, noon, nine, ..) in CHANGES {
        let zone = zone(name);
        let night = Rule {
            window: window("22:00", "06:00"),
            ..rule(0, None)
        };
        let evening = night.next(ms(noon), &zone);
        assert_eq!(
            text(evening),
            text(ms(noon) + 10 * HOUR_MS),
            "{name}: opens that evening"
        );
        let inside = instant(local(ms(nine), &zone).date(), clock("04:40"), &zone);
        assert_eq!(
            night.next(inside, &zone),
            inside,
            "{name}: open in the night"
        );
        let closed = instant(local(ms(nine), &zone).date(), clock("06:00"), &zone);
        let next = night.next(closed, &zone);
        // From nine to ten in the evening of that day no clock changes.
        assert_eq!(
            text(next),
            text(ms(nine) + 13 * HOUR_MS),
            "{name}: opens the next evening"
        );
    }
}

#[test]
fn the_night_belongs_to_the_day_it_begins() {
    let zone = zone("Asia/Almaty");
    let friday_night = Rule {
        days: Days::parse(["fri"]).unwrap(),
        window: window("22:00", "02:00"),
        ..rule(0, None)
    };
    for (from, expected) in [
        // Friday, 2026-02-27.
        ("2026-02-27T16:59:00Z", "2026-02-27T17:00:00Z"),
        ("2026-02-27T18:30:00Z", "2026-02-27T18:30:00Z"),
        // One in the morning of Saturday is still Friday's night.
        ("2026-02-27T20:00:00Z", "2026-02-27T20:00:00Z"),
        ("2026-02-27T21:00:00Z", "2026-03-06T17:00:00Z"),
        // One in the morning of Friday is Thursday's night.
        ("2026-02-26T20:00:00Z", "2026-02-27T17:00:00Z"),
    ] {
        assert_eq!(text(friday_night.next(ms(from), &zone)), expected, "{from}");
    }
}

#[test]
fn weekdays_are_those_of_the_leads_calendar() {
    // The instant is Sunday in UTC and Monday there, or the other way round.
    for (name, from, expected) in [
        (
            "Asia/Vladivostok",
            "2026-01-04T15:00:00Z",
            "2026-01-04T23:00:00Z",
        ),
        (
            "Europe/Moscow",
            "2026-01-04T22:30:00Z",
            "2026-01-05T06:00:00Z",
        ),
        (
            "America/Los_Angeles",
            "2026-01-05T02:00:00Z",
            "2026-01-05T17:00:00Z",
        ),
        ("Asia/Tokyo", "2026-01-09T20:00:00Z", "2026-01-12T00:00:00Z"),
    ] {
        let weekdays = Rule {
            days: Days::parse(["mon..fri"]).unwrap(),
            ..rule(0, Some("09:00"))
        };
        assert_eq!(
            text(weekdays.next(ms(from), &zone(name))),
            expected,
            "{name}"
        );
    }
}

#[test]
fn a_late_joiner_gets_the_hour_of_the_next_allowed_day() {
    let zone = zone("Asia/Almaty");
    let joined_friday_evening = ms("2026-01-16T14:30:00Z");
    let today = rule(0, Some("19:00"));
    assert_eq!(
        text(today.due(joined_friday_evening, &zone)),
        "2026-01-17T14:00:00Z"
    );
    let joined_in_time = ms("2026-01-16T13:59:59Z");
    assert_eq!(
        text(today.due(joined_in_time, &zone)),
        "2026-01-16T14:00:00Z"
    );
    let weekdays = Rule {
        days: Days::parse(["weekdays"]).unwrap(),
        ..today
    };
    assert_eq!(
        text(weekdays.due(joined_friday_evening, &zone)),
        "2026-01-19T14:00:00Z"
    );
    let hours = rule(4 * HOUR_MS, Some("19:00"));
    assert_eq!(
        text(hours.due(ms("2026-01-16T09:30:00Z"), &zone)),
        "2026-01-16T14:00:00Z"
    );
    assert_eq!(
        text(hours.due(ms("2026-01-16T10:30:00Z"), &zone)),
        "2026-01-17T14:00:00Z"
    );
}

#[test]
fn leap_days_come_and_do_not_come() {
    let zone = zone("Asia/Almaty");
    for (anchor, days, expected) in [
        ("2028-02-28T05:00:00Z", 1, "2028-02-29T05:00:00Z"),
        ("2028-02-28T05:00:00Z", 2, "2028-03-01T05:00:00Z"),
        ("2028-02-29T05:00:00Z", 366, "2029-03-01T05:00:00Z"),
        ("2026-02-28T05:00:00Z", 1, "2026-03-01T05:00:00Z"),
    ] {
        let due = rule(days * DAY_MS, Some("10:00")).due(ms(anchor), &zone);
        assert_eq!(text(due), expected, "{anchor} + {days} days");
    }
}

#[test]
fn kazakhstan_is_one_zone_since_march_2024() {
    for name in [
        "Asia/Almaty",
        "Asia/Qostanay",
        "Asia/Aqtobe",
        "Asia/Qyzylorda",
    ] {
        let zone = zone(name);
        let due = rule(DAY_MS, Some("10:00")).due(ms("2026-06-01T05:00:00Z"), &zone);
        assert_eq!(text(due), "2026-06-02T05:00:00Z", "{name} is UTC+5");
    }
    let almaty = zone("Asia/Almaty");
    let before = rule(0, Some("10:00")).due(ms("2024-02-28T20:00:00Z"), &almaty);
    assert_eq!(
        text(before),
        "2024-02-29T04:00:00Z",
        "UTC+6 until the change"
    );
    let after = rule(DAY_MS, Some("10:00")).due(ms("2024-02-29T04:00:00Z"), &almaty);
    assert_eq!(text(after), "2024-03-01T05:00:00Z", "UTC+5 from then on");
}

#[test]
fn a_zone_that_changes_while_waiting_moves_the_instant_and_not_the_hour() {
    let anchor = ms("2026-03-27T12:00:00Z");
    let step = rule(2 * DAY_MS, Some("10:00"));
    for (name, expected) in [
        ("Asia/Almaty", "2026-03-29T05:00:00Z"),
        ("Europe/Moscow", "2026-03-29T07:00:00Z"),
        ("Europe/Berlin", "2026-03-29T08:00:00Z"),
        ("America/New_York", "2026-03-29T14:00:00Z"),
        // It is already Saturday there.
        ("Pacific/Auckland", "2026-03-29T21:00:00Z"),
        ("no/such_zone", "2026-03-29T10:00:00Z"),
    ] {
        assert_eq!(text(step.due(anchor, &zone(name))), expected, "{name}");
    }
}

#[test]
fn days_read_as_people_write_them() {
    for (words, expected) in [
        (vec!["mon..fri"], "mon tue wed thu fri"),
        (vec!["sat..mon"], "mon sat sun"),
        (vec!["weekend", "wed"], "wed sat sun"),
        (vec!["every"], "mon tue wed thu fri sat sun"),
    ] {
        assert_eq!(Days::parse(words).unwrap().to_string(), expected);
    }
    assert!(Days::parse(["monday"]).is_err());
    assert!(Days::parse([]).is_err());
}

#[test]
fn what_was_missed_is_said_moved_or_left_out() {
    let zone = zone("Asia/Almaty");
    let planned = ms("2026-01-15T05:00:00Z");
    let ten = rule(0, Some("10:00"));
    let hours = Rule {
        window: window("09:00", "21:00"),
        ..rule(0, None)
    };
    let most = 3 * DAY_MS;
    let next_day = Verdict::Later(planned + DAY_MS);
    for (missed, rule, late, expected) in [
        (Missed::Skip, &ten, GRACE_MS, Verdict::Say),
        (Missed::Skip, &ten, GRACE_MS + 1, Verdict::Skip),
        (Missed::Late, &ten, 5 * HOUR_MS, Verdict::Say),
        (Missed::Late, &ten, most + 1, Verdict::Skip),
        (Missed::NextWindow, &ten, 5 * HOUR_MS, next_day),
        (Missed::NextWindow, &ten, DAY_MS, Verdict::Say),
        (Missed::NextWindow, &ten, most + 1, Verdict::Skip),
        (
            Missed::NextWindow,
            &ten,
            most - HOUR_MS,
            Verdict::Later(planned + most),
        ),
        // A window that is open is the next one.
        (Missed::NextWindow, &hours, 5 * HOUR_MS, Verdict::Say),
        (
            Missed::NextWindow,
            &hours,
            12 * HOUR_MS,
            Verdict::Later(planned + 23 * HOUR_MS),
        ),
    ] {
        let verdict = judge(missed, most, rule, planned, planned + late, &zone);
        assert_eq!(verdict, expected, "{missed:?} {late}");
    }
}
