//! May this be said to this lead now? One gate for every message, always with a reason. PURE.

use jiff::tz::{Disambiguation, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};

use super::reason::Reason;
use crate::config::{Advertising, ContactPolicy};
use crate::dice::Dice;
use crate::funnel::Beside;
use crate::lead::{Handoff, Lead, Purpose, Reach, Spoken, Word};
use crate::store::{Lane, Wish};

/// The gate's answer; the reason is stored on the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Send {
        reason: Reason,
    },
    /// Not before `until`; asked again then.
    Wait {
        until: i64,
        reason: Reason,
    },
    Drop {
        reason: Reason,
    },
}

impl Decision {
    pub fn reason(self) -> Reason {
        match self {
            Decision::Send { reason }
            | Decision::Wait { reason, .. }
            | Decision::Drop { reason } => reason,
        }
    }
}

/// What is known of the lead and of the house when the gate is asked.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// `None`: there is no such lead any more.
    pub lead: Option<&'a Lead>,
    pub zone: &'a TimeZone,
    pub spoken: &'a Spoken,
    /// Until when the lead counts as being in the middle of a talk; 0 when they are not.
    pub talking_until: i64,
    /// Until when the partner wants nothing said first to this lead; 0 when there is no such wish.
    pub hushed_until: i64,
    pub house: House,
}

/// What holds for every lead of the partner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct House {
    /// Paused by the partner or the operator.
    pub paused: bool,
    /// The clock has jumped: nothing is said first before this.
    pub frozen_until: i64,
    /// The data came back from a backup made before this: what was planned until then may have been said.
    pub restored_at: i64,
}

/// How soon a hold without a known end is looked at again.
const LOOK_AGAIN_MS: i64 = 3_600_000;
/// An utterance further ahead than this is of a clock that was wrong.
const AHEAD_MS: i64 = 3_600_000;
/// Holds follow one another: a gap may end in quiet hours, those on a day that is full.
const MOST_HOLDS: usize = 12;

/// Asked before a message is made, and again right before one leaves in which the bot speaks first.
pub fn may_send(policy: &ContactPolicy, facts: &Facts<'_>, wish: &Wish, now: i64) -> Decision {
    match wish.lane {
        Lane::Reply => {
            return Decision::Send {
                reason: Reason::Answer,
            };
        }
        Lane::Edit => {
            return Decision::Send {
                reason: Reason::KeepsTrue,
            };
        }
        Lane::Notification if facts.lead.is_none() => {
            return Decision::Drop {
                reason: Reason::Erased,
            };
        }
        Lane::Notification => {
            return Decision::Send {
                reason: Reason::TellsPartner,
            };
        }
        Lane::FollowUp | Lane::Sequence | Lane::Broadcast => {}
    }
    let Some(lead) = facts.lead else {
        return Decision::Drop {
            reason: Reason::Erased,
        };
    };
    if let Some(reason) = refusal(policy, facts, lead, wish, now) {
        return Decision::Drop { reason };
    }
    match hold(policy, facts, lead, wish, now) {
        None => Decision::Send {
            reason: own_reason(wish.lane),
        },
        // What stands in the way until it is too late is the reason.
        Some((until, reason)) if is_stale(wish, until) => Decision::Drop { reason },
        Some((until, reason)) => Decision::Wait { until, reason },
    }
}

fn own_reason(lane: Lane) -> Reason {
    match lane {
        Lane::FollowUp => Reason::FollowUp,
        Lane::Sequence => Reason::Sequence,
        _ => Reason::Broadcast,
    }
}

/// What no waiting mends.
fn refusal(
    policy: &ContactPolicy,
    facts: &Facts<'_>,
    lead: &Lead,
    wish: &Wish,
    now: i64,
) -> Option<Reason> {
    match lead.reach {
        Reach::Deactivated => return Some(Reason::Deactivated),
        Reach::Blocked => return Some(Reason::Blocked),
        Reach::Active => {}
    }
    if lead.opted_out {
        return Some(Reason::Stopped);
    }
    match (lead.consents.of(wish.purpose).word(), wish.purpose) {
        (Word::No, Purpose::Advertising) => return Some(Reason::RefusedOffers),
        (Word::No, Purpose::Service) => return Some(Reason::RefusedReminders),
        (Word::Silent, Purpose::Advertising) if policy.advertising == Advertising::Asked => {
            return Some(Reason::NoConsent);
        }
        (Word::Silent | Word::Yes, _) => {}
    }
    if wish.planned_at <= facts.house.restored_at {
        return Some(Reason::Restored);
    }
    if is_stale(wish, now) {
        return Some(Reason::TooLate);
    }
    if is_with_person(lead.handoff) && wish.lane == Lane::FollowUp {
        return Some(Reason::WithPerson);
    }
    if facts.hushed_until > now && wish.lane == Lane::FollowUp {
        return Some(Reason::Hushed);
    }
    (wish.beside == Beside::Skip && facts.talking_until > now).then_some(Reason::InTalk)
}

