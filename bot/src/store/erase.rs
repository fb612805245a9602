//! Forgetting people: every row of theirs goes, an act without personal data stays, and a list beside the data
//! makes sure that a restored backup forgets them again.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use sqlx::FromRow;
use sqlx::sqlite::SqliteConnection;

use super::{Batch, Store, chain};
use crate::lead::LeadId;

/// Keyed marks of the people who were forgotten, one a line: `<unix ms> <mark> <by whom>`.
const ERASED_LIST: &str = "erased.list";
/// Cause of the last message to somebody who was forgotten: it still names their chat, so it goes when it was sent.
pub const GOODBYE: &str = "goodbye";
/// Leads forgotten by age in one go, so that the bot answers in between.
const AT_ONCE: i64 = 50;
const BLANKED_AT_ONCE: i64 = 2_000;

/// Somebody whose every row goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub lead: LeadId,
    pub chat_id: i64,
    pub at: i64,
    /// `lead`, `retention`, `restore`, or `operator <name>`.
    pub by: String,
    /// Keyed hash of the chat id; filled in right before the commit.
    pub mark: String,
}

/// The proof that a person was forgotten; holds nothing about them.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, serde::Serialize)]
pub(super) struct Act {
    pub lead_id: LeadId,
    pub at: i64,
    pub by_whom: String,
    pub mark: String,
    /// JSON: how many rows of each table went.
    pub gone: String,
}

impl Store {
    /// The mark by which a chat is known again after it was forgotten.
    pub async fn mark(&mut self, chat_id: i64) -> sqlx::Result<String> {
        let key = self.fact("erasure_key").await?.unwrap_or_default();
        Ok(mark(&key, chat_id))
    }

    pub(super) async fn act(&mut self, lead: LeadId) -> sqlx::Result<Option<Act>> {
        sqlx::query_as(
            "SELECT lead_id, at, by_whom, mark, gone FROM erasures WHERE partner_id = $1 AND lead_id = $2
             ORDER BY at DESC LIMIT 1",
        )
        .bind(&self.partner_id)
        .bind(lead)
        .fetch_optional(&mut self.connection)
        .await
    }

    /// Writes the file anew without what was deleted: overwritten rows may leave pieces in the gaps of pages.
    pub async fn scrub(&mut self) -> sqlx::Result<()> {
        for statement in [
            "DELETE FROM outbox WHERE partner_id = $1 AND cause = 'goodbye' AND state NOT IN ('due', 'sending')",
            // Screens of the partner's panel name many leads; once shown, their words are of no use here.
            "UPDATE outbox SET payload = '' WHERE partner_id = $1 AND cause IN ('panel', 'edit', 'digest')
             AND lead_id = 0 AND card = 0 AND payload <> '' AND state NOT IN ('due', 'sending')",
        ] {
            sqlx::query(statement)
                .bind(&self.partner_id)
                .execute(&mut self.connection)
                .await?;
        }
        sqlx::query("VACUUM").execute(&mut self.connection).await?;
        self.checkpoint().await
    }

    /// Leads nobody heard of for longer than their data may be kept.
    pub async fn outlived(
        &mut self,
        talk_before: i64,
        contact_before: i64,
    ) -> sqlx::Result<Vec<LeadId>> {
        sqlx::query_scalar(
            "SELECT id FROM leads WHERE partner_id = $1 AND insider = 0
             AND last_seen_at < CASE WHEN phone = '' AND email = '' THEN $2 ELSE $3 END ORDER BY id LIMIT $4",
        )
        .bind(&self.partner_id)
        .bind(talk_before)
        .bind(contact_before)
        .bind(AT_ONCE)
        .fetch_all(&mut self.connection)
        .await
    }

