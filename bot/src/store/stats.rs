//! Figures for the partner: leads of the partner's own people are never counted.

use sqlx::FromRow;

use super::Store;

/// Figures of one period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub leads: i64,
    pub contacts: i64,
    pub hot: i64,
    pub links: i64,
    pub handled: i64,
    pub waiting: i64,
    pub blocked: i64,
    /// Messages whose arrival could not be learned.
    pub unknown: i64,
    /// (funnel, leads who entered it, of them with a contact), most first.
    pub funnels: Vec<(String, i64, i64)>,
    /// (source, leads), most first.
    pub sources: Vec<(String, i64)>,
}

/// Unix milliseconds, end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatsWindow {
    pub from: i64,
    pub to: i64,
}

/// A row of the hot list.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct HotLead {
    pub id: i64,
    pub first_name: String,
    pub last_name: String,
    pub phone: String,
    pub email: String,
    pub score: i64,
    pub handoff: String,
    pub handled_at: i64,
    pub last_seen_at: i64,
}

/// A bot's data in the operator's table; times are 0 when there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow, serde::Serialize)]
pub struct Figures {
    pub leads_today: i64,
    pub hot: i64,
    /// When the oldest update came that is not handled.
    pub oldest_update: i64,
    /// When the newest update came, also in an earlier life.
    pub last_update: i64,
    /// Since when the oldest message waits that may already leave.
    pub oldest_message: i64,
    pub waiting: i64,
    pub unknown: i64,
    pub set_aside: i64,
    /// Timers due for more than five minutes.
    pub stuck_timers: i64,
}

/// The indexes are named because SQLite would rather read all leads than a partial index.
const FIGURES: &str = "SELECT
               (SELECT COUNT(*) FROM leads WHERE partner_id = $1 AND insider = 0 AND created_at >= $2) AS leads_today,
               (SELECT COUNT(*) FROM leads INDEXED BY leads_left WHERE partner_id = $1 AND handled_at = 0
                 AND insider = 0 AND (handoff = 'waiting' OR phone <> '' OR email <> ''))
               + (SELECT COUNT(*) FROM leads INDEXED BY leads_score WHERE partner_id = $1 AND score >= $3
                 AND insider = 0 AND handled_at = 0
                 AND NOT (handoff = 'waiting' OR phone <> '' OR email <> '')) AS hot,
               COALESCE((SELECT received_at FROM inbox WHERE partner_id = $1 ORDER BY update_id DESC LIMIT 1), 0) AS last_update,
               (SELECT COALESCE(MIN(received_at), 0) FROM inbox WHERE partner_id = $1 AND update_id IN (
                 SELECT update_id FROM inbox WHERE partner_id = $1 AND state = 'pending' AND state IN ('pending', 'dead'))) AS oldest_update,
               (SELECT COALESCE(MIN(CASE WHEN not_before > created_at THEN not_before ELSE created_at END), 0) FROM outbox
                 WHERE partner_id = $1 AND not_before <= $4 AND id IN (
                   SELECT id FROM outbox WHERE partner_id = $1 AND state IN ('due', 'sending'))) AS oldest_message,
               (SELECT COUNT(*) FROM outbox WHERE partner_id = $1 AND state IN ('due', 'sending')) AS waiting,
               (SELECT COUNT(*) FROM outbox WHERE partner_id = $1 AND state = 'unknown') AS unknown,
               (SELECT COUNT(*) FROM inbox WHERE partner_id = $1 AND state = 'dead' AND state IN ('pending', 'dead')) AS set_aside,
               (SELECT COUNT(*) FROM timers WHERE partner_id = $1 AND lane IN (0, 1, 2, 3) AND due_at < $5) AS stuck_timers";

/// A timer this late did not fire.
const STUCK_MS: i64 = 300_000;

