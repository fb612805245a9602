//! Answers: does it fit, what is kept, what is said when it does not. PURE.

use std::sync::Arc;

use compact_str::CompactString;
use minijinja::Value;

use super::Turn;
use super::parse::{self, Misfit};
use crate::funnel::coverage::Part;
use crate::funnel::effect::{Effect, Message, Notice};
use crate::funnel::event::{Talk, TimerData, TimerName};
use crate::funnel::model::{Expect, Score, Step};
use crate::funnel::session::Collecting;
use crate::lead::contact::{parse_email, parse_phone, pretty_phone, shared_phone};
use crate::lead::{Contact, ContactKind, Handoff, Origin};
use crate::phrases::{self, Phrase};

impl<'a> Turn<'a> {
    /// Free words: kept, or collected with those that follow.
    pub(super) fn answer_words(&mut self, text: &str) {
        let Some(step) = self.step() else { return };
        let Some(collect) = &step.collect else {
            return self.answer_typed(text);
        };
        let now = self.desk.now_ms;
        let collecting = self.session.collecting.get_or_insert_with(|| Collecting {
            parts: Vec::new(),
            since_ms: now,
        });
        collecting.parts.push(text.to_owned());
        let left = collecting.since_ms + collect.max_ms - now;
        let at_ms = now.saturating_add(collect.quiet_ms.min(left).max(0));
        let data = TimerData::Talk(Talk {
            visit: self.session.visit,
            branch: 0,
            planned_ms: at_ms,
        });
        self.effects.push(Effect::Schedule {
            name: TimerName::Collect,
            at_ms,
            data,
        });
    }

    /// Whether words would do as an answer to the current question.
    pub(super) fn fits_question(&self, text: &str) -> bool {
        match self.step().and_then(|step| step.expect.as_ref()) {
            Some(expect @ (Expect::Number { .. } | Expect::Date(_))) => {
                parse::answer(expect, text, self.today()).is_ok()
            }
            Some(
                Expect::Text { .. }
                | Expect::Choice
                | Expect::Phone { .. }
                | Expect::Email
                | Expect::Photo,
            )
            | None => false,
        }
    }

    fn today(&self) -> jiff::civil::Date {
        parse::today(self.desk.now_ms, &self.desk.partner.timezone)
    }

    pub(super) fn answer_typed(&mut self, text: &str) {
        if let Some(step) = self.step().filter(|step| self.lacks_consent(step)) {
            return self.hold_typed(step, text);
        }
        let Some(expect) = self.step().and_then(|step| step.expect.as_ref()) else {
            return;
        };
        match expect {
            Expect::Text { .. } | Expect::Number { .. } | Expect::Date(_) => {
                match parse::answer(expect, text, self.today()) {
                    Ok(value) => self.answered(value),
                    Err(misfit) => self.misfit(expect, misfit),
                }
            }
            Expect::Choice => self.unfit(Phrase::AgainChoice, None),
            Expect::Photo => self.unfit(Phrase::AgainPhoto, None),
            Expect::Phone { regions } => match self.phone_in(text, regions) {
                Some(phone) => self.contact_answered(phone),
                None => self.unfit(Phrase::AgainPhone, None),
            },
            Expect::Email => match email_in(text) {
                Some(email) => self.contact_answered(email),
                None => self.unfit(Phrase::AgainEmail, None),
            },
        }
    }

    fn misfit(&mut self, expect: &Expect, misfit: Misfit) {
        let language = self.voice();
        let (phrase, value) = match (misfit, expect) {
            (Misfit::Short(min), _) => (Phrase::AgainTextShort, Some(Value::from(min))),
            (Misfit::Long(max), _) => (Phrase::AgainTextLong, Some(Value::from(max))),
            (
                Misfit::Range,
                Expect::Number {
                    min: Some(min),
                    max: Some(max),
                    ..
                },
            ) => (
                Phrase::AgainNumberRange,
                Some(Value::from(phrases::range(&language, *min, *max))),
            ),
            (Misfit::Range, Expect::Number { min: Some(min), .. }) => {
                (Phrase::AgainNumberMin, Some(Value::from(*min)))
            }
            (Misfit::Range, Expect::Number { max: Some(max), .. }) => {
                (Phrase::AgainNumberMax, Some(Value::from(*max)))
            }
            (Misfit::NotWhole, _) => (Phrase::AgainNumberWhole, None),
            (Misfit::NotPast, _) => (Phrase::AgainDatePast, None),
            (Misfit::NotFuture, _) => (Phrase::AgainDateFuture, None),
            (Misfit::NotADate, _) => (Phrase::AgainDate, None),
            (Misfit::NotANumber | Misfit::Range, _) => (Phrase::AgainNumber, None),
        };
        self.unfit(phrase, value);
    }

