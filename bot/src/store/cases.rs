//! Leads with their sessions: one row each.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::SqliteRow;
use sqlx::{AssertSqlSafe, Row};

use super::rows::Binds;
use super::{Case, Chains, Store};
use crate::funnel::session::Session;
use crate::lead::{Contact, ContactKind, Lead, LeadId};

const COLUMNS: &str = "id, chat_id, first_name, last_name, username, language, phone, phone_origin, email, email_origin,
    tags, score, reach, opted_out, handoff, first_touch, last_touch, session, insider, handled_at, handled_by, hot_at,
    last_event, last_outbox, zone, consents, spoken, created_at, last_seen_at";

impl Store {
    /// The cases of these chats, as far as they exist.
    pub async fn cases_by_chat(&mut self, chats: &[i64]) -> sqlx::Result<Vec<Case>> {
        let mut found = Vec::with_capacity(chats.len());
        for chunk in chats.chunks(BY_CHAT) {
            let mut query = sqlx::query(AssertSqlSafe(by_chat()));
            for place in 0..BY_CHAT {
                query = query.bind(chunk.get(place).copied().unwrap_or(0));
            }
            query = query.bind(&*self.partner_id);
            for row in query.fetch_all(&mut self.connection).await? {
                found.push(case(&row)?);
            }
        }
        Ok(found)
    }

    pub async fn case(&mut self, lead: LeadId) -> sqlx::Result<Option<Case>> {
        let sql = format!("SELECT {COLUMNS} FROM leads WHERE partner_id = $1 AND id = $2");
        let row = sqlx::query(AssertSqlSafe(sql))
            .bind(&*self.partner_id)
            .bind(lead)
            .fetch_optional(&mut self.connection)
            .await?;
        row.as_ref().map(case).transpose()
    }
}

/// Chats asked for at once.
const BY_CHAT: usize = 32;

/// One text for every size: absent chats are filled with a chat id nobody has. A join, because for a list of so many
/// SQLite reads all leads of the partner instead of looking each chat up.
fn by_chat() -> String {
    let places = ["(?)"; BY_CHAT].join(", ");
    format!(
        "SELECT {COLUMNS} FROM (VALUES {places}) AS v JOIN leads ON leads.chat_id = v.column1 WHERE leads.partner_id = ?"
    )
}

fn case(row: &SqliteRow) -> sqlx::Result<Case> {
    let contact = |kind, value: &str, origin: &str| -> sqlx::Result<Option<Contact>> {
        let value: String = row.try_get(value)?;
        let origin: String = row.try_get(origin)?;
        Ok((!value.is_empty())
            .then(|| Contact {
                kind,
                value,
                origin: word(&origin),
            })
            .filter(|c| !c.value.is_empty()))
    };
    let username: String = row.try_get("username")?;
    let lead = Lead {
        id: row.try_get("id")?,
        chat_id: row.try_get("chat_id")?,
        first_name: row.try_get("first_name")?,
        last_name: row.try_get("last_name")?,
        username: (!username.is_empty()).then_some(username),
        language: row.try_get("language")?,
        phone: contact(ContactKind::Phone, "phone", "phone_origin")?,
        email: contact(ContactKind::Email, "email", "email_origin")?,
        tags: json(row, "tags")?,
        score: row.try_get("score")?,
        reach: word(&row.try_get::<String, _>("reach")?),
        opted_out: row.try_get::<i64, _>("opted_out")? != 0,
        consents: json(row, "consents")?,
        handoff: word(&row.try_get::<String, _>("handoff")?),
        zone: json(row, "zone")?,
        first_touch: json(row, "first_touch")?,
        last_touch: json(row, "last_touch")?,
        created_at: row.try_get("created_at")?,
    };
    let session = Session {
        last_seen_at: row.try_get("last_seen_at")?,
        ..json(row, "session")?
    };
    Ok(Case {
        lead: Arc::new(lead),
        session,
        insider: row.try_get::<i64, _>("insider")? != 0,
        handled_at: row.try_get("handled_at")?,
        handled_by: row.try_get("handled_by")?,
        hot_at: row.try_get("hot_at")?,
        spoken: json(row, "spoken")?,
        chains: Chains {
            event: row.try_get("last_event")?,
            outbox: row.try_get("last_outbox")?,
        },
    })
}

