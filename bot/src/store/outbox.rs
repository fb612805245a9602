//! Messages on their way, read back after a restart.

use sqlx::FromRow;

use super::{AnsweredBy, Class, Lane, OutboxRow, OutboxState, Store, chain};
use crate::lead::LeadId;

/// A row a former process left unsettled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsettled {
    pub row: OutboxRow,
    /// The call may have been under way.
    pub was_sending: bool,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    lead_id: i64,
    prev: i64,
    chat_id: i64,
    lane: i64,
    class: String,
    cause: String,
    method: String,
    payload: String,
    media: String,
    card: i64,
    wish: String,
    state: String,
    tries: i64,
    not_before: i64,
    created_at: i64,
}

impl Store {
    /// Everything not settled, in the order it was written.
    pub async fn unsettled(&mut self) -> sqlx::Result<Vec<Unsettled>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT id, lead_id, prev, chat_id, lane, class, cause, method, payload, media, card, wish, state, tries, not_before, created_at
             FROM outbox WHERE partner_id = $1 AND id IN
               (SELECT id FROM outbox WHERE partner_id = $1 AND state IN ('due', 'sending')) ORDER BY id",
        )
        .bind(&*self.partner_id)
        .fetch_all(&mut self.connection)
        .await?;
        Ok(rows.into_iter().map(unsettled).collect())
    }

    /// (waiting to be sent, outcome unknown).
    pub async fn outbox_counts(&mut self) -> sqlx::Result<(i64, i64)> {
        sqlx::query_as(
            "SELECT (SELECT COUNT(*) FROM outbox WHERE partner_id = $1 AND state IN ('due', 'sending')),
                    (SELECT COUNT(*) FROM outbox WHERE partner_id = $1 AND state = 'unknown')",
        )
        .bind(&*self.partner_id)
        .fetch_one(&mut self.connection)
        .await
    }

    /// Where this lead's card stands on partners' screens: (chat, message), newest last.
    pub async fn card_messages(
        &mut self,
        lead: LeadId,
        limit: i64,
    ) -> sqlx::Result<Vec<(i64, i64)>> {
        sqlx::query_as(
            "SELECT chat_id, message_id FROM
               (SELECT id, chat_id, message_id FROM outbox
                WHERE partner_id = $1 AND state = 'sent' AND id IN (
                  SELECT id FROM outbox WHERE partner_id = $1 AND card = $2 AND card <> 0)
                AND message_id <> 0 AND class = 'notification'
                ORDER BY id DESC LIMIT $3) AS newest
             ORDER BY id",
        )
        .bind(&*self.partner_id)
        .bind(lead)
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await
    }

    /// Pictures of this lead on partners' screens: (chat, message).
    pub async fn photo_messages(&mut self, lead: LeadId) -> sqlx::Result<Vec<(i64, i64)>> {
        let sql = format!(
            "SELECT chat_id, message_id FROM outbox
             WHERE partner_id = $1 AND id IN ({}) AND cause = 'photo' AND state = 'sent' AND message_id <> 0",
            chain::OUTBOX
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&*self.partner_id)
            .bind(lead)
            .fetch_all(&mut self.connection)
            .await
    }

    /// Every file already uploaded: (sha256, kind, file id).
    pub async fn media(&mut self) -> sqlx::Result<Vec<(String, String, String)>> {
        sqlx::query_as("SELECT sha256, kind, file_id FROM media WHERE partner_id = $1")
            .bind(&*self.partner_id)
            .fetch_all(&mut self.connection)
            .await
    }
}

fn unsettled(row: Row) -> Unsettled {
    Unsettled {
        was_sending: row.state == "sending",
        row: OutboxRow {
            id: row.id,
            lead_id: row.lead_id,
            prev: row.prev,
            chat_id: row.chat_id,
            lane: lane(row.lane),
            class: class(&row.class),
            cause: row.cause.into(),
            method: row.method.into(),
            payload: row.payload,
            media: row.media,
            card: row.card,
            wish: serde_json::from_str(&row.wish).ok(),
            tries: row.tries,
            not_before: row.not_before,
            created_at: row.created_at,
            answered_by: AnsweredBy::Nothing,
        },
    }
}

fn lane(number: i64) -> Lane {
    match number {
        0 => Lane::Reply,
        1 => Lane::Notification,
        2 => Lane::FollowUp,
        3 => Lane::Sequence,
        4 => Lane::Broadcast,
        _ => Lane::Edit,
    }
}

/// A word of a newer version is treated as the most careful class: at most once.
fn class(word: &str) -> Class {
    match word {
        "reply" => Class::Reply,
        "notification" => Class::Notification,
        "digest" => Class::Digest,
        "edit" => Class::Edit,
        _ => Class::Proactive,
    }
}

pub(super) fn class_word(class: Class) -> &'static str {
    match class {
        Class::Reply => "reply",
        Class::Notification => "notification",
        Class::Proactive => "proactive",
        Class::Digest => "digest",
        Class::Edit => "edit",
    }
}

pub(super) fn state_word(state: OutboxState) -> &'static str {
    match state {
        OutboxState::Due => "due",
        OutboxState::Sending => "sending",
        OutboxState::Sent => "sent",
        OutboxState::Failed => "failed",
        OutboxState::Unknown => "unknown",
        OutboxState::Dropped => "dropped",
    }
}
