//! Messages: texts in the lead's language, keyboards, phrases of the bot itself. PURE.

use compact_str::{CompactString, format_compact};
use minijinja::Value;

use super::Turn;
use crate::funnel::coverage::{Mark, Part};
use crate::funnel::effect::{Action, Button, Effect, Keyboard, Media, Message, Proactive};
use crate::funnel::event::Press;
use crate::funnel::html::{self, CAPTION_LIMIT, TEXT_LIMIT};
use crate::funnel::model::{Step, StepText, Variant};
use crate::funnel::session::{Place, Return};
use crate::funnel::template::TemplateId;
use crate::funnel::words::{Body, Words};
use crate::lead::Purpose;
use crate::phrases::Phrase;

/// Stands for a funnel in presses of the bot's own buttons; no funnel can be called so.
pub(super) const BOT: &str = "_";

impl<'a> Turn<'a> {
    /// Says the current step.
    pub(super) fn show(&mut self) {
        let Some(step) = self.step() else { return };
        if self.lacks_consent(step) {
            return self.ask_consent();
        }
        let text = match &step.text {
            Some(StepText::One(words)) => self.words(words),
            Some(StepText::Variants(_)) => self
                .choose_variant(step)
                .map(|variant| self.words(&variant.text))
                .unwrap_or_default(),
            None => String::new(),
        };
        let media = step
            .media
            .clone()
            .map(|(kind, source)| Media { kind, source });
        if text.is_empty() && media.is_none() {
            return;
        }
        let keyboard = self.step_keyboard(step);
        self.push(Message {
            text,
            media,
            keyboard,
        });
    }

    /// Says the current step once more; the buttons already on the screen stay good.
    pub(super) fn show_again(&mut self) {
        match self.step() {
            Some(step) if step.text.is_some() || step.media.is_some() => self.show(),
            _ => self.say_nothing_here(),
        }
    }

