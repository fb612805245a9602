//! What is due later, lane by lane: the lead's own words first, then the partner's, then those of the bot.

use super::{Lane, Store, TimerRow};
use crate::funnel::event::TimerName;
use crate::lead::LeadId;

/// The lanes of timers in which nothing is said that the gate could hold.
pub const OWN_LANES: [Lane; 2] = [Lane::Reply, Lane::Notification];
/// The lanes in which the bot speaks first, the more urgent first.
pub const FIRST_LANES: [Lane; 2] = [Lane::FollowUp, Lane::Sequence];

/// When the next timer of each kind is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NextTimers {
    pub own: Option<i64>,
    /// Of those in which the bot speaks first.
    pub first: Option<i64>,
}

pub fn lane_of(name: &TimerName) -> Lane {
    match name {
        TimerName::Collect => Lane::Reply,
        TimerName::Silence => Lane::FollowUp,
        TimerName::Sequence(_) => Lane::Sequence,
    }
}

type Row = (i64, String, i64, String, String);

impl Store {
    /// Timers of this lane due by `now`, earliest first.
    pub async fn due_timers(
        &mut self,
        lane: Lane,
        now: i64,
        limit: usize,
    ) -> sqlx::Result<Vec<TimerRow>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT lead_id, name, due_at, data, held FROM timers
             WHERE partner_id = $1 AND lane = $2 AND due_at <= $3 ORDER BY due_at LIMIT $4",
        )
        .bind(&*self.partner_id)
        .bind(lane as i64)
        .bind(now)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut self.connection)
        .await?;
        self.readable(rows).await
    }

    pub async fn next_timers(&mut self) -> sqlx::Result<NextTimers> {
        const LANE: &str = "(SELECT MIN(due_at) FROM timers WHERE partner_id = $1 AND lane = ";
        let sql = format!("SELECT {LANE}0), {LANE}1), {LANE}2), {LANE}3)");
        let (reply, notification, follow_up, sequence): (
            Option<i64>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
        ) = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&*self.partner_id)
            .fetch_one(&mut self.connection)
            .await?;
        let sooner = |a: Option<i64>, b: Option<i64>| a.into_iter().chain(b).min();
        Ok(NextTimers {
            own: sooner(reply, notification),
            first: sooner(follow_up, sequence),
        })
    }

    /// What this lead waits for, earliest first.
    pub async fn timers_of(&mut self, lead: LeadId) -> sqlx::Result<Vec<TimerRow>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT lead_id, name, due_at, data, held FROM timers
             WHERE partner_id = $1 AND lead_id = $2 ORDER BY due_at",
        )
        .bind(&*self.partner_id)
        .bind(lead)
        .fetch_all(&mut self.connection)
        .await?;
        Ok(rows.into_iter().filter_map(timer).collect())
    }

    /// Timers of sequences in the order of their leads, after this one: a page of all that wait.
    pub async fn waiting(
        &mut self,
        after: &(LeadId, String),
        limit: usize,
    ) -> sqlx::Result<Vec<TimerRow>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT lead_id, name, due_at, data, held FROM timers
             WHERE partner_id = $1 AND (lead_id, name) > ($2, $3) AND lane = 3 ORDER BY lead_id, name LIMIT $4",
        )
        .bind(&*self.partner_id)
        .bind(after.0)
        .bind(&after.1)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&mut self.connection)
        .await?;
        Ok(rows.into_iter().filter_map(timer).collect())
    }

    /// How many leads stand where: (funnel, step, leads).
    pub async fn standing(&mut self) -> sqlx::Result<Vec<(String, String, i64)>> {
        sqlx::query_as(
            "SELECT funnel, step, COUNT(*) FROM leads WHERE partner_id = $1 AND funnel <> '' GROUP BY funnel, step",
        )
        .bind(&self.partner_id)
        .fetch_all(&mut self.connection)
        .await
    }

    /// A row that cannot be read is of another version; left where it is, it would be due for ever.
    async fn readable(&mut self, rows: Vec<Row>) -> sqlx::Result<Vec<TimerRow>> {
        let mut timers = Vec::with_capacity(rows.len());
        for row in rows {
            let (lead, name) = (row.0, row.1.clone());
            match timer(row) {
                Some(timer) => timers.push(timer),
                None => {
                    tracing::error!(
                        lead.id = lead,
                        "a timer \"{name}\" cannot be read and is removed"
                    );
                    sqlx::query(
                        "DELETE FROM timers WHERE partner_id = $1 AND lead_id = $2 AND name = $3",
                    )
                    .bind(&*self.partner_id)
                    .bind(lead)
                    .bind(name)
                    .execute(&mut self.connection)
                    .await?;
                }
            }
        }
        Ok(timers)
    }
}

fn timer((lead_id, name, due_at, data, held): Row) -> Option<TimerRow> {
    Some(TimerRow {
        lead_id,
        name: TimerName::parse(&name)?,
        due_at,
        data: serde_json::from_str(&data).ok()?,
        held,
    })
}
