//! The whole product of when: both changes of the clocks and a leap day × six zones × hours, windows and days × a
//! zone that changes while somebody waits. What is right is read off a table of what a clock on the wall
//! would show every five minutes, without any arithmetic of zones.

use std::collections::HashMap;

use jiff::civil::{DateTime, Time};
use jiff::{Timestamp, ToSpan, Unit};

use super::tests::{CHANGES, ms};
use super::*;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// The table's step; every time in here is a multiple of it.
const STEP_MIN: i64 = 5;

/// What a clock on the wall shows, step by step.
struct Wall {
    from_ms: i64,
    shown: Vec<DateTime>,
    /// When it shows that for the first time.
    first: HashMap<DateTime, i64>,
    /// How many minutes it leaves out on a day.
    gaps: HashMap<Date, i64>,
}

impl Wall {
    fn of(zone: &TimeZone, from_ms: i64, days: i64) -> Wall {
        let mut wall = Wall {
            from_ms,
            shown: Vec::new(),
            first: HashMap::new(),
            gaps: HashMap::new(),
        };
        for step in 0..days * 24 * 60 / STEP_MIN {
            let ms = from_ms + step * STEP_MIN * MINUTE_MS;
            let shown = local(ms, zone).datetime();
            if let Some(before) = wall.shown.last() {
                let moved = before.until((Unit::Minute, shown)).unwrap().get_minutes();
                if moved > STEP_MIN {
                    wall.gaps.insert(shown.date(), moved - STEP_MIN);
                }
            }
            wall.shown.push(shown);
            wall.first.entry(shown).or_insert(ms);
        }
        wall
    }

    fn at(&self, ms: i64) -> DateTime {
        let step = (ms - self.from_ms) / MINUTE_MS / STEP_MIN;
        self.shown[usize::try_from(step).unwrap()]
    }

    /// How much the clock leaves out on that day.
    fn gap(&self, date: Date) -> i64 {
        self.gaps.get(&date).copied().unwrap_or(0)
    }

    /// The first time that day on which the clock shows `at`; when it never does, what it shows that much later.
    fn first(&self, date: Date, at: Time) -> i64 {
        let meant = date.to_datetime(at);
        let later = meant.checked_add(self.gap(date).minutes()).unwrap();
        let first = self.first.get(&meant).or_else(|| self.first.get(&later));
        *first.unwrap_or_else(|| panic!("{meant} is not in the table"))
    }

    /// The first allowed day from `date` on whose `at` is not before `earliest`.
    fn day(&self, date: Date, at: Time, earliest: i64, days: Days) -> i64 {
        let mut date = date;
        loop {
            if days.allows(date.weekday()) && self.first(date, at) >= earliest {
                return self.first(date, at);
            }
            date = date.tomorrow().unwrap();
        }
    }

    fn next(&self, from: i64, window: Window, days: Days) -> i64 {
        let here = self.at(from);
        if is_open(here, window, days) {
            return from;
        }
        self.day(here.date(), window.from, from, days)
    }
}

fn is_open(here: DateTime, window: Window, days: Days) -> bool {
    let (time, today) = (here.time(), here.date());
    let evening = time >= window.from && (time < window.to || window.to < window.from);
    let morning = window.to < window.from && time < window.to;
    evening && days.allows(today.weekday())
        || morning && days.allows(today.yesterday().unwrap().weekday())
}

/// The days around both changes of the clocks in six zones, and around a leap day.
fn times() -> Vec<(&'static str, i64)> {
    let changes = CHANGES.iter().map(|(zone, noon, ..)| (*zone, ms(noon)));
    let leap = CHANGES.iter().step_by(2);
    let leap = leap.map(|(zone, ..)| (*zone, ms("2028-02-28T12:00:00Z")));
    changes.chain(leap).collect()
}

fn all_days() -> [Days; 3] {
    [
        Days::ALL,
        Days::parse(["mon..fri"]).unwrap(),
        Days::parse(["sat", "sun"]).unwrap(),
    ]
}

fn clock(text: &str) -> Time {
    text.parse().unwrap()
}

/// Moments from the evening before the day before to the evening of the day after, at odd minutes too.
fn anchors(noon: i64) -> impl Iterator<Item = i64> {
    (-18..=36).map(move |hours| noon + hours * HOUR_MS + (hours * 35).rem_euclid(60) * MINUTE_MS)
}

