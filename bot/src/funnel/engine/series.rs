//! Buttons under messages in which the bot speaks first: those of a sequence's steps, and the way out. PURE.

use compact_str::format_compact;

use super::Turn;
use crate::funnel::coverage::{Mark, Part};
use crate::funnel::effect::{Button, Effect, Keyboard, Message};
use crate::funnel::event::Press;
use crate::funnel::html::{self, CAPTION_LIMIT, TEXT_LIMIT};
use crate::funnel::model::{self, ButtonAction, FunnelIx, StepIx, Target};
use crate::lead::Purpose;
use crate::phrases::Phrase;

/// In the way out of a message that belongs to no sequence.
const NO_SEQUENCE: &str = "x";

impl<'a> Turn<'a> {
    /// The button of a sequence's step; it stays good for ever, like a link.
    pub(super) fn series_button(
        &self,
        press: &Press,
    ) -> Option<((FunnelIx, StepIx), &'a model::Button)> {
        let home = *self.funnels.by_id.get(&*press.funnel)?;
        let words = &self.funnels.list[home];
        if !words.is_sequence() {
            return None;
        }
        let at = words.find(&press.step)?;
        let buttons = &words.steps[at].buttons;
        let button = buttons.iter().find(|button| *button.id == *press.button)?;
        Some(((home, at), button))
    }

    pub(super) fn series_pressed(
        &mut self,
        press: &Press,
        (home, step_at): (FunnelIx, StepIx),
        button: &'a model::Button,
    ) {
        let key = format_compact!("{}.{}.{}", press.funnel, press.step, press.button);
        if self.session.last_press == Some((self.session.visit, key.clone())) {
            return self.ignore("the same press again");
        }
        let step = self.step_at((home, step_at));
        let here = self.at.replace((home, step_at));
        if let Some(index) = step.buttons.iter().position(|other| other.id == button.id) {
            self.mark(Part::Button(index));
        }
        self.take_gifts(step, button);
        self.at = here;
        match button.action {
            ButtonAction::To(Target::Funnel(funnel, at)) => self.enter_from(press, funnel, at),
            ButtonAction::To(Target::Human) => self.call_human(),
            ButtonAction::To(_) | ButtonAction::Next | ButtonAction::Link { .. } => {}
        }
        self.session.last_press = Some((self.session.visit, key));
    }

    fn enter_from(&mut self, press: &Press, funnel: FunnelIx, at: StepIx) {
        self.lost = None;
        self.session.stack.clear();
        self.session.trail.clear();
        let sequence = press.funnel.trim_start_matches(model::SEQUENCE_MARK);
        self.effects.push(Effect::Entered {
            funnel: self.funnels.list[funnel].id.as_ref().into(),
            by: format_compact!("sequence:{sequence}"),
        });
        let next = self.arrive(funnel, at);
        self.walk(next);
    }

    pub(super) fn mark_of(&mut self, at: (FunnelIx, StepIx), part: Part) {
        self.marks.push(Mark { at, part });
    }

    /// What every advertising message carries, whatever its file says.
    pub(super) fn with_way_out(&mut self, mut message: Message, sequence: Option<&str>) -> Message {
        match &mut message.keyboard {
            None => {
                let way_out = self.way_out_button(sequence);
                message.keyboard = Some(Keyboard::Inline(vec![vec![way_out]]));
            }
            Some(Keyboard::Inline(rows)) => rows.push(vec![self.way_out_button(sequence)]),
            // No button fits beside a keyboard in place of the letters: words do.
            Some(Keyboard::Reply { .. } | Keyboard::Remove) => {
                let words = self.phrase(Phrase::WayOutWords, None);
                let limit = if message.media.is_some() {
                    CAPTION_LIMIT
                } else {
                    TEXT_LIMIT
                };
                let room = limit.saturating_sub(html::visible_len(&words) + 2);
                let text = html::cut(std::mem::take(&mut message.text), room);
                message.text = format!("{text}\n\n{words}");
            }
        }
        message
    }

    fn way_out_button(&mut self, sequence: Option<&str>) -> Button {
        self.own_button(Phrase::WayOut, "out", sequence.unwrap_or(NO_SEQUENCE))
    }

    /// The first tap: what exactly the lead does not want.
    pub(super) fn ask_way_out(&mut self, sequence: &str) {
        let mut rows = Vec::new();
        let entered = self.session.enrollments.get(sequence);
        if entered.is_some_and(|enrollment| enrollment.is_inside()) {
            rows.push(vec![self.own_button(
                Phrase::WayOutSeries,
                "unseries",
                sequence,
            )]);
        }
        rows.push(vec![self.own_button(Phrase::WayOutAds, "ads", "off")]);
        rows.push(vec![self.own_button(Phrase::WayOutKeep, "ads", "keep")]);
        self.say_phrase_under(Phrase::WayOutAsk, rows);
    }

    /// The second tap.
    pub(super) fn leave_by_wish(&mut self, sequence: &str) {
        if let Some((ix, _)) = self.funnels.sequence(sequence) {
            self.leave_sequence(ix, "лид вышел сам");
        }
        self.say_phrase(Phrase::WayOutLeft);
    }

    pub(super) fn refuse_advertising(&mut self) {
        self.refuse(Purpose::Advertising, "", "button".to_owned());
        self.leave_all(Some(Purpose::Advertising), "лид отказался от рекламы");
        self.say_phrase(Phrase::WayOutRefused);
    }
}
