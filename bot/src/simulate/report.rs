//! The month summed up, and in words. PURE.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::{Line, Month, Outcome};

/// What became of everything the bot wanted to say first.
#[derive(Debug, Default, Serialize)]
pub struct Summary {
    /// Messages that answered leads.
    pub answers: u64,
    /// In which the bot spoke first.
    pub sent: u64,
    /// By `sequence.step` or `funnel.step`.
    pub steps: BTreeMap<String, Counts>,
    /// By sequence.
    pub sequences: BTreeMap<String, Passage>,
    pub zones: BTreeMap<String, u32>,
    /// Messages by the hour of the lead's own day.
    pub hours: BTreeMap<u32, u64>,
    /// The most one lead got in a day of theirs, and in all.
    pub most_a_day: u64,
    pub most_in_all: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct Counts {
    pub sent: u64,
    /// How often each reason held it, refused it, or passed over it.
    pub held: BTreeMap<String, u64>,
    pub refused: BTreeMap<String, u64>,
    pub passed: BTreeMap<String, u64>,
}

#[derive(Debug, Default, Serialize)]
pub struct Passage {
    pub entered: u64,
    pub barred: BTreeMap<String, u64>,
    pub left: BTreeMap<String, u64>,
}

impl Summary {
    pub(super) fn of(lines: &[Line], zones: BTreeMap<String, u32>, answers: u64) -> Self {
        let mut all = Self {
            answers,
            zones,
            ..Self::default()
        };
        let mut days: BTreeMap<(i64, &str), u64> = BTreeMap::new();
        let mut leads: BTreeMap<i64, u64> = BTreeMap::new();
        for line in lines {
            all.count(line);
            if line.outcome == Outcome::Sent {
                let (day, clock) = line.local.split_once(' ').unwrap_or((&line.local, "0"));
                *days.entry((line.lead, day)).or_default() += 1;
                *leads.entry(line.lead).or_default() += 1;
                let hour = clock.split(':').next().and_then(|hour| hour.parse().ok());
                *all.hours.entry(hour.unwrap_or(0)).or_default() += 1;
                all.sent += 1;
            }
        }
        all.most_a_day = days.into_values().max().unwrap_or(0);
        all.most_in_all = leads.into_values().max().unwrap_or(0);
        all
    }

    fn count(&mut self, line: &Line) {
        if line.what.is_empty() {
            return;
        }
        let why = line.words.clone();
        match line.outcome {
            Outcome::Sent => self.step(line).sent += 1,
            Outcome::Held => *self.step(line).held.entry(why).or_default() += 1,
            Outcome::Refused => *self.step(line).refused.entry(why).or_default() += 1,
            Outcome::Passed => *self.step(line).passed.entry(why).or_default() += 1,
            Outcome::Entered => self.passage(line).entered += 1,
            Outcome::Barred => *self.passage(line).barred.entry(why).or_default() += 1,
            Outcome::Left => *self.passage(line).left.entry(why).or_default() += 1,
        }
    }

    fn step(&mut self, line: &Line) -> &mut Counts {
        self.steps.entry(line.what.clone()).or_default()
    }

    fn passage(&mut self, line: &Line) -> &mut Passage {
        self.sequences.entry(line.what.clone()).or_default()
    }
}

impl Month {
    /// The summary as a table for a terminal.
    pub fn table(&self) -> String {
        let all = &self.summary;
        let mut out = String::new();
        let _ = writeln!(
            out,
            "{} leads, {} days, seed {}: {} answers, {} messages in which the bot spoke first",
            self.order.leads, self.order.days, self.order.seed, all.answers, all.sent
        );
        let _ = writeln!(
            out,
            "most to one lead: {} a day, {} in all; hours of the leads' own day: {}\n",
            all.most_a_day,
            all.most_in_all,
            hours(&all.hours)
        );
        let wide = all.steps.keys().map(|step| step.len()).max().unwrap_or(0);
        let _ = writeln!(out, "{:wide$}  sent  why not, or why later", "step");
        for (step, counts) in &all.steps {
            let mut why: Vec<String> = Vec::new();
            for (word, reasons) in [
                ("refused", &counts.refused),
                ("passed over", &counts.passed),
                ("later", &counts.held),
            ] {
                why.extend(
                    reasons
                        .iter()
                        .map(|(reason, n)| format!("{word} {n}: {reason}")),
                );
            }
            let _ = writeln!(out, "{step:wide$}  {:>4}  {}", counts.sent, why.join("; "));
        }
        let wide = all
            .sequences
            .keys()
            .map(|id| id.len())
            .max()
            .unwrap_or(0)
            .max(8);
        let _ = writeln!(
            out,
            "\n{:wide$}  entered  left, or could not enter",
            "sequence"
        );
        for (id, passage) in &all.sequences {
            let left = passage.left.iter().map(|(why, n)| format!("{n}: {why}"));
            let barred = passage
                .barred
                .iter()
                .map(|(why, n)| format!("could not enter {n}: {why}"));
            let why: Vec<String> = left.chain(barred).collect();
            let _ = writeln!(
                out,
                "{id:wide$}  {:>7}  {}",
                passage.entered,
                why.join("; ")
            );
        }
        out
    }

    /// The month of one lead, line by line.
    pub fn of_lead(&self, lead: i64) -> String {
        let mut out = String::new();
        for line in self.lines.iter().filter(|line| line.lead == lead) {
            let what = match line.outcome {
                Outcome::Sent => "sent",
                Outcome::Held => "later",
                Outcome::Refused => "refused",
                Outcome::Passed => "passed over",
                Outcome::Entered => "entered",
                Outcome::Barred => "could not enter",
                Outcome::Left => "left",
            };
            let _ = writeln!(
                out,
                "{}  {what:<15} {:<28} {}",
                line.local, line.what, line.words
            );
        }
        out
    }
}

fn hours(counts: &BTreeMap<u32, u64>) -> String {
    let all: Vec<String> = counts
        .iter()
        .map(|(hour, count)| format!("{hour:02}h {count}"))
        .collect();
    all.join(", ")
}
