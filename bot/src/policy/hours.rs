//! The gate and the clock: quiet hours in every zone and on every kind of day, caps by calendar days.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::gate::{Decision, Facts, House, may_send, quiet_until};
use super::reason::Reason;
use super::table::{DAY, HOUR, MINUTE, at, zone};
use crate::config::ContactPolicy;
use crate::funnel::Beside;
use crate::lead::{Lead, Purpose, Spoken};
use crate::store::{Lane, Wish};

/// A service reminder to a lead with nothing against it.
fn asks(policy: &ContactPolicy, zone: &TimeZone, spoken: &Spoken, now: i64) -> Decision {
    let lead = Lead {
        id: 7,
        ..Lead::default()
    };
    let facts = Facts {
        lead: Some(&lead),
        zone,
        spoken,
        talking_until: 0,
        hushed_until: 0,
        house: House::default(),
    };
    let wish = Wish {
        lane: Lane::Sequence,
        purpose: Purpose::Service,
        intent: "seq:w:1:x".into(),
        planned_at: now,
        stale_at: None,
        beside: Beside::Wait,
    };
    may_send(policy, &facts, &wish, now)
}

fn waits(policy: &ContactPolicy, zone_name: &str, now: &str) -> String {
    let zone = zone(zone_name);
    match asks(policy, &zone, &Spoken::default(), at(now)) {
        Decision::Send { .. } => "now".into(),
        Decision::Drop { reason } => reason.code().into(),
        Decision::Wait { until, .. } => {
            let until = Timestamp::from_millisecond(until).expect("a time");
            until.to_zoned(zone).strftime("%m-%d %H:%M").to_string()
        }
    }
}

#[test]
fn nine_is_nine_on_every_day_of_every_zone() {
    let mut policy = ContactPolicy {
        spread_ms: 0,
        ..ContactPolicy::default()
    };
    for (zone, now, until) in [
        // Kazakhstan is one zone, UTC+5, since 2024-03-01; Almaty was +6 before.
        ("Asia/Almaty", "2024-02-27T23:00:00Z", "02-28 09:00"),
        ("Asia/Almaty", "2026-03-10T16:00:00Z", "03-11 09:00"),
        ("Asia/Almaty", "2026-03-10T15:59:00Z", "now"),
        // Clocks forward and back.
        ("Europe/Berlin", "2026-03-28T22:30:00Z", "03-29 09:00"),
        ("Europe/Berlin", "2026-10-24T22:30:00Z", "10-25 09:00"),
        ("America/New_York", "2026-03-08T03:00:00Z", "03-08 09:00"),
        ("America/New_York", "2026-11-01T03:00:00Z", "11-01 09:00"),
        ("Australia/Lord_Howe", "2026-10-03T14:00:00Z", "10-04 09:00"),
        ("Asia/Kathmandu", "2026-02-28T16:00:00Z", "03-01 09:00"),
        ("Pacific/Apia", "2024-02-28T20:00:00Z", "now"),
        ("Europe/Moscow", "2024-02-29T20:00:00Z", "03-01 09:00"),
    ] {
        assert_eq!(waits(&policy, zone, now), until, "{zone} {now}");
    }
    policy.quiet = crate::config::QuietHours::parse("23:00-02:30").expect("a span");
    for (zone, now, until) in [
        // 02:30 does not come on the one day and comes twice on the other; nobody waits a day for it.
        ("Europe/Berlin", "2026-03-29T00:30:00Z", "03-29 03:30"),
        ("Europe/Berlin", "2026-10-25T00:10:00Z", "10-25 02:30"),
        ("Europe/Berlin", "2026-10-25T00:40:00Z", "now"),
        ("Europe/Berlin", "2026-10-25T01:10:00Z", "10-25 02:30"),
        ("Europe/Berlin", "2026-10-25T01:40:00Z", "now"),
    ] {
        assert_eq!(waits(&policy, zone, now), until, "{zone} {now}");
    }
}

#[test]
fn what_waited_for_the_morning_is_spread_and_each_lead_has_its_own_minute() {
    let policy = ContactPolicy::default();
    let zone = zone("Asia/Almaty");
    let opens = at("2026-03-11T04:00:00Z");
    let mut minutes = [0_usize; 10];
    for lead in 1..=10_000 {
        let now = opens - HOUR;
        let until = quiet_until(&policy, &zone, lead, now).expect("quiet");
        assert_eq!(quiet_until(&policy, &zone, lead, now - HOUR), Some(until));
        minutes[usize::try_from((until - opens) / MINUTE)
            .expect("after")
            .min(9)] += 1;
    }
    assert!(
        minutes.iter().all(|count| (850..1_150).contains(count)),
        "{minutes:?}"
    );
}

#[test]
fn a_full_week_is_free_again_when_its_oldest_day_leaves() {
    let policy = ContactPolicy {
        per_day: 0,
        per_week: 3,
        quiet: None,
        ..ContactPolicy::default()
    };
    let zone = zone("Europe/Moscow");
    let mut spoken = Spoken::default();
    let noon = at("2026-05-13T09:00:00Z");
    for days in [1, 3, 6] {
        spoken.note(&format!("seq:w:1:{days}"), noon - days * DAY);
    }
    let until = at("2026-05-13T21:00:00Z");
    assert_eq!(
        asks(&policy, &zone, &spoken, noon),
        Decision::Wait {
            until,
            reason: Reason::WeekCap
        }
    );
    assert!(matches!(
        asks(&policy, &zone, &spoken, until),
        Decision::Send { .. }
    ));
}

#[test]
fn what_a_clock_that_ran_ahead_has_said_holds_nobody_for_a_month() {
    let policy = ContactPolicy {
        quiet: None,
        ..ContactPolicy::default()
    };
    let mut spoken = Spoken::default();
    let now = at("2026-05-13T09:00:00Z");
    spoken.note("seq:w:1:a", now + 30 * DAY);
    assert!(matches!(
        asks(&policy, &zone("Europe/Moscow"), &spoken, now),
        Decision::Send { .. }
    ));
}
