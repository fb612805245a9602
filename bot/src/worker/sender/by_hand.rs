//! The sender's steps one by one, without flights: for the model, which carries calls out by hand.

use super::Sender;
use crate::store::OutboxRow;
use crate::telegram::verdict::Verdict;
use crate::worker::flight::{Done, is_claimed_first};
use crate::worker::{MayGo, SenderInput};

impl Sender {
    pub fn take(&mut self, input: SenderInput) {
        self.accept(input);
    }

    /// The next call that may leave now.
    pub fn next_call(&mut self) -> Option<OutboxRow> {
        let row = self.queue.next(self.app.clock.now_ms())?;
        if !is_claimed_first(row.class) {
            self.leaves(&row);
        }
        Some(row)
    }

    pub fn leaves(&mut self, row: &OutboxRow) {
        self.with_fates(|fates| fates.begun(&[row.id]));
    }

    pub fn came_back(&mut self, row: OutboxRow, word: MayGo, verdict: Option<Verdict>) {
        let media = None;
        self.settle_all(Done {
            row,
            word,
            verdict,
            media,
        });
    }
}
