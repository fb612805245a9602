//! Timers: silence branches, and the end of a collected answer. PURE.

use super::Turn;
use crate::funnel::coverage::Part;
use crate::funnel::effect::{Effect, Message};
use crate::funnel::event::{TimerData, TimerName};
use crate::funnel::model::Target;

impl Turn<'_> {
    pub(super) fn timer(&mut self, name: TimerName, data: &TimerData) {
        if self.lost.is_some() || data.visit != self.session.visit || self.at.is_none() {
            self.spoke = false;
            return self.ignore("the lead has moved on");
        }
        match name {
            TimerName::Collect => self.collected(),
            TimerName::Silence => self.silence(data.branch),
        }
    }

    fn collected(&mut self) {
        match self.session.collecting.take() {
            Some(collecting) => self.answer_typed(&collecting.parts.join("\n")),
            None => self.ignore("nothing was being collected"),
        }
    }

    fn silence(&mut self, branch: u16) {
        self.spoke = false;
        if !self.may_follow_up() {
            return self.ignore("the lead asked not to be written to, or waits for a person");
        }
        let Some(step) = self.step() else { return };
        let Some(here) = step.silent.get(usize::from(branch)) else {
            return self.ignore("the branch of silence is no longer in the file");
        };
        self.mark(Part::Silent(usize::from(branch)));
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
                if let Some(next) = step.silent.get(usize::from(branch) + 1) {
                    self.schedule_silence((next.after_ms - here.after_ms).max(0), branch + 1);
                }
            }
            Some(target) => self.walk(Some(target)),
        }
    }

    pub(super) fn schedule_silence(&mut self, after_ms: i64, branch: u16) {
        let data = TimerData {
            visit: self.session.visit,
            branch,
        };
        self.effects.push(Effect::Schedule {
            name: TimerName::Silence,
            after_ms,
            data,
        });
    }
}
