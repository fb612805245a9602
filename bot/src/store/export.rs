//! Everything kept of one person, as they may ask for it; and forgetting them while no bot runs.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::erase::{Forgotten, remember_erased};
use super::{Batch, Case, Store, chain};
use crate::config::Retention;
use crate::lead::LeadId;

const ALL: i64 = 1_000_000;

impl Store {
    /// The lead, what they answered and agreed to, every event, message and timer; times as people read them.
    pub async fn export(&mut self, lead: LeadId, retention: &Retention) -> sqlx::Result<Value> {
        let Some(case) = self.case(lead).await? else {
            return Ok(no_lead(lead));
        };
        let events: Vec<Value> = self
            .story(lead, ALL)
            .await?
            .iter()
            .filter(|item| item.kind != "send")
            .map(|item| {
                json!({ "at": moment(item.at), "kind": item.kind, "funnel": item.funnel, "step": item.step,
                        "name": item.name, "value": item.value, "points": item.points })
            })
            .collect();
        let messages = self.messages_of(lead).await?;
        let timers: Vec<(String, i64)> = sqlx::query_as(
            "SELECT name, due_at FROM timers WHERE partner_id = $1 AND lead_id = $2",
        )
        .bind(&self.partner_id)
        .bind(lead)
        .fetch_all(&mut self.connection)
        .await?;
        let timers: Vec<Value> = timers
            .iter()
            .map(|(name, due_at)| json!({ "name": name, "due": moment(*due_at) }))
            .collect();
        Ok(json!({
            "partner": self.partner_id,
            "lead": case.lead,
            "zone": case.lead.zone.name,
            "came": moment(case.lead.created_at),
            "last_seen": moment(case.session.last_seen_at),
            "kept_until": moment(kept_until(&case, retention)),
            "answers": case.session.answers,
            "session": case.session,
            "events": events,
            "messages": messages,
            "timers": timers,
        }))
    }

    async fn messages_of(&mut self, lead: LeadId) -> sqlx::Result<Vec<Value>> {
        let sql = format!(
            "SELECT created_at, state, reason, payload FROM outbox WHERE partner_id = $1 AND id IN ({}) ORDER BY id",
            chain::OUTBOX
        );
        let rows: Vec<(i64, String, String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(&self.partner_id)
            .bind(lead)
            .fetch_all(&mut self.connection)
            .await?;
        let message = |(at, state, reason, payload): &(i64, String, String, String)| {
            let payload: Value = serde_json::from_str(payload).unwrap_or_default();
            json!({ "at": moment(*at), "state": state, "reason": reason, "message": payload })
        };
        Ok(rows.iter().map(message).collect())
    }

    /// Forgets a lead while no bot runs; the act, or what is wrong.
    pub async fn erase_alone(
        &mut self,
        data_dir: &Path,
        lead: LeadId,
        by: &str,
        now: i64,
    ) -> anyhow::Result<Value> {
        let Some(case) = self.case(lead).await? else {
            return Ok(no_lead(lead));
        };
        let who = Forgotten {
            lead,
            chat_id: case.lead.chat_id,
            at: now,
            by: format!("operator {by}"),
            mark: self.mark(case.lead.chat_id).await?,
        };
        remember_erased(data_dir, std::slice::from_ref(&who))?;
        let last = self.counters().await?.lead;
        let batch = Batch {
            forgotten: vec![who],
            facts: vec![("last_lead", last.to_string())],
            ..Batch::default()
        };
        self.commit(&batch).await?;
        self.scrub().await?;
        self.proof(lead).await.map_err(Into::into)
    }

    /// The act of a lead who was forgotten.
    pub async fn proof(&mut self, lead: LeadId) -> sqlx::Result<Value> {
        let Some(act) = self.act(lead).await? else {
            return Ok(no_lead(lead));
        };
        let mut proof = json!(act);
        proof["partner"] = json!(self.partner_id);
        Ok(proof)
    }
}

fn no_lead(lead: LeadId) -> Value {
    json!({ "error": format!("no lead #{lead}; the numbers are on the cards and in /hot_leads") })
}

fn kept_until(case: &Case, retention: &Retention) -> i64 {
    let has_contact = case.lead.phone.is_some() || case.lead.email.is_some();
    let kept = if has_contact {
        retention.contact_ms
    } else {
        retention.talk_ms
    };
    case.session.last_seen_at.saturating_add(kept)
}

fn moment(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(|_| String::new(), |at| at.to_string())
}