impl Store {
    /// Counted by index: the cost grows with what waits for somebody and with the leads of today, not with all leads.
    pub async fn figures(&mut self, now: i64, today: i64, hot_score: i64) -> sqlx::Result<Figures> {
        sqlx::query_as(FIGURES)
            .bind(&self.partner_id)
            .bind(today)
            .bind(hot_score)
            .bind(now)
            .bind(now - STUCK_MS)
            .fetch_one(&mut self.connection)
            .await
    }

    pub async fn stats(&mut self, window: StatsWindow, hot_score: i64) -> sqlx::Result<Stats> {
        let totals: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
            "SELECT COUNT(*),
                    COUNT(CASE WHEN phone <> '' OR email <> '' THEN 1 END),
                    COUNT(CASE WHEN score >= $4 THEN 1 END),
                    COUNT(CASE WHEN handled_at <> 0 THEN 1 END),
                    COUNT(CASE WHEN handoff = 'waiting' AND handled_at = 0 THEN 1 END),
                    COUNT(CASE WHEN reach <> 'active' THEN 1 END)
             FROM leads WHERE partner_id = $1 AND insider = 0 AND created_at >= $2 AND created_at < $3",
        )
        .bind(&*self.partner_id)
        .bind(window.from)
        .bind(window.to)
        .bind(hot_score)
        .fetch_one(&mut self.connection)
        .await?;
        let (leads, contacts, hot, handled, waiting, blocked) = totals;
        let links = self.link_openings(window).await?;
        let unknown = self.unknown_sends(window).await?;
        let funnels = self.by_funnel(window).await?;
        let sources = self.by_source(window).await?;
        Ok(Stats {
            leads,
            contacts,
            hot,
            links,
            handled,
            waiting,
            blocked,
            unknown,
            funnels,
            sources,
        })
    }

    async fn link_openings(&mut self, window: StatsWindow) -> sqlx::Result<i64> {
        sqlx::query_scalar(
            "SELECT COUNT(DISTINCT e.lead_id) FROM events e
             JOIN leads l ON l.partner_id = e.partner_id AND l.id = e.lead_id AND l.insider = 0
             WHERE e.partner_id = $1 AND e.kind = 'link' AND e.at >= $2 AND e.at < $3",
        )
        .bind(&*self.partner_id)
        .bind(window.from)
        .bind(window.to)
        .fetch_one(&mut self.connection)
        .await
    }

    async fn unknown_sends(&mut self, window: StatsWindow) -> sqlx::Result<i64> {
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM outbox WHERE partner_id = $1 AND state = 'unknown' AND created_at >= $2 AND created_at < $3",
        )
        .bind(&*self.partner_id)
        .bind(window.from)
        .bind(window.to)
        .fetch_one(&mut self.connection)
        .await
    }

    async fn by_funnel(&mut self, window: StatsWindow) -> sqlx::Result<Vec<(String, i64, i64)>> {
        sqlx::query_as(
            "SELECT e.funnel, COUNT(DISTINCT e.lead_id),
                    COUNT(DISTINCT CASE WHEN l.phone <> '' OR l.email <> '' THEN e.lead_id END)
             FROM events e JOIN leads l ON l.partner_id = e.partner_id AND l.id = e.lead_id AND l.insider = 0
             WHERE e.partner_id = $1 AND e.kind = 'entered' AND e.at >= $2 AND e.at < $3
             GROUP BY e.funnel ORDER BY 2 DESC, 1 LIMIT 10",
        )
        .bind(&*self.partner_id)
        .bind(window.from)
        .bind(window.to)
        .fetch_all(&mut self.connection)
        .await
    }

    async fn by_source(&mut self, window: StatsWindow) -> sqlx::Result<Vec<(String, i64)>> {
        sqlx::query_as(
            "SELECT value, COUNT(*) FROM events e
             JOIN leads l ON l.partner_id = e.partner_id AND l.id = e.lead_id AND l.insider = 0
             WHERE e.partner_id = $1 AND e.kind = 'came' AND e.at >= $2 AND e.at < $3
             GROUP BY value ORDER BY 2 DESC, 1 LIMIT 5",
        )
        .bind(&*self.partner_id)
        .bind(window.from)
        .bind(window.to)
        .fetch_all(&mut self.connection)
        .await
    }

    /// Leads nobody has handled who are hot, ask for a person or left a contact; who asks first, then the hottest: one page and the full count.
    pub async fn hot_leads(
        &mut self,
        hot_score: i64,
        limit: i64,
        offset: i64,
    ) -> sqlx::Result<(Vec<HotLead>, i64)> {
        let total = sqlx::query_scalar(
            "SELECT COUNT(*) FROM leads WHERE partner_id = $1 AND insider = 0 AND handled_at = 0
             AND (score >= $2 OR handoff = 'waiting' OR phone <> '' OR email <> '')",
        )
        .bind(&*self.partner_id)
        .bind(hot_score)
        .fetch_one(&mut self.connection)
        .await?;
        let rows: Vec<HotLead> = sqlx::query_as(
            "SELECT id, first_name, last_name, phone, email, score, handoff, handled_at, last_seen_at FROM leads
             WHERE partner_id = $1 AND insider = 0 AND handled_at = 0 AND (score >= $2 OR handoff = 'waiting' OR phone <> '' OR email <> '')
             ORDER BY CASE WHEN handoff = 'waiting' THEN 0 ELSE 1 END, score DESC, last_seen_at DESC LIMIT $3 OFFSET $4",
        )
        .bind(&*self.partner_id)
        .bind(hot_score)
        .bind(limit)
        .bind(offset)
        .fetch_all(&mut self.connection)
        .await?;
        Ok((rows, total))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lead::{Handoff, Lead};
    use crate::store::{Batch, Case};

    #[tokio::test]
    async fn figures_are_counted_without_reading_all_leads() {
        let dir = std::env::temp_dir().join(format!("bot-figures-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let mut store = crate::store::open(&dir, "north").await.expect("a store");
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {FIGURES}")))
                .bind("north")
                .fetch_all(&mut store.connection)
                .await
                .expect("a plan");
        for (.., line) in &plan {
            let is_bounded = !line.contains("SCAN ") || line == "SCAN CONSTANT ROW";
            // The newest update is one row of the inbox, by its key.
            let reads_all =
                line.ends_with("PRIMARY KEY (partner_id=?)") && !line.starts_with("SEARCH inbox");
            assert!(is_bounded && !reads_all, "{plan:#?}");
        }
        let counted = "EXPLAIN QUERY PLAN SELECT COUNT(*) FROM events WHERE partner_id = $1 AND kind = 'link' AND at >= 1";
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(counted)
            .bind("north")
            .fetch_all(&mut store.connection)
            .await
            .expect("a plan");
        assert!(plan[0].3.contains("events_counted"), "{plan:#?}");
        let case = |id: i64, score: i64, handoff: Handoff, insider: bool, handled_at: i64| Case {
            lead: Arc::new(Lead {
                id,
                chat_id: id,
                score,
                handoff,
                created_at: id * 1_000,
                ..Lead::default()
            }),
            insider,
            handled_at,
            ..Case::default()
        };
        let cases = vec![
            case(1, 0, Handoff::Bot, false, 0),
            case(2, 90, Handoff::Bot, false, 0),
            case(3, 0, Handoff::Waiting, false, 0),
            case(4, 90, Handoff::Waiting, false, 0),
            case(5, 90, Handoff::Waiting, false, 7),
            case(6, 90, Handoff::Waiting, true, 0),
        ];
        let batch = Batch {
            cases,
            ..Batch::default()
        };
        store.commit(&batch).await.expect("room");
        let seen = store.figures(10_000, 3_000, 50).await.expect("figures");
        assert_eq!((seen.leads_today, seen.hot), (3, 3));
        std::fs::remove_dir_all(&dir).expect("it is there");
    }
}
