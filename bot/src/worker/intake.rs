//! Updates on their way through the desk: stored, handled, tried again, set aside.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use super::RawUpdate;
use super::desk::Desk;
use super::round::Work;
use crate::quick::QuickSet;
use crate::store::{Batch, InboxRow, InboxState};
use crate::telegram::incoming::{self, Incoming};

/// An update that fails this often is set aside.
const MOST_TRIES: i64 = 3;
/// A process killed from outside says nothing against the update it was at, unless it happens again and again.
const MOST_KILLS: i64 = 10;
/// More than a failed update waits for its next try.
pub(super) const LONGEST_RETRY_MS: i64 = 10_000;
/// Waiting updates looked at in one go.
pub(super) const MOST_PENDING: i64 = 10_000;

/// After a crash updates are stored before they are touched, in case one of them is what killed us.
/// It can only be among those stored already or in the first batch, since its offset was never confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Care {
    UntilFirstBatch,
    UntilHandled,
    Off,
}

impl Desk {
    /// A batch from the poller.
    pub(super) async fn take_in(
        &mut self,
        work: &mut Work,
        raws: &[RawUpdate],
    ) -> sqlx::Result<()> {
        self.app.meters.updates.add(raws.len() as u64);
        tracing::trace!(count = raws.len(), "updates came in");
        let mut known = self.known(work, raws).await?;
        let fresh: Vec<&RawUpdate> = raws
            .iter()
            .filter(|raw| known.insert(raw.update_id))
            .collect();
        let parsed: Vec<Arc<Incoming>> = fresh
            .iter()
            .map(|raw| Arc::new(self.parse(&raw.raw)))
            .collect();
        if self.care != Care::UntilFirstBatch {
            self.load_cases(work, &parsed).await?;
        }
        for (raw, incoming) in fresh.iter().zip(&parsed) {
            work.counters.update = work.counters.update.max(raw.update_id);
            let row = InboxRow {
                update_id: raw.update_id,
                state: InboxState::Pending,
                tries: 0,
                chat_id: incoming.chat_id,
                raw: String::new(),
                error: String::new(),
                received_at: work.now,
            };
            if self.care == Care::UntilFirstBatch || work.held.contains(&incoming.chat_id) {
                work.held.insert(incoming.chat_id);
                work.batch.inbox.push(InboxRow {
                    raw: raw.raw.clone(),
                    ..row
                });
                work.retry_by(work.now);
            } else {
                self.handle(work, row, &raw.raw, incoming.clone()).await;
            }
        }
        Ok(())
    }

