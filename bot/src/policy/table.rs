//! The gate's decision table: every combination of what it looks at, against the order written in
//! docs/keeping-in-touch.md and rules that know nothing of the gate's code.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::gate::{Decision, Facts, House, may_send};
use super::reason::Reason;
use crate::config::{Advertising, ContactPolicy};
use crate::funnel::Beside;
use crate::lead::{Handoff, Lead, Purpose, Reach, Spoken};
use crate::store::{Lane, Wish};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn at(text: &str) -> i64 {
    let at: Timestamp = text.parse().expect("a timestamp");
    at.as_millisecond()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).expect("a known zone")
}

/// One way each thing the gate looks at can be.
#[derive(Clone, Copy, Debug)]
struct Row {
    lane: Lane,
    purpose: Purpose,
    person: Person,
    stance: Stance,
    mode: Advertising,
    handoff: Handoff,
    house: Standing,
    restored: bool,
    deadline: Deadline,
    talk: Option<Beside>,
    quiet: bool,
    said: Said,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Person {
    Here,
    Stopped,
    Blocked,
    Deactivated,
    Erased,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stance {
    Silent,
    Yes,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Standing {
    Open,
    Suspended,
    Paused,
    Frozen,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Deadline {
    None,
    Past,
    InAMinute,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Said {
    Nothing,
    TwiceToday,
    SevenThisWeek,
    JustNow,
}

/// What a row looks like to the gate.
struct World {
    policy: ContactPolicy,
    lead: Option<Lead>,
    spoken: Spoken,
    wish: Wish,
    house: House,
    talking_until: i64,
    now: i64,
}

fn world(row: &Row, turn: usize) -> World {
    // Noon, or an hour before midnight, in Almaty.
    let now = at(if row.quiet {
        "2026-03-10T18:00:00Z"
    } else {
        "2026-03-10T07:00:00Z"
    });
    let mut lead = Lead {
        id: 7,
        reach: match row.person {
            Person::Blocked => Reach::Blocked,
            Person::Deactivated => Reach::Deactivated,
            Person::Here | Person::Stopped | Person::Erased => Reach::Active,
        },
        opted_out: row.person == Person::Stopped,
        handoff: row.handoff,
        ..Lead::default()
    };
    let other = Purpose::ALL
        .into_iter()
        .find(|purpose| *purpose != row.purpose)
        .expect("two");
    // What was said about the other purpose must not matter.
    for (purpose, stance) in [
        (row.purpose, row.stance),
        (other, [Stance::Silent, Stance::Yes, Stance::No][turn % 3]),
    ] {
        match stance {
            Stance::Silent => {}
            Stance::Yes => lead.consents.give(purpose, "v", "test", now - DAY),
            Stance::No => {
                lead.consents.give(purpose, "v", "test", now - DAY);
                lead.consents.refuse(purpose, "test", now - HOUR);
            }
        }
    }
    let mut spoken = Spoken::default();
    let times: Vec<i64> = match row.said {
        Said::Nothing => vec![],
        Said::TwiceToday => vec![now - 3 * HOUR, now - 2 * HOUR],
        Said::SevenThisWeek => (1..=6)
            .map(|day| now - day * DAY)
            .chain([now - 6 * DAY + HOUR])
            .collect(),
        Said::JustNow => vec![now - MINUTE],
    };
    for (index, time) in times.into_iter().enumerate() {
        spoken.note(&format!("old:{index}"), time);
    }
    spoken.note("seq:w:1:a", now);
    let (planned_at, stale_at) = match row.deadline {
        Deadline::None => (now, None),
        Deadline::Past => (now - 2 * HOUR, Some(now - HOUR)),
        Deadline::InAMinute => (now, Some(now + MINUTE)),
    };
    World {
        policy: ContactPolicy {
            advertising: row.mode,
            suspended: row.house == Standing::Suspended,
            spread_ms: 0,
            ..ContactPolicy::default()
        },
        lead: (row.person != Person::Erased).then_some(lead),
        spoken,
        wish: Wish {
            lane: row.lane,
            purpose: row.purpose,
            intent: "seq:w:1:a".into(),
            planned_at,
            stale_at,
            beside: row.talk.unwrap_or_default(),
        },
        house: House {
            paused: row.house == Standing::Paused,
            frozen_until: if row.house == Standing::Frozen {
                now + 30_000
            } else {
                0
            },
            restored_at: if row.restored { now } else { 0 },
        },
        talking_until: if row.talk.is_some() {
            now + 10 * MINUTE
        } else {
            0
        },
        now,
    }
}

/// Every reason that applies to the row, in no order, with whether it ends the matter.
fn applies(row: &Row, reason: Reason) -> bool {
    let with_person = matches!(row.handoff, Handoff::Waiting | Handoff::Human);
    match reason {
        Reason::Erased => row.person == Person::Erased,
        Reason::Deactivated => row.person == Person::Deactivated,
        Reason::Blocked => row.person == Person::Blocked,
        Reason::Stopped => row.person == Person::Stopped,
        Reason::RefusedOffers => row.purpose == Purpose::Advertising && row.stance == Stance::No,
        Reason::RefusedReminders => row.purpose == Purpose::Service && row.stance == Stance::No,
        Reason::NoConsent => {
            row.purpose == Purpose::Advertising
                && row.stance == Stance::Silent
                && row.mode == Advertising::Asked
        }
        Reason::Restored => row.restored,
        Reason::TooLate => row.deadline == Deadline::Past,
        Reason::WithPerson => with_person,
        Reason::InTalk => matches!(row.talk, Some(Beside::Wait | Beside::Skip)),
        Reason::Suspended => row.house == Standing::Suspended,
        Reason::Paused => row.house == Standing::Paused,
        Reason::ClockJump => row.house == Standing::Frozen,
        Reason::QuietHours => row.quiet,
        Reason::DayCap => row.said == Said::TwiceToday,
        Reason::WeekCap => row.said == Said::SevenThisWeek,
        Reason::Gap => row.said == Said::JustNow,
        Reason::Answer
        | Reason::KeepsTrue
        | Reason::TellsPartner
        | Reason::FollowUp
        | Reason::Sequence
        | Reason::Broadcast
        | Reason::Said => false,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Drops,
    Waits,
}

fn kind(row: &Row, reason: Reason, listed: Kind) -> Kind {
    match reason {
        // The two that the table has twice.
        Reason::WithPerson if row.lane == Lane::FollowUp => Kind::Drops,
        Reason::InTalk if row.talk == Some(Beside::Skip) => Kind::Drops,
        Reason::WithPerson | Reason::InTalk => Kind::Waits,
        _ => listed,
    }
}

/// The order of the page: `| words | what happens |` of the table under "The gate".
fn page() -> Vec<(Reason, Kind)> {
    let page = include_str!("../../../docs/keeping-in-touch.md");
    let mut listed = Vec::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, code, words, what, ..] = cells[..] else {
            continue;
        };
        let Some(reason) = Reason::ALL
            .iter()
            .find(|reason| format!("`{}`", reason.code()) == code)
        else {
            continue;
        };
        assert_eq!(words, reason.words(), "the page's words for {code}");
        match what.split([' ', ',', ';']).next() {
            Some("dropped") => listed.push((*reason, Kind::Drops)),
            Some("waits") => listed.push((*reason, Kind::Waits)),
            _ => {}
        }
    }
    listed
}

fn check(row: &Row, turn: usize, order: &[(Reason, Kind)]) {
    let world = world(row, turn);
    let facts = Facts {
        lead: world.lead.as_ref(),
        zone: &zone("Asia/Almaty"),
        spoken: &world.spoken,
        talking_until: world.talking_until,
        house: world.house,
    };
    let decided = may_send(&world.policy, &facts, &world.wish, world.now);
    let found: Vec<(Reason, Kind)> = order
        .iter()
        .filter(|(reason, _)| applies(row, *reason))
        .map(|(reason, listed)| (*reason, kind(row, *reason, *listed)))
        .collect();
    let first = |wanted: Kind| {
        found
            .iter()
            .find(|(_, kind)| *kind == wanted)
            .map(|(reason, _)| *reason)
    };
    let told = || format!("{row:?}\n{decided:?}");
    match (first(Kind::Drops), first(Kind::Waits), decided) {
        (Some(reason), _, Decision::Drop { reason: said }) => {
            assert_eq!(said, reason, "{}", told())
        }
        (
            None,
            Some(reason),
            Decision::Wait {
                until,
                reason: said,
            },
        ) => {
            assert_eq!(said, reason, "{}", told());
            assert!(until > world.now, "{}", told());
            assert!(
                row.deadline == Deadline::None || until <= world.now + MINUTE,
                "held beyond its deadline: {}",
                told()
            );
            let stands = matches!(
                reason,
                Reason::Suspended | Reason::Paused | Reason::WithPerson
            );
            let then = may_send(&world.policy, &facts, &world.wish, until);
            assert!(
                stands || matches!(then, Decision::Send { .. }),
                "told to wait until {until} and then {then:?}: {}",
                told()
            );
        }
        // A hold that ends after the deadline ends the matter now.
        (
            None,
            Some(_),
            Decision::Drop {
                reason: Reason::TooLate,
            },
        ) => {
            assert_eq!(row.deadline, Deadline::InAMinute, "{}", told());
        }
        (None, None, Decision::Send { reason }) => {
            let own = match row.lane {
                Lane::FollowUp => Reason::FollowUp,
                Lane::Sequence => Reason::Sequence,
                _ => Reason::Broadcast,
            };
            assert_eq!(reason, own, "{}", told());
        }
        (drops, waits, _) => panic!("drops {drops:?}, waits {waits:?}: {}", told()),
    }
}

macro_rules! each {
    ($body:expr; $name:ident in $values:expr; $($rest:tt)*) => {
        for $name in $values { each!($body; $($rest)*); }
    };
    ($body:expr;) => { $body };
}

#[test]
fn every_combination_gets_the_answer_the_page_promises() {
    use Handoff::{Bot, Closed, Human, Waiting};
    let order = page();
    assert_eq!(order.len(), 18, "{order:?}");
    let mut turn = 0;
    each! {
        {
            turn += 1;
            let row = Row { lane, purpose, person, stance, mode, handoff, house, restored, deadline, talk, quiet, said };
            check(&row, turn, &order);
        };
        lane in [Lane::FollowUp, Lane::Sequence, Lane::Broadcast];
        purpose in Purpose::ALL;
        person in [Person::Here, Person::Stopped, Person::Blocked, Person::Deactivated, Person::Erased];
        stance in [Stance::Silent, Stance::Yes, Stance::No];
        mode in [Advertising::Asked, Advertising::UntilRefused];
        handoff in [Bot, Waiting, Human, Closed];
        house in [Standing::Open, Standing::Suspended, Standing::Paused, Standing::Frozen];
        restored in [false, true];
        deadline in [Deadline::None, Deadline::Past, Deadline::InAMinute];
        talk in [None, Some(Beside::Wait), Some(Beside::Skip), Some(Beside::Beside)];
        quiet in [false, true];
        said in [Said::Nothing, Said::TwiceToday, Said::SevenThisWeek, Said::JustNow];
    }
    println!("{turn} combinations");
    assert!(turn > 500_000);
}

#[test]
fn answers_and_cards_pass_whatever_the_lead_said() {
    let stopped = Lead {
        opted_out: true,
        reach: Reach::Blocked,
        handoff: Handoff::Human,
        ..Lead::default()
    };
    for (lane, lead, goes) in [
        (Lane::Reply, Some(&stopped), true),
        (Lane::Reply, None, true),
        (Lane::Edit, Some(&stopped), true),
        (Lane::Notification, Some(&stopped), true),
        (Lane::Notification, None, false),
    ] {
        let facts = Facts {
            lead,
            zone: &zone("Asia/Almaty"),
            spoken: &Spoken::default(),
            talking_until: i64::MAX,
            house: House {
                paused: true,
                frozen_until: i64::MAX,
                restored_at: i64::MAX,
            },
        };
        let wish = Wish {
            lane,
            purpose: Purpose::Advertising,
            intent: String::new(),
            planned_at: 0,
            stale_at: Some(0),
            beside: Beside::Wait,
        };
        let decided = may_send(&ContactPolicy::default(), &facts, &wish, 1);
        assert_eq!(
            matches!(decided, Decision::Send { .. }),
            goes,
            "{lane:?} {decided:?}"
        );
    }
}

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
        let until = super::gate::quiet_until(&policy, &zone, lead, now).expect("quiet");
        assert_eq!(
            super::gate::quiet_until(&policy, &zone, lead, now - HOUR),
            Some(until)
        );
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
