//! What a former process left unsettled, and how doubt about a reply ends before it is said twice.

use std::time::Duration;

use super::desk::Desk;
use super::flight::is_claimed_first;
use super::queue::CLOCKS_DIFFER_MS;
use super::round::Work;
use super::turn::{Turn, question};
use super::{Report, SenderInput, Sign};
use crate::app::Trouble;
use crate::policy::{self, Doubt};
use crate::quick::QuickMap;
use crate::store::fates::{self, Fate, Fates, Notes};
use crate::store::outbox::Unsettled;
use crate::store::{self, AnsweredBy, Batch, Class, OutboxRow, OutboxState, Settled};
use crate::telegram::incoming::{Incoming, What};
use crate::telegram::outgoing;

/// How long a reply in doubt waits for a sign that it arrived: who has it mostly acts upon it at once, and what they
/// did while the bot was down comes with the first batch.
const SIGN_MS: i64 = 3_000;
/// The same for a doubt that an earlier life has carried over: what came meanwhile is read first.
const FIRST_BATCH_MS: i64 = 500;

/// A reply of which only the lead knows whether it arrived.
pub(super) struct Doubted {
    pub id: i64,
    payload: String,
    tries: i64,
    created_at: i64,
    answered_by: AnsweredBy,
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
        let unsettled = self.store.unsettled().await?;
        let last_words = last_words(&unsettled);
        for mut left in unsettled {
            match fate(&left, notes.as_ref(), crashed) {
                Fate::Sent(message_id) => {
                    let mut settled = settled(&left.row, OutboxState::Sent, now);
                    settled.message_id = message_id;
                    if message_id == 0 && left.row.class == Class::Reply {
                        settled.reason = policy::WENT_ON.to_owned();
                    }
                    work.batch.settled.push(settled);
                }
                Fate::Failed => {
                    let mut settled = settled(&left.row, OutboxState::Failed, now);
                    settled.reason = "Telegram refused it".to_owned();
                    work.batch.settled.push(settled);
                }
                Fate::Unknown => {
                    self.app.meters.unknown.add(1);
                    let mut settled = settled(&left.row, OutboxState::Unknown, now);
                    settled.reason = "Telegram never said whether it arrived".to_owned();
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
                    if last_words.get(&left.row.chat_id) == Some(&left.row.id) {
                        left.row.answered_by = self.answered_by(&left.row).await?;
                    }
                    // A wait that an earlier life has begun is not begun anew, or dying often would mean silence.
                    let was_in_doubt = fate == Fate::Doubted && notes.is_some();
                    let wait_ms = if was_in_doubt {
                        FIRST_BATCH_MS
                    } else {
                        SIGN_MS
                    };
                    let was_called = fate == Fate::Begun;
                    rows.extend(self.doubt(&mut work, left.row, was_called, wait_ms));
                }
            }
        }
        self.commit_first(&work.batch).await?;
        let speak_now = |row: &&OutboxRow| row.class == Class::Proactive && row.not_before <= now;
        self.speaking = rows.iter().filter(speak_now).map(|row| row.id).collect();
        let doubted = self.doubted.values().map(|doubted| doubted.id).collect();
        self.send(SenderInput::Rows(rows));
        Ok(Fates::begin(&self.app.data_dir, &life, doubted))
    }

    /// The first write of a life waits for room on the disk: a restart would not make any.
    async fn commit_first(&mut self, batch: &Batch) -> sqlx::Result<()> {
        loop {
            let error = match self.store.commit(batch).await {
                Err(error) if store::is_full(&error) => error,
                done => {
                    self.app.status.trouble(Trouble::Store, None);
                    return done;
                }
            };
            let reason =
                format!("waiting to start: {error}; free the disk, nothing is lost meanwhile");
            if self
                .app
                .status
                .trouble(Trouble::Store, Some(reason.clone()))
            {
                tracing::error!(partner.id = %self.app.partner().id, "{reason}");
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    /// Whether this reply asks the question at which its lead stands: then it was written by the turn that led there.
    async fn answered_by(&mut self, row: &OutboxRow) -> sqlx::Result<AnsweredBy> {
        if row.class != Class::Reply || row.lead_id == 0 {
            return Ok(AnsweredBy::Nothing);
        }
        let steps = ["reached", "ended", "ended"];
        let steps = self.store.lead_events(row.lead_id, steps).await?;
        let asks = steps
            .last()
            .is_some_and(|last| last.kind == "reached" && last.at == row.created_at);
        Ok(if asks {
            question(row)
        } else {
            AnsweredBy::Nothing
        })
    }

    /// A message whose call may have been done; gives it back when it shall go again.
    fn doubt(
        &mut self,
        work: &mut Work,
        mut row: OutboxRow,
        was_called: bool,
        wait_ms: i64,
    ) -> Option<OutboxRow> {
        let doubt = policy::after_crash(row.class, row.tries, work.now - row.created_at);
        row.tries += i64::from(was_called);
        if doubt == Doubt::Unknown {
            self.app.meters.unknown.add(1);
            let unknown = settled(&row, OutboxState::Unknown, work.now);
            work.batch.settled.push(unknown);
            return None;
        }
        if row.class == Class::Reply {
            row.not_before = row.not_before.max(work.now + wait_ms);
        }
        let due = settled(&row, OutboxState::Due, work.now);
        work.batch.settled.push(due);
        match row.class {
            Class::Reply => {
                let doubted = Doubted {
                    id: row.id,
                    payload: row.payload.clone(),
                    tries: row.tries,
                    created_at: row.created_at,
                    answered_by: row.answered_by,
                };
                // The next leaves when the one before came back or has arrived, so one reply at most is in doubt.
                self.doubted.insert(row.chat_id, doubted);
            }
            Class::Notification => outgoing::mark_repeated(&mut row.payload),
            Class::Edit | Class::Proactive | Class::Digest => {}
        }
        Some(row)
    }

    /// Whether what the lead just did answers what was said last: then it holds up nothing, and a reply in doubt need
    /// not go again.
    pub(super) fn look_for_a_sign(&mut self, work: &mut Work, incoming: &Incoming, turn: &Turn) {
        let pressed = matches!(incoming.what, What::Press { .. });
        let went_on = |kind| matches!(kind, "answer" | "contact") || pressed && kind == "reached";
        let has_answered = turn.events.iter().any(|event| went_on(event.kind));
        if has_answered {
            work.answered.push(Sign {
                chat_id: incoming.chat_id,
                sent_at: incoming.sent_at,
                pressed,
            });
        }
        let Some(doubted) = self.doubted.get(&incoming.chat_id) else {
            return;
        };
        let pressed_it = match &incoming.what {
            // In quotes, as the payload has it.
            What::Press { data, .. } => doubted.payload.contains(&format!("\"{data}\"")),
            _ => false,
        };
        let came_after = incoming.sent_at + CLOCKS_DIFFER_MS >= doubted.created_at;
        let answered_it =
            has_answered && doubted.answered_by == AnsweredBy::Words && came_after && !pressed;
        if !pressed_it && !answered_it {
            return;
        }
        work.batch.settled.push(Settled {
            id: doubted.id,
            state: OutboxState::Sent,
            reason: policy::WENT_ON.to_owned(),
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

/// The newest reply of each chat: behind any other the bot has said more, so it is not what the lead answers.
fn last_words(unsettled: &[Unsettled]) -> QuickMap<i64, i64> {
    let replies = unsettled.iter().map(|left| &left.row);
    let replies = replies.filter(|row| row.class == Class::Reply);
    replies.map(|row| (row.chat_id, row.id)).collect()
}

/// What is known of a message that a former process left unsettled.
fn fate(left: &Unsettled, notes: Option<&Notes>, crashed: bool) -> Fate {
    match notes {
        Some(notes) => notes.get(&left.row.id).copied().unwrap_or(Fate::Back),
        // Without notes, after a power cut: of a message without a stored intent nobody knows. It costs no try, for no
        // message cuts the power. A clean stop waits for calls under way, but not for ever: an intent it left behind
        // is in doubt too.
        None if left.was_sending || crashed && !is_claimed_first(left.row.class) => Fate::Doubted,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Lane;
    use crate::worker::queue::tests::row;

    #[test]
    fn only_the_newest_reply_of_a_chat_may_be_what_the_lead_answers() {
        let mut card = row(4, 10, Lane::Notification);
        card.class = Class::Notification;
        let rows = [
            row(1, 10, Lane::Reply),
            row(2, 20, Lane::Reply),
            row(3, 10, Lane::Reply),
            card,
        ];
        let unsettled = rows.map(|row| Unsettled {
            row,
            was_sending: false,
        });
        assert_eq!(
            last_words(&unsettled),
            [(10, 3), (20, 2)].into_iter().collect()
        );
    }
}
