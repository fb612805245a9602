//! The one writing transaction: a round's batch, whole or not at all.

use sqlx::sqlite::SqliteConnection;

use super::rows::{PartnerPlace, Statement};
use super::{Batch, Case, InboxRow, InboxState, OutboxRow, Settled, Store};
use crate::lead::LeadId;

impl Store {
    /// Writes the batch in one durable transaction.
    pub async fn commit(&mut self, batch: &Batch) -> sqlx::Result<()> {
        let ended = self.write_and_end(batch).await;
        if ended.is_err() {
            // Fails when SQLite has ended the transaction by itself, as it does on a full disk; then all is well.
            let _ = self.execute("ROLLBACK").await;
        }
        ended
    }

    /// Not sqlx's transaction: once SQLite ends one by itself, sqlx counts it as open for ever and begins no other.
    async fn write_and_end(&mut self, batch: &Batch) -> sqlx::Result<()> {
        // IMMEDIATE: a deferred transaction that upgrades fails at once instead of waiting.
        self.execute("BEGIN IMMEDIATE").await?;
        write(&mut self.connection, &self.partner_id, batch).await?;
        self.execute("COMMIT").await
    }

    async fn execute(&mut self, statement: &'static str) -> sqlx::Result<()> {
        let done = sqlx::query(statement).execute(&mut self.connection).await;
        done.map(drop)
    }
}

async fn write(tx: &mut SqliteConnection, partner: &str, batch: &Batch) -> sqlx::Result<()> {
    inbox(tx, partner, &batch.inbox).await?;
    // Before the cases: a forgotten person may have come back in the same round, as a new lead.
    for (lead, chat) in &batch.forgotten {
        forget(tx, partner, *lead, *chat).await?;
    }
    cases(tx, partner, &batch.cases).await?;
    events(tx, partner, batch).await?;
    outbox(tx, partner, &batch.outbox).await?;
    settled(tx, partner, &batch.settled).await?;
    timers(tx, partner, batch).await?;
    rest(tx, partner, batch).await
}

async fn inbox(tx: &mut SqliteConnection, partner: &str, rows: &[InboxRow]) -> sqlx::Result<()> {
    Statement {
        head: "INSERT INTO inbox (partner_id, update_id, state, tries, chat_id, raw, error, received_at)",
        tail: "ON CONFLICT (partner_id, update_id) DO UPDATE SET state = excluded.state, tries = excluded.tries,
               raw = excluded.raw, error = excluded.error",
        columns: 7,
        partner: PartnerPlace::EachRow,
    }
    .run(tx, partner, rows, |row, binds| {
        binds.put(row.update_id)?.put(state_word(row.state))?.put(row.tries)?.put(row.chat_id)?;
        binds.put(row.raw.clone())?.put(row.error.clone())?.put(row.received_at)?;
        Ok(())
    })
    .await
}

pub(super) fn state_word(state: InboxState) -> &'static str {
    match state {
        InboxState::Pending => "pending",
        InboxState::Done => "done",
        InboxState::Kept => "kept",
        InboxState::Dead => "dead",
    }
}

async fn cases(tx: &mut SqliteConnection, partner: &str, rows: &[Case]) -> sqlx::Result<()> {
    Statement {
        head: "INSERT INTO leads (partner_id, id, chat_id, first_name, last_name, username, language, phone, phone_origin,
               email, email_origin, tags, score, reach, opted_out, handoff, first_touch, last_touch, funnel, step, session,
               insider, handled_at, handled_by, hot_at, zone, created_at, last_seen_at)",
        tail: "ON CONFLICT (partner_id, id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name,
               username = excluded.username, language = excluded.language, phone = excluded.phone,
               phone_origin = excluded.phone_origin, email = excluded.email, email_origin = excluded.email_origin,
               tags = excluded.tags, score = excluded.score, reach = excluded.reach, opted_out = excluded.opted_out,
               handoff = excluded.handoff, first_touch = excluded.first_touch, last_touch = excluded.last_touch,
               funnel = excluded.funnel, step = excluded.step, session = excluded.session, insider = excluded.insider,
               handled_at = excluded.handled_at, handled_by = excluded.handled_by, hot_at = excluded.hot_at,
               zone = excluded.zone, last_seen_at = excluded.last_seen_at",
        columns: 27,
        partner: PartnerPlace::EachRow,
    }
    .run(tx, partner, rows, super::cases::bind)
    .await
}

async fn events(tx: &mut SqliteConnection, partner: &str, batch: &Batch) -> sqlx::Result<()> {
    Statement {
        head: "INSERT INTO events (partner_id, id, lead_id, at, kind, funnel, step, name, value, points)",
        tail: "",
        columns: 9,
        partner: PartnerPlace::EachRow,
    }
    .run(tx, partner, &batch.events, |row, binds| {
        binds.put(row.id)?.put(row.lead_id)?.put(row.at)?.put(row.kind)?.put(row.funnel.clone())?;
        binds.put(row.step.clone())?.put(row.name.clone())?.put(row.value.clone())?.put(row.points)?;
        Ok(())
    })
    .await
}

