//! What the desk does about one update or timer: route it, ask the core, gather a turn.

use std::sync::Arc;

use anyhow::Context;

use super::Aside;
use super::desk::Desk;
use super::round::Work;
use super::turn::{Cause, Turn};
use crate::funnel::effect::{Effect, Keyboard, Message, Notice};
use crate::funnel::event::Event;
use crate::funnel::{self, Outcome};
use crate::inbound::{self, Act, Caller};
use crate::invite;
use crate::lead::{Lead, Reach};
use crate::notify;
use crate::panel::parse::Request;
use crate::panel::{self, Office};
use crate::phrases::Phrase;
use crate::policy::flood::Admit;
use crate::store::{Case, Class, EventRow, InboxState, Lane, Member, OutboxRow, TimerRow};
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
        let before = case.clone();
        let outcome = self.advance(&case, event, work.now)?;
        let cause = Cause {
            now: work.now,
            class: Class::Reply,
            why: "reply",
            callback_id: press_id(incoming),
        };
        let mut turn = Turn::from_outcome(case, before.session.place.clone(), outcome, &cause);
        if is_new {
            came(&mut turn, work.now);
        }
        self.tell_partner(work, &before, &mut turn).await?;
        Ok(turn)
    }

    /// A timer of a lead came due: the bot speaks first, if the gate lets it.
    pub(super) async fn timer_turn(
        &mut self,
        case: Case,
        timer: &TimerRow,
        now: i64,
    ) -> anyhow::Result<Turn> {
        let event = Event::Timer {
            name: timer.name,
            data: timer.data.clone(),
        };
        let outcome = self.advance(&case, event, now)?;
        // A collected answer is the lead's own word; silence is the bot's.
        let (class, why) = match timer.name {
            crate::funnel::event::TimerName::Collect => (Class::Reply, "reply"),
            crate::funnel::event::TimerName::Silence => (Class::Proactive, "silence"),
        };
        let before = case.clone();
        let cause = Cause {
            now,
            class,
            why,
            callback_id: None,
        };
        let mut turn = Turn::from_outcome(case, before.session.place.clone(), outcome, &cause);
        let work = Work::new(now, self.counters);
        self.tell_partner(&work, &before, &mut turn).await?;
        Ok(turn)
    }

    fn office<'a>(&'a mut self, work: &'a Work) -> Office<'a> {
        Office {
            store: &mut self.store,
            funnels: &self.funnels,
            partner: &self.app.partner,
            timezone: &self.app.timezone,
            hot: &self.app.hot,
            now: work.now,
            fresh: [&work.cases, &self.cases],
        }
    }

    fn advance(&self, case: &Case, event: Event, now: i64) -> anyhow::Result<Outcome> {
        let desk = funnel::Desk {
            now_ms: now,
            partner: &self.app.partner,
            random: seed(case.lead.id),
        };
        Ok(funnel::advance(
            &self.funnels,
            &desk,
            case.session.clone(),
            case.lead.clone(),
            event,
        ))
    }

    /// Cards for the partner's people, when the turn gives a reason.
    async fn tell_partner(
        &mut self,
        work: &Work,
        before: &Case,
        turn: &mut Turn,
    ) -> anyhow::Result<()> {
        let Some(case) = &mut turn.case else {
            return Ok(());
        };
        if turn.forget.is_some() {
            return self.erase_cards(work, before, turn).await;
        }
        if notify::became_hot(before, case, &self.app.hot, work.now) {
            case.hot_at = work.now;
            turn.notices.push(Notice::Hot);
        }
        if turn.notices.is_empty() || case.insider {
            return Ok(());
        }
        // News about a lead opens the case again.
        if turn.notices.contains(&Notice::Human) || turn.notices.contains(&Notice::Contact) {
            case.handled_at = 0;
            case.handled_by.clear();
        }
        if self.team.is_empty() {
            tracing::warn!(
                lead.id = case.lead.id,
                "nobody to tell about a lead; bind the partner: partnerctl invite {}",
                self.app.partner.id
            );
        }
        let case = case.clone();
        let facts = notify::facts(&mut self.office(work), &case, &turn.events).await?;
        let screen = notify::screen(&facts, &case, &turn.notices, &self.app.hot);
        for member in self.team.clone() {
            let (method, payload) = screen.send(member);
            turn.outbox
                .push(notification(&case.lead, member, method, payload, work.now));
        }
        Ok(())
    }

    /// Cards of a person who asked to be forgotten lose everything about them.
    async fn erase_cards(
        &mut self,
        work: &Work,
        before: &Case,
        turn: &mut Turn,
    ) -> anyhow::Result<()> {
        let screen = notify::forgotten(before.lead.id);
        for (chat_id, message_id) in self.store.card_messages(before.lead.id, 100).await? {
            let (method, payload) = screen.edit(chat_id, message_id);
            turn.outbox
                .push(edit(0, chat_id, method, payload, work.now));
        }
        Ok(())
    }

    async fn panel_turn(
        &mut self,
        work: &Work,
        incoming: &Incoming,
        request: Request,
    ) -> anyhow::Result<Turn> {
        let shown = panel::answer(&mut self.office(work), incoming, request)
            .await
            .context("the panel failed")?;
        let mut turn = Turn {
            case: shown.case,
            events: shown.events,
            ..Turn::default()
        };
        let pressed = match &incoming.what {
            What::Press { id, message_id, .. } => Some((id.clone(), *message_id)),
            _ => None,
        };
        match (&pressed, shown.fresh) {
            // A screen is one message, changed in place.
            (Some((_, message_id)), false) => {
                let (method, payload) = shown.screen.edit(incoming.chat_id, *message_id);
                turn.outbox
                    .push(edit(0, incoming.chat_id, method, payload, work.now));
            }
            _ => {
                let (method, payload) = shown.screen.send(incoming.chat_id);
                let mut row = notification(
                    &Lead::default(),
                    incoming.chat_id,
                    method,
                    payload,
                    work.now,
                );
                row.lane = Lane::Reply;
                row.class = if shown.card == 0 {
                    Class::Reply
                } else {
                    Class::Notification
                };
                row.cause = "panel".to_owned();
                row.card = shown.card;
                turn.outbox.push(row);
            }
        }
        for (chat_id, message_id, screen) in shown.others {
            let (method, payload) = screen.edit(chat_id, message_id);
            turn.outbox
                .push(edit(0, chat_id, method, payload, work.now));
        }
        if let Some((callback_id, _)) = pressed {
            turn.asides.push(Aside {
                callback_id,
                text: shown.toast,
            });
        }
        Ok(turn)
    }

    /// Somebody opened a signed link: once, in time, and they are one of the partner's people.
    async fn bind_turn(
        &mut self,
        work: &Work,
        incoming: &Incoming,
        case: Option<Case>,
        token: &str,
    ) -> anyhow::Result<Turn> {
        let used: Vec<String> = self
            .store
            .team()
            .await?
            .into_iter()
            .map(|member| member.invite)
            .collect();
        let verdict = invite::verify(self.app.invite_key(), token, work.now);
        let screen = match verdict {
            Ok(nonce)
                if used.contains(&nonce)
                    || work.batch.members.iter().any(|m| m.invite == nonce) =>
            {
                panel::view::invite_spent()
            }
            Ok(_) if self.team.contains(&incoming.from.id) => panel::home(&self.office(work)),
            Ok(nonce) => {
                let name = full_name(&incoming.from);
                let member = Member {
                    user_id: incoming.from.id,
                    name,
                    invite: nonce,
                    bound_at: work.now,
                };
                tracing::info!(partner.id = %self.app.partner.id, "a person of the partner was bound by a signed link");
                let (method, payload) = panel::home(&self.office(work)).send(incoming.chat_id);
                let row = panel_row(incoming.chat_id, method, payload, work.now);
                let case = case.map(|case| Case {
                    insider: true,
                    ..case
                });
                return Ok(Turn {
                    case,
                    members: vec![member],
                    outbox: vec![row],
                    ..Turn::default()
                });
            }
            Err(_) => panel::view::invite_invalid(),
        };
        let (method, payload) = screen.send(incoming.chat_id);
        Ok(Turn {
            outbox: vec![panel_row(incoming.chat_id, method, payload, work.now)],
            ..Turn::default()
        })
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
            class: Class::Reply,
            why: "flood",
            callback_id: press_id(incoming),
        };
        let before = case.session.place.clone();
        Turn::from_outcome(case, before, outcome, &cause)
    }
}

