//! Consent, purpose by purpose: to keep a contact, asked before the contact; to useful letters and offers, asked after
//! it; and /notifications, where every yes and no can be changed. PURE.

use super::Turn;
use super::answer::email_in;
use crate::funnel::effect::{Button, Effect, Keyboard, Message};
use crate::funnel::model::{Expect, Step};
use crate::lead::{Contact, ContactKind, Matter, Purpose, Word, ZoneSource, text_version};
use crate::phrases::Phrase;

impl<'a> Turn<'a> {
    /// Whether the step asks for a contact the lead has not allowed us to keep.
    pub(super) fn lacks_consent(&self, step: &Step) -> bool {
        asks_for_contact(step) && self.may_keep_nothing()
    }

    fn may_keep_nothing(&self) -> bool {
        self.desk.partner.consent.contact && self.lead.consents.contact.word() != Word::Yes
    }

    /// A separate text with separate buttons: which words were agreed to is part of the button.
    pub(super) fn ask_consent(&mut self) {
        let text = self.phrase(Phrase::ConsentAsk, None);
        let rows = self.consent_rows(
            &text,
            (Phrase::ConsentYes, "yes"),
            (Phrase::ConsentNo, "no"),
        );
        self.push_under(text, rows);
    }

    fn consent_rows(
        &mut self,
        text: &str,
        (yes, yes_id): (Phrase, &str),
        (no, no_id): (Phrase, &str),
    ) -> Vec<Vec<Button>> {
        let label = self.phrase(yes, None);
        let version = text_version([text, &label]);
        let yes = self.own_press(label, "consent", &format!("{yes_id}-{version}"));
        let label = self.phrase(no, None);
        let no = self.own_press(label, "consent", &format!("{no_id}-{version}"));
        vec![vec![yes], vec![no]]
    }

    fn push_under(&mut self, text: String, rows: Vec<Vec<Button>>) {
        self.push(Message {
            text,
            media: None,
            keyboard: Some(Keyboard::Inline(rows)),
        });
    }

    /// A contact typed before the consent: kept aside until the lead decides, and gone if that is a no.
    pub(super) fn hold_typed(&mut self, step: &Step, text: &str) {
        self.session.held_contact = match &step.expect {
            Some(Expect::Phone { regions }) => self.phone_in(text, regions),
            Some(Expect::Email) => email_in(text),
            _ => None,
        };
        self.ask_consent();
    }

    /// A contact nobody asked for, before the consent; true when it is held.
    pub(super) fn holds(&mut self, contact: &Contact) -> bool {
        if !self.may_keep_nothing() {
            return false;
        }
        self.session.held_contact = Some(contact.clone());
        self.ask_consent();
        true
    }

    pub(super) fn consent_pressed(&mut self, button: &str) {
        match button.split_once('-') {
            Some(("yes", version)) => self.consented(version),
            Some(("ads", version)) => {
                self.agree(Purpose::Advertising, version, self.consent_source());
                self.say_phrase(Phrase::ConsentAdsYes);
                if !self.lead.zone.is_sure() {
                    self.ask_timezone(ZoneSource::Asked);
                }
            }
            Some(("no", version)) => self.consent_declined(version),
            Some(("no_ads", version)) => {
                self.refuse(Purpose::Advertising, version, self.consent_source());
                self.say_phrase(Phrase::ConsentAdsNo);
            }
            _ => self.ignore("a button of another version of the bot"),
        }
    }

    /// `funnel.step`, or that the bot asked outside of any.
    fn consent_source(&self) -> String {
        match &self.session.place {
            Some(place) => format!("{}.{}", place.funnel, place.step),
            None => "question".to_owned(),
        }
    }

    fn consented(&mut self, version: &str) {
        if self.lead.consents.contact.word() == Word::Yes {
            return self.ignore("the consent was given before");
        }
        self.agree(Matter::Contact, version, self.consent_source());
        let asked = self.step().and_then(|step| step.expect.as_ref());
        let fits = |kind| match asked {
            Some(Expect::Phone { .. }) => kind == ContactKind::Phone,
            Some(Expect::Email) => kind == ContactKind::Email,
            _ => false,
        };
        match self.session.held_contact.take() {
            Some(held) if fits(held.kind) => self.contact_answered(held),
            Some(held) => {
                self.keep_unasked(held);
                // The consent stood before the question for another contact: it was never shown.
                if self.step().is_some_and(asks_for_contact) {
                    self.show_again();
                }
            }
            None => self.show_again(),
        }
    }

