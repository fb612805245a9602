//! Where a lead stands in a sequence, and what they wait for: from the steps behind them and the file as it is now. PURE.

use jiff::tz::TimeZone;

use super::event::{TimerData, TimerName, Waiting};
use super::model::{Funnels, Sequence, StepIx};
use crate::sequence;

impl Funnels {
    /// The place in the file of the last step behind a lead; `None` before the first.
    /// A step that is gone counts as its successor, else as the one that was passed before it.
    fn behind(&self, sequence: &Sequence, passed: &[String]) -> Option<StepIx> {
        let words = &self.list[sequence.home];
        passed.iter().rev().find_map(|id| words.find(id))
    }

    /// The step ahead: the first after the place that is not behind the lead already.
    pub(super) fn ahead(&self, sequence: &Sequence, passed: &[String]) -> Option<StepIx> {
        let words = &self.list[sequence.home];
        let from = self.behind(sequence, passed).map_or(0, |at| at + 1);
        let is_behind = |at: StepIx| passed.iter().any(|id| words.find(id) == Some(at));
        (from..words.steps.len()).find(|at| !is_behind(*at))
    }

    /// What a timer row of a sequence means by the files and the zone of now.
    pub(super) fn replan_waiting(
        &self,
        sequence: &Sequence,
        waiting: &Waiting,
        zone_name: &str,
        now_ms: i64,
    ) -> Replanned {
        let words = &self.list[sequence.home];
        let Some(from) = self.ahead(sequence, &waiting.passed) else {
            return Replanned::Over;
        };
        let step = &words.steps[from];
        if sequence.paused {
            return Replanned::Same;
        }
        let zone = sequence::zone(zone_name);
        let rule = &sequence.plans[from].rule;
        let due = rule.due(waiting.anchor_ms, &zone);
        let same_step = *step.id == *waiting.step;
        if same_step && due == waiting.planned_ms && zone_name == waiting.zone {
            return Replanned::Same;
        }
        // Over-waited because the delay got shorter: released at the next time that fits, never skipped for it.
        let planned_ms = if due < now_ms {
            if same_step && waiting.planned_ms <= now_ms {
                return Replanned::Same;
            }
            rule.next(now_ms, &zone)
        } else {
            due
        };
        if same_step && planned_ms == waiting.planned_ms && zone_name == waiting.zone {
            return Replanned::Same;
        }
        Replanned::Moved(Waiting {
            step: step.id.to_string(),
            planned_ms,
            zone: zone_name.to_owned(),
            ..waiting.clone()
        })
    }

    /// A timer as the files and the zone mean it now. `Some` with equal data: leave the row as it is, due time and all.
    /// `None`: there is nothing left to wait for; run the timer's event, it ends the sequence.
    pub fn replan(
        &self,
        name: &TimerName,
        data: &TimerData,
        zone: &str,
        now_ms: i64,
    ) -> Option<(i64, TimerData)> {
        match (name, data) {
            (TimerName::Silence | TimerName::Collect, TimerData::Talk(talk)) => {
                Some((talk.planned_ms, data.clone()))
            }
            (TimerName::Sequence(id), TimerData::Sequence(waiting)) => {
                let (_, sequence) = self.sequence(id)?;
                match self.replan_waiting(sequence, waiting, zone, now_ms) {
                    Replanned::Same => Some((waiting.planned_ms, data.clone())),
                    Replanned::Moved(moved) => Some((moved.planned_ms, TimerData::Sequence(moved))),
                    Replanned::Over => None,
                }
            }
            (TimerName::Silence | TimerName::Collect, TimerData::Sequence(_))
            | (TimerName::Sequence(_), TimerData::Talk(_)) => None,
        }
    }
}

/// What became of a waiting lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Replanned {
    Same,
    Moved(Waiting),
    /// No step is ahead.
    Over,
}

/// A lead's zone with its name.
pub(super) fn zone_of<'a>(
    zone: &'a crate::lead::Zone,
    partner: &'a crate::partner::Partner,
) -> (&'a str, TimeZone) {
    let name = zone.name_or(&partner.timezone);
    (name, sequence::zone(name))
}