    /// Says what is awaited; after too many times, goes where the step says.
    pub(super) fn unfit(&mut self, phrase: Phrase, value: Option<Value>) {
        let Some(step) = self.step() else {
            return self.unasked();
        };
        if self.lead.handoff == Handoff::Waiting {
            return self.say_phrase(Phrase::HumanWaiting);
        }
        self.session.misses = self.session.misses.saturating_add(1);
        if self.session.misses > step.times {
            self.session.misses = 0;
            self.mark(Part::Then);
            return self.go(step.after_times);
        }
        self.mark(Part::Again);
        let text = match &step.again {
            Some(words) => self.words(words),
            None => self.phrase(phrase, value),
        };
        let keyboard = self.step_keyboard(step);
        self.push(Message {
            text,
            media: None,
            keyboard,
        });
    }

    /// The question is answered: keeps the value and goes on.
    pub(super) fn answered(&mut self, value: serde_json::Value) {
        let Some(step) = self.step() else { return };
        if let Some(name) = &step.save {
            self.keep(name, value);
        }
        self.notify_of(step.notify.as_ref());
        let next = self.next_of(step);
        self.walk(next);
    }

    pub(super) fn keep(&mut self, name: &str, value: serde_json::Value) {
        self.effects.push(Effect::Answer {
            name: name.into(),
            value: value.clone(),
        });
        Arc::make_mut(&mut self.session.answers).insert(name.into(), value);
        self.scope = None;
    }

    pub(super) fn contact(&mut self, phone: &str, own: bool) {
        if !own {
            let text = self.phrase(Phrase::ForeignContact, None);
            let keyboard = self
                .step()
                .filter(|step| step.contact_button.is_some())
                .and_then(|step| self.step_keyboard(step));
            return self.push(Message {
                text,
                media: None,
                keyboard,
            });
        }
        let Some(phone) = shared_phone(phone) else {
            return self.other();
        };
        let contact = Contact {
            kind: ContactKind::Phone,
            value: phone,
            origin: Origin::Shared,
        };
        if self.holds(&contact) {
            return;
        }
        let asked = matches!(
            self.step().and_then(|step| step.expect.as_ref()),
            Some(Expect::Phone { .. })
        );
        if asked {
            return self.contact_answered(contact);
        }
        self.keep_unasked(contact);
        self.recover();
    }

    /// A phone number or an e-mail address typed where none was asked for: whoever writes it down wants to be reached.
    /// False when the words hold none, or answer the question.
    pub(super) fn takes_contact(&mut self, text: &str) -> bool {
        if self.fits_question(text) {
            return false;
        }
        let asked = self.step().and_then(|step| step.expect.as_ref());
        let found = match asked {
            Some(Expect::Phone { .. }) => email_in(text),
            Some(Expect::Email) => self.phone_in(text, &[]),
            _ => self.phone_in(text, &[]).or_else(|| email_in(text)),
        };
        let Some(contact) = found else { return false };
        if !self.holds(&contact) {
            self.keep_unasked(contact);
        }
        true
    }

    /// The phone number in these words. Without a country code it is one of the question's regions, else of the partner's.
    pub(super) fn phone_in(&self, text: &str, regions: &[String]) -> Option<Contact> {
        let regions = if regions.is_empty() {
            &self.desk.partner.phone_regions
        } else {
            regions
        };
        let phone = parse_phone(text, regions).ok()?;
        Some(typed(ContactKind::Phone, phone))
    }

