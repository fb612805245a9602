//! The ways between steps: what is never reached, what goes round without waiting, what calls itself. PURE.

use std::collections::{BTreeSet, HashSet};

use super::Draft;
use super::enter::Triggers;
use super::problems::{Problems, listed};
use crate::diagnostic::Diagnostic;
use crate::funnel::model::{ButtonAction, Funnel, FunnelIx, Keyboard, Step, StepIx, Target};

type Node = (FunnelIx, StepIx);

/// `wrong` names files with errors: where targets are missing, nobody can say what is reached.
pub(super) fn problems(
    drafts: &[Draft],
    list: &[Funnel],
    sequences: &[Funnel],
    triggers: &Triggers,
    wrong: &BTreeSet<String>,
) -> Vec<Diagnostic> {
    let mut all: Vec<Problems<'_>> = drafts
        .iter()
        .map(|draft| Problems::new(&draft.places))
        .collect();
    if wrong.is_empty() {
        unreached(drafts, list, sequences, triggers, &mut all);
    }
    rounds(list, &mut all);
    silent_rounds(list, &mut all);
    recursion(list, &mut all);
    all.into_iter().flat_map(|problems| problems.list).collect()
}

/// Where a step may lead, however it is left.
fn targets(step: &Step) -> Vec<Target> {
    let buttons = step
        .buttons
        .iter()
        .filter_map(|button| match &button.action {
            ButtonAction::To(target) => Some(*target),
            ButtonAction::Next | ButtonAction::Link { .. } => None,
        });
    let keyboard = match &step.keyboard {
        Some(Keyboard::Rows(rows)) => rows.iter().flatten().map(|button| button.to).collect(),
        Some(Keyboard::Remove) | None => Vec::new(),
    };
    let next = step.next.iter().map(|case| case.to);
    let skip = step.skip.iter().map(|skip| skip.to);
    let silent = step
        .own_silent
        .iter()
        .flatten()
        .filter_map(|branch| branch.to);
    buttons
        .chain(keyboard)
        .chain(next)
        .chain(skip)
        .chain(silent)
        .chain([step.after_times])
        .collect()
}

fn node(funnel: FunnelIx, target: Target) -> Option<Node> {
    match target {
        Target::Step(step) => Some((funnel, step)),
        Target::Funnel(funnel, step) => Some((funnel, step)),
        Target::End | Target::Back | Target::Human | Target::Stay => None,
    }
}

