//! The one writing transaction: a round's batch, whole or not at all.

use std::sync::Arc;

use sqlx::SqliteConnection;

use super::rows::{Script, Statement};
use super::{
    Batch, Class, EventRow, InboxRow, InboxState, Lane, OutboxRow, OutboxState, Settled, Store,
};

/// Rows of a round that goes to the database as one script: a turn or two with their fates.
const SMALL: usize = 24;

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
        let (connection, partner) = (&mut self.connection, &self.partner_id);
        let mut script = Script::new(partner, batch.rows() <= SMALL);
        // IMMEDIATE: a deferred transaction that upgrades fails at once instead of waiting.
        script.say("BEGIN IMMEDIATE");
        inbox(&mut script, &batch.inbox);
        if !batch.forgotten.is_empty() {
            script.run(connection).await?;
        }
        // Before the cases: a forgotten person may have come back in the same round, as a new lead.
        for who in &batch.forgotten {
            super::erase::forget(connection, partner, who).await?;
        }
        script.add(&LEADS, &batch.cases, super::cases::bind);
        script.add(&LEADS_MOVED, &batch.moved, super::cases::bind_moved);
        events(&mut script, &batch.events);
        outbox(&mut script, &batch.outbox);
        settled(&mut script, &batch.settled);
        timers(&mut script, batch);
        facts(&mut script, &batch.facts);
        if batch.has_seldom() {
            script.run(connection).await?;
            seldom(connection, partner, batch).await?;
        }
        script.say("COMMIT");
        script.run(connection).await
    }

    async fn execute(&mut self, statement: &'static str) -> sqlx::Result<()> {
        let done = sqlx::query(statement).execute(&mut self.connection).await;
        done.map(drop)
    }
}

fn inbox<'a>(script: &mut Script<'a>, rows: &'a [InboxRow]) {
    static ROWS: Statement = Statement::new(
        7,
        "INSERT INTO inbox (partner_id, update_id, state, tries, chat_id, raw, error, received_at) SELECT ?, v.* FROM",
        "WHERE true ON CONFLICT (partner_id, update_id) DO UPDATE SET state = excluded.state, tries = excluded.tries,
         raw = excluded.raw, error = excluded.error",
    );
    // Nearly all rows are like this: three numbers each.
    static HANDLED: Statement = Statement::filled(
        3,
        "INSERT INTO inbox (partner_id, update_id, state, tries, chat_id, raw, error, received_at)
         SELECT ?, column1, 'done', 0, column2, '', '', column3 FROM",
        "WHERE column1 IS NOT NULL
         ON CONFLICT (partner_id, update_id) DO UPDATE SET state = 'done', raw = '', error = ''",
    );
    let is_handled = |row: &&InboxRow| {
        row.state == InboxState::Done && row.raw.is_empty() && row.error.is_empty()
    };
    let (handled, other): (Vec<&InboxRow>, Vec<&InboxRow>) = rows.iter().partition(is_handled);
    script.add(&HANDLED, handled, |row, binds| {
        binds
            .put(row.update_id)?
            .put(row.chat_id)?
            .put(row.received_at)?;
        Ok(())
    });
    script.add(&ROWS, other, |row, binds| {
        binds
            .put(row.update_id)?
            .text(state_word(row.state))?
            .put(row.tries)?
            .put(row.chat_id)?;
        binds
            .text(&row.raw)?
            .text(&row.error)?
            .put(row.received_at)?;
        Ok(())
    });
}

pub(super) fn state_word(state: InboxState) -> &'static str {
    match state {
        InboxState::Pending => "pending",
        InboxState::Done => "done",
        InboxState::Kept => "kept",
        InboxState::Dead => "dead",
    }
}

