//! What the desk does about one update or timer: route it, ask the core, gather a turn.

use std::sync::Arc;

use super::Aside;
use super::desk::Desk;
use super::round::Work;
use super::turn::{Cause, Turn};
use crate::dice::Dice;
use crate::funnel::effect::{Effect, Keyboard, Message};
use crate::funnel::event::Event;
use crate::funnel::{self, Outcome};
use crate::inbound::{self, Act, Caller};
use crate::lead::{Lead, Purpose, Reach, Word};
use crate::phrases::Phrase;
use crate::policy::flood::Admit;
use crate::store::{Case, EventRow, InboxState};
use crate::telegram::incoming::{Incoming, Person, What};

/// A sticker of an hour ago needs no answer; words do.
const STALE_OTHER_MS: i64 = 10 * 60_000;

impl Desk {
    pub(super) async fn turn(
        &mut self,
        work: &Work,
        incoming: Arc<Incoming>,
    ) -> anyhow::Result<Turn> {
        let insider = self.team.contains(&incoming.from.id);
        let case = if incoming.private {
            self.case(work, incoming.chat_id).await?
        } else {
            None
        };
        let in_funnel = case
            .as_ref()
            .is_some_and(|case| case.session.place.is_some());
        let proof = self.evidence(&incoming, case.as_ref(), work.now).await?;
        let act = inbound::route(&self.schema, &incoming, Caller { insider, in_funnel }).await;
        let callback_id = press_id(&incoming);
        let mut turn = match act {
            Act::Lead(event) => {
                self.lead_turn(work, &incoming, case, insider, event)
                    .await?
            }
            Act::Panel(request) => self.panel_turn(work, &incoming, request).await?,
            Act::Bind { token } => self.bind_turn(work, &incoming, case, &token).await?,
            Act::Reach { blocked } => reach_turn(case, blocked, work.now),
            Act::Refuse => refusal(&incoming),
            Act::Ignore(_) => Turn::default(),
            Act::Keep => Turn {
                inbox: Some(InboxState::Kept),
                ..Turn::default()
            },
        };
        turn.proven.extend(proof);
        // Whatever became of it, a press is answered: the person looks at a spinner.
        if let Some(callback_id) = callback_id
            && turn.asides.is_empty()
        {
            turn.asides.push(Aside {
                callback_id,
                text: None,
            });
        }
        Ok(turn)
    }

    async fn lead_turn(
        &mut self,
        work: &Work,
        incoming: &Incoming,
        case: Option<Case>,
        insider: bool,
        event: Event,
    ) -> anyhow::Result<Turn> {
        match self.flood.admit(incoming.chat_id, work.now) {
            Admit::Yes => {}
            Admit::SlowDown => return Ok(self.slow_down(work, incoming, case)),
            Admit::No => return Ok(Turn::default()),
        }
        if matches!(incoming.what, What::Other { .. })
            && incoming.sent_at + STALE_OTHER_MS < work.now
        {
            return Ok(Turn::default());
        }
        let is_new = case.is_none();
        let mut case = case.unwrap_or_else(|| new_case(work, incoming));
        greet(&mut case, &incoming.from, work.now);
        case.insider = insider;
        // Only what is asked for afterwards: a whole case is a hundred pieces of memory.
        let (score, place) = (case.lead.score, case.session.place.clone());
        let outcome = self.advance(&mut case, event, work.now)?;
        let cause = Cause {
            now: work.now,
            why: "reply",
            wish: None,
            callback_id: press_id(incoming),
        };
        let mut turn = Turn::from_outcome(case, place, outcome, &cause);
        if is_new {
            came(&mut turn, work.now);
        }
        self.tell_partner(work, score, &mut turn).await?;
        Ok(turn)
    }

    /// Lead and session go over into the outcome, and come back with `Turn::from_outcome`.
    pub(super) fn advance(
        &self,
        case: &mut Case,
        event: Event,
        now: i64,
    ) -> anyhow::Result<Outcome> {
        let desk = funnel::Desk {
            now_ms: now,
            partner: &self.live.partner,
            random: seed(case.lead.id),
        };
        Ok(funnel::advance(
            &self.funnels,
            &desk,
            std::mem::take(&mut case.session),
            case.lead.clone(),
            event,
        ))
    }

