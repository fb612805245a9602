//! Transcripts: a talk written down, played against the funnels with a clock that moves when told. PURE.
//!
//! ```text
//! ## a phone in words is asked for again
//! lead: name Аня, language ru
//! > /start weight
//! < Здравствуйте, Аня! … [Хочу сбросить вес] [Просто смотрю]
//! > [Хочу сбросить вес]
//! < Сколько килограммов …
//! + 2h
//! < Вы ещё здесь?
//! = step goal
//! ```

mod check;
mod clock;
mod compare;
mod play;
mod script;
mod talk;

use super::coverage::Coverage;
use super::model::Funnels;
use crate::partner::Partner;

/// What playing one file came to.
#[derive(Debug, Default)]
pub struct Report {
    /// Scenarios that went as written.
    pub passed: usize,
    pub failures: Vec<Failure>,
    pub coverage: Coverage,
}

/// Where a talk went another way than written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub file: String,
    pub line: usize,
    pub scenario: String,
    pub message: String,
}

/// `file:line: scenario: message`
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: ", self.file, self.line)?;
        if !self.scenario.is_empty() {
            write!(f, "{}: ", self.scenario)?;
        }
        write!(f, "{}", self.message)
    }
}

/// Plays every scenario of a transcript file.
pub fn run(funnels: &Funnels, partner: &Partner, file_name: &str, text: &str) -> Report {
    let mut report = Report::default();
    for scenario in script::scenarios(text) {
        let (result, marks) = play::scenario(funnels, partner, &scenario);
        report.coverage.extend(marks);
        match result {
            Ok(()) => report.passed += 1,
            Err((line, message)) => report.failures.push(Failure {
                file: file_name.to_owned(),
                line,
                scenario: scenario.title,
                message,
            }),
        }
    }
    report
}

/// Writes the transcript anew with what the bot says now: inputs, checks and comments stay, answers are replaced.
pub fn record(funnels: &Funnels, partner: &Partner, text: &str) -> String {
    play::record(funnels, partner, text)
}
