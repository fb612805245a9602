//! What one round gathers before its commit. Nothing in here has happened yet.

use std::collections::{HashMap, HashSet};

use super::Aside;
use super::turn::Turn;
use crate::funnel::event::TimerName;
use crate::lead::LeadId;
use crate::store::{Batch, Case, Counters, OutboxRow, OutboxState, Settled, TimerRow};

pub struct Work {
    pub now: i64,
    pub batch: Batch,
    pub counters: Counters,
    /// Cases changed in this round, by chat.
    pub cases: HashMap<i64, Case>,
    /// The last word on each timer.
    timers: HashMap<(LeadId, TimerName), Option<TimerRow>>,
    pub touches_timers: bool,
    pub asides: Vec<Aside>,
    pub to_send: Vec<OutboxRow>,
    /// Outbox ids the gate let through.
    pub claimed: HashSet<i64>,
    /// Chats with an update that waits.
    pub held: HashSet<i64>,
    pub retry_at: Option<i64>,
    /// Rows of `batch.inbox` that were waiting before this round.
    pub retried: usize,
}

impl Work {
    pub fn new(now: i64, counters: Counters) -> Work {
        Work {
            now,
            batch: Batch::default(),
            counters,
            cases: HashMap::new(),
            timers: HashMap::new(),
            touches_timers: false,
            asides: Vec::new(),
            to_send: Vec::new(),
            claimed: HashSet::new(),
            held: HashSet::new(),
            retry_at: None,
            retried: 0,
        }
    }

    pub fn retry_by(&mut self, at: i64) {
        self.retry_at = Some(self.retry_at.map_or(at, |earlier| earlier.min(at)));
    }

    pub fn has_timer_op(&self, lead: LeadId, name: &TimerName) -> bool {
        self.timers.contains_key(&(lead, name.clone()))
    }

    /// Adds a turn that went well: rows get their numbers here.
    pub fn merge(&mut self, turn: Turn) {
        if let Some(case) = turn.case {
            self.counters.lead = self.counters.lead.max(case.lead.id);
            self.cases.insert(case.lead.chat_id, case);
        }
        for mut event in turn.events {
            self.counters.event += 1;
            event.id = self.counters.event;
            self.batch.events.push(event);
        }
        for mut row in turn.outbox {
            self.counters.outbox += 1;
            row.id = self.counters.outbox;
            self.to_send.push(row);
        }
        for (mut row, reason) in turn.dropped {
            self.counters.outbox += 1;
            row.id = self.counters.outbox;
            self.batch.settled.push(dropped(&row, reason, self.now));
            self.batch.outbox.push(row);
        }
        for (lead_id, name, op) in turn.timers {
            let row = op.map(|(due_at, data)| TimerRow {
                lead_id,
                name: name.clone(),
                due_at,
                data,
            });
            self.timers.insert((lead_id, name), row);
        }
        self.asides.extend(turn.asides);
        self.batch.members.extend(turn.members);
        if let Some((lead, chat_id)) = turn.forget {
            self.forget(lead, chat_id);
        }
    }

    /// A forgotten lead leaves nothing, not even what this round was about to write.
    fn forget(&mut self, lead: LeadId, chat_id: i64) {
        self.cases.remove(&chat_id);
        self.timers.retain(|(owner, _), _| *owner != lead);
        self.batch.events.retain(|event| event.lead_id != lead);
        self.batch.outbox.retain(|row| row.lead_id != lead);
        // A card that was about to leave would tell what is forgotten.
        self.to_send.retain(|row| row.card != lead);
        for row in &mut self.to_send {
            // The last goodbye still goes, as a message about nobody.
            if row.lead_id == lead {
                row.lead_id = 0;
            }
        }
        self.batch
            .facts
            .push(("last_lead", self.counters.lead.to_string()));
        self.batch.forgotten.push((lead, chat_id));
    }

    /// Makes the batch complete, right before the commit.
    pub fn seal(&mut self) {
        self.batch.cases = self.cases.values().cloned().collect();
        self.batch.outbox.extend(self.to_send.iter().cloned());
        self.touches_timers = !self.timers.is_empty() || !self.batch.forgotten.is_empty();
        for ((lead, name), row) in self.timers.drain() {
            match row {
                Some(row) => self.batch.timers.push(row),
                None => self.batch.cancelled.push((lead, name)),
            }
        }
    }
}

fn dropped(row: &OutboxRow, reason: &str, now: i64) -> Settled {
    Settled {
        id: row.id,
        state: OutboxState::Dropped,
        reason: reason.to_owned(),
        tries: 0,
        not_before: 0,
        message_id: 0,
        at: now,
    }
}
