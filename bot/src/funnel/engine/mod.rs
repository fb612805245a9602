//! One event of one lead: where it leads and what is to be done. PURE.

mod answer;
mod arrive;
mod built_in;
mod consent;
mod keyboards;
mod parse;
mod press;
mod roads;
mod say;
mod sequence;
mod series;
mod signals;
mod start;
mod timers;
mod timezone;
mod words;

use std::sync::Arc;

use minijinja::Value;

use super::coverage::Mark;
use super::effect::{Effect, Notice, Origin};
use super::event::{Event, TimerName};
use super::model::{Funnel, FunnelIx, Funnels, Silent, Step, StepIx};
use super::session::{Place, Session};
use super::{scope, template};
use crate::lead::{Handoff, Lead, Purpose, Word};
use crate::partner::Partner;
use crate::phrases::Phrase;

/// What the engine may know beside the event: the time, the partner, and a random number for A/B choices.
#[derive(Clone, Copy, Debug)]
pub struct Desk<'a> {
    /// Unix milliseconds.
    pub now_ms: i64,
    pub partner: &'a Partner,
    pub random: u64,
}

/// What an event came to; `effects` are already applied to `session` and `lead`.
#[derive(Debug)]
pub struct Outcome {
    pub session: Session,
    pub lead: Arc<Lead>,
    pub effects: Vec<Effect>,
}

/// Takes one event through the funnels.
pub fn advance(
    funnels: &Funnels,
    desk: &Desk<'_>,
    session: Session,
    lead: Arc<Lead>,
    event: Event,
) -> Outcome {
    advance_marked(funnels, desk, session, lead, event).0
}

/// `advance` that also tells which parts of the funnels were walked.
pub(crate) fn advance_marked(
    funnels: &Funnels,
    desk: &Desk<'_>,
    session: Session,
    lead: Arc<Lead>,
    event: Event,
) -> (Outcome, Vec<Mark>) {
    let mut turn = Turn::new(funnels, desk, session, lead);
    turn.take(event);
    turn.finish();
    let Turn {
        session,
        lead,
        effects,
        marks,
        ..
    } = turn;
    (
        Outcome {
            session,
            lead,
            effects,
        },
        marks,
    )
}

/// One event being handled.
struct Turn<'a> {
    funnels: &'a Funnels,
    desk: &'a Desk<'a>,
    session: Session,
    lead: Arc<Lead>,
    effects: Vec<Effect>,
    /// Where the lead stands, found in the loaded files.
    at: Option<(FunnelIx, StepIx)>,
    /// The lead stood on a step that is gone and has no successor; here they start again.
    lost: Option<FunnelIx>,
    /// Whether a silence timer may be running from before.
    had_silence: bool,
    first_visit: u32,
    /// The lead did something, as opposed to a timer.
    spoke: bool,
    /// Steps entered in this turn, against endless rounds.
    entered: u16,
    /// The contact button is still on the screen and must go with the next message.
    keyboard_due: bool,
    scope: Option<Value>,
    marks: Vec<Mark>,
    /// Set while a timer, not the lead, makes the bot speak.
    first_word: Option<FirstWord>,
    /// The lead's word was more than one to the bot's own buttons.
    replied: bool,
    /// Nothing was ever said to this lead.
    came: bool,
    /// Sequences entered in this turn: what happened before counts for nothing there.
    enrolled: Vec<usize>,
}

/// Why the gate did not let a message through, and whether it will let none that follows either.
#[derive(Clone, Copy)]
struct Refusal<'r> {
    reason: &'r str,
    lasting: bool,
}

/// What the messages of a turn have in common in which the bot speaks first.
struct FirstWord {
    purpose: Purpose,
    origin: Origin,
    intent: String,
    stale_at_ms: i64,
    /// The sequence the way out leads out of.
    way_out: Option<String>,
    /// How many messages there were so far.
    said: u16,
}

/// Whether a lead, or the story of a lead, has something to show for an event.
fn is_reaction(effect: &Effect) -> bool {
    match effect {
        Effect::Say(_) | Effect::Speak(_) | Effect::Toast(_) | Effect::Ignored { .. } => true,
        // More words are awaited before anything is said.
        Effect::Schedule { name, .. } => *name == TimerName::Collect,
        _ => false,
    }
}

impl<'a> Turn<'a> {
    fn new(funnels: &'a Funnels, desk: &'a Desk<'a>, session: Session, lead: Arc<Lead>) -> Self {
        let came = session.visit == 0;
        let mut turn = Self {
            funnels,
            desk,
            first_visit: session.visit,
            session,
            lead,
            effects: Vec::with_capacity(4),
            at: None,
            lost: None,
            had_silence: false,
            spoke: true,
            entered: 0,
            keyboard_due: false,
            scope: None,
            marks: Vec::new(),
            first_word: None,
            replied: false,
            came,
            enrolled: Vec::new(),
        };
        turn.find_place();
        turn
    }