/// A stored value that no longer reads becomes its default: a lead is never locked out by an old row.
fn json<T: DeserializeOwned + Default>(row: &SqliteRow, column: &str) -> sqlx::Result<T> {
    let text: String = row.try_get(column)?;
    Ok(serde_json::from_str(&text).unwrap_or_default())
}

fn word<T: DeserializeOwned + Default>(word: &str) -> T {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).unwrap_or_default()
}

fn to_word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn to_json(value: &impl Serialize) -> sqlx::Result<String> {
    serde_json::to_string(value).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// Nothing is kept as an empty text: most leads have none of it.
fn short_json<T: Serialize + Default + PartialEq>(value: &T) -> sqlx::Result<String> {
    if *value == T::default() {
        return Ok(String::new());
    }
    to_json(value)
}

fn contact_parts(contact: Option<&Contact>) -> (&str, String) {
    contact.map_or(("", String::new()), |c| (&c.value, to_word(&c.origin)))
}

/// Every column, in the order of `commit::LEADS`.
pub(super) fn bind(case: &Case, binds: &mut Binds<'_>) -> sqlx::Result<()> {
    let lead = &case.lead;
    let (phone, phone_origin) = contact_parts(lead.phone.as_ref());
    let (email, email_origin) = contact_parts(lead.email.as_ref());
    let (funnel, step) = place(case);
    binds.put(lead.id)?.put(lead.chat_id)?;
    binds
        .text(&lead.first_name)?
        .often_empty(&lead.last_name)?
        .often_empty(lead.username.as_deref().unwrap_or_default())?
        .text(&lead.language)?
        .often_empty(phone)?
        .often_empty(&phone_origin)?
        .often_empty(email)?
        .often_empty(&email_origin)?;
    binds.text(&to_json(&lead.tags)?)?.put(lead.score)?;
    binds
        .text(&to_word(&lead.reach))?
        .put(i64::from(lead.opted_out))?;
    binds.text(&to_word(&lead.handoff))?;
    binds.text(&to_json(&lead.first_touch)?)?;
    binds.text(&to_json(&lead.last_touch)?)?;
    binds
        .often_empty(funnel)?
        .often_empty(step)?
        .text(&to_json(&case.session)?)?;
    binds.put(i64::from(case.insider))?;
    binds
        .put(case.handled_at)?
        .often_empty(&case.handled_by)?
        .put(case.hot_at)?;
    binds.put(case.chains.event)?.put(case.chains.outbox)?;
    binds
        .often_empty(&short_json(&lead.zone)?)?
        .often_empty(&short_json(&lead.consents)?)?
        .often_empty(&short_json(&case.spoken)?)?;
    binds.put(lead.created_at)?.put(case.session.last_seen_at)?;
    Ok(())
}

/// The columns of `commit::LEADS_MOVED`.
pub(super) fn bind_moved(case: &Case, binds: &mut Binds<'_>) -> sqlx::Result<()> {
    let (funnel, step) = place(case);
    binds.put(case.lead.id)?;
    binds
        .text(funnel)?
        .text(step)?
        .text(&to_json(&case.session)?)?;
    binds.put(case.chains.event)?.put(case.chains.outbox)?;
    binds.put(case.session.last_seen_at)?;
    Ok(())
}

fn place(case: &Case) -> (&str, &str) {
    let place = case.session.place.as_ref();
    place.map_or(("", ""), |place| (&place.funnel, &place.step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn leads_are_found_by_their_chats_without_reading_all_of_them() {
        let dir = std::env::temp_dir().join(format!("bot-by-chat-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let mut store = crate::store::open(&dir, "north").await.expect("a store");
        let sql = format!("EXPLAIN QUERY PLAN {}", by_chat());
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for _ in 0..BY_CHAT {
            query = query.bind(1_i64);
        }
        let rows = query.bind("north").fetch_all(&mut store.connection).await;
        let plan: Vec<String> = rows
            .expect("a plan")
            .iter()
            .map(|row| row.get("detail"))
            .collect();
        std::fs::remove_dir_all(&dir).expect("it is there");
        assert!(
            plan.iter()
                .any(|line| line.contains("leads_chat (partner_id=? AND chat_id=?)")),
            "{plan:?}"
        );
    }
}