async fn outbox(tx: &mut SqliteConnection, partner: &str, rows: &[OutboxRow]) -> sqlx::Result<()> {
    Statement {
        head: "INSERT INTO outbox (partner_id, id, lead_id, chat_id, lane, class, cause, method, payload, media, card,
               state, tries, not_before, created_at)",
        tail: "",
        columns: 14,
        partner: PartnerPlace::EachRow,
    }
    .run(tx, partner, rows, |row, binds| {
        binds.put(row.id)?.put(row.lead_id)?.put(row.chat_id)?.put(row.lane as i64)?;
        binds.put(super::outbox::class_word(row.class))?.put(row.cause.clone())?.put(row.method.clone())?;
        binds.put(row.payload.clone())?.put(row.media.clone())?.put(row.card)?.put("due")?;
        binds.put(row.tries)?.put(row.not_before)?.put(row.created_at)?;
        Ok(())
    })
    .await
}

async fn settled(tx: &mut SqliteConnection, partner: &str, rows: &[Settled]) -> sqlx::Result<()> {
    Statement {
        head: "UPDATE outbox SET state = v.column2, reason = v.column3, tries = v.column4, not_before = v.column5,
               message_id = CASE WHEN v.column6 = 0 THEN message_id ELSE v.column6 END, settled_at = v.column7 FROM (",
        tail: ") AS v WHERE outbox.partner_id = ? AND outbox.id = v.column1",
        columns: 7,
        partner: PartnerPlace::Tail,
    }
    .run(tx, partner, rows, |row, binds| {
        binds.put(row.id)?.put(super::outbox::state_word(row.state))?.put(row.reason.clone())?.put(row.tries)?;
        binds.put(row.not_before)?.put(row.message_id)?.put(row.at)?;
        Ok(())
    })
    .await
}

async fn timers(tx: &mut SqliteConnection, partner: &str, batch: &Batch) -> sqlx::Result<()> {
    for (lead, name) in &batch.cancelled {
        sqlx::query("DELETE FROM timers WHERE partner_id = $1 AND lead_id = $2 AND name = $3")
            .bind(partner)
            .bind(lead)
            .bind(name.to_string())
            .execute(&mut *tx)
            .await?;
    }
    Statement {
        head: "INSERT INTO timers (partner_id, lead_id, name, due_at, data)",
        tail: "ON CONFLICT (partner_id, lead_id, name) DO UPDATE SET due_at = excluded.due_at, data = excluded.data",
        columns: 4,
        partner: PartnerPlace::EachRow,
    }
    .run(tx, partner, &batch.timers, |row, binds| {
        let data = serde_json::to_string(&row.data).map_err(|error| sqlx::Error::Encode(error.into()))?;
        binds.put(row.lead_id)?.put(row.name.to_string())?.put(row.due_at)?.put(data)?;
        Ok(())
    })
    .await
}

async fn rest(tx: &mut SqliteConnection, partner: &str, batch: &Batch) -> sqlx::Result<()> {
    for row in &batch.media {
        let statement = if row.file_id.is_empty() {
            sqlx::query(
                "DELETE FROM media WHERE partner_id = $1 AND sha256 = $2 AND kind = $3 AND $4 = '' AND $5 >= 0",
            )
        } else {
            sqlx::query(
                "INSERT INTO media (partner_id, sha256, kind, file_id, stored_at) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT (partner_id, sha256, kind) DO UPDATE SET file_id = excluded.file_id",
            )
        };
        statement
            .bind(partner)
            .bind(&row.sha256)
            .bind(row.kind)
            .bind(&row.file_id)
            .bind(row.at)
            .execute(&mut *tx)
            .await?;
    }
    for member in &batch.members {
        sqlx::query("INSERT INTO team (partner_id, user_id, name, invite, bound_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(partner)
            .bind(member.user_id)
            .bind(&member.name)
            .bind(&member.invite)
            .bind(member.bound_at)
            .execute(&mut *tx)
            .await?;
    }
    for (name, value) in &batch.facts {
        sqlx::query(
            "INSERT INTO facts (partner_id, name, value) VALUES ($1, $2, $3)
             ON CONFLICT (partner_id, name) DO UPDATE SET value = excluded.value",
        )
        .bind(partner)
        .bind(*name)
        .bind(value)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

/// Timers first, so that nothing can speak to a person who asked to be forgotten.
async fn forget(
    tx: &mut SqliteConnection,
    partner: &str,
    lead: LeadId,
    chat: i64,
) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM timers WHERE partner_id = $1 AND lead_id = $2",
        "DELETE FROM outbox WHERE partner_id = $1 AND (lead_id = $2 OR card = $2)",
        "DELETE FROM events WHERE partner_id = $1 AND lead_id = $2",
        "DELETE FROM leads WHERE partner_id = $1 AND id = $2",
    ] {
        sqlx::query(statement)
            .bind(partner)
            .bind(lead)
            .execute(&mut *tx)
            .await?;
    }
    // What waits was said afterwards.
    sqlx::query("UPDATE inbox SET raw = '', chat_id = 0 WHERE partner_id = $1 AND chat_id = $2 AND state <> 'pending'")
        .bind(partner)
        .bind(chat)
        .execute(&mut *tx)
        .await
        .map(drop)
}
