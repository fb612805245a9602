//! Going from step to step: entering, leaving, calling, returning. PURE.

use super::Turn;
use crate::funnel::coverage::Part;
use crate::funnel::effect::{Effect, Notice};
use crate::funnel::event::TimerName;
use crate::funnel::model::{FunnelIx, Notification, Setting, Step, StepIx, Target};
use crate::funnel::session::Place;
use crate::lead::Handoff;

/// More steps than this in one event are a round the loader could not see.
const MOST_STEPS: u16 = 40;
const MOST_TRAIL: usize = 16;

impl<'a> Turn<'a> {
    /// Goes where an answer or a press leads; `stay` shows the step once more.
    pub(super) fn go(&mut self, target: Target) {
        if target == Target::Stay {
            return self.show_again();
        }
        self.walk(Some(target));
    }

    /// Follows targets until a step waits, or nothing follows.
    pub(super) fn walk(&mut self, mut target: Option<Target>) {
        while let Some(next) = target.take() {
            target = self.follow(next);
        }
    }

    fn follow(&mut self, target: Target) -> Option<Target> {
        match target {
            Target::Step(step) => {
                let funnel = self
                    .at
                    .map_or(self.funnels.default_funnel, |(funnel, _)| funnel);
                self.remember_step();
                self.arrive(funnel, step)
            }
            Target::Funnel(funnel, step) => {
                self.jump(funnel);
                self.arrive(funnel, step)
            }
            Target::End => self.end(),
            Target::Back => self.back(),
            Target::Human => {
                self.call_human();
                None
            }
            Target::Stay => None,
        }
    }

    pub(super) fn arrive(&mut self, funnel: FunnelIx, at: StepIx) -> Option<Target> {
        self.entered += 1;
        if self.entered > MOST_STEPS {
            self.ignore("too many steps in a row without a word from the lead");
            return None;
        }
        self.leave();
        let home = &self.funnels.list[funnel];
        let step = &home.steps[at];
        self.at = Some((funnel, at));
        self.session.visit = self.session.visit.wrapping_add(1);
        self.session.place = Some(Place {
            funnel: home.id.as_ref().into(),
            step: step.id.as_ref().into(),
        });
        self.mark(Part::Step);
        let variant = self.choose_variant(step);
        self.effects.push(Effect::Reached {
            funnel: home.id.as_ref().into(),
            step: step.id.as_ref().into(),
            variant: variant.map(|v| v.name.as_str().into()),
        });
        self.apply_entry(step);
        self.show();
        if let Some(called) = step.call {
            return self.call(called);
        }
        if self.awaits(step) {
            None
        } else {
            self.next_of(step)
        }
    }

    /// Takes down what belonged to the step that is left.
    pub(super) fn leave(&mut self) {
        self.session.misses = 0;
        if self.session.collecting.take().is_some() {
            self.effects.push(Effect::Cancel {
                name: TimerName::Collect,
            });
        }
        self.release_contact_keyboard();
    }

    pub(super) fn release_contact_keyboard(&mut self) {
        if std::mem::take(&mut self.session.contact_keyboard) {
            self.keyboard_due = true;
        }
    }

    fn remember_step(&mut self) {
        let Some(step) = self.step() else { return };
        if step.awaits()
            && self
                .session
                .trail
                .last()
                .is_none_or(|last| **last != *step.id)
        {
            self.session.trail.push(step.id.as_ref().into());
            if self.session.trail.len() > MOST_TRAIL {
                self.session.trail.remove(0);
            }
        }
    }

    pub(super) fn apply_entry(&mut self, step: &'a Step) {
        for tag in &step.tag {
            self.tag(tag, true);
        }
        for tag in &step.untag {
            self.tag(tag, false);
        }
        for (name, setting) in &step.set {
            let value = match setting {
                Setting::Value(value) => value.clone(),
                Setting::Template(id) => self.computed(id),
            };
            self.keep(name, value);
        }
        if let Some(score) = &step.score {
            self.score_step(step, score);
        }
        if !step.is_question {
            self.notify_of(step.notify.as_ref());
        }
        if let Some(content) = &step.content {
            self.session.seen.insert(content.to_string());
        }
        self.change_sequences(&step.enroll, &step.unenroll, step);
    }

    pub(super) fn notify_of(&mut self, notification: Option<&'a Notification>) {
        match notification {
            None => {}
            Some(Notification::Notice(notice)) => self.notify(notice.clone()),
            Some(Notification::Text(words)) => {
                let text = self.words(words);
                self.notify(Notice::Text(text));
            }
        }
    }

    pub(super) fn awaits(&mut self, step: &'a Step) -> bool {
        step.expect.is_some()
            || step
                .buttons
                .iter()
                .any(|button| button.leads_on() && self.is_shown(button))
    }

    pub(super) fn next_of(&mut self, step: &'a Step) -> Option<Target> {
        for (at, case) in step.next.iter().enumerate() {
            if case.when.as_ref().is_none_or(|when| self.is_true(when)) {
                self.mark(Part::Case(at));
                return Some(case.to);
            }
        }
        None
    }

    fn back(&mut self) -> Option<Target> {
        let (funnel, current) = self.at?;
        while let Some(id) = self.session.trail.pop() {
            match self.funnels.list[funnel].find(&id) {
                Some(step) if step != current => return self.arrive(funnel, step),
                Some(_) | None => {}
            }
        }
        self.show_again();
        None
    }

    pub(super) fn call_human(&mut self) {
        if self.lead.handoff == Handoff::Waiting {
            return self.say_phrase(crate::phrases::Phrase::HumanWaiting);
        }
        self.lead_mut().handoff = Handoff::Waiting;
        self.effects.push(Effect::Handoff(Handoff::Waiting));
        self.notify(Notice::Human);
        self.say_phrase(crate::phrases::Phrase::HumanCalled);
    }

    /// Brings a lead whose step is gone to the beginning of what there is now.
    pub(super) fn recover(&mut self) -> bool {
        let Some(funnel) = self.lost.take() else {
            return false;
        };
        self.say_phrase(crate::phrases::Phrase::Moved);
        self.begin(funnel, "moved".into(), false);
        true
    }
}
