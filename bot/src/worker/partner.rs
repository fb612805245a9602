//! What the desk does for the partner: cards about leads, the panel, signed links.

use std::collections::BTreeSet;

use anyhow::Context;
use serde_json::json;

use super::Aside;
use super::desk::Desk;
use super::round::Work;
use super::setup;
use super::turn::Turn;
use crate::funnel::Funnels;
use crate::funnel::effect::Notice;
use crate::funnel::event::Event;
use crate::invite;
use crate::lead::LeadId;
use crate::manners::{Change, Manners, Settings};
use crate::notify;
use crate::panel::parse::Request;
use crate::panel::{self, Office};
use crate::store::{AnsweredBy, Case, Class, EventRow, Lane, Member, OutboxRow};
use crate::telegram::incoming::{Incoming, Person, What};

impl Desk {
    fn office<'a>(&'a mut self, work: &'a Work) -> Office<'a> {
        let manners = Manners {
            paused: work.pause.unwrap_or(self.paused),
            ..self.settings_in(work).over(self.live.manners)
        };
        Office {
            store: &mut self.store,
            funnels: &self.funnels,
            partner: &self.live.partner,
            timezone: &self.live.timezone,
            hot: &self.live.hot,
            manners,
            now: work.now,
            fresh: [&work.cases, &self.cases],
        }
    }

    /// What the partner chose, be it a moment ago.
    fn settings_in(&self, work: &Work) -> Settings {
        work.settings.unwrap_or(self.settings)
    }

    /// How to behave towards the partner now.
    pub(super) fn manners(&self) -> Manners {
        self.settings.over(self.live.manners)
    }

    /// Cards for the partner's people, when the turn gives a reason.
    pub(super) async fn tell_partner(
        &mut self,
        work: &Work,
        score_before: i64,
        turn: &mut Turn,
    ) -> anyhow::Result<()> {
        let Some(case) = &mut turn.case else {
            return Ok(());
        };
        if turn.forget.is_some() {
            let lead = case.lead.id;
            return self.erase_cards(work, lead, turn).await;
        }
        if notify::became_hot(score_before, case, &self.live.hot, work.now) {
            case.hot_at = work.now;
            turn.notices.push(Notice::Hot);
        }
        let opened = opened(&turn.events);
        if !opened.is_empty() {
            let earlier = self.store.lead_events(case.lead.id, ["link"; 3]).await?;
            turn.notices.retain(|notice| *notice != Notice::Link);
            // The first opening of each link is news; the same person looking again is not.
            if opened
                .iter()
                .any(|name| earlier.iter().all(|event| event.name != *name))
            {
                turn.notices.push(Notice::Link);
            }
        }
        let photos = photos(&self.funnels, &self.team, case, &turn.events, work.now);
        turn.outbox.extend(photos);
        if turn.notices.is_empty() || case.insider {
            return Ok(());
        }
        // News about a lead opens the case again.
        if turn.notices.contains(&Notice::Human) || turn.notices.contains(&Notice::Contact) {
            case.handled_at = 0;
            case.handled_by.clear();
        }
        if self.team.is_empty() {
            // Said once: the leads wait in /hot_leads until somebody is bound.
            if !std::mem::replace(&mut self.said_nobody, true) {
                tracing::warn!(
                    lead.id = case.lead.id,
                    "nobody to tell about a lead; bind the partner: partnerctl invite {}",
                    self.app.partner().id
                );
            }
            return Ok(());
        }
        let manners = self.settings_in(work).over(self.live.manners);
        if !notify::wants(manners.notify, &turn.notices) {
            return Ok(());
        }
        let hushed = notify::agenda::is_quiet(manners.quiet, work.now, &self.live.timezone);
        let case = case.clone();
        let facts = notify::facts(&mut self.office(work), &case, &turn.events).await?;
        let screen = notify::screen(&facts, &case, &turn.notices, &self.live.hot);
        for member in self.team.clone() {
            let mut call = screen.send(member);
            if hushed {
                call = without_sound(call);
            }
            turn.outbox
                .push(row(member, call, Kind::Card(case.lead.id), work.now));
        }
        Ok(())
    }