/// A lead's whole row.
static LEADS: Statement = Statement::new(
    31,
    "INSERT INTO leads (partner_id, id, chat_id, first_name, last_name, username, language, phone, phone_origin,
     email, email_origin, tags, score, reach, opted_out, handoff, first_touch, last_touch, funnel, step, session,
     insider, handled_at, handled_by, hot_at, last_event, last_outbox, zone, consents, spoken,
     created_at, last_seen_at)
     SELECT ?, column1, column2, column3, coalesce(column4, ''), coalesce(column5, ''), column6, coalesce(column7, ''),
     coalesce(column8, ''), coalesce(column9, ''), coalesce(column10, ''), column11, column12, column13, column14, column15,
     column16, column17, coalesce(column18, ''), coalesce(column19, ''), column20, column21, column22,
     coalesce(column23, ''), column24, column25, column26, coalesce(column27, ''), coalesce(column28, ''),
     coalesce(column29, ''), column30, column31 FROM",
    "WHERE true ON CONFLICT (partner_id, id) DO UPDATE SET first_name = excluded.first_name, last_name = excluded.last_name,
     username = excluded.username, language = excluded.language, phone = excluded.phone,
     phone_origin = excluded.phone_origin, email = excluded.email, email_origin = excluded.email_origin,
     tags = excluded.tags, score = excluded.score, reach = excluded.reach, opted_out = excluded.opted_out,
     handoff = excluded.handoff, first_touch = excluded.first_touch, last_touch = excluded.last_touch,
     funnel = excluded.funnel, step = excluded.step, session = excluded.session, insider = excluded.insider,
     handled_at = excluded.handled_at, handled_by = excluded.handled_by, hot_at = excluded.hot_at,
     last_event = excluded.last_event, last_outbox = excluded.last_outbox, zone = excluded.zone,
     consents = excluded.consents, spoken = excluded.spoken, last_seen_at = excluded.last_seen_at",
);

/// What nearly every turn changes; see `Case::has_only_moved`.
static LEADS_MOVED: Statement = Statement::filled(
    7,
    "UPDATE leads SET funnel = column2, step = column3, session = column4, last_event = column5,
     last_outbox = column6, last_seen_at = column7 FROM",
    "WHERE leads.partner_id = ? AND leads.id = column1",
);

fn events<'a>(script: &mut Script<'a>, rows: &'a [EventRow]) {
    static ROWS: Statement = Statement::filled(
        10,
        "INSERT INTO events (partner_id, id, lead_id, prev, at, kind, funnel, step, name, value, points)
         SELECT ?, column1, column2, column3, column4, column5, column6, coalesce(column7, ''), coalesce(column8, ''),
         coalesce(column9, ''), column10 FROM",
        "WHERE column1 IS NOT NULL",
    );
    script.add(&ROWS, rows, |row, binds| {
        binds
            .put(row.id)?
            .put(row.lead_id)?
            .put(row.prev)?
            .put(row.at)?
            .text(row.kind)?
            .text(&row.funnel)?;
        binds
            .often_empty(&row.step)?
            .often_empty(&row.name)?
            .often_empty(&row.value)?
            .put(row.points)?;
        Ok(())
    });
}

fn outbox<'a>(script: &mut Script<'a>, rows: &'a [OutboxRow]) {
    static ROWS: Statement = Statement::new(
        16,
        "INSERT INTO outbox (partner_id, id, lead_id, prev, chat_id, lane, class, cause, method, payload, media, card,
         intent, wish, tries, not_before, created_at, state) SELECT ?, v.*, 'due' FROM",
        "",
    );
    // Nearly all messages are like this: ten values fewer save half of what a row costs.
    static REPLIES: Statement = Statement::filled(
        6,
        "INSERT INTO outbox (partner_id, id, lead_id, prev, chat_id, lane, class, cause, method, payload, media, card,
         intent, wish, tries, not_before, created_at, state) SELECT ?, column1, column2, column3, column4, 0, 'reply',
         'reply', 'SendMessage', column5, '', 0, '', '', 0, 0, column6, 'due' FROM",
        "WHERE column1 IS NOT NULL",
    );
    let (replies, other): (Vec<&OutboxRow>, Vec<&OutboxRow>) =
        rows.iter().partition(|row| is_plain_reply(row));
    script.add(&REPLIES, replies, |row, binds| {
        binds.put(row.id)?.put(row.lead_id)?.put(row.prev)?;
        binds
            .put(row.chat_id)?
            .text(&row.payload)?
            .put(row.created_at)?;
        Ok(())
    });
    script.add(&ROWS, other, |row, binds| {
        binds
            .put(row.id)?
            .put(row.lead_id)?
            .put(row.prev)?
            .put(row.chat_id)?
            .put(row.lane as i64)?;
        binds
            .text(super::outbox::class_word(row.class))?
            .text(&row.cause)?
            .text(&row.method)?;
        binds.text(&row.payload)?.text(&row.media)?.put(row.card)?;
        let (intent, wish) = super::intents::words(row.wish.as_deref())?;
        binds.text(intent)?.text(&wish)?;
        binds
            .put(row.tries)?
            .put(row.not_before)?
            .put(row.created_at)?;
        Ok(())
    });
}

/// What the short statement's words say.
fn is_plain_reply(row: &OutboxRow) -> bool {
    // All fields by name, so that a new one is not forgotten.
    let OutboxRow {
        id: _,
        lead_id: _,
        prev: _,
        chat_id: _,
        lane,
        class,
        cause,
        method,
        payload: _,
        media,
        card,
        wish,
        tries,
        not_before,
        created_at: _,
        // Not stored.
        answered_by: _,
    } = row;
    (*lane, *class) == (Lane::Reply, Class::Reply)
        && cause == "reply"
        && method == "SendMessage"
        && media.is_empty()
        && wish.is_none()
        && (*card, *tries, *not_before) == (0, 0, 0)
}

