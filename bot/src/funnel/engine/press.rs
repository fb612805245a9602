//! Buttons: those of now, those of the bot itself, links, and old ones. PURE.

use compact_str::format_compact;

use super::Turn;
use super::say::BOT;
use crate::funnel::compile::SKIP;
use crate::funnel::coverage::Part;
use crate::funnel::effect::{Action, Button as Shown, Effect};
use crate::funnel::event::Press;
use crate::funnel::html;
use crate::funnel::model::{
    Button, ButtonAction, Consent, Expect, FunnelIx, Step, StepIx, StepText, normalise,
};
use crate::funnel::words::Words;
use crate::phrases::Phrase;

/// Longest reason for points made from a text.
const REASON_LIMIT: usize = 60;

/// What a lead chose among the buttons of the current step.
#[derive(Clone, Copy)]
pub(super) enum Chosen {
    Button(usize),
    Skip,
}

impl<'a> Turn<'a> {
    pub(super) fn press(&mut self, press: &Press) {
        if press.funnel == BOT {
            return self.own_pressed(&press.step, &press.button);
        }
        self.session.forgetting = false;
        if let Some((at, button)) = self.link_of(press) {
            return self.open_link(at, button);
        }
        if let Some((at, button)) = self.series_button(press) {
            return self.series_pressed(press, at, button);
        }
        if let Some(chosen) = self.meant(press) {
            self.session.last_press = Some((press.visit, press.button.clone()));
            return self.chosen(chosen);
        }
        if self.session.last_press == Some((press.visit, press.button.clone())) {
            return self.ignore("the same press again");
        }
        self.old_press();
    }

    fn old_press(&mut self) {
        let toast = self.phrase(Phrase::OldButton, None);
        self.effects.push(Effect::Toast(toast));
        if !self.recover() {
            self.show_again();
        }
    }

    /// The button a press means, when it belongs to the step the lead stands on now.
    fn meant(&self, press: &Press) -> Option<Chosen> {
        let at = self.place_of(press).filter(|at| self.at == Some(*at))?;
        if press.visit != self.session.visit {
            return None;
        }
        let step = self.step_at(at);
        if press.button == SKIP && step.skip.is_some() {
            return Some(Chosen::Skip);
        }
        step.buttons
            .iter()
            .position(|button| *button.id == *press.button)
            .map(Chosen::Button)
    }

    fn place_of(&self, press: &Press) -> Option<(FunnelIx, StepIx)> {
        let funnel = *self.funnels.by_id.get(&*press.funnel)?;
        Some((funnel, self.funnels.list[funnel].find(&press.step)?))
    }

    /// Typed words that are the text of a button.
    pub(super) fn typed_button(&mut self, normal: &str) -> Option<Chosen> {
        let step = self.step()?;
        for (at, button) in step.buttons.iter().enumerate() {
            if self.says(&button.text, normal) && self.is_shown(button) {
                return Some(Chosen::Button(at));
            }
        }
        let skip = step.skip.as_ref()?;
        self.says(&skip.text, normal).then_some(Chosen::Skip)
    }

    fn says(&mut self, words: &'a Words, normal: &str) -> bool {
        normalise(&self.words(words)) == normal
    }

    pub(super) fn chosen(&mut self, chosen: Chosen) {
        let (Some(at), Some(step)) = (self.at, self.step()) else {
            return;
        };
        self.keep_collected(step);
        match chosen {
            Chosen::Skip => {
                self.mark(Part::Skip);
                if let Some(skip) = &step.skip {
                    self.go(skip.to);
                }
            }
            Chosen::Button(index) => {
                let button = &step.buttons[index];
                self.mark(Part::Button(index));
                match &button.action {
                    ButtonAction::Link { .. } => self.open_link(at, button),
                    ButtonAction::To(_) | ButtonAction::Next => self.pressed(step, button),
                }
            }
        }
    }

    fn pressed(&mut self, step: &'a Step, button: &'a Button) {
        if let (Some(name), Some(value)) = (&step.save, value_of(step, button)) {
            self.keep(name, value);
        }
        self.take_gifts(step, button);
        if step.is_question {
            self.notify_of(step.notify.as_ref());
        }
        match button.action {
            ButtonAction::To(target) => self.go(target),
            ButtonAction::Next | ButtonAction::Link { .. } => {
                let next = self.next_of(step);
                self.walk(next);
            }
        }
    }

