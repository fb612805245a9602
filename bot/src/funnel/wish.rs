//! What a due timer would say, for the gate that decides whether it may. PURE.

use super::event::{TimerData, TimerName};
use super::model::Funnels;
use super::session::Session;
use crate::lead::Purpose;

/// A word of the bot's own that is about to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    pub lane: WishLane,
    pub purpose: Purpose,
    /// When it is meant, in unix milliseconds; the timer may be late.
    pub planned_ms: i64,
    /// Not worth saying after that.
    pub stale_at_ms: i64,
    pub beside: Beside,
    /// `weight_warmup.gift`, `weight.goal`
    pub label: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WishLane {
    FollowUp,
    Sequence,
}

/// What becomes of a step that is due while the lead is in the middle of a talk.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Beside {
    /// It waits until the talk rests.
    #[default]
    Wait,
    /// It is passed over.
    Skip,
    /// It is said all the same.
    Beside,
}

/// A follow-up later than this speaks of something the lead has forgotten.
pub(super) const FOLLOW_UP_FRESH_MS: i64 = 24 * 3_600_000;

impl Funnels {
    /// Whether the lead is in the middle of a talk: at a question, and heard of within `talk_ms`.
    pub fn is_talking(&self, session: &Session, now_ms: i64, talk_ms: i64) -> bool {
        let Some(place) = &session.place else {
            return false;
        };
        let awaits = self.by_id.get(&*place.funnel).is_some_and(|ix| {
            let funnel = &self.list[*ix];
            funnel
                .find(&place.step)
                .is_some_and(|step| funnel.steps[step].awaits())
        });
        awaits && now_ms.saturating_sub(session.last_seen_at) < talk_ms
    }

    /// What the timer would say; `None` when there is nothing to ask the gate about.
    pub fn wish(
        &self,
        session: &Session,
        name: &TimerName,
        data: &TimerData,
        now_ms: i64,
    ) -> Option<Wish> {
        match (name, data) {
            (TimerName::Silence, TimerData::Talk(talk)) if talk.visit == session.visit => {
                let place = session.place.as_ref()?;
                let funnel = &self.list[*self.by_id.get(&*place.funnel)?];
                let silent = funnel.silent(funnel.find(&place.step)?);
                let branch = silent.get(usize::from(talk.branch))?;
                Some(Wish {
                    lane: WishLane::FollowUp,
                    purpose: branch.purpose,
                    planned_ms: talk.planned_ms,
                    stale_at_ms: talk.planned_ms.saturating_add(FOLLOW_UP_FRESH_MS),
                    // The question it belongs to is the talk.
                    beside: Beside::Beside,
                    label: format!("{}.{}", place.funnel, place.step),
                })
            }
            (TimerName::Sequence(id), TimerData::Sequence(waiting)) => {
                let (_, sequence) = self.sequence(id)?;
                let enrollment = session.enrollments.get(id)?;
                // In a pause nothing is refused either: the engine keeps the place.
                if sequence.paused || session.paused_until_ms > now_ms || !enrollment.is_inside() {
                    return None;
                }
                let at = self.ahead(sequence, &enrollment.passed)?;
                let plan = &sequence.plans[at];
                let step = &self.list[sequence.home].steps[at].id;
                Some(Wish {
                    lane: WishLane::Sequence,
                    purpose: sequence.purpose,
                    planned_ms: waiting.planned_ms,
                    stale_at_ms: waiting.planned_ms.saturating_add(plan.max_late_ms),
                    beside: plan.beside,
                    label: format!("{id}.{step}"),
                })
            }
            _ => None,
        }
    }
}
