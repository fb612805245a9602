//! Timers: silence branches, and the end of a collected answer. PURE.

use super::{FirstWord, Refusal, Turn};
use crate::funnel::coverage::{Mark, Part, WHOLE};
use crate::funnel::effect::{Effect, Message, Origin};
use crate::funnel::event::{Talk, TimerData, TimerName};
use crate::funnel::model::{Step, Target};
use crate::funnel::wish::FOLLOW_UP_FRESH_MS;

impl Turn<'_> {
    pub(super) fn timer(&mut self, name: &TimerName, data: &TimerData) {
        let talk = match (name, data) {
            (TimerName::Silence | TimerName::Collect, TimerData::Talk(talk)) => *talk,
            (TimerName::Sequence(id), TimerData::Sequence(waiting)) => {
                return self.sequence_due(id, waiting, None);
            }
            _ => return self.ignore("a timer of another version of the bot"),
        };
        if self.lost.is_some() || talk.visit != self.session.visit || self.at.is_none() {
            return self.ignore("the lead has moved on");
        }
        match name {
            TimerName::Collect => {
                // The end of what the lead said themselves.
                self.spoke = true;
                self.collected();
            }
            _ => self.silence(talk.branch),
        }
    }

    /// What the timer would have said is not said: a follow-up makes room for the next one, a sequence goes on.
    pub(super) fn unsaid(&mut self, name: &TimerName, data: &TimerData, refusal: Refusal<'_>) {
        match (name, data) {
            (TimerName::Sequence(id), TimerData::Sequence(waiting)) => {
                self.sequence_due(id, waiting, Some(refusal));
            }
            (TimerName::Silence, TimerData::Talk(talk)) if talk.visit == self.session.visit => {
                let branch = usize::from(talk.branch);
                let silences = self.silences();
                if let (Some(here), Some(next)) = (silences.get(branch), silences.get(branch + 1)) {
                    self.schedule_silence((next.after_ms - here.after_ms).max(0), talk.branch + 1);
                }
            }
            _ => self.ignore("the lead has moved on"),
        }
    }

    fn collected(&mut self) {
        match self.session.collecting.take() {
            Some(collecting) => self.answer_typed(&collecting.parts.join("\n")),
            None => self.ignore("nothing was being collected"),
        }
    }

    fn silence(&mut self, branch: u16) {
        if !self.may_follow_up() {
            return self.ignore("the lead asked not to be written to, or waits for a person");
        }
        let Some(step) = self.step() else { return };
        let silences = self.silences();
        let Some(here) = silences.get(usize::from(branch)) else {
            return self.ignore("the branch of silence is no longer in the file");
        };
        self.mark_silence(step, usize::from(branch));
        let place = self.session.place.clone().unwrap_or_default();
        self.first_word = Some(FirstWord {
            purpose: here.purpose,
            intent: format!(
                "fu:{}.{}:{}:{branch}",
                place.funnel, place.step, self.session.silences
            ),
            origin: Origin::FollowUp {
                funnel: place.funnel.into(),
                step: place.step.into(),
                kind: here.kind,
            },
            stale_at_ms: self.desk.now_ms.saturating_add(FOLLOW_UP_FRESH_MS),
            way_out: None,
            said: 0,
        });
        if let Some(words) = &here.say {
            let text = self.words(words);
            // Only with `say` alone: a target brings its own buttons.
            let keyboard = here
                .to
                .is_none()
                .then(|| self.inline_keyboard(step))
                .flatten();
            self.push(Message {
                text,
                media: None,
                keyboard,
            });
        }
        match here.to {
            Some(Target::Stay) | None => {
                if let Some(next) = silences.get(usize::from(branch) + 1) {
                    self.schedule_silence((next.after_ms - here.after_ms).max(0), branch + 1);
                }
            }
            Some(target) => self.walk(Some(target)),
        }
    }

    fn mark_silence(&mut self, step: &Step, branch: usize) {
        let part = Part::Silent(branch);
        match (self.at, &step.own_silent) {
            (Some((funnel, _)), None) => self.marks.push(Mark {
                at: (funnel, WHOLE),
                part,
            }),
            _ => self.mark(part),
        }
    }

    /// Begins to wait for a lead who may stay silent.
    pub(super) fn await_silence(&mut self, after_ms: i64) {
        self.session.silences = self.session.silences.wrapping_add(1);
        self.schedule_silence(after_ms, 0);
    }

    fn schedule_silence(&mut self, after_ms: i64, branch: u16) {
        let at_ms = self.desk.now_ms.saturating_add(after_ms);
        let data = TimerData::Talk(Talk {
            visit: self.session.visit,
            branch,
            planned_ms: at_ms,
        });
        self.effects.push(Effect::Schedule {
            name: TimerName::Silence,
            at_ms,
            data,
        });
    }
}
