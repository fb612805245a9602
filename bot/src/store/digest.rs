//! Digests told so far, and the figures of the next.

use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use super::Store;

/// A digest of one local day; written in the commit that writes its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DigestRow {
    pub kind: &'static str,
    /// The partner's local day: `2026-11-27`.
    pub day: String,
    pub covers_from: i64,
    pub covers_to: i64,
    /// Its messages in the outbox, first and last; 0 when there was nothing to tell.
    pub messages: (i64, i64),
}

/// What was new since a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct News {
    pub leads: i64,
    pub contacts: i64,
    /// Leads worth a call who did something.
    pub stirred: i64,
    /// Leads who asked for a person and still wait, however long.
    pub asking: i64,
}

impl Store {
    /// The days of this kind told already, from `day` on.
    pub async fn digest_days(&mut self, kind: &str, day: &str) -> sqlx::Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT day FROM digests WHERE partner_id = $1 AND kind = $2 AND day >= $3",
        )
        .bind(&self.partner_id)
        .bind(kind)
        .bind(day)
        .fetch_all(&mut self.connection)
        .await
    }

    /// Until when everything was told for sure: by a digest that arrived, or because there was nothing to tell.
    /// What was in doubt is told again by the next; what a clock that ran ahead told does not count.
    pub async fn digest_covered(&mut self, kind: &str, now: i64) -> sqlx::Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT MAX(d.covers_to) FROM digests d WHERE d.partner_id = $1 AND d.kind = $2 AND d.covers_to <= $3
             AND (d.first_outbox = 0 OR EXISTS (
               SELECT 1 FROM outbox o WHERE o.partner_id = d.partner_id AND o.id BETWEEN d.first_outbox AND d.last_outbox
               AND o.state = 'sent'))",
        )
        .bind(&self.partner_id)
        .bind(kind)
        .bind(now)
        .fetch_one(&mut self.connection)
        .await
    }

    pub async fn news(&mut self, since: i64, hot_score: i64) -> sqlx::Result<News> {
        sqlx::query_as(
            "SELECT COUNT(CASE WHEN created_at >= $2 THEN 1 END) AS leads,
                    COUNT(CASE WHEN created_at >= $2 AND (phone <> '' OR email <> '') THEN 1 END) AS contacts,
                    COUNT(CASE WHEN last_seen_at >= $2 AND handled_at = 0
                          AND (score >= $3 OR phone <> '' OR email <> '') THEN 1 END) AS stirred,
                    COUNT(CASE WHEN handoff = 'waiting' AND handled_at = 0 THEN 1 END) AS asking
             FROM leads WHERE partner_id = $1 AND insider = 0",
        )
        .bind(&self.partner_id)
        .bind(since)
        .bind(hot_score)
        .fetch_one(&mut self.connection)
        .await
    }
}

pub(super) async fn write(
    tx: &mut SqliteConnection,
    partner: &str,
    rows: &[DigestRow],
) -> sqlx::Result<()> {
    for row in rows {
        sqlx::query(
            "INSERT INTO digests (partner_id, kind, day, covers_from, covers_to, first_outbox, last_outbox)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(partner)
        .bind(row.kind)
        .bind(&row.day)
        .bind(row.covers_from)
        .bind(row.covers_to)
        .bind(row.messages.0)
        .bind(row.messages.1)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// The road of the leads who came in a week; each stage is a part of the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, FromRow)]
pub struct Week {
    pub came: i64,
    pub answered: i64,
    pub contacts: i64,
    pub handled: i64,
}

impl Store {
    pub async fn week(&mut self, from: i64, to: i64) -> sqlx::Result<Week> {
        sqlx::query_as(
            "SELECT COUNT(*) AS came,
                    COUNT(CASE WHEN phone <> '' OR email <> '' OR session LIKE '%\"answers\":%' THEN 1 END) AS answered,
                    COUNT(CASE WHEN phone <> '' OR email <> '' THEN 1 END) AS contacts,
                    COUNT(CASE WHEN (phone <> '' OR email <> '') AND handled_at <> 0 THEN 1 END) AS handled
             FROM leads WHERE partner_id = $1 AND insider = 0 AND created_at >= $2 AND created_at < $3",
        )
        .bind(&self.partner_id)
        .bind(from)
        .bind(to)
        .fetch_one(&mut self.connection)
        .await
    }

    /// When the leads of a week came.
    pub async fn arrivals(&mut self, from: i64, to: i64) -> sqlx::Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT created_at FROM leads WHERE partner_id = $1 AND insider = 0 AND created_at >= $2 AND created_at < $3",
        )
        .bind(&self.partner_id)
        .bind(from)
        .bind(to)
        .fetch_all(&mut self.connection)
        .await
    }
}
