//! What an edit of live files means for the leads inside, before it goes live. PURE.
//!
//! Rows are counted one by one and never kept, so a hundred thousand waiting leads cost no memory.

mod changes;
mod words;

use std::collections::BTreeMap;

use serde::Serialize;

use super::event::{TimerData, TimerName, Waiting};
use super::model::{Funnels, Sequence};
use super::place::Replanned;
use crate::sequence;

/// Leads named under a line as examples.
const EXAMPLES: usize = 5;

/// Counts what becomes of waiting leads when `next` takes the place of `live`.
pub struct EditPlan<'a> {
    live: &'a Funnels,
    next: &'a Funnels,
    now_ms: i64,
    groups: BTreeMap<Group, Count>,
    /// Of each sequence: how many leads stand before each of its steps in the new file.
    before: BTreeMap<String, Vec<u64>>,
    waiting: u64,
    standing: Vec<(String, String, u64)>,
}

/// Leads with the same fate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    sequence: String,
    /// What they wait for by the live files.
    step: String,
    fate: Fate,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Stays,
    /// The same step at another time: clock times there, and by how many days it moves.
    Moves {
        from: String,
        to: String,
        days: i64,
    },
    /// Another step.
    Takes(String),
    Over,
    Gone,
    Paused,
}

#[derive(Clone, Debug, Default)]
struct Count {
    leads: u64,
    examples: Vec<i64>,
}

/// The plan in words, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub lines: Vec<String>,
    /// Whether anything changes for anybody.
    pub changes: bool,
    /// Leads waiting in sequences.
    pub waiting: u64,
}

impl<'a> EditPlan<'a> {
    pub fn new(live: &'a Funnels, next: &'a Funnels, now_ms: i64) -> Self {
        Self {
            live,
            next,
            now_ms,
            groups: BTreeMap::new(),
            before: BTreeMap::new(),
            waiting: 0,
            standing: Vec::new(),
        }
    }

    /// Takes one waiting row of a sequence into account; others are none of its business.
    pub fn count(&mut self, lead: i64, name: &TimerName, data: &TimerData) {
        let (TimerName::Sequence(id), TimerData::Sequence(waiting)) = (name, data) else {
            return;
        };
        self.waiting += 1;
        let fate = self.fate(id, waiting);
        let group = Group {
            sequence: id.clone(),
            step: waiting.step.clone(),
            fate,
        };
        let count = self.groups.entry(group).or_default();
        count.leads += 1;
        if count.examples.len() < EXAMPLES {
            count.examples.push(lead);
        }
    }

    /// `leads` stand on a step of a funnel.
    pub fn stands(&mut self, funnel: &str, step: &str, leads: u64) {
        self.standing.push((funnel.into(), step.into(), leads));
    }

    fn fate(&mut self, id: &str, waiting: &Waiting) -> Fate {
        let Some((_, sequence)) = self.next.sequence(id) else {
            return Fate::Gone;
        };
        let planned = self
            .next
            .replan_waiting(sequence, waiting, &waiting.zone, self.now_ms);
        let step = match &planned {
            Replanned::Moved(moved) => Some(&moved.step),
            Replanned::Same => Some(&waiting.step),
            Replanned::Over => None,
        };
        self.note_place(id, sequence, step.map(String::as_str));
        match planned {
            Replanned::Over => Fate::Over,
            Replanned::Same if sequence.paused => Fate::Paused,
            Replanned::Same => Fate::Stays,
            Replanned::Moved(moved) if moved.step != waiting.step => Fate::Takes(moved.step),
            Replanned::Moved(moved) => moves(waiting, &moved),
        }
    }

    fn note_place(&mut self, id: &str, sequence: &Sequence, step: Option<&str>) {
        let words = &self.next.list[sequence.home];
        let steps = words.steps.len();
        let at = step.and_then(|id| words.find(id)).unwrap_or(steps);
        if !self.before.contains_key(id) {
            self.before.insert(id.to_owned(), vec![0; steps + 1]);
        }
        if let Some(places) = self.before.get_mut(id) {
            places[at] += 1;
        }
    }
}

fn moves(from: &Waiting, to: &Waiting) -> Fate {
    let zone = sequence::zone(&to.zone);
    let (before, after) = (
        sequence::local(from.planned_ms, &sequence::zone(&from.zone)),
        sequence::local(to.planned_ms, &zone),
    );
    let days = before
        .date()
        .until(after.date())
        .map_or(0, |span| i64::from(span.get_days()));
    let clock = |at: &jiff::Zoned| at.strftime("%H:%M").to_string();
    if clock(&before) == clock(&after) && days == 0 {
        return Fate::Stays;
    }
    Fate::Moves {
        from: clock(&before),
        to: clock(&after),
        days,
    }
}