    pub(super) fn choose_variant(&mut self, step: &'a Step) -> Option<&'a Variant> {
        let Some(StepText::Variants(variants)) = &step.text else {
            return None;
        };
        let key = self.key_of(step);
        if let Some(name) = self.session.variants.get(&*key)
            && let Some(known) = variants.iter().find(|variant| variant.name == *name)
        {
            return Some(known);
        }
        let total: u64 = variants
            .iter()
            .map(|variant| u64::from(variant.weight))
            .sum();
        let mut dice = mix(self.desk.random, self.lead.id, &key) % total.max(1);
        let chosen = variants.iter().find(|variant| {
            let hit = dice < u64::from(variant.weight);
            dice = dice.saturating_sub(u64::from(variant.weight));
            hit
        })?;
        self.session
            .variants
            .insert(key.into(), chosen.name.clone());
        Some(chosen)
    }

    /// `funnel.step` of the lead's place.
    pub(super) fn key_of(&self, step: &Step) -> CompactString {
        format_compact!(
            "{}.{}",
            self.funnel().map_or("", |funnel| &funnel.id),
            step.id
        )
    }

    pub(super) fn words(&mut self, words: &'a Words) -> String {
        let language = self
            .funnel()
            .map_or(0, |funnel| funnel.language(self.spoken()));
        words
            .get(language)
            .map(|body| self.body(body))
            .unwrap_or_default()
    }

    pub(super) fn body(&mut self, body: &'a Body) -> String {
        match body {
            Body::Static(text) => text.to_string(),
            Body::Template(id) => {
                let scope = self.scope();
                self.funnels.templates.render_or_plain(id, &scope)
            }
        }
    }

    /// A computed value: a number where it reads as one.
    pub(super) fn computed(&mut self, id: &TemplateId) -> serde_json::Value {
        let scope = self.scope();
        let text = self.funnels.templates.render_or_plain(id, &scope);
        let text = text.trim();
        match serde_json::from_str(text) {
            Ok(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => value,
            _ => text.into(),
        }
    }

    pub(super) fn say_phrase(&mut self, phrase: Phrase) {
        let text = self.phrase(phrase, None);
        self.push(Message {
            text,
            ..Message::default()
        });
    }

    pub(super) fn say_phrase_with(&mut self, phrase: Phrase, value: impl Into<Value>) {
        let text = self.phrase(phrase, Some(value.into()));
        self.push(Message {
            text,
            ..Message::default()
        });
    }

    pub(super) fn say_phrase_under(&mut self, phrase: Phrase, rows: Vec<Vec<Button>>) {
        let text = self.phrase(phrase, None);
        self.push(Message {
            text,
            media: None,
            keyboard: Some(Keyboard::Inline(rows)),
        });
    }

    /// The way forward where nothing is asked.
    pub(super) fn say_nothing_here(&mut self) {
        let again = self.own_button(Phrase::StartOver, "start", "over");
        self.say_phrase_under(Phrase::NothingHere, vec![vec![again]]);
    }

    /// A button of the bot itself, good at any time.
    pub(super) fn own_button(&mut self, text: Phrase, step: &str, button: &str) -> Button {
        let text = self.phrase(text, None);
        self.own_press(text, step, button)
    }

    pub(super) fn own_press(&self, text: String, step: &str, button: &str) -> Button {
        let press = Press {
            funnel: BOT.into(),
            step: step.into(),
            visit: self.session.visit,
            button: button.into(),
        };
        Button {
            text,
            action: Action::Press(press),
        }
    }

    pub(super) fn phrase(&mut self, phrase: Phrase, value: Option<Value>) -> String {
        let language = self.voice();
        let funnels = self.funnels;
        match funnels.phrases.get(phrase, &language) {
            None => String::new(),
            Some(body @ Body::Static(_)) => self.body(body),
            Some(Body::Template(id)) => {
                let scope = self.scope_with(value);
                funnels.templates.render_or_plain(id, &scope)
            }
        }
    }

    /// The lead's language, or what a calling funnel speaks instead: a talk stays in one language.
    fn spoken(&self) -> &str {
        let mut language = self.lead.language.as_str();
        for frame in &self.session.stack {
            let caller = self.funnels.by_id.get(&*frame.funnel);
            language = match (frame.then, caller) {
                (Return::Next, Some(&ix)) => {
                    let caller = &self.funnels.list[ix];
                    &caller.languages[caller.language(language)]
                }
                (Return::Show, _) | (Return::Next, None) => &self.lead.language,
            };
        }
        language
    }

    /// The language the bot itself speaks: that of the funnel, else of the partner.
    pub(super) fn voice(&self) -> String {
        match self.funnel() {
            Some(funnel) => funnel.languages[funnel.language(self.spoken())].clone(),
            None => {
                let languages = &self.funnels.languages;
                let index = crate::funnel::words::language_index(languages, &self.lead.language)
                    .unwrap_or(0);
                languages.get(index).cloned().unwrap_or_else(|| "ru".into())
            }
        }
    }

    /// The one way out for messages: keeps them within limits, and takes the contact button off the screen.
    pub(super) fn push(&mut self, mut message: Message) {
        let limit = if message.media.is_some() {
            CAPTION_LIMIT
        } else {
            TEXT_LIMIT
        };
        message.text = html::cut(message.text, limit);
        if self.keyboard_due {
            match message.keyboard {
                None => message.keyboard = Some(self.restored_keyboard()),
                Some(Keyboard::Inline(_)) => self.drop_contact_keyboard(),
                Some(Keyboard::Reply { .. } | Keyboard::Remove) => self.keyboard_due = false,
            }
        }
        self.emit(message);
    }

    /// An answer to the lead, or a word of the bot's own with what the gate must know of it.
    pub(super) fn emit(&mut self, message: Message) {
        let Some(first) = &self.first_word else {
            return self.effects.push(Effect::Say(message));
        };
        let message = match first.purpose {
            Purpose::Service => message,
            Purpose::Advertising => {
                let sequence = first.way_out.clone();
                self.with_way_out(message, sequence.as_deref())
            }
        };
        let Some(first) = &mut self.first_word else {
            return;
        };
        let intent = match first.said {
            0 => first.intent.clone(),
            more => format!("{}+{more}", first.intent),
        };
        first.said += 1;
        let proactive = Proactive {
            message,
            purpose: first.purpose,
            origin: first.origin.clone(),
            intent,
            stale_at_ms: first.stale_at_ms,
        };
        self.effects.push(Effect::Speak(proactive));
    }

    pub(super) fn mark(&mut self, part: Part) {
        if let Some(at) = self.at {
            self.marks.push(Mark { at, part });
        }
    }

    pub(super) fn mark_at(&mut self, place: &Place, part: Part) {
        let Some(&funnel) = self.funnels.by_id.get(&*place.funnel) else {
            return;
        };
        if let Some(step) = self.funnels.list[funnel].find(&place.step) {
            self.marks.push(Mark {
                at: (funnel, step),
                part,
            });
        }
    }
}

/// A number that depends on all of its arguments and on nothing else.
fn mix(random: u64, lead: i64, key: &str) -> u64 {
    let mut hash = random ^ (lead as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in key.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}
