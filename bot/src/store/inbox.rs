//! Updates that wait to be handled.

use sqlx::AssertSqlSafe;

use super::Store;

/// A stored update that is not handled yet.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Pending {
    pub update_id: i64,
    pub tries: i64,
    pub chat_id: i64,
    pub raw: String,
    pub received_at: i64,
}

impl Store {
    /// Which of these updates are stored already.
    pub async fn known_updates(&mut self, ids: &[i64]) -> sqlx::Result<Vec<i64>> {
        let mut known = Vec::new();
        for chunk in ids.chunks(100) {
            let places: Vec<String> = (2..chunk.len() + 2).map(|n| format!("${n}")).collect();
            let sql = format!(
                "SELECT update_id FROM inbox WHERE partner_id = $1 AND update_id IN ({})",
                places.join(", ")
            );
            let mut query =
                sqlx::query_scalar::<sqlx::Sqlite, i64>(AssertSqlSafe(sql)).bind(&*self.partner_id);
            for id in chunk {
                query = query.bind(*id);
            }
            known.extend(query.fetch_all(&mut self.connection).await?);
        }
        Ok(known)
    }

    /// Stored updates that wait for another try, oldest first.
    pub async fn pending_updates(&mut self, limit: i64) -> sqlx::Result<Vec<Pending>> {
        sqlx::query_as(
            "SELECT update_id, tries, chat_id, raw, received_at FROM inbox
             WHERE partner_id = $1 AND update_id IN (
               SELECT update_id FROM inbox WHERE partner_id = $1 AND state = 'pending' AND state IN ('pending', 'dead')
             ) ORDER BY update_id LIMIT $2",
        )
        .bind(&*self.partner_id)
        .bind(limit)
        .fetch_all(&mut self.connection)
        .await
    }

    /// (waiting, set aside).
    pub async fn inbox_counts(&mut self) -> sqlx::Result<(i64, i64)> {
        sqlx::query_as(
            "SELECT COALESCE(SUM(state = 'pending'), 0), COALESCE(SUM(state = 'dead'), 0)
             FROM inbox WHERE partner_id = $1 AND state IN ('pending', 'dead')",
        )
        .bind(&*self.partner_id)
        .fetch_one(&mut self.connection)
        .await
    }

    /// Telegram keeps an update for a day; a handled id is of no use after two.
    pub async fn prune_inbox(&mut self, before: i64) -> sqlx::Result<u64> {
        sqlx::query(
            "DELETE FROM inbox WHERE partner_id = $1 AND state = 'done' AND received_at < $2",
        )
        .bind(&*self.partner_id)
        .bind(before)
        .execute(&mut self.connection)
        .await
        .map(|done| done.rows_affected())
    }
}
