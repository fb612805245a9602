//! The partner's people who came by a signed link.

use super::{Member, Store};

impl Store {
    pub async fn team(&mut self) -> sqlx::Result<Vec<Member>> {
        let rows: Vec<(i64, String, String, i64)> =
            sqlx::query_as("SELECT user_id, name, invite, bound_at FROM team WHERE partner_id = $1 ORDER BY bound_at")
                .bind(&*self.partner_id)
                .fetch_all(&mut self.connection)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(user_id, name, invite, bound_at)| Member {
                user_id,
                name,
                invite,
                bound_at,
            })
            .collect())
    }
}
