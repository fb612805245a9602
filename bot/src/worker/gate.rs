//! Asking the gate: what the desk knows of a lead and of the house, and what follows from the answer.

use jiff::tz::TimeZone;

use super::desk::Desk;
use super::round::Work;
use crate::app::Meter;
use crate::funnel::Beside;
use crate::funnel::event::{TimerData, TimerName};
use crate::policy::{self, Decision, Facts, House, Reason};
use crate::store::{Case, Class, EventRow, OutboxRow, OutboxState, Settled, TimerRow, Wish};

/// Messages in which the bot speaks first that may be on their way at once, in seconds of the allowed rate:
/// what waits longer waits as a timer, where it is still asked for at the last moment.
const AHEAD_SECONDS: f64 = 2.0;
const AHEAD_WITHOUT_LIMITS: usize = 400;

/// What becomes of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MayGo {
    Yes,
    No,
    /// Asked again then.
    Later(i64),
}

/// What the gate answered, by its reasons.
#[derive(Debug, Default)]
pub struct GateMeter([Meter; Reason::ALL.len()]);

impl GateMeter {
    pub fn count(&self, reason: Reason) {
        self.0[reason as usize].add(1);
    }

    pub fn get(&self, reason: Reason) -> u64 {
        self.0[reason as usize].get()
    }
}

impl Desk {
    pub(super) fn house(&self, now: i64) -> House {
        let frozen = self.clock_watch.frozen_for();
        House {
            paused: self.paused,
            frozen_until: if frozen > 0 { now + frozen } else { 0 },
            restored_at: self.restored_at,
        }
    }

    pub(super) fn decide(&self, case: Option<&Case>, wish: &Wish, now: i64) -> Decision {
        let nobody = Case::default();
        let known = case.unwrap_or(&nobody);
        let zone = self.zone_of(known);
        let facts = Facts {
            lead: case.map(|case| &*case.lead),
            zone: &zone,
            spoken: &known.spoken,
            talking_until: self.talking_until(known),
            hushed_until: known.session.paused_until_ms,
            house: self.house(now),
        };
        let decision = policy::may_send(&self.live.contact, &facts, wish, now);
        self.app.meters.gate.count(decision.reason());
        decision
    }

    /// The lead's zone as far as it is known, else the partner's.
    pub(super) fn zone_of(&self, case: &Case) -> TimeZone {
        let zone = case.lead.zone.name.as_str();
        let known = (!zone.is_empty()).then(|| TimeZone::get(zone).ok());
        known
            .flatten()
            .unwrap_or_else(|| self.live.timezone.clone())
    }

    /// A lead at a question who spoke a moment ago is in the middle of a talk.
    fn talking_until(&self, case: &Case) -> i64 {
        match &case.session.place {
            Some(place) if self.funnels.is_asking(place) => {
                case.session.last_seen_at + self.live.contact.talk_ms
            }
            _ => 0,
        }
    }

    /// How many timers may speak in this round.
    pub(super) fn room_to_speak(&self) -> usize {
        let rate = self.live.limits.bulk_per_second;
        let most = if self.live.limits.off {
            AHEAD_WITHOUT_LIMITS
        } else {
            (rate * AHEAD_SECONDS).ceil() as usize
        };
        let room = most.saturating_sub(self.speaking.len());
        // Few at a time would ask the store anew for each.
        if room * 2 < most { 0 } else { room }
    }

    /// Keeps count of what is on its way in which the bot speaks first.
    pub(super) fn count_speaking(&mut self, work: &Work, leaving: &[OutboxRow]) {
        for row in leaving {
            if row.class == Class::Proactive {
                self.speaking.insert(row.id);
            }
        }
        for settled in &work.batch.settled {
            let on_its_way = match settled.state {
                OutboxState::Sending => true,
                OutboxState::Due => settled.not_before <= work.now,
                _ => false,
            };
            if !on_its_way {
                self.speaking.remove(&settled.id);
            }
        }
    }

    /// The gate at the head of the outbox, for messages in which the bot speaks first and for cards.
    pub(super) async fn claim(&mut self, work: &mut Work, row: &OutboxRow) -> sqlx::Result<()> {
        let case = match row.class {
            Class::Proactive => self.case(work, row.chat_id).await?,
            // A card's chat is the partner's; its lead may be gone by now.
            Class::Notification if row.card != 0 => self.store.case(row.card).await?,
            Class::Reply | Class::Notification | Class::Digest | Class::Edit => {
                Some(Case::default())
            }
        };
        let wish = row.wish.as_deref().cloned().unwrap_or_else(|| Wish {
            lane: row.lane,
            purpose: Default::default(),
            intent: String::new(),
            planned_at: row.created_at,
            stale_at: None,
            beside: Beside::Beside,
        });
        let decision = self.decide(case.as_ref(), &wish, work.now);
        let (state, reason, may_go) = match decision {
            Decision::Send { reason } => (OutboxState::Sending, reason, MayGo::Yes),
            Decision::Wait { until, reason } => (OutboxState::Due, reason, MayGo::Later(until)),
            Decision::Drop { reason } => (OutboxState::Dropped, reason, MayGo::No),
        };
        if row.class == Class::Proactive
            && let Some(mut case) = case
        {
            match may_go {
                MayGo::Yes => case.spoken.note(&wish.intent, work.now),
                MayGo::No => case.spoken.take_back(&wish.intent),
                MayGo::Later(until) => case.spoken.note(&wish.intent, until),
            }
            work.cases.insert(case.lead.chat_id, case);
        }
        work.claims.insert(row.id, may_go);
        work.batch.settled.push(Settled {
            id: row.id,
            state,
            reason: reason.words().to_owned(),
            tries: row.tries,
            not_before: match may_go {
                MayGo::Later(until) => until,
                MayGo::Yes | MayGo::No => row.not_before,
            },
            message_id: 0,
            at: work.now,
        });
        Ok(())
    }
}

/// What was due and is not said, as a line of the lead's story.
pub(super) fn unsaid(case: &Case, timer: &TimerRow, reason: Reason, now: i64) -> EventRow {
    let place = case.session.place.as_ref();
    let (funnel, step) = match (&timer.name, &timer.data) {
        (TimerName::Sequence(id), TimerData::Sequence(waiting)) => {
            (id.as_str().into(), waiting.step.as_str().into())
        }
        _ => place.map_or_else(Default::default, |place| {
            (place.funnel.clone(), place.step.clone())
        }),
    };
    EventRow {
        lead_id: case.lead.id,
        at: now,
        kind: "unsaid",
        funnel,
        step,
        name: reason.code().into(),
        value: reason.words().into(),
        ..EventRow::default()
    }
}

pub(super) fn held(timer: &TimerRow, until: i64, reason: Reason) -> TimerRow {
    TimerRow {
        due_at: until,
        held: reason.words().to_owned(),
        ..timer.clone()
    }
}