fn is_stale(wish: &Wish, at: i64) -> bool {
    wish.stale_at.is_some_and(|last| at > last)
}

fn is_with_person(handoff: Handoff) -> bool {
    match handoff {
        Handoff::Waiting | Handoff::Human => true,
        Handoff::Bot | Handoff::Closed => false,
    }
}

/// The first hold, and when the last of those that follow it ends.
fn hold(
    policy: &ContactPolicy,
    facts: &Facts<'_>,
    lead: &Lead,
    wish: &Wish,
    now: i64,
) -> Option<(i64, Reason)> {
    let standing = if policy.suspended {
        Some(Reason::Suspended)
    } else if facts.house.paused {
        Some(Reason::Paused)
    } else if is_with_person(lead.handoff) {
        Some(Reason::WithPerson)
    } else if facts.hushed_until > now {
        Some(Reason::Hushed)
    } else {
        None
    };
    if let Some(reason) = standing {
        return Some((now.saturating_add(LOOK_AGAIN_MS), reason));
    }
    let mut at = now;
    let mut first = None;
    for _ in 0..MOST_HOLDS {
        let Some((until, reason)) = hold_at(policy, facts, lead, wish, at) else {
            break;
        };
        first.get_or_insert(reason);
        at = until;
    }
    first.map(|reason| (at, reason))
}

fn hold_at(
    policy: &ContactPolicy,
    facts: &Facts<'_>,
    lead: &Lead,
    wish: &Wish,
    at: i64,
) -> Option<(i64, Reason)> {
    if facts.house.frozen_until > at {
        return Some((facts.house.frozen_until, Reason::ClockJump));
    }
    if facts.talking_until > at && wish.beside == Beside::Wait {
        return Some((facts.talking_until, Reason::InTalk));
    }
    if let Some(until) = quiet_until(policy, facts.zone, lead.id, at) {
        return Some((until, Reason::QuietHours));
    }
    // What was said by a clock that ran ahead would hold for as long as it ran ahead.
    let said: Vec<i64> = facts
        .spoken
        .beside(&wish.intent)
        .filter(|then| *then <= at.saturating_add(AHEAD_MS))
        .collect();
    capped_until(policy, facts.zone, &said, at).or_else(|| {
        let until = said.last()?.saturating_add(policy.min_gap_ms);
        (until > at).then_some((until, Reason::Gap))
    })
}

fn local(at: i64, zone: &TimeZone) -> Option<Zoned> {
    let at = Timestamp::from_millisecond(at).ok()?;
    Some(at.to_zoned(zone.clone()))
}

/// The end of the quiet hours that hold at `at`, each lead a little later than that.
pub(super) fn quiet_until(
    policy: &ContactPolicy,
    zone: &TimeZone,
    lead: i64,
    at: i64,
) -> Option<i64> {
    let quiet = policy.quiet?;
    let here = local(at, zone)?;
    if !quiet.holds(here.time()) {
        return None;
    }
    let today = here.date();
    // When the clock is put back an hour comes twice, when it is put forward one does not come at all: of all
    // instants that may be meant, the first that is ahead and not quiet.
    let days = [today, today.tomorrow().ok()?];
    let opens = days.into_iter().flat_map(|day| {
        let meant = day.to_datetime(quiet.to);
        [Disambiguation::Earlier, Disambiguation::Later].map(|which| {
            let there = zone.to_ambiguous_zoned(meant).disambiguate(which).ok()?;
            let free = there.timestamp().as_millisecond() > at && !quiet.holds(there.time());
            free.then(|| there.timestamp().as_millisecond())
        })
    });
    let opens = opens.flatten().min()?;
    let spread = u64::try_from(policy.spread_ms).unwrap_or(0);
    let later = i64::try_from(Dice::new(lead.unsigned_abs()).random() % (spread + 1)).unwrap_or(0);
    Some(opens.saturating_add(later))
}

/// Days are the lead's own calendar days.
fn capped_until(
    policy: &ContactPolicy,
    zone: &TimeZone,
    said: &[i64],
    at: i64,
) -> Option<(i64, Reason)> {
    if said.is_empty() {
        return None;
    }
    let today = local(at, zone)?.date();
    let midnight = |day: jiff::civil::Date| {
        let start = day.to_zoned(zone.clone()).ok()?;
        Some(start.timestamp().as_millisecond())
    };
    let since = |day| {
        midnight(day).map_or(0, |start| {
            said.iter().filter(|then| **then >= start).count()
        })
    };
    if policy.per_day > 0 && since(today) >= policy.per_day {
        return Some((midnight(today.tomorrow().ok()?)?, Reason::DayCap));
    }
    let week = today.checked_sub(6.days()).ok()?;
    let count = since(week);
    if policy.per_week == 0 || count < policy.per_week {
        return None;
    }
    // Free again when enough of the oldest have left the seven days.
    let leaver = said[said.len() - policy.per_week.min(said.len())];
    let free = local(leaver, zone)?.date().checked_add(7.days()).ok()?;
    Some((midnight(free)?, Reason::WeekCap))
}
