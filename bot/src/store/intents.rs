//! What the bot means to say first: kept with the message, so that the gate can be asked again, and named, so that it
//! is said once.

use serde::{Deserialize, Serialize};

use super::{Lane, Store, chain};
use crate::funnel::{Beside, WishLane};
use crate::lead::{LeadId, Purpose};

/// What somebody wants said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    pub lane: Lane,
    pub purpose: Purpose,
    /// Names the utterance, once per lead: `seq:warmup:1:gift`; empty for what may be repeated.
    pub intent: String,
    /// The instant it was meant for.
    pub planned_at: i64,
    /// After this it is better not said.
    #[serde(default)]
    pub stale_at: Option<i64>,
    /// What to do when the lead is in the middle of a talk.
    #[serde(default)]
    pub beside: Beside,
}

impl Wish {
    /// What a due timer would say; it gets its name when it is said.
    pub fn of(wish: &crate::funnel::Wish) -> Wish {
        Wish {
            lane: match wish.lane {
                WishLane::FollowUp => Lane::FollowUp,
                WishLane::Sequence => Lane::Sequence,
            },
            purpose: wish.purpose,
            intent: String::new(),
            planned_at: wish.planned_ms,
            stale_at: Some(wish.stale_at_ms),
            beside: wish.beside,
        }
    }
}

impl Store {
    /// Whether this was planned before, whatever became of it.
    pub async fn has_intent(&mut self, lead: LeadId, intent: &str) -> sqlx::Result<bool> {
        let found: Option<i64> = sqlx::query_scalar(
            "SELECT id FROM outbox WHERE partner_id = $1 AND lead_id = $2 AND intent = $3 AND intent <> ''",
        )
        .bind(&*self.partner_id)
        .bind(lead)
        .bind(intent)
        .fetch_optional(&mut self.connection)
        .await?;
        Ok(found.is_some())
    }
}

/// The intent and the wish as they are stored.
pub(super) fn words(wish: Option<&Wish>) -> sqlx::Result<(&str, String)> {
    let Some(wish) = wish else {
        return Ok(("", String::new()));
    };
    let text = serde_json::to_string(wish).map_err(|error| sqlx::Error::Encode(error.into()))?;
    Ok((&wish.intent, text))
}

/// A message of which it is unknown whether it arrived.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Doubtful {
    pub id: i64,
    pub payload: String,
    pub created_at: i64,
    pub tries: i64,
}

impl Store {
    /// Chats with a message in doubt.
    pub async fn doubtful_chats(&mut self) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT DISTINCT chat_id FROM outbox WHERE partner_id = $1 AND state = 'unknown'",
        )
        .bind(&*self.partner_id)
        .fetch_all(&mut self.connection)
        .await
    }

    /// The messages in doubt of a chat, oldest first; none when the message seen there is one that is known.
    pub async fn doubtful(
        &mut self,
        lead: LeadId,
        chat: i64,
        seen: i64,
    ) -> sqlx::Result<Vec<Doubtful>> {
        // Every message in doubt has a place in an index; what is known of the one seen is asked of its chain.
        let sql = format!(
            "SELECT id, payload, created_at, tries FROM outbox
             WHERE partner_id = $1 AND NOT EXISTS (
               SELECT 1 FROM outbox AS known WHERE known.partner_id = $1 AND known.id IN ({})
               AND known.state = 'sent' AND known.message_id = $4)
             AND id IN (SELECT id FROM outbox WHERE partner_id = $1 AND state = 'unknown' AND chat_id = $3)
             ORDER BY id",
            chain::OUTBOX
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&*self.partner_id)
            .bind(lead)
            .bind(chat)
            .bind(seen)
            .fetch_all(&mut self.connection)
            .await
    }
}