    /// Thanks for a contact nobody asked for. One that is known already is no news to the partner.
    pub(super) fn keep_unasked(&mut self, contact: Contact) {
        let known = match contact.kind {
            ContactKind::Phone => &self.lead.phone,
            ContactKind::Email => &self.lead.email,
        };
        let shown = shown(&contact);
        if known.as_ref() != Some(&contact) {
            self.keep_contact(contact);
        }
        self.say_phrase_with(Phrase::ContactThanks, shown);
    }

    /// The contact that the question is for.
    pub(super) fn contact_answered(&mut self, contact: Contact) {
        let (kind, value) = (contact.kind, contact.value.clone());
        self.keep_contact(contact);
        if kind == ContactKind::Phone {
            self.release_contact_keyboard();
            self.say_phrase_with(Phrase::PhoneSaved, pretty_phone(&value));
        }
        self.answered(value.into());
    }

    fn keep_contact(&mut self, contact: Contact) {
        match contact.kind {
            ContactKind::Phone => self.lead_mut().phone = Some(contact.clone()),
            ContactKind::Email => self.lead_mut().email = Some(contact.clone()),
        }
        self.scope = None;
        self.effects.push(Effect::Contact(contact));
        self.offers_are_due();
        self.notify(Notice::Contact);
    }

    pub(super) fn photo(&mut self, file: String) {
        match self.step().and_then(|step| step.expect.as_ref()) {
            Some(Expect::Photo) => self.answered(file.into()),
            _ => self.other(),
        }
    }

    /// A sticker, a voice message, a photo nobody asked for.
    pub(super) fn other(&mut self) {
        if self.lead.handoff == Handoff::Human {
            return self.ignore("a person is talking with this lead");
        }
        if self.recover() {
            return;
        }
        let Some(step) = self.step().filter(|step| step.awaits()) else {
            return self.unasked();
        };
        let phrase = match &step.expect {
            None | Some(Expect::Choice) => Phrase::AgainChoice,
            Some(Expect::Text { .. }) => Phrase::AgainText,
            Some(Expect::Number { .. }) => Phrase::AgainNumber,
            Some(Expect::Phone { .. }) => Phrase::AgainPhone,
            Some(Expect::Email) => Phrase::AgainEmail,
            Some(Expect::Date(_)) => Phrase::AgainDate,
            Some(Expect::Photo) => Phrase::AgainPhoto,
        };
        self.unfit(phrase, None);
    }

    pub(super) fn tag(&mut self, tag: &str, on: bool) {
        if self.lead.tags.contains(tag) == on {
            return;
        }
        let tags = &mut self.lead_mut().tags;
        if on {
            tags.insert(tag.to_owned());
        } else {
            tags.remove(tag);
        }
        self.scope = None;
        self.effects.push(Effect::Tag {
            tag: tag.to_owned(),
            on,
        });
    }

    pub(super) fn score_step(&mut self, step: &'a Step, score: &'a Score) {
        let key = self.key_of(step);
        self.score(key, score, |turn| turn.step_reason(step));
    }

    /// Points count once per lead and place.
    pub(super) fn score(
        &mut self,
        key: CompactString,
        score: &'a Score,
        default_reason: impl FnOnce(&mut Self) -> String,
    ) {
        if self.session.scored.contains(&key) {
            return;
        }
        self.session.scored.push(key);
        let reason = match &score.reason {
            Some(words) => self.partner_words(words),
            None => default_reason(self),
        };
        self.lead_mut().score += i64::from(score.points);
        self.scope = None;
        self.effects.push(Effect::Score {
            points: score.points,
            reason,
        });
    }
}

pub(super) fn email_in(text: &str) -> Option<Contact> {
    parse_email(text).map(|email| typed(ContactKind::Email, email))
}

fn typed(kind: ContactKind, value: String) -> Contact {
    Contact {
        kind,
        value,
        origin: Origin::Typed,
    }
}

fn shown(contact: &Contact) -> String {
    match contact.kind {
        ContactKind::Phone => pretty_phone(&contact.value),
        ContactKind::Email => contact.value.clone(),
    }
}
