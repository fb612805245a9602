//! `partnerctl check`: every problem of configurations and funnels at once.

use std::collections::BTreeSet;

use bot::config;
use bot::diagnostic::{Diagnostic, Severity};
use clap::Args;
use serde_json::json;

use crate::failure::{Code, Failure};
use crate::host::Host;
use crate::output::{self, OutputArgs};
use crate::targets::TargetArgs;

/// Checks configurations and funnels, and lists all problems with their places
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl check                     all partners
  partnerctl check north
  partnerctl check --json | jq .data")]
pub struct CheckArgs {
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

struct Report {
    partner: String,
    problems: Vec<Diagnostic>,
}

impl Report {
    fn count(&self, severity: Severity) -> usize {
        let of = |problem: &&Diagnostic| problem.severity == severity;
        self.problems.iter().filter(of).count()
    }

    fn is_ok(&self) -> bool {
        self.count(Severity::Error) == 0
    }
}

pub fn run(args: &CheckArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.or_all(host)?;
    let mut reports = Vec::new();
    for partner in &partners {
        let problems = config::check(&fleet.options(partner, host));
        reports.push(Report {
            partner: partner.id.clone(),
            problems,
        });
    }
    if args.output.json {
        print_json(&reports, host);
    } else {
        print_text(&reports, host);
    }
    match reports.iter().all(Report::is_ok) {
        true => Ok(()),
        false => Err(Failure::said(Code::InvalidConfig)),
    }
}

/// Each problem once, though partners share funnels. A warning comes back at every button it concerns, so the same
/// words are told once, with all their places; an error is shown wherever it is to be mended.
fn gathered<'a>(
    problems: impl Iterator<Item = &'a Diagnostic>,
) -> Vec<(&'a Diagnostic, Vec<&'a Diagnostic>)> {
    let mut said = BTreeSet::new();
    let mut gathered: Vec<(&Diagnostic, Vec<&Diagnostic>)> = Vec::new();
    for problem in problems.filter(|problem| said.insert(problem.to_string())) {
        let same = gathered.iter_mut().find(|(first, _)| {
            problem.severity == Severity::Warning
                && first.severity == Severity::Warning
                && first.message == problem.message
        });
        match same {
            Some((_, others)) => others.push(problem),
            None => gathered.push((problem, Vec::new())),
        }
    }
    gathered
}

fn print_json(reports: &[Report], host: &dyn Host) {
    let partners: Vec<_> = reports
        .iter()
        .map(|report| json!({ "partner": report.partner, "ok": report.is_ok(), "problems": report.problems }))
        .collect();
    output::json("check", &json!({ "partners": partners }), &[], host);
}

fn print_text(reports: &[Report], host: &dyn Host) {
    for (problem, others) in gathered(reports.iter().flat_map(|report| &report.problems)) {
        host.out(&paint(problem, host.colour()));
        for (index, other) in others.iter().enumerate() {
            let also = if index == 0 { "also at" } else { "       " };
            host.out(&format!("     {also} {}", other.place()));
        }
        host.out("");
    }
    for report in reports {
        let (errors, warnings) = (
            report.count(Severity::Error),
            report.count(Severity::Warning),
        );
        let word = match (errors, warnings) {
            (0, 0) => "ok".to_owned(),
            (0, warnings) => format!("ok, {}", plural(warnings, "warning")),
            (errors, 0) => plural(errors, "error"),
            (errors, warnings) => format!(
                "{}, {}",
                plural(errors, "error"),
                plural(warnings, "warning")
            ),
        };
        host.out(&format!("{}: {word}", report.partner));
    }
}

fn plural(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

/// The first line bold, the caret red for an error and yellow for a warning.
pub fn paint(problem: &Diagnostic, colour: bool) -> String {
    let text = problem.to_string();
    if !colour {
        return text;
    }
    let caret = match problem.severity {
        Severity::Error => 31,
        Severity::Warning => 33,
    };
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let rest = match rest.rsplit_once('\n') {
        Some((source, line)) => format!("\n{source}\n\x1b[{caret}m{line}\x1b[0m"),
        None => String::new(),
    };
    format!("\x1b[1m{first}\x1b[0m{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(severity: Severity, line: usize, message: &str) -> Diagnostic {
        Diagnostic {
            severity,
            file: "funnels/a.yaml".to_owned(),
            line,
            column: 3,
            path: format!("steps.s{line}"),
            message: message.to_owned(),
            source: String::new(),
            width: 1,
        }
    }

    #[test]
    fn the_same_warning_is_told_once_with_all_its_places_and_an_error_at_each() {
        use Severity::{Error, Warning};
        let problems = [
            problem(Warning, 1, "no link"),
            problem(Error, 2, "no step"),
            problem(Warning, 3, "no link"),
            problem(Error, 4, "no step"),
            problem(Error, 5, "no link"),
            problem(Warning, 6, "unused"),
            // Another partner's, of the same shared file.
            problem(Warning, 1, "no link"),
        ];
        let told: Vec<(usize, Vec<usize>)> = gathered(problems.iter())
            .iter()
            .map(|(first, others)| (first.line, others.iter().map(|other| other.line).collect()))
            .collect();
        let alone = |line| (line, Vec::new());
        assert_eq!(told, [(1, vec![3]), alone(2), alone(4), alone(5), alone(6)]);
    }
}
