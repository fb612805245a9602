//! What a former process left unsettled, and how doubt about a reply ends before it is said twice.

use super::desk::Desk;
use super::flight::is_claimed_first;
use super::round::Work;
use super::turn::Turn;
use super::{Report, SenderInput};
use crate::policy::{self, Doubt};
use crate::store::fates::{self, Fate, Fates, Notes};
use crate::store::outbox::Unsettled;
use crate::store::{Class, OutboxRow, OutboxState, Settled};
use crate::telegram::incoming::{Incoming, What};
use crate::telegram::outgoing;

/// How long a reply in doubt waits for a sign that it arrived: who has it mostly acts upon it at once, and what they
/// did while the bot was down comes with the first batch.
const SIGN_MS: i64 = 3_000;

/// A reply of which only the lead knows whether it arrived.
pub(super) struct Doubted {
    pub id: i64,
    payload: String,
    tries: i64,
}

impl Desk {
    /// Settles what is known, hands the rest to the sender, and begins the notes of this process.
    pub(super) async fn rescue(&mut self, now: i64, crashed: bool) -> sqlx::Result<Fates> {
        let former = self.store.fact("life").await?.unwrap_or_default();
        let notes = fates::read(&self.app.data_dir, &former);
        let life = life();
        let mut work = Work::new(now, self.counters);
        work.batch.facts.push(("clean_stop", "0".to_owned()));
        work.batch.facts.push(("life", life.clone()));
        let mut rows = Vec::new();
        for mut left in self.store.unsettled().await? {
            match fate(&left, notes.as_ref(), crashed) {
                Fate::Sent(message_id) => {
                    let mut settled = settled(&left.row, OutboxState::Sent, now);
                    settled.message_id = message_id;
                    work.batch.settled.push(settled);
                }
                Fate::Back => {
                    if left.was_sending {
                        let due = settled(&left.row, OutboxState::Due, now);
                        work.batch.settled.push(due);
                    }
                    // In doubt once, before a process that died without calling again.
                    if left.row.class == Class::Notification && left.row.tries > 0 {
                        outgoing::mark_repeated(&mut left.row.payload);
                    }
                    rows.push(left.row);
                }
                fate @ (Fate::Begun | Fate::Doubted) => {
                    rows.extend(self.doubt(&mut work, left.row, fate == Fate::Begun));
                }
            }
        }
        self.store.commit(&work.batch).await?;
        let speak_now = |row: &&OutboxRow| row.class == Class::Proactive && row.not_before <= now;
        self.speaking = rows.iter().filter(speak_now).map(|row| row.id).collect();
        let doubted = self.doubted.values().map(|doubted| doubted.id).collect();
        self.send(SenderInput::Rows(rows));
        Ok(Fates::begin(&self.app.data_dir, &life, doubted))
    }

    /// A message whose call may have been done; gives it back when it shall go again.
    fn doubt(
        &mut self,
        work: &mut Work,
        mut row: OutboxRow,
        was_called: bool,
    ) -> Option<OutboxRow> {
        let doubt = policy::after_crash(row.class, row.tries, work.now - row.created_at);
        row.tries += i64::from(was_called);
        if doubt == Doubt::Unknown {
            self.app.meters.unknown.add(1);
            let unknown = settled(&row, OutboxState::Unknown, work.now);
            work.batch.settled.push(unknown);
            return None;
        }
        let due = settled(&row, OutboxState::Due, work.now);
        work.batch.settled.push(due);
        match row.class {
            Class::Reply => {
                row.not_before = row.not_before.max(work.now + SIGN_MS);
                let doubted = Doubted {
                    id: row.id,
                    payload: row.payload.clone(),
                    tries: row.tries,
                };
                // The next leaves when the one before came back or has arrived, so one reply at most is in doubt.
                self.doubted.insert(row.chat_id, doubted);
            }
            Class::Notification => outgoing::mark_repeated(&mut row.payload),
            Class::Edit | Class::Proactive | Class::Digest => {}
        }
        Some(row)
    }

    /// Whether what the lead just did shows that what was said last arrived: then it holds up nothing, and a reply in
    /// doubt need not go again.
    pub(super) fn look_for_a_sign(&mut self, work: &mut Work, incoming: &Incoming, turn: &Turn) {
        let went_on = |kind| matches!(kind, "answer" | "contact" | "reached");
        let has_gone_on = turn.events.iter().any(|event| went_on(event.kind));
        if has_gone_on {
            work.arrived.push(incoming.chat_id);
        }
        let Some(doubted) = self.doubted.get(&incoming.chat_id) else {
            return;
        };
        let pressed_it = match &incoming.what {
            // In quotes, as the payload has it.
            What::Press { data, .. } => doubted.payload.contains(&format!("\"{data}\"")),
            _ => false,
        };
        if !pressed_it && !has_gone_on {
            return;
        }
        work.batch.settled.push(Settled {
            id: doubted.id,
            state: OutboxState::Sent,
            reason: "the lead went on".to_owned(),
            tries: doubted.tries,
            not_before: 0,
            message_id: 0,
            at: work.now,
        });
        work.withdrawn.push((incoming.chat_id, doubted.id));
    }

    /// After the commit: replies that need not go again.
    pub(super) fn withdraw(&mut self, rows: Vec<(i64, i64)>) {
        for (chat_id, _) in &rows {
            self.doubted.remove(chat_id);
        }
        if !rows.is_empty() {
            self.send(SenderInput::Withdrawn(rows));
        }
    }

    /// The message went again and its fate is known.
    pub(super) fn is_settled(&mut self, report: &Report) {
        if self
            .doubted
            .get(&report.chat_id)
            .is_some_and(|doubted| doubted.id == report.settled.id)
        {
            self.doubted.remove(&report.chat_id);
        }
    }
}

/// What is known of a message that a former process left unsettled.
fn fate(left: &Unsettled, notes: Option<&Notes>, crashed: bool) -> Fate {
    match notes {
        Some(notes) => notes.get(&left.row.id).copied().unwrap_or(Fate::Back),
        // Without notes: of a message without a stored intent nobody knows after a crash. A clean stop waits for
        // calls under way, but not for ever: an intent it left behind is in doubt too.
        None if left.was_sending || crashed && !is_claimed_first(left.row.class) => Fate::Begun,
        None => Fate::Back,
    }
}

/// A name for this process, so that its notes are not taken for another's.
fn life() -> String {
    let mut bytes = [0_u8; 8];
    // Without random numbers the name is empty, and notes under it are believed within this boot only.
    let _ = getrandom::fill(&mut bytes);
    format!("{:016x}", u64::from_le_bytes(bytes))
}

pub(super) fn settled(row: &OutboxRow, state: OutboxState, now: i64) -> Settled {
    let reason = match (state, row.class) {
        (OutboxState::Unknown, Class::Proactive | Class::Digest) => {
            "the process ended during the call"
        }
        (OutboxState::Unknown, _) => "the process ended too often",
        _ => "",
    };
    Settled {
        id: row.id,
        state,
        reason: reason.to_owned(),
        tries: row.tries,
        not_before: row.not_before,
        message_id: 0,
        at: now,
    }
}