    /// Takes the words out of old messages; that they were sent, and why, stays. How many there were.
    pub async fn blank_messages(&mut self, before: i64) -> sqlx::Result<i64> {
        let done = self.fact("blanked_to").await?;
        let done: i64 = done.and_then(|id| id.parse().ok()).unwrap_or(0);
        let next: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT id, created_at FROM outbox WHERE partner_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        )
        .bind(&self.partner_id)
        .bind(done)
        .bind(BLANKED_AT_ONCE)
        .fetch_all(&mut self.connection)
        .await?;
        let old = next.iter().take_while(|(_, at)| *at < before);
        let Some((last, _)) = old.last() else {
            return Ok(0);
        };
        let blanked = sqlx::query(
            "UPDATE outbox SET payload = '', media = '' WHERE partner_id = $1 AND id > $2 AND id <= $3
             AND state NOT IN ('due', 'sending')",
        )
        .bind(&self.partner_id)
        .bind(done)
        .bind(last)
        .execute(&mut self.connection)
        .await?;
        sqlx::query("DELETE FROM inbox WHERE partner_id = $1 AND state IN ('dead', 'kept') AND received_at < $2")
            .bind(&self.partner_id)
            .bind(before)
            .execute(&mut self.connection)
            .await?;
        self.commit(&Batch {
            facts: vec![("blanked_to", last.to_string())],
            ..Batch::default()
        })
        .await?;
        Ok(i64::try_from(blanked.rows_affected()).unwrap_or(i64::MAX))
    }

    /// Forgets again whom the list names: a restored backup brought them back. Who came anew since then stays.
    pub(super) async fn forget_again(&mut self, data_dir: &Path) -> sqlx::Result<usize> {
        let Ok(list) = std::fs::read_to_string(data_dir.join(ERASED_LIST)) else {
            return Ok(0);
        };
        let known = hex(&Sha256::digest(list.as_bytes()));
        if self.fact("erased_list").await?.as_deref() == Some(known.as_str()) {
            return Ok(0);
        }
        let marks = read_list(&list);
        let key = self.fact("erasure_key").await?.unwrap_or_default();
        let leads: Vec<(i64, i64, i64)> =
            sqlx::query_as("SELECT id, chat_id, created_at FROM leads WHERE partner_id = $1")
                .bind(&self.partner_id)
                .fetch_all(&mut self.connection)
                .await?;
        let last = self.counters().await?.lead;
        let mut batch = Batch {
            // Numbers are not given twice: a card somewhere may still name one.
            facts: vec![("erased_list", known), ("last_lead", last.to_string())],
            ..Batch::default()
        };
        for (lead, chat_id, created_at) in leads {
            let mark = mark(&key, chat_id);
            if marks.get(mark.as_str()).is_some_and(|at| created_at < *at) {
                batch.forgotten.push(Forgotten {
                    lead,
                    chat_id,
                    at: marks[mark.as_str()],
                    by: "restore".to_owned(),
                    mark,
                });
            }
        }
        self.commit(&batch).await?;
        if !batch.forgotten.is_empty() {
            self.scrub().await?;
        }
        Ok(batch.forgotten.len())
    }
}

/// Durable before the rows go: a crash in between forgets them at the next start.
pub fn remember_erased(data_dir: &Path, people: &[Forgotten]) -> std::io::Result<()> {
    let mut lines = String::new();
    for who in people {
        let by = who.by.replace(char::is_whitespace, "_");
        lines.push_str(&format!("{} {} {by}\n", who.at, who.mark));
    }
    let mut list = OpenOptions::new()
        .create(true)
        .append(true)
        .open(data_dir.join(ERASED_LIST))?;
    list.write_all(lines.as_bytes())?;
    list.sync_all()
}

/// The latest erasure of each mark.
fn read_list(list: &str) -> HashMap<&str, i64> {
    let mut marks = HashMap::new();
    for line in list.lines() {
        let mut words = line.split(' ');
        if let (Some(at), Some(mark)) = (words.next(), words.next())
            && let Ok(at) = at.parse::<i64>()
        {
            let latest = marks.entry(mark).or_insert(at);
            *latest = at.max(*latest);
        }
    }
    marks
}

pub(super) fn mark(key: &str, chat_id: i64) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("chat:{chat_id}").as_bytes());
    hex(&mac.finalize().into_bytes()[..16])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// The act is part of the same commit.
pub(super) async fn forget(
    tx: &mut SqliteConnection,
    partner: &str,
    who: &Forgotten,
) -> sqlx::Result<()> {
    let gone = chain::erase(tx, partner, who.lead).await?;
    // What waits was said afterwards.
    sqlx::query("UPDATE inbox SET raw = '', chat_id = 0 WHERE partner_id = $1 AND chat_id = $2 AND state <> 'pending'")
        .bind(partner)
        .bind(who.chat_id)
        .execute(&mut *tx)
        .await?;
    sqlx::query(
        "INSERT INTO erasures (partner_id, lead_id, at, by_whom, mark, gone) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (partner_id, lead_id, at) DO NOTHING",
    )
    .bind(partner)
    .bind(who.lead)
    .bind(who.at)
    .bind(&who.by)
    .bind(&who.mark)
    .bind(gone.to_string())
    .execute(&mut *tx)
    .await
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_holds_no_chat_and_the_latest_erasure_counts() {
        let mark = mark("a key", 900_123);
        assert_eq!(mark.len(), 32);
        assert_ne!(mark, super::mark("another key", 900_123));
        let list = format!("10 {mark} lead\n30 {mark} operator_root\nbroken\n20 {mark} lead\n");
        assert_eq!(read_list(&list)[mark.as_str()], 30);
        assert!(!list.contains("900123"));
    }
}