#[test]
fn a_clock_time_is_what_the_wall_shows_in_every_zone_on_every_odd_day() {
    let hours = [
        "00:00", "00:30", "01:30", "01:45", "02:15", "02:30", "09:00", "23:30",
    ];
    let delays = [0, HOUR_MS, DAY_MS, DAY_MS + 4 * HOUR_MS, 2 * DAY_MS];
    let mut checked = 0;
    for (name, noon) in times() {
        let zone = zone(name);
        let wall = Wall::of(&zone, noon - 3 * DAY_MS, 16);
        for (at, after_ms) in hours
            .iter()
            .flat_map(|at| delays.map(|after| (clock(at), after)))
        {
            for (days, anchor) in all_days()
                .into_iter()
                .flat_map(|d| anchors(noon).map(move |a| (d, a)))
            {
                let rule = Rule {
                    after_ms,
                    at: Some(at),
                    days,
                    window: None,
                };
                let earliest = anchor + after_ms % DAY_MS;
                let date = wall
                    .at(earliest)
                    .date()
                    .checked_add((after_ms / DAY_MS).days());
                let right = wall.day(date.unwrap(), at, earliest, days);
                let due = rule.due(anchor, &zone);
                assert_eq!(
                    due,
                    right,
                    "{name}: {after_ms} ms after {} at {at} on {days}",
                    wall.at(anchor)
                );
                checked += 1;
            }
        }
    }
    println!("{checked} clock times");
    assert!(checked > 50_000);
}

#[test]
fn a_window_is_open_when_the_wall_says_so_over_midnight_too() {
    let windows = [
        ("09:00", "21:00"),
        ("22:00", "06:00"),
        ("22:00", "02:00"),
        ("23:30", "00:30"),
        ("01:00", "03:00"),
        ("02:30", "02:15"),
    ];
    let mut checked = 0;
    for (name, noon) in times() {
        let zone = zone(name);
        let wall = Wall::of(&zone, noon - 3 * DAY_MS, 16);
        for (from, to) in windows {
            let window = Window {
                from: clock(from),
                to: clock(to),
            };
            for (days, anchor) in all_days()
                .into_iter()
                .flat_map(|d| anchors(noon).map(move |a| (d, a)))
            {
                let rule = Rule {
                    after_ms: HOUR_MS,
                    at: None,
                    days,
                    window: Some(window),
                };
                let due = rule.due(anchor, &zone);
                let told = || {
                    format!(
                        "{name}: {from}-{to} on {days}, an hour after {}: {}",
                        wall.at(anchor),
                        wall.at(due)
                    )
                };
                assert_eq!(due, wall.next(anchor + HOUR_MS, window, days), "{}", told());
                assert!(is_open(wall.at(due), window, days), "{}", told());
                checked += 1;
            }
        }
    }
    println!("{checked} windows");
    assert!(checked > 15_000);
}

/// Somebody waits by the clock of one zone and moves to another: the hour stays, the instant follows.
#[test]
fn whoever_moves_while_waiting_keeps_the_hour_in_every_pair_of_zones() {
    let mut checked = 0;
    for (_, noon) in times() {
        for to in zones() {
            let wall = Wall::of(&zone(to), noon - DAY_MS, 4);
            let day = wall.at(noon).date().tomorrow().unwrap();
            for at in ["02:30", "09:00", "23:30"].map(clock) {
                let rule = Rule {
                    after_ms: DAY_MS,
                    at: Some(at),
                    days: Days::ALL,
                    window: None,
                };
                let here = rule.due(noon, &zone(to));
                assert_eq!(here, wall.first(day, at), "in {to} at {at}");
                for from in zones().filter(|from| *from != to) {
                    let there = rule.due(noon, &zone(from));
                    // The calendars of two places are at most a day and two hours apart.
                    assert!(
                        (here - there).abs() <= 50 * HOUR_MS,
                        "{from} -> {to} at {at}"
                    );
                    checked += 1;
                }
            }
        }
    }
    println!("{checked} moves");
    assert!(checked > 1_500);
}

fn zones() -> impl Iterator<Item = &'static str> {
    CHANGES.iter().step_by(2).map(|(zone, ..)| *zone)
}

/// The table itself: a table that were wrong would make everything right.
#[test]
fn the_wall_leaves_out_and_repeats_what_the_zone_does() {
    let zone = zone("Europe/Berlin");
    let spring = Wall::of(&zone, ms("2026-03-28T23:00:00Z"), 2);
    let date = jiff::civil::date(2026, 3, 29);
    assert_eq!(spring.gap(date), 60);
    assert_eq!(
        spring.first(date, clock("02:30")),
        ms("2026-03-29T01:30:00Z")
    );
    let autumn = Wall::of(&zone, ms("2026-10-24T22:00:00Z"), 2);
    let date = jiff::civil::date(2026, 10, 25);
    assert_eq!(autumn.gap(date), 0);
    assert_eq!(
        autumn.first(date, clock("02:30")),
        ms("2026-10-25T00:30:00Z")
    );
    assert_eq!(
        Timestamp::from_millisecond(autumn.first(date, clock("03:00")))
            .unwrap()
            .to_string(),
        "2026-10-25T02:00:00Z"
    );
}
