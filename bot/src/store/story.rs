//! The story of what happened, for people who ask why.

use sqlx::sqlite::SqliteRow;
use sqlx::{FromRow, Row};

use super::{EventRow, Store, chain};
use crate::lead::LeadId;

/// One line of the story: something that happened, or a message with its fate.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct StoryItem {
    pub at: i64,
    pub lead_id: LeadId,
    pub chat_id: i64,
    /// Event kind, or `send`.
    pub kind: String,
    pub funnel: String,
    pub step: String,
    pub name: String,
    pub value: String,
    pub points: i64,
    /// Of a message: its state and why; empty for an event.
    pub state: String,
    pub reason: String,
    pub cause: String,
    pub payload: String,
    /// Outbox id, or 0.
    pub outbox_id: i64,
    /// Row number within its table.
    pub place: i64,
}

const EVENTS: &str = "SELECT at, lead_id, 0 AS chat_id, kind, funnel, step, name, value, points,
    '' AS state, '' AS reason, '' AS cause, '' AS payload, 0 AS outbox_id, id AS place";
const SENDS: &str = "SELECT created_at AS at, CASE WHEN card <> 0 THEN card ELSE lead_id END AS lead_id, chat_id, 'send' AS kind,
    '' AS funnel, '' AS step, '' AS name, '' AS value, 0 AS points, state, reason, cause, payload, id AS outbox_id, id AS place";

impl Store {
    /// A lead's story, oldest first, at most the newest `limit` lines.
    pub async fn story(&mut self, lead: LeadId, limit: i64) -> sqlx::Result<Vec<StoryItem>> {
        let sql = format!(
            "SELECT * FROM (SELECT * FROM ({EVENTS} FROM events WHERE partner_id = $1 AND id IN ({})
               UNION ALL {SENDS} FROM outbox WHERE partner_id = $1 AND id IN ({})
               UNION ALL {SENDS} FROM outbox WHERE partner_id = $1 AND lead_id <> $2 AND id IN (
                 SELECT id FROM outbox WHERE partner_id = $1 AND card = $2 AND card <> 0)) AS everything
             ORDER BY at DESC, outbox_id DESC, place DESC LIMIT $3) AS newest ORDER BY at, outbox_id, place",
            chain::EVENTS, chain::OUTBOX
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&*self.partner_id)
            .bind(lead)
            .bind(limit)
            .fetch_all(&mut self.connection)
            .await
    }

    /// What happened to anybody since `after` (ms), oldest first; for the demo's log strip.
    pub async fn recent(&mut self, after: i64, limit: i64) -> sqlx::Result<Vec<StoryItem>> {
        let sql = format!(
            "SELECT * FROM (SELECT * FROM ({EVENTS} FROM events WHERE partner_id = $1 AND at >= $2
               UNION ALL {SENDS} FROM outbox WHERE partner_id = $1 AND created_at >= $2) AS everything
             ORDER BY at DESC, outbox_id DESC, place DESC LIMIT $3) AS newest ORDER BY at, outbox_id, place"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&*self.partner_id)
            .bind(after)
            .bind(limit)
            .fetch_all(&mut self.connection)
            .await
    }

    /// Score lines and answers of a lead, for its card.
    pub async fn lead_events(
        &mut self,
        lead: LeadId,
        kinds: [&'static str; 3],
    ) -> sqlx::Result<Vec<EventRow>> {
        let sql = format!(
            "SELECT id, prev, at, kind, funnel, step, name, value, points FROM events
             WHERE partner_id = $1 AND id IN ({}) AND kind IN ($3, $4, $5) ORDER BY id",
            chain::EVENTS
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(&*self.partner_id)
            .bind(lead)
            .bind(kinds[0])
            .bind(kinds[1])
            .bind(kinds[2])
            .fetch_all(&mut self.connection)
            .await?;
        rows.iter().map(|row| event(row, lead, kinds)).collect()
    }
}

fn event(row: &SqliteRow, lead_id: LeadId, kinds: [&'static str; 3]) -> sqlx::Result<EventRow> {
    let text = |column: &str| row.try_get::<&str, _>(column);
    let kind = text("kind")?;
    Ok(EventRow {
        id: row.try_get("id")?,
        lead_id,
        prev: row.try_get("prev")?,
        at: row.try_get("at")?,
        kind: kinds
            .into_iter()
            .find(|known| *known == kind)
            .unwrap_or_default(),
        funnel: text("funnel")?.into(),
        step: text("step")?.into(),
        name: text("name")?.into(),
        value: text("value")?.into(),
        points: row.try_get("points")?,
    })
}
