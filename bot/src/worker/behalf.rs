//! What others than the lead change in the lead's talk: the partner on a card, the operator on the socket.

use super::desk::Desk;
use super::round::Work;
use super::turn::{Cause, Turn};
use crate::funnel::event::Event;
use crate::lead::LeadId;
use crate::store::{Case, EventRow};

impl Desk {
    /// A lead's case as it is now.
    pub(super) async fn case_of(
        &mut self,
        work: &Work,
        lead: LeadId,
    ) -> sqlx::Result<Option<Case>> {
        let Some(stored) = self.store.case(lead).await? else {
            return Ok(None);
        };
        let chat_id = stored.lead.chat_id;
        Ok(self.case(work, chat_id).await?.or(Some(stored)))
    }

    /// The engine takes the event; the story tells on whose word.
    pub(super) fn on_behalf(
        &self,
        mut case: Case,
        event: Event,
        by: &str,
        now: i64,
    ) -> anyhow::Result<Turn> {
        let hushed = match event {
            Event::Pause { until_ms } => Some(until_ms > now),
            _ => None,
        };
        let (lead_id, place) = (case.lead.id, case.session.place.clone());
        let outcome = self.advance(&mut case, event, now)?;
        let cause = Cause {
            now,
            why: "panel",
            wish: None,
            callback_id: None,
        };
        let mut turn = Turn::from_outcome(case, place, outcome, &cause);
        if let Some(hushed) = hushed {
            let event = EventRow {
                lead_id,
                at: now,
                kind: "hushed",
                name: by.into(),
                value: if hushed { "on" } else { "off" }.into(),
                ..EventRow::default()
            };
            turn.events.insert(0, event);
        }
        Ok(turn)
    }

    /// The operator's word about one lead.
    pub(super) async fn hush(
        &mut self,
        work: &mut Work,
        lead: LeadId,
        hushed: bool,
        by: &str,
    ) -> sqlx::Result<()> {
        let Some(case) = self.case_of(work, lead).await? else {
            return Ok(());
        };
        let until_ms = if hushed { i64::MAX } else { 0 };
        match self.on_behalf(case, Event::Pause { until_ms }, by, work.now) {
            Ok(turn) => work.merge(turn),
            Err(error) => tracing::error!(lead.id = lead, "the pause failed: {error:#}"),
        }
        Ok(())
    }
}