    /// Cards of a person who asked to be forgotten lose everything about them.
    pub(super) async fn erase_cards(
        &mut self,
        work: &Work,
        lead: LeadId,
        turn: &mut Turn,
    ) -> anyhow::Result<()> {
        let by = turn.forget.as_ref().map_or("", |who| who.by.as_str());
        let screen = notify::forgotten(lead, by == "lead");
        for (chat_id, message_id) in self.store.card_messages(lead, 100).await? {
            let call = screen.edit(chat_id, message_id);
            turn.outbox.push(row(chat_id, call, Kind::Edit, work.now));
        }
        for (chat_id, message_id) in self.store.photo_messages(lead).await? {
            let payload = json!({ "chat_id": chat_id, "message_id": message_id }).to_string();
            let call = ("DeleteMessage".to_owned(), payload);
            turn.outbox.push(row(chat_id, call, Kind::Edit, work.now));
        }
        Ok(())
    }

    pub(super) async fn panel_turn(
        &mut self,
        work: &Work,
        incoming: &Incoming,
        request: Request,
    ) -> anyhow::Result<Turn> {
        let mut turn = self.wished_turn(work, incoming, request).await?;
        let shown = match &turn.case {
            Some(case) => {
                let case = case.clone();
                panel::changed(&mut self.office(work), incoming, request, &case).await
            }
            None => panel::answer(&mut self.office(work), incoming, request).await,
        };
        let shown = shown.context("the panel failed")?;
        let settings = self.settings_in(work);
        turn.case = turn.case.or(shown.case);
        turn.events.extend(shown.events);
        turn.settings = shown.settings.map(|change| settings.with(change));
        if let Some(Change::Paused(on)) = shown.settings {
            turn.pause = Some(on);
        }
        let chat_id = incoming.chat_id;
        let pressed = match &incoming.what {
            What::Press { id, message_id, .. } => Some((id.clone(), *message_id)),
            _ => None,
        };
        turn.outbox.push(match pressed {
            // A screen is one message, changed in place.
            Some((_, message_id)) if !shown.fresh => {
                let call = shown.screen.edit(chat_id, message_id);
                row(chat_id, call, Kind::Edit, work.now)
            }
            _ => {
                let kind = if shown.card == 0 {
                    Kind::Screen
                } else {
                    Kind::Asked(shown.card)
                };
                row(chat_id, shown.screen.send(chat_id), kind, work.now)
            }
        });
        for (chat_id, message_id, screen) in shown.others {
            let call = screen.edit(chat_id, message_id);
            turn.outbox.push(row(chat_id, call, Kind::Edit, work.now));
        }
        turn.asides.extend(pressed.map(|(callback_id, _)| Aside {
            callback_id,
            text: shown.toast,
        }));
        Ok(turn)
    }

    /// What the partner's press changes in a lead's talk; an empty turn when that is nothing.
    async fn wished_turn(
        &mut self,
        work: &Work,
        incoming: &Incoming,
        request: Request,
    ) -> anyhow::Result<Turn> {
        let Some((lead, event)) = panel::wish(request) else {
            return Ok(Turn::default());
        };
        match self.case_of(work, lead).await? {
            // Their own word about their clock stands.
            Some(case) if matches!(event, Event::Zone(_)) && case.lead.zone.is_own_word() => {
                Ok(Turn::default())
            }
            Some(case) => self.on_behalf(case, event, &full_name(&incoming.from), work.now),
            None => Ok(Turn::default()),
        }
    }

    /// Bound already, or a moment ago in this very round.
    fn is_member(&self, work: &Work, user_id: i64) -> bool {
        let just_bound = |member: &Member| member.user_id == user_id;
        self.team.contains(&user_id) || work.batch.members.iter().any(just_bound)
    }

    /// Somebody opened a signed link: once, in time, and they are one of the partner's people.
    pub(super) async fn bind_turn(
        &mut self,
        work: &Work,
        incoming: &Incoming,
        case: Option<Case>,
        token: &str,
    ) -> anyhow::Result<Turn> {
        let chat_id = incoming.chat_id;
        let mut turn = Turn::default();
        let screen = match invite::verify(self.app.invite_key(), token, work.now) {
            Err(_) => panel::view::invite_invalid(),
            Ok(nonce) if self.is_spent(work, &nonce).await? => panel::view::invite_spent(),
            Ok(_) if self.is_member(work, incoming.from.id) => panel::home(&self.office(work)),
            Ok(invite) => {
                tracing::info!(partner.id = %self.app.partner().id, "a person of the partner was bound by a signed link");
                turn.members.push(Member {
                    user_id: incoming.from.id,
                    name: full_name(&incoming.from),
                    invite,
                    bound_at: work.now,
                });
                turn.case = case.map(|case| Case {
                    insider: true,
                    ..case
                });
                let menu = setup::panel_menu(&self.live, &self.funnels, chat_id);
                turn.outbox.push(row(chat_id, menu, Kind::Edit, work.now));
                panel::home(&self.office(work))
            }
        };
        turn.outbox
            .push(row(chat_id, screen.send(chat_id), Kind::Screen, work.now));
        Ok(turn)
    }