    fn slow_down(&self, work: &Work, incoming: &Incoming, case: Option<Case>) -> Turn {
        let case = case.unwrap_or_else(|| new_case(work, incoming));
        let text = self.funnels.phrase(Phrase::SlowDown, &case.lead.language);
        let message = Message {
            text,
            media: None,
            keyboard: None::<Keyboard>,
        };
        let outcome = Outcome {
            session: case.session.clone(),
            lead: case.lead.clone(),
            effects: vec![Effect::Say(message)],
        };
        let cause = Cause {
            now: work.now,
            why: "flood",
            wish: None,
            callback_id: press_id(incoming),
        };
        let before = case.session.place.clone();
        Turn::from_outcome(case, before, outcome, &cause)
    }
}

impl Turn {
    /// The lead blocked the bot or came back.
    pub fn reach(mut case: Case, reach: Reach, now: i64) -> Turn {
        Arc::make_mut(&mut case.lead).reach = reach;
        let value = match reach {
            Reach::Active => "active",
            Reach::Blocked => "blocked",
            Reach::Deactivated => "deactivated",
        };
        let event = EventRow {
            lead_id: case.lead.id,
            at: now,
            kind: "reach",
            value: value.into(),
            ..EventRow::default()
        };
        let mut events = vec![event];
        // Closing the bot takes back the consent to offers; opening it again does not give it anew.
        let offers = Purpose::Advertising;
        if reach == Reach::Blocked && case.lead.consents.of(offers).word() == Word::Yes {
            Arc::make_mut(&mut case.lead)
                .consents
                .refuse(offers, "", "block", now);
            events.push(EventRow {
                lead_id: case.lead.id,
                at: now,
                kind: "consent",
                name: offers.word().into(),
                value: "no block".into(),
                ..EventRow::default()
            });
        }
        Turn {
            case: Some(case),
            events,
            ..Turn::default()
        }
    }
}

fn reach_turn(case: Option<Case>, blocked: bool, now: i64) -> Turn {
    let Some(case) = case else {
        return Turn::default();
    };
    let reach = if blocked {
        Reach::Blocked
    } else {
        Reach::Active
    };
    if case.lead.reach == reach {
        return Turn::default();
    }
    Turn::reach(case, reach, now)
}

fn refusal(incoming: &Incoming) -> Turn {
    let asides = press_id(incoming).map(|callback_id| Aside {
        callback_id,
        text: Some("Эта кнопка не для вас".to_owned()),
    });
    Turn {
        asides: asides.into_iter().collect(),
        ..Turn::default()
    }
}

fn press_id(incoming: &Incoming) -> Option<String> {
    match &incoming.what {
        What::Press { id, .. } => Some(id.clone()),
        _ => None,
    }
}

fn new_case(work: &Work, incoming: &Incoming) -> Case {
    let lead = Lead {
        id: work.counters.lead + 1,
        chat_id: incoming.chat_id,
        language: incoming.from.language.clone().unwrap_or_default(),
        created_at: work.now,
        ..Lead::default()
    };
    Case {
        lead: Arc::new(lead),
        ..Case::default()
    }
}

/// Names change; the language a lead chose does not change by itself.
fn greet(case: &mut Case, from: &Person, now: i64) {
    case.session.last_seen_at = now;
    let known = &case.lead;
    let is_same = known.first_name == from.first_name
        && known.last_name == from.last_name
        && known.username == from.username;
    if is_same && known.reach == Reach::Active {
        return;
    }
    let lead = Arc::make_mut(&mut case.lead);
    lead.first_name.clone_from(&from.first_name);
    lead.last_name.clone_from(&from.last_name);
    lead.username.clone_from(&from.username);
    // Who writes is not gone.
    lead.reach = Reach::Active;
}

/// Where a new lead came from, as the first line of their story.
fn came(turn: &mut Turn, now: i64) {
    let Some(case) = &turn.case else { return };
    let source = case
        .lead
        .first_touch
        .as_ref()
        .map_or("напрямую", |touch| touch.start.as_str());
    let campaign = case
        .lead
        .first_touch
        .as_ref()
        .and_then(|touch| touch.campaign.clone())
        .unwrap_or_default();
    let event = EventRow {
        lead_id: case.lead.id,
        at: now,
        kind: "came",
        name: campaign.into(),
        value: source.into(),
        ..EventRow::default()
    };
    turn.events.insert(0, event);
}

/// Spreads leads over variants; the same lead always gets the same number.
fn seed(lead: i64) -> u64 {
    Dice::new(lead.unsigned_abs()).random()
}