    /// Without a consent the contact is not asked for: the talk goes on where the question may be skipped.
    fn consent_declined(&mut self, version: &str) {
        self.refuse(Matter::Contact, version, self.consent_source());
        self.session.held_contact = None;
        let asked = self.step().filter(|step| asks_for_contact(step));
        match asked.and_then(|step| step.skip.as_ref()) {
            Some(skip) => self.go(skip.to),
            None => {
                let text = self.phrase(Phrase::ConsentLater, None);
                let asked = self.phrase(Phrase::ConsentAsk, None);
                let label = self.phrase(Phrase::ConsentYes, None);
                let version = text_version([asked.as_str(), &label]);
                let yes = self.own_press(label, "consent", &format!("yes-{version}"));
                self.push_under(text, vec![vec![yes]]);
            }
        }
    }

    /// After a contact, once, and when no question is open: may the bot send useful things?
    pub(super) fn ask_about_offers(&mut self) {
        let open = self.step().is_some_and(|step| step.is_question);
        if !self.session.offers_due || !self.spoke || open {
            return;
        }
        self.session.offers_due = false;
        if self.lead.consents.advertising.word() != Word::Silent || self.lead.opted_out {
            return;
        }
        let text = self.phrase(Phrase::ConsentAdsAsk, None);
        let yes = (Phrase::ConsentAdsAgree, "ads");
        let rows = self.consent_rows(&text, yes, (Phrase::ConsentAdsRefuse, "no_ads"));
        self.push_under(text, rows);
    }

    /// Once per lead.
    pub(super) fn offers_are_due(&mut self) {
        if self.desk.partner.consent.advertising && !self.session.offers_asked {
            self.session.offers_asked = true;
            self.session.offers_due = true;
        }
    }

    /// What the bot may send, with a button for every change.
    pub(super) fn notifications(&mut self) {
        let service = self.lead.consents.service.word() != Word::No && !self.lead.opted_out;
        let offers = self.lead.consents.advertising.word() == Word::Yes && !self.lead.opted_out;
        let line = |on: bool, words: String| format!("{} {words}", if on { "✅" } else { "🔕" });
        let text = [
            self.phrase(Phrase::NotifyTitle, None),
            String::new(),
            line(service, self.phrase(Phrase::NotifyService, None)),
            line(offers, self.phrase(Phrase::NotifyOffers, None)),
        ]
        .join("\n");
        let choice = |on, off: (Phrase, &'static str), to: (Phrase, &'static str)| {
            if on { off } else { to }
        };
        let mut buttons = if self.lead.opted_out {
            vec![(Phrase::NotifyResume, "resume")]
        } else {
            vec![
                choice(
                    service,
                    (Phrase::NotifyServiceOff, "service_off"),
                    (Phrase::NotifyServiceOn, "service_on"),
                ),
                choice(
                    offers,
                    (Phrase::NotifyOffersOff, "offers_off"),
                    (Phrase::NotifyOffersOn, "offers_on"),
                ),
                (Phrase::NotifyStop, "stop"),
            ]
        };
        buttons.push((Phrase::CommandForgetMe, "forget"));
        let rows = buttons
            .into_iter()
            .map(|(words, id)| vec![self.own_button(words, "notify", id)])
            .collect();
        self.push_under(text, rows);
    }

    pub(super) fn notify_pressed(&mut self, button: &str) {
        let source = || "/notifications".to_owned();
        match button {
            "service_off" => self.refuse(Purpose::Service, "", source()),
            "service_on" => {
                let words = self.phrase(Phrase::NotifyService, None);
                let version = text_version([words.as_str()]);
                self.agree(Purpose::Service, &version, source());
            }
            "offers_off" => self.refuse(Purpose::Advertising, "", source()),
            "offers_on" => {
                let text = self.phrase(Phrase::ConsentAdsAsk, None);
                let yes = (Phrase::ConsentAdsAgree, "ads");
                let rows = self.consent_rows(&text, yes, (Phrase::ConsentAdsRefuse, "no_ads"));
                return self.push_under(text, rows);
            }
            "stop" => return self.stop(),
            "forget" => return self.ask_to_forget(),
            "resume" => self.opt_in(),
            _ => return self.ignore("a button of another version of the bot"),
        }
        let done = self.phrase(Phrase::NotifyChanged, None);
        self.effects.push(Effect::Toast(done));
        self.notifications();
    }
}

fn asks_for_contact(step: &Step) -> bool {
    matches!(step.expect, Some(Expect::Phone { .. } | Expect::Email))
}
