//! One lead's turn: the pure engine's outcome becomes rows. A turn that fails leaves nothing behind.

use compact_str::{CompactString, ToCompactString};

use crate::funnel::effect::{Effect, Message, Notice, Origin, Proactive};
use crate::funnel::event::{TimerData, TimerName};
use crate::funnel::session::Place;
use crate::funnel::{Beside, Outcome};
use crate::lead::{Handoff, LeadId, ZoneSource};
use crate::manners::Settings;
use crate::policy::Reason;
use crate::store::{
    AnsweredBy, Case, Class, EventRow, Forgotten, InboxState, Lane, Member, OutboxRow, Settled,
    Wish,
};
use crate::telegram::outgoing;
use crate::worker::Aside;

/// What one update or timer wants written. Row ids are given when it is merged.
#[derive(Debug, Default)]
pub struct Turn {
    pub case: Option<Case>,
    pub events: Vec<EventRow>,
    pub outbox: Vec<OutboxRow>,
    /// Messages that are left out, with the reason.
    pub dropped: Vec<(OutboxRow, Reason)>,
    pub timers: Vec<TimerOp>,
    pub asides: Vec<Aside>,
    pub notices: Vec<Notice>,
    pub members: Vec<Member>,
    /// What the partner chose in /my_settings.
    pub settings: Option<Settings>,
    /// Say nothing first, or speak again.
    pub pause: Option<bool>,
    pub forget: Option<Forgotten>,
    /// How the inbox row ends; handled unless said otherwise.
    pub inbox: Option<InboxState>,
    /// Messages in doubt that have arrived after all.
    pub proven: Vec<Settled>,
    pub now: i64,
}

/// A timer set (when due, with what data) or taken away.
pub type TimerOp = (LeadId, TimerName, Option<(i64, TimerData)>);

/// What set the turn going.
pub struct Cause<'a> {
    pub now: i64,
    /// For the outbox row: why these words were written.
    pub why: &'a str,
    /// What the gate was asked, when the bot speaks first.
    pub wish: Option<Wish>,
    /// The press to answer.
    pub callback_id: Option<String>,
}

impl Turn {
    /// Turns the engine's outcome into rows. `before` is where the lead stood.
    pub fn from_outcome(
        mut case: Case,
        before: Option<Place>,
        outcome: Outcome,
        cause: &Cause<'_>,
    ) -> Turn {
        case.lead = outcome.lead;
        case.session = outcome.session;
        let mut turn = Turn {
            now: cause.now,
            ..Turn::default()
        };
        let mut place = before;
        let mut toast = None;
        for effect in outcome.effects {
            match effect {
                Effect::Say(message) => turn.say(&case, message, None, cause),
                Effect::Speak(proactive) => {
                    let wish = wish_of(&proactive, cause);
                    turn.say(&case, proactive.message, Some(wish), cause);
                }
                Effect::Toast(text) => toast = Some(text),
                Effect::Notify(notice) => {
                    turn.event(&case, &place, cause, "notify", notice_word(&notice), "", 0);
                    turn.notices.push(notice);
                }
                Effect::Schedule { name, at_ms, data } => {
                    turn.timers.push((case.lead.id, name, Some((at_ms, data))));
                }
                Effect::Cancel { name } => turn.timers.push((case.lead.id, name, None)),
                Effect::Forget => {
                    turn.forget = Some(forgotten(&case, "lead".to_owned(), cause.now));
                }
                other => turn.tell(&case, &mut place, cause, other),
            }
        }
        turn.mark_question();
        if let Some(callback_id) = &cause.callback_id {
            turn.asides.push(Aside {
                callback_id: callback_id.clone(),
                text: toast,
            });
        }
        turn.case = Some(case);
        turn
    }

    /// The last words of a turn that stops at a step are what the lead answers next.
    fn mark_question(&mut self) {
        let mut replies = self.outbox.iter_mut().rev();
        let last = replies.find(|row| row.class == Class::Reply);
        let mut steps = self.events.iter().rev();
        let step = steps.find(|event| matches!(event.kind, "reached" | "ended"));
        let stops_there = step.is_some_and(|step| step.kind == "reached");
        if let Some(row) = last.filter(|_| stops_there) {
            row.answered_by = question(row);
        }
    }

