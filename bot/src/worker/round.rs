//! What one round gathers before its commit. Nothing in here has happened yet.

use std::collections::BTreeSet;

use super::replan::Progress;
use super::turn::Turn;
use super::{Aside, MayGo, Sign};
use crate::funnel::event::TimerName;
use crate::lead::LeadId;
use crate::manners::Settings;
use crate::quick::{QuickMap, QuickSet};
use crate::store::{
    Batch, Case, Chains, Counters, Forgotten, OutboxRow, OutboxState, Settled, TimerRow,
};

pub struct Work {
    pub now: i64,
    pub batch: Batch,
    pub counters: Counters,
    /// Cases changed in this round, by chat.
    pub cases: QuickMap<i64, Case>,
    /// The last word on each timer.
    timers: QuickMap<(LeadId, TimerName), Option<TimerRow>>,
    pub touches_timers: bool,
    /// How far the re-planning came in this round; `Some(None)` when it is through.
    pub replanned: Option<Option<Progress>>,
    pub asides: Vec<Aside>,
    /// The partner's settings, when they changed in this round.
    pub settings: Option<Settings>,
    pub pause: Option<bool>,
    /// Messages to send, until the batch is sealed.
    to_send: Vec<OutboxRow>,
    /// Messages of the batch that the gate refused.
    unsaid: QuickSet<i64>,
    /// The gate's word on messages that asked to leave.
    pub claims: QuickMap<i64, MayGo>,
    /// Leads who have answered what was said last.
    pub answered: Vec<Sign>,
    /// Replies that need not go again: (chat, row).
    pub withdrawn: Vec<(i64, i64)>,
    /// Chats with an update that waits.
    pub held: QuickSet<i64>,
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
            cases: QuickMap::default(),
            timers: QuickMap::default(),
            touches_timers: false,
            replanned: None,
            asides: Vec::new(),
            settings: None,
            pause: None,
            to_send: Vec::new(),
            unsaid: QuickSet::default(),
            claims: QuickMap::default(),
            answered: Vec::new(),
            withdrawn: Vec::new(),
            held: QuickSet::default(),
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
            self.batch
                .settled
                .push(dropped(&row, reason.words(), self.now));
            self.unsaid.insert(row.id);
            self.batch.outbox.push(row);
        }
        for (lead_id, name, op) in turn.timers {
            let row = op.map(|(due_at, data)| TimerRow {
                lead_id,
                name: name.clone(),
                due_at,
                data,
                held: String::new(),
            });
            self.timers.insert((lead_id, name), row);
        }
        self.batch.settled.extend(turn.proven);
        self.asides.extend(turn.asides);
        self.batch.members.extend(turn.members);
        if let Some(pause) = turn.pause {
            self.pause = Some(pause);
            let word = if pause { "1" } else { "0" };
            self.batch.facts.push(("paused", word.to_owned()));
        }
        if let Some(settings) = turn.settings {
            self.settings = Some(settings);
            let words = serde_json::to_string(&settings).unwrap_or_default();
            self.batch.facts.push(("settings", words));
        }
        if let Some(who) = turn.forget {
            self.forget(who);
        }
    }

    /// A timer that may not speak yet.
    pub fn hold(&mut self, timer: TimerRow) {
        let key = (timer.lead_id, timer.name.clone());
        self.timers.insert(key, Some(timer));
    }

    /// A forgotten lead leaves nothing, not even what this round was about to write.
    fn forget(&mut self, who: Forgotten) {
        let (lead, chat_id) = (who.lead, who.chat_id);
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
                row.cause = crate::store::GOODBYE.into();
            }
        }
        self.batch
            .facts
            .push(("last_lead", self.counters.lead.to_string()));
        self.batch.forgotten.push(who);
    }

    /// Makes the batch complete, right before the commit: cases and messages go over into it. `stored` are the cases
    /// as the store has them, as far as they are known; those that change are used up.
    pub fn seal(&mut self, stored: &mut QuickMap<i64, Case>) {
        self.batch.outbox.append(&mut self.to_send);
        self.batch.outbox.sort_unstable_by_key(|row| row.id);
        self.link();
        for (chat_id, case) in self.cases.drain() {
            let before = stored.get_mut(&chat_id);
            if before.is_some_and(|before| case.has_only_moved(before)) {
                self.batch.moved.push(case);
            } else {
                self.batch.cases.push(case);
            }
        }
        // One taken away may still wake the desk for nothing; asking the store each time would cost more.
        self.touches_timers = self.timers.values().any(Option::is_some);
        for ((lead, name), row) in self.timers.drain() {
            match row {
                Some(row) => self.batch.timers.push(row),
                None => self.batch.cancelled.push((lead, name)),
            }
        }
    }

    /// After the commit: what may leave now.
    pub fn take_messages(&mut self) -> Vec<OutboxRow> {
        let mut rows = std::mem::take(&mut self.batch.outbox);
        rows.retain(|row| !self.unsaid.contains(&row.id));
        rows
    }

    /// Leads with rows in this round whose case is not in it.
    pub fn leads_without_case(&self) -> BTreeSet<LeadId> {
        let here: QuickSet<LeadId> = self.cases.values().map(|case| case.lead.id).collect();
        let events = self.batch.events.iter().map(|row| row.lead_id);
        let sent = self.to_send.iter().chain(&self.batch.outbox);
        events
            .chain(sent.map(|row| row.lead_id))
            .filter(|lead| *lead != 0 && !here.contains(lead))
            .collect()
    }

    /// Hangs the round's rows onto their leads' chains, oldest first.
    fn link(&mut self) {
        let mut heads: QuickMap<LeadId, &mut Chains> = self
            .cases
            .values_mut()
            .map(|case| (case.lead.id, &mut case.chains))
            .collect();
        for row in &mut self.batch.events {
            if let Some(chains) = heads.get_mut(&row.lead_id) {
                row.prev = std::mem::replace(&mut chains.event, row.id);
            }
        }
        for row in &mut self.batch.outbox {
            if let Some(chains) = heads.get_mut(&row.lead_id) {
                row.prev = std::mem::replace(&mut chains.outbox, row.id);
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
