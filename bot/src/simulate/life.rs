//! One made-up lead's month. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::people::{self, Deed, LOOK_AGAIN_MS, MOST_TURNS, NAMES, WORDS};
use super::{DAY_MS, Ground, Line, Order, Outcome, shown};
use crate::dice::Dice;
use crate::funnel::effect::{Action, Effect, Keyboard, Message, Origin};
use crate::funnel::event::{Event, Press, TimerData, TimerName};
use crate::funnel::session::Session;
use crate::funnel::{self, Desk, html};
use crate::lead::{Lead, Reach, Spoken, Zone, ZoneSource};
use crate::policy::{self, Decision, Facts, House};
use crate::store::Wish;

/// Longest words shown of a message.
const LONGEST: usize = 70;

pub(super) struct Life<'a> {
    ground: Ground<'a>,
    end_ms: i64,
    now_ms: i64,
    dice: Dice,
    lead: Arc<Lead>,
    session: Session,
    spoken: Spoken,
    timers: BTreeMap<TimerName, (i64, TimerData)>,
    /// When the lead will do something next.
    reacts_at: Option<i64>,
    /// Buttons on the screen that lead on, newest message last.
    buttons: Vec<Press>,
    asked: bool,
    /// Holds told already: the same wait is one line.
    held: BTreeSet<(String, &'static str)>,
    /// The gate has just refused a step.
    refused: bool,
    zone: TimeZone,
    turns: u32,
    /// Messages that answered the lead's own words.
    pub spoke: u64,
    pub lines: Vec<Line>,
}

impl<'a> Life<'a> {
    pub fn new(ground: Ground<'a>, order: Order, id: i64, mut dice: Dice) -> Self {
        let start_ms = order.start_ms + people::arrival(&mut dice, order.days);
        let zone = people::zone(&mut dice).map_or_else(Zone::default, |name| Zone {
            name: name.to_owned(),
            source: ZoneSource::Set,
            confidence: 100,
        });
        let language = dice
            .of(&ground.partner.languages)
            .cloned()
            .unwrap_or_else(|| "ru".into());
        let lead = Lead {
            id,
            chat_id: id,
            first_name: dice.of(&NAMES).copied().unwrap_or_default().to_owned(),
            language,
            zone,
            created_at: start_ms,
            ..Lead::default()
        };
        let zone = crate::sequence::zone(lead.zone.name_or(&ground.partner.timezone));
        Self {
            ground,
            end_ms: order.start_ms + i64::from(order.days) * DAY_MS,
            now_ms: start_ms,
            dice,
            lead: Arc::new(lead),
            session: Session::default(),
            spoken: Spoken::default(),
            timers: BTreeMap::new(),
            reacts_at: None,
            buttons: Vec::new(),
            asked: false,
            held: BTreeSet::new(),
            refused: false,
            zone,
            turns: 0,
            spoke: 0,
            lines: Vec::new(),
        }
    }

    pub fn zone_name(&self) -> &str {
        self.lead.zone.name_or(&self.ground.partner.timezone)
    }

    pub fn live(&mut self) {
        let words = self.ground.funnels.start_words();
        let payload = self.dice.of(&words).map(|(word, _)| (*word).to_owned());
        self.take(Event::Start { payload });
        loop {
            let timer = self
                .timers
                .iter()
                .map(|(name, (due, _))| (*due, name.clone()))
                .min();
            let next = match (&timer, self.reacts_at) {
                (None, None) => return,
                (Some((due, _)), Some(at)) => at.min(*due),
                (Some((due, _)), None) => *due,
                (None, Some(at)) => at,
            };
            if next > self.end_ms {
                return;
            }
            self.now_ms = self.now_ms.max(next);
            match timer {
                Some((due, name)) if self.reacts_at.is_none_or(|at| due <= at) => self.fire(name),
                _ => {
                    self.reacts_at = None;
                    self.react();
                }
            }
        }
    }

    fn fire(&mut self, name: TimerName) {
        let Some((_, data)) = self.timers.remove(&name) else {
            return;
        };
        let wish = self
            .ground
            .funnels
            .wish(&self.session, &name, &data, self.now_ms);
        let Some(wish) = wish else {
            return self.take(Event::Timer { name, data });
        };
        match self.ask(&wish) {
            Decision::Send { .. } => self.take(Event::Timer { name, data }),
            Decision::Wait { until, reason } => {
                if self.held.insert((wish.label.clone(), reason.code())) {
                    self.tell(&wish.label, Outcome::Held, reason.words());
                }
                let until = until
                    .max(self.now_ms + 1)
                    .min(self.now_ms + 24 * LOOK_AGAIN_MS);
                self.timers.insert(name, (until, data));
            }
            Decision::Drop { reason } => {
                self.tell(&wish.label, Outcome::Refused, reason.words());
                self.refused = true;
                self.take(Event::Unsaid {
                    name,
                    data,
                    reason: reason.words().to_owned(),
                    lasting: reason.is_lasting(),
                });
                self.refused = false;
            }
        }
    }

