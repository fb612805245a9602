//! Which steps and branches of the funnels were walked, and which were not. PURE.

use std::collections::BTreeSet;

use super::model::{Funnel, FunnelIx, Funnels, SEQUENCE_MARK, Step, StepIx};

/// A part of a step that was walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    pub at: (FunnelIx, StepIx),
    pub part: Part,
}

/// Stands for a step in marks of the funnel as a whole.
pub(crate) const WHOLE: StepIx = usize::MAX;

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
    /// A step of a sequence was passed over because of its `when`.
    Unless,
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
        if self.step.is_empty() {
            return write!(f, "{}.yaml: {} is never taken", self.funnel, self.part);
        }
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
            if funnel.is_some_and(|wanted| *wanted != shown_id(file)) {
                continue;
            }
            let before = missed.len();
            for (at, step) in file.steps.iter().enumerate() {
                self.missed_in(funnels, file, (ix, at), step, &mut missed);
            }
            let silent = (0..file.silent.len()).filter(|branch| {
                !self.marks.contains(&Mark {
                    at: (ix, WHOLE),
                    part: Part::Silent(*branch),
                })
            });
            missed.extend(silent.map(|branch| Missed {
                funnel: shown_id(file),
                step: String::new(),
                part: format!("silent[{branch}]"),
                line: 0,
            }));
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
            .filter(|(_, file)| funnel.is_none_or(|wanted| *wanted == shown_id(file)));
        let parts = chosen.flat_map(|(ix, file)| {
            let whole = (0..file.silent.len()).map(move |branch| Mark {
                at: (ix, WHOLE),
                part: Part::Silent(branch),
            });
            let steps = file.steps.iter().enumerate().flat_map(move |(at, step)| {
                parts(funnels, ix, at, step)
                    .into_iter()
                    .map(move |part| Mark { at: (ix, at), part })
            });
            whole.chain(steps)
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
            funnel: shown_id(file),
            step: step.id.to_string(),
            part,
            line: step.line,
        };
        if is_missed(&Part::Step) {
            return out.push(line(String::new()));
        }
        let parts = parts(funnels, at.0, at.1, step)
            .into_iter()
            .filter(is_missed);
        out.extend(parts.map(|part| line(part_name(funnels, step, part))));
    }
}

/// The file's id as people know it: `sequences/weight_warmup` for the words of a sequence.
fn shown_id(file: &Funnel) -> String {
    match file.id.strip_prefix(SEQUENCE_MARK) {
        Some(id) => format!("sequences/{id}"),
        None => file.id.to_string(),
    }
}

/// Everything of a step a talk can go through.
fn parts(funnels: &Funnels, funnel: FunnelIx, at: StepIx, step: &Step) -> Vec<Part> {
    let mut parts = vec![Part::Step];
    parts.extend((0..step.buttons.len()).map(Part::Button));
    parts.extend(step.skip.iter().map(|_| Part::Skip));
    if step.next.len() > 1 {
        parts.extend((0..step.next.len()).map(Part::Case));
    }
    let own = step.own_silent.as_ref().map_or(0, Vec::len);
    parts.extend((0..own).map(Part::Silent));
    let plan = funnels
        .sequences
        .iter()
        .find(|sequence| sequence.home == funnel)
        .and_then(|sequence| sequence.plans.get(at));
    if plan.is_some_and(|plan| plan.when.is_some()) {
        parts.push(Part::Unless);
    }
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
        Part::Unless => "when it is false".into(),
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
