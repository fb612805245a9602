//! Buttons under a message. PURE.

use std::sync::Arc;

use super::problems::{hint, is_id};
use super::site::Site;
use crate::funnel::model::{Button, ButtonAction, Consent, Skip, Target};
use crate::funnel::spec::{ButtonSpec, SkipSpec, StepSpec, Text};
use crate::lead::text_version;

/// Telegram takes no more under one message.
const MOST: usize = 100;
/// Bytes of callback data, and the most that is not funnel, step and button: `1:`, three colons and the visit.
const CALLBACK_DATA: usize = 64;
const CALLBACK_FRAME: usize = 12;
const BUTTON_ID_LIMIT: usize = 16;
/// Links a new partner often has only later; buttons that open them wait hidden.
const LATER: [&str; 2] = ["shop", "registration"];
/// The id of the button that passes over a question.
pub(crate) const SKIP: &str = "skip";

impl Site<'_> {
    pub fn buttons(&mut self, path: &str, step: &str, spec: &StepSpec) -> Vec<Button> {
        if spec.buttons.len() > MOST {
            self.problems.key_error(
                &format!("{path}.buttons"),
                format!(
                    "{} buttons; Telegram takes {MOST} under a message",
                    spec.buttons.len()
                ),
            );
        }
        let mut buttons: Vec<Button> = Vec::new();
        for (at, button) in spec.buttons.iter().enumerate() {
            let path = format!("{path}.buttons[{at}]");
            let made = self.button(&path, spec, button);
            let made = self.with_own_id(&path, step, button, made, &buttons);
            buttons.push(made);
        }
        buttons
    }

    fn button(&mut self, path: &str, step: &StepSpec, spec: &ButtonSpec) -> Button {
        let at = |key: &str| format!("{path}.{key}");
        if spec.value.is_some() && step.save.is_none() {
            self.problems.key_error(
                &at("value"),
                "nothing keeps this value; add \"save\" to the step",
            );
        }
        let plain = first_text(&spec.text, &self.languages[0]).to_owned();
        Button {
            id: spec
                .id
                .as_deref()
                .map_or_else(|| short_hash(&plain, spec), Arc::from),
            text: self.plain(&at("text"), &spec.text),
            action: self.action(path, step, spec),
            value: spec.value.clone(),
            plain,
            tag: self.tags(&at("tag"), spec.tag.as_ref()),
            untag: self.tags(&at("untag"), spec.untag.as_ref()),
            score: spec
                .score
                .as_ref()
                .map(|score| self.score(&at("score"), score)),
            when: spec
                .when
                .as_deref()
                .and_then(|when| self.condition(&at("when"), when)),
            notify: spec
                .notify
                .as_deref()
                .map(|notify| self.notify(&at("notify"), notify)),
            enroll: self.sequences(&at("enroll"), spec.enroll.as_ref()),
            unenroll: self.sequences(&at("leave"), spec.leave.as_ref()),
            consent: self.consent(path, step, spec),
        }
    }

    fn consent(&mut self, path: &str, step: &StepSpec, spec: &ButtonSpec) -> Option<Consent> {
        let (key, consent) = match (spec.consent, spec.refuse) {
            (None, None) => return None,
            (Some(_), Some(_)) => {
                let message = "a press either agrees or takes back; keep \"consent\" or \"refuse\"";
                self.problems.key_error(&format!("{path}.refuse"), message);
                return None;
            }
            (Some(purpose), None) => {
                // All languages of the question and of the button: whichever the lead saw is among them.
                let asked = [step.say.as_ref(), step.ask.as_ref()];
                let variants = step.variants.iter().map(|variant| &variant.text);
                let seen = asked
                    .into_iter()
                    .flatten()
                    .chain(variants)
                    .chain([&spec.text]);
                let version = text_version(seen.flat_map(Text::all));
                ("consent", Consent::Yes(purpose, version))
            }
            (None, Some(purpose)) => ("refuse", Consent::No(purpose)),
        };
        if spec.link.is_some() {
            let message =
                "opening a link says nothing about consent; put it on a button that leads on";
            self.problems.key_error(&format!("{path}.{key}"), message);
        }
        Some(consent)
    }

    fn action(&mut self, path: &str, step: &StepSpec, spec: &ButtonSpec) -> ButtonAction {
        match (&spec.to, &spec.link) {
            (Some(_), Some(_)) => {
                self.problems.key_error(
                    &format!("{path}.link"),
                    "a button either leads on or opens a link; keep \"to\" or \"link\"",
                );
                ButtonAction::Next
            }
            (Some(to), None) => ButtonAction::To(self.target(&format!("{path}.to"), to)),
            (None, Some(link)) => self.link(&format!("{path}.link"), link),
            (None, None) => {
                if step.next.is_none() {
                    self.problems.error(
                        path,
                        "the button leads nowhere; add \"to\", or \"next\" to the step",
                    );
                }
                ButtonAction::Next
            }
        }
    }

    fn link(&mut self, path: &str, link: &str) -> ButtonAction {
        if link.starts_with("https://") || link.starts_with("tg://") {
            return ButtonAction::Link {
                name: link.to_owned(),
                url: link.to_owned(),
            };
        }
        let url = self.partner.links.get(link).cloned();
        if url.is_none() && link.contains("://") {
            self.problems.error(path, "only https addresses can be opened; write https://…, or a name from links in config.yaml");
        } else if url.is_none() && LATER.contains(&link) {
            let message = format!(
                "no link \"{link}\" yet: the button is hidden until config.yaml has links.{link}"
            );
            self.problems.warning(path, message);
        } else if url.is_none() {
            let otherwise = format!("; add links.{link} to config.yaml, or write an https address");
            let known = self.partner.links.keys().map(String::as_str);
            let help = hint(link, known, &otherwise);
            self.problems
                .error(path, format!("no link \"{link}\"{help}"));
        }
        ButtonAction::Link {
            name: link.to_owned(),
            url: url.unwrap_or_default(),
        }
    }

    /// The button with an id no other button of its step has, short enough for its callback data.
    fn with_own_id(
        &mut self,
        path: &str,
        step: &str,
        spec: &ButtonSpec,
        mut button: Button,
        others: &[Button],
    ) -> Button {
        let taken = |id: &str| id == SKIP || others.iter().any(|other| &*other.id == id);
        match &spec.id {
            Some(id) if !is_id(id, BUTTON_ID_LIMIT) => {
                self.problems.error(&format!("{path}.id"), format!("\"{id}\" cannot be an id; use a-z, 0-9 and _, a letter first, at most {BUTTON_ID_LIMIT}"));
            }
            Some(id) if id == SKIP => self.problems.error(
                &format!("{path}.id"),
                "\"skip\" is the id of the skip button; choose another",
            ),
            Some(id) if taken(id) => self.problems.error(
                &format!("{path}.id"),
                format!("another button of the step is called \"{id}\"; choose another id"),
            ),
            Some(_) => {}
            None => {
                let mut number = 2;
                let base = button.id.clone();
                while taken(&button.id) {
                    button.id = format!("{base}{number}").into();
                    number += 1;
                }
            }
        }
        let bytes = CALLBACK_FRAME + self.spec.funnel.len() + step.len() + button.id.len();
        if bytes > CALLBACK_DATA {
            self.problems.error(path, format!("the button's address takes {bytes} bytes of {CALLBACK_DATA}; shorten the ids of funnel, step or button"));
        }
        button
    }

    pub fn skip(&mut self, path: &str, spec: &SkipSpec) -> Skip {
        let text = self.plain(&format!("{path}.text"), &spec.text);
        Skip {
            text,
            to: self.target(&format!("{path}.to"), &spec.to),
        }
    }
}

fn first_text<'a>(text: &'a Text, language: &str) -> &'a str {
    match text {
        Text::Plain(text) => text,
        Text::ByLanguage(texts) => texts.get(language).map_or("", String::as_str),
    }
}

/// A name that stays the same while the text and the target do.
fn short_hash(text: &str, spec: &ButtonSpec) -> Arc<str> {
    let target = spec
        .to
        .as_deref()
        .or(spec.link.as_deref())
        .unwrap_or_default();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in text.bytes().chain([0]).chain(target.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let digits = b"abcdefghijklmnopqrstuvwxyz234567";
    let letter = |at: u64| digits[((hash >> (at * 5)) & 31) as usize] as char;
    format!("b{}", (0..5).map(letter).collect::<String>()).into()
}

impl Target {
    /// Whether a lead stays where they are.
    pub fn stays(self) -> bool {
        matches!(self, Self::Stay | Self::Human)
    }
}
