//! Pages of leads by a filter, and the tags in use.

use std::collections::BTreeMap;

use sqlx::AssertSqlSafe;

use super::{HotLead, Store};

/// Which leads a list holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeadFilter {
    All,
    /// Came at or after this moment.
    Since(i64),
    /// With at least this score.
    Hot(i64),
    /// Asked for a person and was not handled.
    Waiting,
    Contact,
    Tag(String),
}

/// Leads looked at for the tags in use; the newest tell enough.
const TAGGED: i64 = 5_000;

impl Store {
    /// One page, newest activity first, and the full count.
    pub async fn leads(
        &mut self,
        filter: &LeadFilter,
        limit: i64,
        offset: i64,
    ) -> sqlx::Result<(Vec<HotLead>, i64)> {
        let (condition, number, text) = condition(filter);
        // The condition is one of the constants above.
        let count = format!(
            "SELECT COUNT(*) FROM leads WHERE partner_id = $1 AND insider = 0 AND $2 = $2 AND $3 = $3 AND {condition}"
        );
        let total = sqlx::query_scalar(AssertSqlSafe(count))
            .bind(&self.partner_id)
            .bind(number)
            .bind(&text)
            .fetch_one(&mut self.connection)
            .await?;
        let page = format!(
            "SELECT id, first_name, last_name, phone, email, score, handoff, handled_at, last_seen_at FROM leads
             WHERE partner_id = $1 AND insider = 0 AND $2 = $2 AND $3 = $3 AND {condition}
             ORDER BY last_seen_at DESC, id DESC LIMIT $4 OFFSET $5"
        );
        let rows = sqlx::query_as(AssertSqlSafe(page))
            .bind(&self.partner_id)
            .bind(number)
            .bind(&text)
            .bind(limit)
            .bind(offset)
            .fetch_all(&mut self.connection)
            .await?;
        Ok((rows, total))
    }

    /// Tags with how many of the newest leads carry them, most first.
    pub async fn tags(&mut self) -> sqlx::Result<Vec<(String, i64)>> {
        let sets: Vec<String> = sqlx::query_scalar(
            "SELECT tags FROM leads WHERE partner_id = $1 AND insider = 0 AND tags <> '[]' ORDER BY id DESC LIMIT $2",
        )
        .bind(&self.partner_id)
        .bind(TAGGED)
        .fetch_all(&mut self.connection)
        .await?;
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        for set in sets {
            let tags: Vec<String> = serde_json::from_str(&set).unwrap_or_default();
            for tag in tags {
                *counts.entry(tag).or_default() += 1;
            }
        }
        let mut tags: Vec<(String, i64)> = counts.into_iter().collect();
        tags.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Ok(tags)
    }
}

/// The filter as a condition over $2 (a number) and $3 (a text).
fn condition(filter: &LeadFilter) -> (&'static str, i64, String) {
    match filter {
        LeadFilter::All => ("1 = 1", 0, String::new()),
        LeadFilter::Since(at) => ("created_at >= $2", *at, String::new()),
        LeadFilter::Hot(score) => ("score >= $2", *score, String::new()),
        LeadFilter::Waiting => ("handoff = 'waiting' AND handled_at = 0", 0, String::new()),
        LeadFilter::Contact => ("(phone <> '' OR email <> '')", 0, String::new()),
        LeadFilter::Tag(tag) => ("tags LIKE $3 ESCAPE '\\'", 0, tag_pattern(tag)),
    }
}

/// The tag as it stands in the JSON list, with what LIKE would read as a sign made literal.
fn tag_pattern(tag: &str) -> String {
    let quoted = serde_json::to_string(tag).unwrap_or_default();
    let mut pattern = String::with_capacity(quoted.len() + 2);
    pattern.push('%');
    for c in quoted.chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}