    /// A link binds one person.
    async fn is_spent(&mut self, work: &Work, nonce: &str) -> sqlx::Result<bool> {
        let team = self.store.team().await?;
        let mut bound = team.iter().chain(&work.batch.members);
        Ok(bound.any(|member| member.invite == nonce))
    }
}

/// Names of the links opened in this turn.
fn opened(events: &[EventRow]) -> Vec<String> {
    let links = events.iter().filter(|event| event.kind == "link");
    links.map(|event| event.name.to_string()).collect()
}

/// Pictures a lead sent as answers, for everybody who is told of the lead.
fn photos(
    funnels: &Funnels,
    team: &BTreeSet<i64>,
    case: &Case,
    events: &[EventRow],
    now: i64,
) -> Vec<OutboxRow> {
    if case.insider {
        return Vec::new();
    }
    let sent = events
        .iter()
        .filter(|event| event.kind == "answer" && funnels.is_photo(&event.name));
    sent.flat_map(|event| team.iter().map(move |member| (member, &event.value)))
        .map(|(member, file)| {
            let caption = notify::view::photo_caption(case);
            let payload = json!({ "chat_id": member, "photo": file, "caption": caption, "parse_mode": "HTML" });
            let call = ("SendPhoto".to_owned(), payload.to_string());
            row(*member, call, Kind::Photo(case.lead.id), now)
        })
        .collect()
}

/// In the partner's quiet hours a message comes without a sound.
fn without_sound((method, payload): (String, String)) -> (String, String) {
    let Ok(mut fields) = serde_json::from_str::<serde_json::Value>(&payload) else {
        return (method, payload);
    };
    fields["disable_notification"] = json!(true);
    (method, fields.to_string())
}

/// A digest for one of the partner's people; `media` is its picture or empty.
pub(super) fn digest_row(
    member: i64,
    call: (String, String),
    media: String,
    now: i64,
) -> OutboxRow {
    OutboxRow {
        media,
        ..row(member, call, Kind::Digest, now)
    }
}

fn full_name(person: &Person) -> String {
    format!("{} {}", person.first_name, person.last_name)
        .trim()
        .to_owned()
}

/// A message to one of the partner's people: a method with its payload, and the three facts that steer it.
fn row(chat_id: i64, call: (String, String), kind: Kind, now: i64) -> OutboxRow {
    let (method, payload) = call;
    let (lane, class, cause, card) = match &kind {
        Kind::Card(lead) => (Lane::Notification, Class::Notification, "card", *lead),
        Kind::Asked(lead) => (Lane::Reply, Class::Notification, "panel", *lead),
        Kind::Photo(_) => (Lane::Notification, Class::Notification, "photo", 0),
        Kind::Digest => (Lane::Notification, Class::Digest, "digest", 0),
        Kind::Screen => (Lane::Reply, Class::Reply, "panel", 0),
        Kind::Edit => (Lane::Edit, Class::Edit, "edit", 0),
    };
    OutboxRow {
        id: 0,
        lead_id: if let Kind::Photo(lead) = kind {
            lead
        } else {
            0
        },
        prev: 0,
        chat_id,
        lane,
        class,
        cause: cause.into(),
        method: method.into(),
        payload,
        media: String::new(),
        card,
        wish: None,
        tries: 0,
        not_before: 0,
        created_at: now,
        answered_by: AnsweredBy::Nothing,
    }
}

/// What a message to the partner is.
enum Kind {
    /// A lead's card that nobody asked for.
    Card(LeadId),
    /// A lead's card that was asked for.
    Asked(LeadId),
    Screen,
    /// The daily digest, or the picture of the week.
    Digest,
    /// A picture a lead sent.
    Photo(LeadId),
    /// A change of a message that is there.
    Edit,
}
