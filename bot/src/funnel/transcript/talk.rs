//! One lead, the engine, and a clock: what a channel and a store would do around them. PURE.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::funnel::coverage::Mark;
use crate::funnel::effect::{Action, Effect, Keyboard, MediaSource, Message, Notice};
use crate::funnel::engine::{Desk, advance_marked};
use crate::funnel::event::{Event, Press, TimerData, TimerName};
use crate::funnel::html;
use crate::funnel::model::Funnels;
use crate::funnel::session::Session;
use crate::funnel::wish::{Beside, WishLane};
use crate::lead::{Handoff, Lead, Matter};
use crate::partner::Partner;
use crate::sequence;

/// Thursday, 15 January 2026, 10:00 UTC.
const START_MS: i64 = 1_768_471_200_000;

/// A lead who said something that recently is in the middle of a talk.
const TALK_MS: i64 = 15 * 60_000;
const LOOK_AGAIN_MS: i64 = 3_600_000;

enum Hold {
    No,
    Until(i64),
    Drop,
}

/// Something the lead sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// Plain text; media and toasts stand before it in brackets.
    pub text: String,
    pub buttons: Vec<String>,
}

pub(super) struct Talk<'a> {
    funnels: &'a Funnels,
    pub partner: &'a Partner,
    pub session: Session,
    pub lead: Arc<Lead>,
    pub now_ms: i64,
    timers: BTreeMap<TimerName, (i64, TimerData)>,
    /// Every message so far, for the buttons under it.
    sent: Vec<Message>,
    keyboard: Vec<String>,
    pub unread: VecDeque<Seen>,
    pub notices: VecDeque<Notice>,
    pub marks: Vec<Mark>,
}

impl<'a> Talk<'a> {
    pub fn new(funnels: &'a Funnels, partner: &'a Partner) -> Self {
        let language = partner.languages.first().cloned().unwrap_or_default();
        let mut lead = Lead {
            id: 1,
            chat_id: 1,
            first_name: "Аня".into(),
            language,
            created_at: START_MS,
            ..Lead::default()
        };
        // The bot's own questions about consent would stand in every talk; `lead: consents none` brings them.
        let mut session = Session::default();
        if partner.consent.contact {
            lead.consents
                .give(Matter::Contact, "", "the talk", START_MS);
        }
        session.offers_asked = partner.consent.advertising;
        Self {
            funnels,
            partner,
            session,
            lead: Arc::new(lead),
            now_ms: START_MS,
            timers: BTreeMap::new(),
            sent: Vec::new(),
            keyboard: Vec::new(),
            unread: VecDeque::new(),
            notices: VecDeque::new(),
            marks: Vec::new(),
        }
    }

    pub fn take(&mut self, event: Event) {
        let desk = Desk {
            now_ms: self.now_ms,
            partner: self.partner,
            random: 0,
        };
        let session = std::mem::take(&mut self.session);
        let lead = std::mem::take(&mut self.lead);
        let (outcome, marks) = advance_marked(self.funnels, &desk, session, lead, event);
        self.session = outcome.session;
        self.lead = outcome.lead;
        self.marks.extend(marks);
        for effect in outcome.effects {
            self.apply(effect);
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Say(message) => self.show(message),
            Effect::Speak(proactive) => self.show(proactive.message),
            Effect::Toast(text) => self.unread.push_back(Seen {
                text: format!("(toast) {text}"),
                buttons: Vec::new(),
            }),
            Effect::Notify(notice) => self.notices.push_back(notice),
            Effect::Schedule { name, at_ms, data } => {
                self.timers.insert(name, (at_ms, data));
            }
            Effect::Cancel { name } => {
                self.timers.remove(&name);
            }
            Effect::Tag { .. }
            | Effect::Score { .. }
            | Effect::Contact(_)
            | Effect::Answer { .. } => {}
            Effect::Entered { .. }
            | Effect::Reached { .. }
            | Effect::Ended { .. }
            | Effect::LinkOpened { .. } => {}
            Effect::Handoff(_)
            | Effect::OptOut(_)
            | Effect::Enrolled { .. }
            | Effect::NotEnrolled { .. }
            | Effect::Passed { .. }
            | Effect::Left { .. }
            | Effect::Consent { .. }
            | Effect::Language(_)
            | Effect::Zone(_)
            | Effect::Forget
            | Effect::Ignored { .. } => {}
        }
    }

    fn show(&mut self, message: Message) {
        let mut text = html::plain(&message.text);
        if let Some(media) = &message.media {
            let kind = format!("{:?}", media.kind).to_lowercase();
            let source = match &media.source {
                MediaSource::File(path) => as_written(path),
                MediaSource::Url(url) => url.clone(),
            };
            text = format!("({kind}: {source}) {text}");
        }
        let buttons = match &message.keyboard {
            None => Vec::new(),
            Some(Keyboard::Inline(rows)) => rows
                .iter()
                .flatten()
                .map(|button| button.text.clone())
                .collect(),
            Some(Keyboard::Reply { rows, .. }) => {
                self.keyboard = rows
                    .iter()
                    .flatten()
                    .filter(|key| !key.contact)
                    .map(|key| key.text.clone())
                    .collect();
                rows.iter().flatten().map(|key| key.text.clone()).collect()
            }
            Some(Keyboard::Remove) => {
                self.keyboard.clear();
                Vec::new()
            }
        };
        self.unread.push_back(Seen { text, buttons });
        self.sent.push(message);
    }

