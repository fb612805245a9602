//! What the bot can do from any step of any funnel: /help, /human, /stop, /privacy, /forget_me, /language, /timezone. PURE.

use std::sync::Arc;

use super::Turn;
use crate::funnel::effect::{Effect, Message};
use crate::funnel::event::TimerName;
use crate::funnel::html;
use crate::funnel::session::Session;
use crate::lead::{Lead, Matter, Purpose, Word, ZoneSource};
use crate::phrases::{Phrase, language_name};

impl Turn<'_> {
    pub(super) fn command(&mut self, name: &str) {
        match name {
            "start" => self.start(None),
            "help" => self.help(),
            "human" => self.call_human(),
            "stop" => self.stop(),
            "privacy" => self.say_phrase(Phrase::Privacy),
            "forget_me" => self.ask_to_forget(),
            "language" => self.ask_language(),
            "notifications" => self.notifications(),
            "timezone" => self.ask_timezone(ZoneSource::Set),
            other => match self.funnels.commands.get(other) {
                Some((funnel, _)) => self.begin_from_trigger(*funnel, &format!("command:{other}")),
                None => self.say_phrase(Phrase::UnknownCommand),
            },
        }
    }

    /// A press of one of the bot's own buttons.
    pub(super) fn own_pressed(&mut self, step: &str, button: &str) {
        let forgetting = std::mem::take(&mut self.session.forgetting);
        match (step, button) {
            ("start", "over") => self.begin_default(None),
            ("out", sequence) => self.ask_way_out(sequence),
            ("unseries", sequence) => self.leave_by_wish(sequence),
            ("ads", "off") => self.refuse_advertising(),
            ("ads", "keep") => self.say_phrase(Phrase::WayOutKept),
            ("forget", "yes") if forgetting => self.forget(),
            ("forget", "no") if forgetting => self.say_phrase(Phrase::ForgetKept),
            ("language", code)
                if self
                    .offered_languages()
                    .iter()
                    .any(|offered| offered == code) =>
            {
                self.choose_language(code)
            }
            ("consent", button) => self.consent_pressed(button),
            ("notify", button) => self.notify_pressed(button),
            ("zone" | "zone_asked", button) => self.timezone_pressed(step, button),
            ("forget", _) => self.ignore("nothing is being forgotten"),
            _ => self.ignore("a button of another version of the bot"),
        }
    }

    pub(super) fn stop(&mut self) {
        if !self.lead.opted_out {
            self.lead_mut().opted_out = true;
            self.effects.push(Effect::OptOut(true));
            // Who comes back is answered, but offered something only when asked anew.
            self.refuse(Purpose::Advertising, "", "/stop".to_owned());
        }
        if self.session.collecting.take().is_some() {
            self.effects.push(Effect::Cancel {
                name: TimerName::Collect,
            });
        }
        self.leave_all(None, "лид просил не писать");
        self.release_contact_keyboard();
        self.say_phrase(Phrase::Stopped);
    }

    /// The lead says yes, having seen the words of this version.
    pub(super) fn agree(&mut self, matter: impl Into<Matter>, version: &str, source: String) {
        let (matter, at) = (matter.into(), self.desk.now_ms);
        self.lead_mut().consents.give(matter, version, &source, at);
        self.effects.push(Effect::Consent {
            matter,
            yes: true,
            version: version.to_owned(),
            source,
        });
    }

    /// The lead says no, to the words of this version where any were shown.
    pub(super) fn refuse(&mut self, matter: impl Into<Matter>, version: &str, source: String) {
        let (matter, at) = (matter.into(), self.desk.now_ms);
        if self.lead.consents.of(matter).word() == Word::No {
            return;
        }
        self.lead_mut()
            .consents
            .refuse(matter, version, &source, at);
        self.effects.push(Effect::Consent {
            matter,
            yes: false,
            version: version.to_owned(),
            source,
        });
    }

    fn help(&mut self) {
        let mut text = self.phrase(Phrase::Help, None);
        let language = self.voice();
        for (name, description) in self.funnels.commands(&language) {
            text.push_str(&format!("\n/{name} — {}", html::escape(&description)));
        }
        self.push(Message {
            text,
            ..Message::default()
        });
    }

    pub(super) fn ask_to_forget(&mut self) {
        self.session.forgetting = true;
        let yes = self.own_button(Phrase::ForgetYes, "forget", "yes");
        let no = self.own_button(Phrase::ForgetNo, "forget", "no");
        self.say_phrase_under(Phrase::ForgetAsk, vec![vec![yes], vec![no]]);
    }

    fn forget(&mut self) {
        self.leave();
        let goodbye = self.phrase(Phrase::Forgotten, None);
        self.push(Message {
            text: goodbye,
            ..Message::default()
        });
        if self.keyboard_due {
            self.drop_contact_keyboard();
        }
        self.effects.push(Effect::Cancel {
            name: TimerName::Silence,
        });
        self.leave_all(None, "забыт");
        self.effects.push(Effect::Forget);
        self.at = None;
        self.had_silence = false;
        // Buttons of the forgotten talk must not fit a new one.
        self.session = Session {
            visit: self.session.visit.wrapping_add(1),
            silences: self.session.silences,
            ..Session::default()
        };
        self.lead = Arc::new(Lead {
            id: self.lead.id,
            chat_id: self.lead.chat_id,
            ..Lead::default()
        });
    }

    /// The languages of this funnel; outside of a funnel, of the partner.
    fn offered_languages(&self) -> Vec<String> {
        match self.funnel() {
            Some(funnel) if funnel.languages.len() > 1 => funnel.languages.clone(),
            _ => self.funnels.all_languages(),
        }
    }

    fn ask_language(&mut self) {
        let languages = self.offered_languages();
        let button =
            |code: &String| vec![self.own_press(language_name(code).to_owned(), "language", code)];
        let rows = languages.iter().map(button).collect();
        self.say_phrase_under(Phrase::LanguageAsk, rows);
    }

    fn choose_language(&mut self, code: &str) {
        self.lead_mut().language = code.to_owned();
        self.scope = None;
        self.effects.push(Effect::Language(code.to_owned()));
        self.say_phrase(Phrase::LanguageSet);
        if self.at.is_some() {
            self.show_again();
        }
    }
}