fn settled<'a>(script: &mut Script<'a>, rows: &'a [Settled]) {
    static ROWS: Statement = Statement::new(
        7,
        "UPDATE outbox SET state = column2, reason = column3, tries = column4, not_before = column5,
         message_id = CASE WHEN column6 = 0 THEN message_id ELSE column6 END, settled_at = column7 FROM",
        "WHERE outbox.partner_id = ? AND outbox.id = column1",
    );
    // Nearly all fates are like this.
    static SENT: Statement = Statement::filled(
        4,
        "UPDATE outbox SET state = 'sent', reason = '', tries = column2, not_before = 0, message_id = column3,
         settled_at = column4 FROM",
        "WHERE outbox.partner_id = ? AND outbox.id = column1",
    );
    let is_sent = |row: &&Settled| {
        row.state == OutboxState::Sent && row.reason.is_empty() && row.message_id != 0
    };
    let (sent, other): (Vec<&Settled>, Vec<&Settled>) = rows.iter().partition(is_sent);
    // A message may have several fates in one round; the last one counts, and being sent is always the last.
    script.add(&ROWS, other, |row, binds| {
        binds
            .put(row.id)?
            .text(super::outbox::state_word(row.state))?
            .text(&row.reason)?
            .put(row.tries)?;
        binds
            .put(row.not_before)?
            .put(row.message_id)?
            .put(row.at)?;
        Ok(())
    });
    script.add(&SENT, sent, |row, binds| {
        binds
            .put(row.id)?
            .put(row.tries)?
            .put(row.message_id)?
            .put(row.at)?;
        Ok(())
    });
}

fn timers<'a>(script: &mut Script<'a>, batch: &'a Batch) {
    static CANCELLED: Statement = Statement::new(
        2,
        "DELETE FROM timers WHERE (lead_id, name) IN (SELECT column1, column2 FROM",
        ") AND partner_id = ?",
    );
    static ROWS: Statement = Statement::new(
        6,
        "INSERT INTO timers (partner_id, lead_id, name, lane, due_at, data, held) SELECT ?, v.* FROM",
        "WHERE true ON CONFLICT (partner_id, lead_id, name) DO UPDATE SET lane = excluded.lane, due_at = excluded.due_at,
         data = excluded.data, held = excluded.held",
    );
    script.add(&CANCELLED, &batch.cancelled, |(lead, name), binds| {
        binds.put(*lead)?.text(&name.to_string())?;
        Ok(())
    });
    script.add(&ROWS, &batch.timers, |row, binds| {
        let data =
            serde_json::to_string(&row.data).map_err(|error| sqlx::Error::Encode(error.into()))?;
        binds
            .put(row.lead_id)?
            .text(&row.name.to_string())?
            .put(super::lane_of(&row.name) as i64)?
            .put(row.due_at)?
            .text(&data)?
            .text(&row.held)?;
        Ok(())
    });
}

fn facts<'a>(script: &mut Script<'a>, rows: &'a [(&'static str, String)]) {
    static FACTS: Statement = Statement::new(
        2,
        "INSERT INTO facts (partner_id, name, value) SELECT ?, v.* FROM",
        "WHERE true ON CONFLICT (partner_id, name) DO UPDATE SET value = excluded.value",
    );
    script.add(&FACTS, rows, |(name, value), binds| {
        binds.text(name)?.text(value)?;
        Ok(())
    });
}

/// What few rounds have, in statements of its own.
async fn seldom(
    connection: &mut SqliteConnection,
    partner: &Arc<str>,
    batch: &Batch,
) -> sqlx::Result<()> {
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
            .bind(&**partner)
            .bind(&row.sha256)
            .bind(row.kind)
            .bind(&row.file_id)
            .bind(row.at)
            .execute(&mut *connection)
            .await?;
    }
    for member in &batch.members {
        sqlx::query("INSERT INTO team (partner_id, user_id, name, invite, bound_at) VALUES ($1, $2, $3, $4, $5)")
            .bind(&**partner)
            .bind(member.user_id)
            .bind(&member.name)
            .bind(&member.invite)
            .bind(member.bound_at)
            .execute(&mut *connection)
            .await?;
    }
    if !batch.digests.is_empty() {
        super::digest::write(&mut *connection, partner, &batch.digests).await?;
    }
    Ok(())
}