impl Turn {
    /// The lead blocked the bot or came back.
    pub fn reach(case: Case, reach: Reach, now: i64) -> Turn {
        let value = match reach {
            Reach::Active => "active",
            Reach::Blocked => "blocked",
            Reach::Deactivated => "deactivated",
        };
        let event = EventRow {
            lead_id: case.lead.id,
            at: now,
            kind: "reach",
            value: value.to_owned(),
            ..EventRow::default()
        };
        Turn {
            case: Some(case),
            events: vec![event],
            ..Turn::default()
        }
    }
}

fn reach_turn(case: Option<Case>, blocked: bool, now: i64) -> Turn {
    let Some(mut case) = case else {
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
    case.lead.reach = reach;
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
        lead,
        ..Case::default()
    }
}

/// Names change; the language a lead chose does not change by itself.
fn greet(case: &mut Case, from: &Person, now: i64) {
    case.lead.first_name = from.first_name.clone();
    case.lead.last_name = from.last_name.clone();
    case.lead.username = from.username.clone();
    case.lead.last_seen_at = now;
    // Who writes is not gone.
    case.lead.reach = Reach::Active;
}

fn full_name(person: &Person) -> String {
    format!("{} {}", person.first_name, person.last_name)
        .trim()
        .to_owned()
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
        name: campaign,
        value: source.to_owned(),
        ..EventRow::default()
    };
    turn.events.insert(0, event);
}

/// Spreads leads over variants; the same lead always gets the same number.
fn seed(lead: i64) -> u64 {
    let mut x = lead.unsigned_abs().wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

fn notification(lead: &Lead, chat_id: i64, method: String, payload: String, now: i64) -> OutboxRow {
    OutboxRow {
        id: 0,
        lead_id: 0,
        chat_id,
        lane: Lane::Notification,
        class: Class::Notification,
        cause: "card".to_owned(),
        method,
        payload,
        media: String::new(),
        card: lead.id,
        tries: 0,
        not_before: 0,
        created_at: now,
    }
}

fn panel_row(chat_id: i64, method: String, payload: String, now: i64) -> OutboxRow {
    let mut row = notification(&Lead::default(), chat_id, method, payload, now);
    row.lane = Lane::Reply;
    row.class = Class::Reply;
    row.cause = "panel".to_owned();
    row
}

fn edit(lead_id: i64, chat_id: i64, method: String, payload: String, now: i64) -> OutboxRow {
    let mut row = notification(&Lead::default(), chat_id, method, payload, now);
    row.lead_id = lead_id;
    row.lane = Lane::Edit;
    row.class = Class::Edit;
    row.cause = "edit".to_owned();
    row
}
