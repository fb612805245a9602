//! What a lead types: which of all things it may mean. PURE.

use super::Turn;
use crate::funnel::coverage::Part;
use crate::funnel::model::{Expect, Target, normalise};
use crate::lead::Handoff;
use crate::phrases;

impl<'a> Turn<'a> {
    pub(super) fn text(&mut self, text: &str) {
        let normal = normalise(text);
        if phrases::is_stop_word(&normal) {
            return self.stop();
        }
        if phrases::is_human_word(&normal) {
            return self.call_human();
        }
        if self.lead.handoff == Handoff::Human {
            return self.ignore("a person is talking with this lead");
        }
        if let Some(target) = self.reply_key(text) {
            return self.leave_for(target);
        }
        if self.recover() {
            return;
        }
        if let Some(pressed) = self.typed_button(&normal) {
            return self.chosen(pressed);
        }
        if self.takes_any_words() {
            return self.answer_words(text);
        }
        if self.begin_by_keyword(&normal) || self.takes_contact(text) {
            return;
        }
        match self.step() {
            Some(step) if step.expect.is_some() => self.answer_typed(text),
            Some(step) if step.awaits() && !step.buttons.is_empty() => {
                self.unfit(phrases::Phrase::AgainChoice, None)
            }
            _ => self.unasked(),
        }
    }

    /// A question for free words takes every word but the ways out.
    fn takes_any_words(&self) -> bool {
        matches!(
            self.step().and_then(|step| step.expect.as_ref()),
            Some(Expect::Text { .. })
        )
    }

    fn begin_by_keyword(&mut self, normal: &str) -> bool {
        // A number typed to a question for numbers is an answer, whatever keywords there are.
        if self.fits_question(normal) {
            return false;
        }
        let Some(&funnel) = self.funnels.keywords.get(normal) else {
            return false;
        };
        self.begin_from_trigger(funnel, "keyword");
        true
    }

    pub(super) fn begin_from_trigger(&mut self, funnel: usize, by: &str) {
        self.lost = None;
        let come_back = self.funnels.list[funnel].then == crate::funnel::spec::Then::Back;
        self.begin(funnel, by.into(), come_back);
    }

    /// Words nobody asked for.
    pub(super) fn unasked(&mut self) {
        if self.lead.handoff == Handoff::Waiting {
            return self.say_phrase(phrases::Phrase::HumanWaiting);
        }
        let goes_on = self.step().filter(|step| !step.awaits());
        match goes_on.and_then(|step| self.next_of(step)) {
            // The file changed under the lead: what was a question now goes on by itself.
            Some(target) if !target.stays() => self.walk(Some(target)),
            _ => self.say_nothing_here(),
        }
    }

    /// A text of the reply keyboard on the lead's screen.
    fn reply_key(&mut self, text: &str) -> Option<(usize, Target)> {
        let place = self.session.keyboard.clone()?;
        let rows = self.keyboard_of(&place)?;
        let funnel = *self.funnels.by_id.get(&*place.funnel)?;
        let wanted = text.trim();
        for (at, button) in rows.iter().flatten().enumerate() {
            let shown = button.text.by_language.iter().flatten();
            let shown: Vec<String> = shown.map(|body| self.body(body)).collect();
            if shown.iter().any(|text| text.trim() == wanted) {
                self.mark_at(&place, Part::Key(at));
                return Some((funnel, button.to));
            }
        }
        None
    }

    fn leave_for(&mut self, (funnel, target): (usize, Target)) {
        self.lost = None;
        match target {
            // The keyboard may outlive its funnel: its steps are meant in that funnel.
            Target::Step(step) if self.at.is_none_or(|(current, _)| current != funnel) => {
                self.walk(Some(Target::Funnel(funnel, step)))
            }
            other => self.go(other),
        }
    }
}