fn unreached(
    drafts: &[Draft],
    list: &[Funnel],
    sequences: &[Funnel],
    triggers: &Triggers,
    all: &mut [Problems<'_>],
) {
    let mut seen: HashSet<Node> = HashSet::new();
    // Buttons of sequences lead into funnels.
    let mut open: Vec<Node> = sequences
        .iter()
        .flat_map(|words| words.steps.iter().flat_map(targets))
        .filter_map(|target| node(usize::MAX, target))
        .filter(|(funnel, _)| *funnel < list.len())
        .collect();
    let mut pointed: HashSet<FunnelIx> = open.iter().map(|(funnel, _)| *funnel).collect();
    pointed.insert(triggers.default_funnel);
    for (ix, funnel) in list.iter().enumerate() {
        open.push((ix, funnel.first));
        open.extend(funnel.moved_to.values().map(|step| (ix, *step)));
    }
    while let Some((funnel, step)) = open.pop() {
        let Some(here) = list.get(funnel).and_then(|funnel| funnel.steps.get(step)) else {
            continue;
        };
        if !seen.insert((funnel, step)) {
            continue;
        }
        let silent = list[funnel].silent(step).iter();
        let silent = silent.filter_map(|branch| branch.to);
        let ways = targets(here)
            .into_iter()
            .chain(silent)
            .filter_map(|target| node(funnel, target));
        for (other, step) in ways.chain(here.call.map(|called| (called, list[called].first))) {
            if other != funnel {
                pointed.insert(other);
            }
            open.push((other, step));
        }
    }
    for (ix, funnel) in list.iter().enumerate() {
        for (at, step) in funnel
            .steps
            .iter()
            .enumerate()
            .filter(|(at, _)| !seen.contains(&(ix, *at)))
        {
            let _ = at;
            all[ix].warning(
                &format!("steps.{}", step.id),
                "no way leads here; point a button or \"next\" to it, or delete the step",
            );
        }
        let enter = &drafts[ix].spec.enter;
        let started =
            !(enter.start.is_empty() && enter.keywords.is_empty() && enter.commands.is_empty());
        if !started && !pointed.contains(&ix) {
            all[ix].warning(
                "funnel",
                "nothing starts this funnel; add enter.start, enter.keywords or enter.commands",
            );
        }
    }
}

/// Steps taken one after another without a word from the lead.
fn own_ways(list: &[Funnel], (funnel, step): Node) -> Vec<Node> {
    let here = &list[funnel].steps[step];
    if let Some(called) = here.call {
        return vec![(called, list[called].first)];
    }
    if here.awaits() {
        return Vec::new();
    }
    here.next
        .iter()
        .filter_map(|case| node(funnel, case.to))
        .collect()
}

fn rounds(list: &[Funnel], all: &mut [Problems<'_>]) {
    let nodes: Vec<Node> = list
        .iter()
        .enumerate()
        .flat_map(|(ix, funnel)| (0..funnel.steps.len()).map(move |step| (ix, step)))
        .collect();
    let mut resting: HashSet<Node> = HashSet::new();
    loop {
        let rests = |at: &&Node| {
            let here = &list[at.0].steps[at.1];
            let leaves =
                here.next.iter().any(|case| node(at.0, case.to).is_none()) && here.call.is_none();
            let ways = own_ways(list, **at);
            leaves || ways.is_empty() || ways.iter().any(|way| resting.contains(way))
        };
        let found: Vec<Node> = nodes
            .iter()
            .filter(|at| !resting.contains(at))
            .filter(rests)
            .copied()
            .collect();
        if found.is_empty() {
            break;
        }
        resting.extend(found);
    }
    let mut reported: BTreeSet<Node> = BTreeSet::new();
    for start in nodes.iter().filter(|at| !resting.contains(at)) {
        let round = round_from(list, *start);
        if round.first() != Some(start) || round.iter().any(|at| reported.contains(at)) {
            continue;
        }
        reported.extend(&round);
        let names = round
            .iter()
            .chain([start])
            .map(|at| &*list[at.0].steps[at.1].id);
        let names = names.collect::<Vec<_>>().join(" → ");
        let step = &list[start.0].steps[start.1];
        let key = if step.call.is_some() { "call" } else { "next" };
        all[start.0].error(
            &format!("steps.{}.{key}", step.id),
            format!(
                "goes round without waiting for the lead: {names}; let one of them ask, or end"
            ),
        );
    }
}

/// The loop one ends up in from `start` when always taking the first way.
fn round_from(list: &[Funnel], start: Node) -> Vec<Node> {
    let mut path = vec![start];
    loop {
        let Some(next) = path
            .last()
            .and_then(|at| own_ways(list, *at).first().copied())
        else {
            return Vec::new();
        };
        if let Some(at) = path.iter().position(|seen| *seen == next) {
            return path.split_off(at);
        }
        path.push(next);
    }
}

/// Steps a lead who never answers is taken through.
fn silent_ways(list: &[Funnel], at: Node) -> Vec<Node> {
    let silent = list[at.0].silent(at.1).iter();
    let silent = silent.filter_map(|branch| node(at.0, branch.to?));
    own_ways(list, at).into_iter().chain(silent).collect()
}

/// A lead who keeps silent must come to rest, or the bot would write to them for ever.
fn silent_rounds(list: &[Funnel], all: &mut [Problems<'_>]) {
    let mut reported: HashSet<Node> = HashSet::new();
    for (ix, funnel) in list.iter().enumerate() {
        for at in 0..funnel.steps.len() {
            let start = (ix, at);
            if funnel.silent(at).is_empty() || reported.contains(&start) {
                continue;
            }
            if let Some(round) = round_back(list, start) {
                let names = round
                    .iter()
                    .chain([&start])
                    .map(|at| &*list[at.0].steps[at.1].id);
                let names = names.collect::<Vec<_>>().join(" → ");
                all[ix].error(
                    &format!("steps.{}.silent", funnel.steps[at].id),
                    format!("a lead who says nothing goes round for ever: {names}; let the last branch end, or only say something"),
                );
                reported.extend(round);
            }
        }
    }
}

/// The shortest way from a step back to it that a silent lead takes.
fn round_back(list: &[Funnel], start: Node) -> Option<Vec<Node>> {
    let mut open = std::collections::VecDeque::from([vec![start]]);
    let mut seen = HashSet::new();
    while let Some(path) = open.pop_front() {
        for next in silent_ways(list, *path.last()?) {
            if next == start {
                return Some(path);
            }
            if seen.insert(next) {
                open.push_back(path.iter().copied().chain([next]).collect());
            }
        }
    }
    None
}

fn recursion(list: &[Funnel], all: &mut [Problems<'_>]) {
    let calls = |ix: FunnelIx| list[ix].steps.iter().filter_map(|step| step.call);
    for (ix, funnel) in list.iter().enumerate() {
        for step in funnel.steps.iter() {
            let Some(called) = step.call else { continue };
            let mut seen = BTreeSet::new();
            let mut open = vec![called];
            while let Some(at) = open.pop() {
                if seen.insert(at) {
                    open.extend(calls(at));
                }
            }
            if seen.contains(&ix) {
                let names = listed(seen.iter().filter(|at| **at != ix).map(|at| &*list[*at].id));
                let through = if names.is_empty() {
                    String::new()
                } else {
                    format!(" through {names}")
                };
                let message = format!(
                    "funnel \"{}\" calls itself{through} and would never return; write \"next: @{}\" to go there instead",
                    funnel.id, list[called].id
                );
                all[ix].error(&format!("steps.{}.call", step.id), message);
            }
        }
    }
}
