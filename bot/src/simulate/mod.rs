//! A month of made-up leads, with a clock that runs by itself: what would be sent when, and why not. PURE.
//!
//! The engine, the files and the gate are those of a running bot; only the people are invented. The same order gives
//! the same month.

mod life;
mod people;
mod report;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde::Serialize;

use crate::config::ContactPolicy;
use crate::funnel::Funnels;
use crate::partner::Partner;

use life::Life;
pub use report::Summary;

pub(super) const MINUTE_MS: i64 = 60_000;
pub(super) const HOUR_MS: i64 = 60 * MINUTE_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;

/// What is to be played.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Order {
    pub leads: u32,
    pub days: u32,
    pub seed: u64,
    /// Unix milliseconds.
    pub start_ms: i64,
}

/// What leads meet.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    pub funnels: &'a Funnels,
    pub partner: &'a Partner,
    pub policy: &'a ContactPolicy,
}

/// One thing that happened in the month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    pub at_ms: i64,
    /// The lead's own clock: `2026-01-17 10:00`.
    pub local: String,
    pub lead: i64,
    /// `weight_warmup.plate`, `weight.goal`, or a sequence alone.
    pub what: String,
    pub outcome: Outcome,
    /// Why; for a message, its first words.
    pub words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Sent,
    /// The gate let it wait.
    Held,
    /// The gate refused it.
    Refused,
    /// The file passed over it.
    Passed,
    Entered,
    /// The lead could not enter.
    Barred,
    Left,
}

/// The month.
#[derive(Debug, Serialize)]
pub struct Month {
    pub order: Order,
    pub lines: Vec<Line>,
    pub summary: Summary,
}

/// Plays the month, lead by lead: they do not meet.
pub fn play(ground: Ground<'_>, order: Order) -> Month {
    let mut lines = Vec::new();
    let mut zones: BTreeMap<String, u32> = BTreeMap::new();
    let mut spoke = 0;
    for lead in 1..=i64::from(order.leads) {
        let dice = people::dice_of(order.seed, lead);
        let mut life = Life::new(ground, order, lead, dice);
        life.live();
        *zones.entry(life.zone_name().to_owned()).or_default() += 1;
        spoke += life.spoke;
        lines.append(&mut life.lines);
    }
    lines.sort_by_key(|line| (line.at_ms, line.lead, line.outcome));
    let summary = Summary::of(&lines, zones, spoke);
    Month {
        order,
        lines,
        summary,
    }
}

pub(super) fn shown(at_ms: i64, zone: &TimeZone) -> String {
    crate::sequence::local(at_ms, zone)
        .strftime("%Y-%m-%d %H:%M")
        .to_string()
}