    /// Moves the clock; timers fire on their way, each at its own time.
    pub fn wait(&mut self, ms: i64) {
        let until = self.now_ms + ms;
        while let Some((name, due)) = self.next_timer().filter(|(_, due)| *due <= until) {
            self.now_ms = self.now_ms.max(due);
            if let Some((_, data)) = self.timers.remove(&name) {
                self.fire(name, data);
            }
        }
        self.now_ms = until;
    }

    /// What the gate of a running bot would do, as far as it depends on the talk alone.
    fn fire(&mut self, name: TimerName, data: TimerData) {
        let wish = self.funnels.wish(&self.session, &name, &data, self.now_ms);
        let held = match wish {
            Some(wish) if wish.lane == WishLane::Sequence => self.hold(wish.beside),
            Some(_) | None => Hold::No,
        };
        match held {
            Hold::No => self.take(Event::Timer { name, data }),
            Hold::Until(at) => {
                self.timers.insert(name, (at, data));
            }
            Hold::Drop => self.take(Event::Unsaid {
                name,
                data,
                reason: "лид посреди разговора".into(),
                lasting: false,
            }),
        }
    }

    fn hold(&self, beside: Beside) -> Hold {
        if matches!(self.lead.handoff, Handoff::Waiting | Handoff::Human) {
            return Hold::Until(self.now_ms + LOOK_AGAIN_MS);
        }
        let talking = self.funnels.is_talking(&self.session, self.now_ms, TALK_MS);
        match beside {
            Beside::Wait if talking => Hold::Until(self.session.last_seen_at + TALK_MS),
            Beside::Skip if talking => Hold::Drop,
            Beside::Wait | Beside::Skip | Beside::Beside => Hold::No,
        }
    }

    /// What the lead waits for in a sequence: the step, and when it is due.
    pub fn waits_for(&self, sequence: &str) -> Option<(&str, i64)> {
        let name = TimerName::Sequence(sequence.to_owned());
        match self.timers.get(&name)? {
            (due, TimerData::Sequence(waiting)) => Some((&waiting.step, *due)),
            (_, TimerData::Talk(_)) => None,
        }
    }

    /// The lead's clock.
    pub fn zone(&self) -> TimeZone {
        sequence::zone(self.lead.zone.name_or(&self.partner.timezone))
    }

    fn next_timer(&self) -> Option<(TimerName, i64)> {
        self.timers
            .iter()
            .map(|(name, (due, _))| (name.clone(), *due))
            .min_by_key(|(_, due)| *due)
    }

    /// The event of pressing a button by its text; `oldest` looks from the first message on.
    pub fn press(&self, text: &str, oldest: bool) -> Result<Event, String> {
        let found = |message: &&Message| press_in(message, text).is_some();
        let message = if oldest {
            self.sent.iter().find(found)
        } else {
            self.sent.iter().rev().find(found)
        };
        if let Some(press) = message.and_then(|message| press_in(message, text)) {
            return Ok(Event::Press(press));
        }
        if self.keyboard.iter().any(|key| key == text) {
            return Ok(Event::Text(text.to_owned()));
        }
        let on_screen = self.on_screen();
        if on_screen.is_empty() {
            return Err(format!(
                "no button [{text}]; there are no buttons on the screen"
            ));
        }
        Err(format!(
            "no button [{text}]; on the screen are {}",
            compare_list(&on_screen)
        ))
    }

    fn on_screen(&self) -> Vec<String> {
        let last = self
            .sent
            .iter()
            .rev()
            .find_map(|message| match &message.keyboard {
                Some(Keyboard::Inline(rows)) => Some(
                    rows.iter()
                        .flatten()
                        .map(|button| button.text.clone())
                        .collect::<Vec<_>>(),
                ),
                Some(Keyboard::Reply { .. } | Keyboard::Remove) | None => None,
            });
        last.unwrap_or_default()
            .into_iter()
            .chain(self.keyboard.clone())
            .collect()
    }
}

/// `media/gift.jpg`, wherever the funnels lie.
fn as_written(path: &Path) -> String {
    let parts: Vec<_> = path.components().collect();
    let media = parts.iter().rposition(|part| part.as_os_str() == "media");
    let shown: PathBuf = parts[media.unwrap_or(0)..].iter().collect();
    shown.display().to_string()
}

fn compare_list(buttons: &[String]) -> String {
    buttons
        .iter()
        .map(|text| format!("[{text}]"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn press_in(message: &Message, text: &str) -> Option<Press> {
    let Some(Keyboard::Inline(rows)) = &message.keyboard else {
        return None;
    };
    rows.iter()
        .flatten()
        .find(|button| button.text == text)
        .and_then(|button| match &button.action {
            Action::Press(press) => Some(press.clone()),
            Action::Url(_) => None,
        })
}
