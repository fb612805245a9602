//! Which steps and branches of the funnels were walked, and which were not. PURE.

use std::collections::BTreeSet;

use super::model::{Funnel, FunnelIx, Funnels, Step, StepIx};

/// A part of a step that was walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    pub at: (FunnelIx, StepIx),
    pub part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    Step,
    Button(usize),
    Skip,
    Case(usize),
    Silent(usize),
    /// The answer did not fit and was asked for again.
    Again,
    /// It did not fit too many times.
    Then,
    /// A button of the reply keyboard.
    Key(usize),
}

/// What transcripts have walked through.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    marks: BTreeSet<Mark>,
}

/// A step or branch no transcript reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    pub funnel: String,
    pub step: String,
    /// `button "Хочу"`; empty for the step as a whole.
    pub part: String,
    /// Line of the step in its file.
    pub line: usize,
}

impl std::fmt::Display for Missed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.yaml:{}: steps.{}", self.funnel, self.line, self.step)?;
        if self.part.is_empty() {
            write!(f, " is never reached")
        } else {
            write!(f, ": {} is never taken", self.part)
        }
    }
}

impl Coverage {
    pub(crate) fn extend(&mut self, marks: impl IntoIterator<Item = Mark>) {
        self.marks.extend(marks);
    }

    pub fn merge(&mut self, other: &Self) {
        self.marks.extend(&other.marks);
    }

    /// What is left, in the order of the file; `funnel` narrows it to one.
    pub fn missed(&self, funnels: &Funnels, funnel: Option<&str>) -> Vec<Missed> {
        let mut missed = Vec::new();
        for (ix, file) in funnels.list.iter().enumerate() {
            if funnel.is_some_and(|wanted| *wanted != *file.id) {
                continue;
            }
            let before = missed.len();
            for (at, step) in file.steps.iter().enumerate() {
                self.missed_in(funnels, file, (ix, at), step, &mut missed);
            }
            missed[before..].sort_by_key(|missed: &Missed| missed.line);
        }
        missed
    }

    /// Parts walked and parts there are.
    pub fn counts(&self, funnels: &Funnels, funnel: Option<&str>) -> (usize, usize) {
        let chosen = funnels
            .list
            .iter()
            .enumerate()
            .filter(|(_, file)| funnel.is_none_or(|wanted| *wanted == *file.id));
        let parts = chosen.flat_map(|(ix, file)| {
            file.steps.iter().enumerate().flat_map(move |(at, step)| {
                parts(step)
                    .into_iter()
                    .map(move |part| Mark { at: (ix, at), part })
            })
        });
        let parts: Vec<Mark> = parts.collect();
        (
            parts
                .iter()
                .filter(|mark| self.marks.contains(mark))
                .count(),
            parts.len(),
        )
    }

    fn missed_in(
        &self,
        funnels: &Funnels,
        file: &Funnel,
        at: (FunnelIx, StepIx),
        step: &Step,
        out: &mut Vec<Missed>,
    ) {
        let is_missed = |part: &Part| !self.marks.contains(&Mark { at, part: *part });
        let line = |part: String| Missed {
            funnel: file.id.to_string(),
            step: step.id.to_string(),
            part,
            line: step.line,
        };
        if is_missed(&Part::Step) {
            return out.push(line(String::new()));
        }
        let parts = parts(step).into_iter().filter(is_missed);
        out.extend(parts.map(|part| line(part_name(funnels, step, part))));
    }
}

/// Everything of a step a talk can go through.
fn parts(step: &Step) -> Vec<Part> {
    let mut parts = vec![Part::Step];
    parts.extend((0..step.buttons.len()).map(Part::Button));
    parts.extend(step.skip.iter().map(|_| Part::Skip));
    if step.next.len() > 1 {
        parts.extend((0..step.next.len()).map(Part::Case));
    }
    parts.extend((0..step.silent.len()).map(Part::Silent));
    if step.again.is_some() {
        parts.push(Part::Again);
    }
    if step.then_is_written {
        parts.push(Part::Then);
    }
    parts.extend((0..step.keys().count()).map(Part::Key));
    parts
}

fn part_name(funnels: &Funnels, step: &Step, part: Part) -> String {
    match part {
        Part::Step => String::new(),
        Part::Button(at) => format!("button \"{}\"", step.buttons[at].plain),
        Part::Skip => "skip".into(),
        Part::Case(at) => format!("next[{at}]"),
        Part::Silent(at) => format!("silent[{at}]"),
        Part::Again => "again".into(),
        Part::Then => "again.then".into(),
        Part::Key(at) => {
            let text = step
                .keys()
                .nth(at)
                .map(|key| funnels.static_text(&key.text, 0));
            format!("keyboard button \"{}\"", text.unwrap_or_default())
        }
    }
}