    fn ask(&self, wish: &funnel::Wish) -> Decision {
        let policy = self.ground.policy;
        let talking = self
            .ground
            .funnels
            .is_talking(&self.session, self.now_ms, policy.talk_ms);
        let facts = Facts {
            lead: Some(&self.lead),
            zone: &self.zone,
            spoken: &self.spoken,
            talking_until: if talking {
                self.session.last_seen_at + policy.talk_ms
            } else {
                0
            },
            hushed_until: self.session.paused_until_ms,
            house: House::default(),
        };
        policy::may_send(policy, &facts, &Wish::of(wish), self.now_ms)
    }

    fn react(&mut self) {
        self.turns += 1;
        if self.turns > MOST_TURNS || self.lead.reach != Reach::Active {
            return;
        }
        let event = match people::deed(&mut self.dice) {
            Deed::Block => {
                Arc::make_mut(&mut self.lead).reach = Reach::Blocked;
                return self.tell("", Outcome::Left, "лид закрыл бота");
            }
            Deed::SayStop => Event::Text("стоп".into()),
            Deed::CallPerson => Event::Text("человек".into()),
            Deed::GiveNumber if self.asked => Event::Contact {
                phone: format!("+7701{:07}", self.dice.throw(9_999_999)),
                own: true,
            },
            Deed::Answer | Deed::GiveNumber | Deed::Press => match self.dice.of(&self.buttons) {
                Some(press) => Event::Press(press.clone()),
                None => Event::Text(self.dice.of(&WORDS).copied().unwrap_or("Да").to_owned()),
            },
        };
        self.take(event);
    }

    fn take(&mut self, event: Event) {
        let desk = Desk {
            now_ms: self.now_ms,
            partner: self.ground.partner,
            random: self.lead.id.unsigned_abs(),
        };
        let session = std::mem::take(&mut self.session);
        let lead = std::mem::take(&mut self.lead);
        let outcome = funnel::advance(self.ground.funnels, &desk, session, lead, event);
        self.session = outcome.session;
        self.lead = outcome.lead;
        for effect in outcome.effects {
            self.apply(effect);
        }
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Say(message) => {
                self.spoke += 1;
                self.see(&message, false);
            }
            Effect::Speak(proactive) => {
                let what = match &proactive.origin {
                    Origin::FollowUp { funnel, step, .. } => format!("{funnel}.{step}"),
                    Origin::Sequence { sequence, step, .. } => format!("{sequence}.{step}"),
                };
                self.spoken.note(&proactive.intent, self.now_ms);
                // Further messages of one utterance belong to its first.
                if !proactive.intent.contains('+') {
                    let words = first_words(&proactive.message);
                    self.tell(&what, Outcome::Sent, &words);
                }
                self.see(&proactive.message, true);
            }
            Effect::Schedule { name, at_ms, data } => {
                self.timers.insert(name, (at_ms, data));
            }
            Effect::Cancel { name } => {
                self.timers.remove(&name);
            }
            Effect::Zone(_) => {
                self.zone = crate::sequence::zone(self.zone_name());
            }
            Effect::Enrolled { sequence, by, .. } => self.tell(&sequence, Outcome::Entered, &by),
            Effect::NotEnrolled { sequence, why } => self.tell(&sequence, Outcome::Barred, &why),
            // The refusal itself is told.
            Effect::Passed { .. } if std::mem::take(&mut self.refused) => {}
            Effect::Passed {
                sequence,
                step,
                why,
            } => self.tell(&format!("{sequence}.{step}"), Outcome::Passed, &why),
            Effect::Left { sequence, why } => self.tell(&sequence, Outcome::Left, &why),
            _ => {}
        }
    }

    /// A message arrives: its buttons are on the screen, and the lead may react.
    fn see(&mut self, message: &Message, proactive: bool) {
        if let Some(Keyboard::Inline(rows)) = &message.keyboard {
            let presses = rows
                .iter()
                .flatten()
                .filter_map(|button| match &button.action {
                    Action::Press(press) => Some(press.clone()),
                    Action::Url(_) => None,
                });
            // The way out is seldom taken; one of the file's own buttons, often.
            let keep_out = self.dice.chance(8);
            let presses: Vec<Press> = presses
                .filter(|press| press.funnel != "_" || keep_out || press.step != "out")
                .collect();
            if !presses.is_empty() {
                self.buttons = presses;
            }
        }
        self.asked = matches!(&message.keyboard, Some(Keyboard::Reply { rows, .. }) if rows.iter().flatten().any(|key| key.contact));
        if let Some(after) = people::reaction(&mut self.dice, proactive) {
            self.reacts_at = Some(self.now_ms + after);
        }
    }

    fn tell(&mut self, what: &str, outcome: Outcome, words: &str) {
        self.lines.push(Line {
            at_ms: self.now_ms,
            local: shown(self.now_ms, &self.zone),
            lead: self.lead.id,
            what: what.to_owned(),
            outcome,
            words: words.to_owned(),
        });
    }
}

fn first_words(message: &Message) -> String {
    let text = html::plain(&message.text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    html::clean(&line, LONGEST)
}