    /// Finds the lead's step in the files as they are now; a step that was renamed is its successor.
    fn find_place(&mut self) {
        let Some(place) = &self.session.place else {
            return;
        };
        let Some(&funnel) = self.funnels.by_id.get(&*place.funnel) else {
            self.lost = Some(self.funnels.default_funnel);
            return;
        };
        match self.funnels.list[funnel].find(&place.step) {
            Some(step) => {
                self.at = Some((funnel, step));
                self.had_silence = !self.funnels.list[funnel].silent(step).is_empty();
                let id = &self.funnels.list[funnel].steps[step].id;
                if **id != *place.step {
                    self.session.place = Some(Place {
                        funnel: place.funnel.clone(),
                        step: id.as_ref().into(),
                    });
                }
            }
            None => self.lost = Some(funnel),
        }
    }

    fn take(&mut self, event: Event) {
        self.spoke = event.is_lead();
        self.replied = match &event {
            Event::Press(press) => press.funnel != say::BOT,
            other => other.is_lead(),
        };
        self.came &= self.spoke;
        if self.spoke {
            self.session.last_seen_at = self.desk.now_ms;
        }
        if self.spoke && !matches!(event, Event::Press(_)) {
            self.session.forgetting = false;
        }
        match event {
            Event::Start { payload } => self.start(payload.as_deref()),
            Event::Command { name, .. } => self.command(&name),
            Event::Text(text) => self.text(&text),
            Event::Press(press) => self.press(&press),
            Event::Contact { phone, own } => self.contact(&phone, own),
            Event::Photo { file } => self.photo(file),
            Event::Other { .. } => self.other(),
            Event::Timer { name, data } => self.timer(&name, &data),
            Event::Unsaid {
                name,
                data,
                reason,
                lasting,
            } => self.unsaid(
                &name,
                &data,
                Refusal {
                    reason: &reason,
                    lasting,
                },
            ),
            Event::Enroll { sequence, by } => match self.funnels.sequence(&sequence) {
                Some((ix, _)) => self.enroll(ix, &by),
                None => self.ignore("there is no such sequence"),
            },
            Event::Leave { sequence, by } => match self.funnels.sequence(&sequence) {
                Some((ix, _)) => self.leave_sequence(ix, &by),
                None => self.ignore("there is no such sequence"),
            },
            Event::Pause { until_ms } => self.pause(until_ms),
            Event::Zone(zone) => self.move_zone(zone),
        }
    }

    fn finish(&mut self) {
        self.reconsider_zone();
        self.ask_about_offers();
        if self.keyboard_due {
            self.drop_contact_keyboard();
        }
        if self.spoke && !self.effects.iter().any(is_reaction) {
            self.say_phrase(Phrase::Noted);
        }
        self.first_word = None;
        self.heed_signals();
        if !self.spoke && self.session.visit == self.first_visit {
            return;
        }
        match self.silences().first() {
            Some(first) if self.may_follow_up() => self.await_silence(first.after_ms),
            _ if self.had_silence => self.effects.push(Effect::Cancel {
                name: TimerName::Silence,
            }),
            _ => {}
        }
    }

    /// The lead, to be changed. Few turns do; the others go on with what they share with the store's memory.
    fn lead_mut(&mut self) -> &mut Lead {
        Arc::make_mut(&mut self.lead)
    }

    fn refuses_advertising(&self) -> bool {
        self.lead.consents.advertising.word() == Word::No
    }

    fn may_follow_up(&self) -> bool {
        !self.lead.opted_out && matches!(self.lead.handoff, Handoff::Bot | Handoff::Closed)
    }

    /// What happens here when the lead says nothing.
    fn silences(&self) -> &'a [Silent] {
        self.at
            .map_or(&[], |(funnel, step)| self.funnels.list[funnel].silent(step))
    }

    fn step_at(&self, at: (FunnelIx, StepIx)) -> &'a Step {
        &self.funnels.list[at.0].steps[at.1]
    }

    fn step(&self) -> Option<&'a Step> {
        self.at.map(|at| self.step_at(at))
    }

    fn funnel(&self) -> Option<&'a Funnel> {
        self.at.map(|(funnel, _)| &self.funnels.list[funnel])
    }

    fn ignore(&mut self, why: &'static str) {
        self.effects.push(Effect::Ignored { why });
    }

    /// The partner is told once per event, however many places ask for it.
    fn notify(&mut self, notice: Notice) {
        let effect = Effect::Notify(notice);
        if !self.effects.contains(&effect) {
            self.effects.push(effect);
        }
    }

    /// What templates and conditions see now.
    fn scope(&mut self) -> Value {
        if let Some(scope) = &self.scope {
            return scope.clone();
        }
        let scope = self.scope_with(None);
        self.scope = Some(scope.clone());
        scope
    }

    fn scope_with(&self, value: Option<Value>) -> Value {
        let facts = scope::Facts {
            names: Arc::clone(&self.funnels.names),
            links: Arc::clone(&self.funnels.links),
            value,
        };
        scope::scope(&self.lead, &self.session, self.desk.partner, facts)
    }

    fn is_true(&mut self, condition: &template::TemplateId) -> bool {
        let scope = self.scope();
        self.funnels.templates.is_true(condition, &scope)
    }
}