    /// Words sent before the button are not lost.
    fn keep_collected(&mut self, step: &'a Step) {
        let Some(collecting) = &self.session.collecting else {
            return;
        };
        if let Some(name) = &step.save {
            let text = collecting.parts.join("\n");
            self.keep(name, text.into());
        }
    }

    pub(super) fn take_gifts(&mut self, step: &'a Step, button: &'a Button) {
        for tag in &button.tag {
            self.tag(tag, true);
        }
        for tag in &button.untag {
            self.tag(tag, false);
        }
        if let Some(score) = &button.score {
            let key = format_compact!("{}.{}", self.key_of(step), button.id);
            self.score(key, score, |turn| turn.partner_words(&button.text));
        }
        self.notify_of(button.notify.as_ref());
        let source = || format!("{}.{}", self.key_of(step), button.id);
        match &button.consent {
            Some(Consent::Yes(purpose, version)) => self.agree(*purpose, version, source()),
            Some(Consent::No(purpose)) => self.refuse(*purpose, "", source()),
            None => {}
        }
        self.change_sequences(&button.enroll, &button.unenroll, step);
    }

    /// Gets the lead out of sequences and into others, as a step or button says.
    pub(super) fn change_sequences(&mut self, enroll: &[usize], leave: &[usize], step: &Step) {
        for ix in leave {
            self.leave_sequence(*ix, "так решил шаг воронки");
        }
        for ix in enroll {
            let by = self.key_of(step);
            self.enroll(*ix, &by);
        }
    }

    /// A link button stays good for ever: its message may be weeks old.
    fn link_of(&self, press: &Press) -> Option<((FunnelIx, StepIx), &'a Button)> {
        let at = self.place_of(press)?;
        let button = self
            .step_at(at)
            .buttons
            .iter()
            .find(|button| *button.id == *press.button)?;
        (!button.leads_on()).then_some((at, button))
    }

    fn open_link(&mut self, at: (FunnelIx, StepIx), button: &'a Button) {
        let ButtonAction::Link { name, url } = &button.action else {
            return;
        };
        let here = self.at.replace(at);
        let step = self.step_at(at);
        if let Some(index) = step.buttons.iter().position(|other| other.id == button.id) {
            self.mark(Part::Button(index));
        }
        self.effects.push(Effect::LinkOpened {
            name: name.clone(),
            url: url.clone(),
        });
        self.take_gifts(step, button);
        let text = self.words(&button.text);
        self.say_phrase_under(
            Phrase::LinkReady,
            vec![vec![Shown {
                text,
                action: Action::Url(url.clone()),
            }]],
        );
        self.at = here;
    }

    pub(super) fn partner_words(&mut self, words: &'a Words) -> String {
        let language = self
            .desk
            .partner
            .languages
            .first()
            .map_or("", String::as_str);
        let index = self.funnel().map_or(0, |funnel| funnel.language(language));
        let text = words
            .get(index)
            .map(|body| self.body(body))
            .unwrap_or_default();
        html::clean(text.trim(), REASON_LIMIT)
    }

    pub(super) fn step_reason(&mut self, step: &'a Step) -> String {
        let text = match &step.text {
            Some(StepText::One(words)) => self.partner_words_whole(words),
            Some(StepText::Variants(variants)) => variants
                .first()
                .map(|first| self.partner_words_whole(&first.text))
                .unwrap_or_default(),
            None => step.id.to_string(),
        };
        let line = html::plain(&text);
        html::clean(line.lines().next().unwrap_or_default().trim(), REASON_LIMIT)
    }

    fn partner_words_whole(&mut self, words: &'a Words) -> String {
        let language = self
            .desk
            .partner
            .languages
            .first()
            .map_or("", String::as_str);
        let index = self.funnel().map_or(0, |funnel| funnel.language(language));
        words
            .get(index)
            .map(|body| self.body(body))
            .unwrap_or_default()
    }
}

/// What a question keeps when a button answers it; a text would be no number or date.
fn value_of(step: &Step, button: &Button) -> Option<serde_json::Value> {
    if let Some(value) = &button.value {
        return Some(value.clone());
    }
    match step.expect {
        None | Some(Expect::Text { .. } | Expect::Choice) => Some(button.plain.clone().into()),
        Some(
            Expect::Number { .. }
            | Expect::Phone { .. }
            | Expect::Email
            | Expect::Date(_)
            | Expect::Photo,
        ) => None,
    }
}
