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

pub(super) const MINUTE: i64 = 60_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

pub(super) fn at(text: &str) -> i64 {
    let at: Timestamp = text.parse().expect("a timestamp");
    at.as_millisecond()
}

pub(super) fn zone(name: &str) -> TimeZone {
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
    /// By the partner, this lead alone.
    Hushed,
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
    hushed_until: i64,
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
                lead.consents.refuse(purpose, "", "test", now - HOUR);
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
        hushed_until: if row.house == Standing::Hushed {
            i64::MAX
        } else {
            0
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
        Reason::Hushed => row.house == Standing::Hushed,
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
        // Those that drop some and hold others.
        Reason::WithPerson | Reason::Hushed if row.lane == Lane::FollowUp => Kind::Drops,
        Reason::InTalk if row.talk == Some(Beside::Skip) => Kind::Drops,
        Reason::WithPerson | Reason::Hushed | Reason::InTalk => Kind::Waits,
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
        hushed_until: world.hushed_until,
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
                Reason::Suspended | Reason::Paused | Reason::WithPerson | Reason::Hushed
            );
            let then = may_send(&world.policy, &facts, &world.wish, until);
            assert!(
                stands || matches!(then, Decision::Send { .. }),
                "told to wait until {until} and then {then:?}: {}",
                told()
            );
        }
        // A hold that ends after the deadline ends the matter now.
        (None, Some(reason), Decision::Drop { reason: said }) => {
            assert_eq!(said, reason, "{}", told());
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
    assert_eq!(order.len(), 19, "{order:?}");
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
        house in [Standing::Open, Standing::Suspended, Standing::Paused, Standing::Frozen, Standing::Hushed];
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
            hushed_until: i64::MAX,
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