    /// Reads an update; one that breaks the reader is kept like one of an unknown kind.
    fn parse(&self, raw: &str) -> Incoming {
        let read = || incoming::parse(raw, &self.app.partner().bot_username);
        std::panic::catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Incoming::unknown())
    }

    /// Ids stored before; only an id at or below the highest can be.
    async fn known(&mut self, work: &Work, raws: &[RawUpdate]) -> sqlx::Result<QuickSet<i64>> {
        let old: Vec<i64> = raws
            .iter()
            .map(|raw| raw.update_id)
            .filter(|id| *id <= work.counters.update)
            .collect();
        if old.is_empty() {
            return Ok(QuickSet::default());
        }
        let mut known: QuickSet<i64> = self.store.known_updates(&old).await?.into_iter().collect();
        known.extend(work.batch.inbox.iter().map(|row| row.update_id));
        Ok(known)
    }

    pub(super) async fn load_cases(
        &mut self,
        work: &mut Work,
        parsed: &[Arc<Incoming>],
    ) -> sqlx::Result<()> {
        let unknown = |chat: &i64| !work.cases.contains_key(chat) && !self.cases.contains_key(chat);
        let chats: BTreeSet<i64> = parsed
            .iter()
            .filter(|i| i.private)
            .map(|i| i.chat_id)
            .filter(|chat| unknown(chat))
            .collect();
        if chats.is_empty() {
            return Ok(());
        }
        let chats: Vec<i64> = chats.into_iter().collect();
        for case in self.store.cases_by_chat(&chats).await? {
            self.cases.insert(case.lead.chat_id, case);
        }
        Ok(())
    }

    /// Handles one update. A failure or a panic costs this update a try and nobody else anything.
    /// Its text stays in the row only when there is something left to do with it.
    async fn handle(
        &mut self,
        work: &mut Work,
        mut row: InboxRow,
        raw: &str,
        incoming: Arc<Incoming>,
    ) {
        let chat_id = incoming.chat_id;
        let turn = AssertUnwindSafe(self.turn(work, incoming.clone()))
            .catch_unwind()
            .await;
        let error = match turn {
            Ok(Ok(turn)) => {
                row.state = turn.inbox.unwrap_or(InboxState::Done);
                if row.state != InboxState::Done {
                    row.raw = raw.to_owned();
                }
                work.batch.inbox.push(row);
                self.look_for_a_sign(work, &incoming, &turn);
                work.merge(turn);
                self.app.meters.turns.add(1);
                return;
            }
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => panic_text(panic.as_ref()),
        };
        row.tries += 1;
        row.raw = raw.to_owned();
        row.error = error;
        if row.tries >= MOST_TRIES {
            row.state = InboxState::Dead;
            self.app.meters.poisoned.add(1);
            tracing::error!(partner.id = %self.app.partner().id, update.id = row.update_id, "update set aside after {MOST_TRIES} tries: {}", row.error);
        } else {
            tracing::warn!(partner.id = %self.app.partner().id, update.id = row.update_id, tries = row.tries, "update failed: {}", row.error);
            work.held.insert(chat_id);
            work.retry_by(work.now + 1_000 * row.tries * row.tries);
        }
        work.batch.inbox.push(row);
    }

    /// Stored updates that failed, or were stored before being touched: oldest first, in order per chat.
    pub(super) async fn retry_waiting(&mut self, work: &mut Work) -> sqlx::Result<()> {
        let pending = self.store.pending_updates(MOST_PENDING).await?;
        // With care, one at a time, so that only the one at work is suspected if the process dies.
        let at_once = if self.care == Care::Off { 100 } else { 1 };
        work.retry_at = (pending.len() > at_once).then_some(work.now);
        work.held.clear();
        for (index, stored) in pending.into_iter().enumerate() {
            if index >= at_once || work.held.contains(&stored.chat_id) {
                work.held.insert(stored.chat_id);
                continue;
            }
            let mut row = InboxRow {
                update_id: stored.update_id,
                state: InboxState::Pending,
                tries: stored.tries,
                chat_id: stored.chat_id,
                raw: stored.raw,
                error: String::new(),
                received_at: stored.received_at,
            };
            work.retried += 1;
            if self.care != Care::Off && !self.count_try(&row).await? {
                continue;
            }
            let raw = std::mem::take(&mut row.raw);
            let incoming = Arc::new(self.parse(&raw));
            self.load_cases(work, std::slice::from_ref(&incoming))
                .await?;
            self.handle(work, row, &raw, incoming).await;
        }
        Ok(())
    }

    /// Durable before the update is touched: if it kills the process, its third time is the last; if something else
    /// does each time, its tenth.
    async fn count_try(&mut self, row: &InboxRow) -> sqlx::Result<bool> {
        if self.counted.contains(&row.update_id) {
            return Ok(true);
        }
        let mut batch = Batch::default();
        let most = if self.strict { MOST_TRIES } else { MOST_KILLS };
        let dead = row.tries >= most;
        if dead {
            self.app.meters.poisoned.add(1);
            tracing::error!(partner.id = %self.app.partner().id, update.id = row.update_id, "update set aside: the process died at it {most} times");
            let error = "the process died at it".to_owned();
            batch.inbox.push(InboxRow {
                state: InboxState::Dead,
                error,
                ..row.clone()
            });
        } else {
            batch.inbox.push(InboxRow {
                tries: row.tries + 1,
                ..row.clone()
            });
        }
        self.store.commit(&batch).await?;
        self.counted.insert(row.update_id);
        Ok(!dead)
    }
}

pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "panic: {}",
        text.unwrap_or_else(|| "without words".to_owned())
    )
}