    /// Effects that are lines of the lead's story.
    fn tell(&mut self, case: &Case, place: &mut Option<Place>, cause: &Cause<'_>, effect: Effect) {
        match effect {
            Effect::Tag { tag, on } => self.event(
                case,
                place,
                cause,
                "tag",
                &tag,
                if on { "on" } else { "off" },
                0,
            ),
            Effect::Score { points, reason } => {
                self.event(case, place, cause, "score", "", &reason, i64::from(points))
            }
            Effect::Contact(contact) => {
                let kind = match contact.kind {
                    crate::lead::ContactKind::Phone => "phone",
                    crate::lead::ContactKind::Email => "email",
                };
                self.event(case, place, cause, "contact", kind, &contact.value, 0);
            }
            Effect::Answer { name, value } => {
                self.event(case, place, cause, "answer", &name, &words(&value), 0)
            }
            Effect::Entered { funnel, by } => {
                *place = Some(Place {
                    funnel,
                    step: CompactString::default(),
                });
                self.event(case, place, cause, "entered", "", &by, 0);
            }
            Effect::Reached {
                funnel,
                step,
                variant,
            } => {
                *place = Some(Place { funnel, step });
                self.event(
                    case,
                    place,
                    cause,
                    "reached",
                    "",
                    variant.as_deref().unwrap_or(""),
                    0,
                );
            }
            Effect::Ended { funnel } => {
                let ended = Some(Place {
                    funnel,
                    step: CompactString::default(),
                });
                self.event(case, &ended, cause, "ended", "", "", 0);
            }
            Effect::LinkOpened { name, url } => {
                self.event(case, place, cause, "link", &name, &url, 0)
            }
            Effect::Handoff(handoff) => {
                self.event(case, place, cause, "handoff", "", handoff_word(handoff), 0)
            }
            Effect::OptOut(out) => self.event(
                case,
                place,
                cause,
                "optout",
                "",
                if out { "on" } else { "off" },
                0,
            ),
            Effect::Consent {
                matter,
                yes,
                version,
                source,
            } => {
                let value = if yes {
                    format!("yes {version} {source}")
                } else if version.is_empty() {
                    format!("no {source}")
                } else {
                    format!("no {version} {source}")
                };
                self.event(case, place, cause, "consent", matter.word(), &value, 0);
            }
            Effect::Language(code) => self.event(case, place, cause, "language", "", &code, 0),
            Effect::Zone(zone) => {
                let source = zone_word(zone.source);
                self.event(case, place, cause, "zone", source, &zone.name, 0);
            }
            Effect::Enrolled {
                sequence,
                entry,
                by,
            } => {
                let by = format!("{by} #{entry}");
                self.event(case, place, cause, "enrolled", &sequence, &by, 0)
            }
            Effect::NotEnrolled { sequence, why } => {
                self.event(case, place, cause, "barred", &sequence, &why, 0)
            }
            Effect::Passed {
                sequence,
                step,
                why,
            } => {
                let name = format!("{sequence}.{step}");
                self.event(case, place, cause, "passed", &name, &why, 0)
            }
            Effect::Left { sequence, why } => {
                self.event(case, place, cause, "left", &sequence, &why, 0)
            }
            Effect::Ignored { why } => self.event(case, place, cause, "ignored", "", why, 0),
            // Handled by the caller.
            Effect::Say(_)
            | Effect::Speak(_)
            | Effect::Toast(_)
            | Effect::Notify(_)
            | Effect::Schedule { .. }
            | Effect::Cancel { .. }
            | Effect::Forget => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the columns of an event")]
    fn event(
        &mut self,
        case: &Case,
        place: &Option<Place>,
        cause: &Cause<'_>,
        kind: &'static str,
        name: &str,
        value: &str,
        points: i64,
    ) {
        let (funnel, step) = place
            .as_ref()
            .map(|p| (p.funnel.clone(), p.step.clone()))
            .unwrap_or_default();
        self.events.push(EventRow {
            id: 0,
            lead_id: case.lead.id,
            prev: 0,
            at: cause.now,
            kind,
            funnel,
            step,
            name: name.into(),
            value: value.into(),
            points,
        });
    }

    fn say(&mut self, case: &Case, message: Message, wish: Option<Wish>, cause: &Cause<'_>) {
        let out = outgoing::render(case.lead.chat_id, message);
        self.outbox.push(OutboxRow {
            id: 0,
            lead_id: case.lead.id,
            prev: 0,
            chat_id: case.lead.chat_id,
            lane: wish.as_ref().map_or(Lane::Reply, |wish| wish.lane),
            class: if wish.is_some() {
                Class::Proactive
            } else {
                Class::Reply
            },
            cause: cause.why.into(),
            method: out.method,
            payload: out.payload,
            media: out.media,
            card: 0,
            wish: wish.map(Box::new),
            tries: 0,
            not_before: 0,
            created_at: cause.now,
            answered_by: AnsweredBy::Nothing,
        });
    }
}

/// What the gate is asked again right before the call.
fn wish_of(proactive: &Proactive, cause: &Cause<'_>) -> Wish {
    let asked = cause.wish.as_ref();
    Wish {
        lane: match proactive.origin {
            Origin::FollowUp { .. } => Lane::FollowUp,
            Origin::Sequence { .. } => Lane::Sequence,
        },
        purpose: proactive.purpose,
        intent: proactive.intent.clone(),
        planned_at: asked.map_or(cause.now, |asked| asked.planned_at),
        stale_at: Some(proactive.stale_at_ms),
        beside: asked.map_or(Beside::Wait, |asked| asked.beside),
    }
}

/// Whom to forget, and on whose word.
pub fn forgotten(case: &Case, by: String, at: i64) -> Forgotten {
    Forgotten {
        lead: case.lead.id,
        chat_id: case.lead.chat_id,
        at,
        by,
        mark: String::new(),
    }
}

fn words(value: &serde_json::Value) -> CompactString {
    match value {
        serde_json::Value::String(text) => text.as_str().into(),
        other => other.to_compact_string(),
    }
}

/// What answers a message that asks: words only when it holds nothing else worth having.
pub fn question(row: &OutboxRow) -> AnsweredBy {
    let has_link = row.payload.contains("://") || row.payload.contains("t.me/");
    if row.media.is_empty() && !has_link {
        AnsweredBy::Words
    } else {
        AnsweredBy::Press
    }
}

fn notice_word(notice: &Notice) -> &str {
    match notice {
        Notice::Contact => "contact",
        Notice::Link => "link",
        Notice::Hot => "hot",
        Notice::Human => "human",
        Notice::Text(text) => text,
    }
}

fn zone_word(source: ZoneSource) -> &'static str {
    match source {
        ZoneSource::Partner => "partner",
        ZoneSource::Language => "language",
        ZoneSource::Phone => "phone",
        ZoneSource::Told => "told",
        ZoneSource::Asked => "asked",
        ZoneSource::Set => "set",
    }
}

fn handoff_word(handoff: Handoff) -> &'static str {
    match handoff {
        Handoff::Bot => "bot",
        Handoff::Waiting => "waiting",
        Handoff::Human => "human",
        Handoff::Closed => "closed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::queue::tests::mute;

    #[test]
    fn only_the_last_words_of_a_turn_that_stops_at_a_step_ask() {
        for (kinds, asks) in [
            (&["answer", "reached"][..], true),
            (&["ended", "entered", "reached", "score"], true),
            (&["reached", "ended"], false),
            (&["contact"], false),
        ] {
            let mut turn = Turn {
                outbox: vec![mute(1, 10), mute(2, 10)],
                ..Turn::default()
            };
            turn.events.extend(kinds.iter().map(|kind| EventRow {
                kind,
                ..EventRow::default()
            }));
            turn.mark_question();
            assert_eq!(turn.outbox[0].answered_by, AnsweredBy::Nothing);
            let is_asked = turn.outbox[1].answered_by == AnsweredBy::Words;
            assert_eq!(is_asked, asks, "{kinds:?}");
        }
    }
}
