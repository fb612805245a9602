//! What a proof counted, and how far each count may go.

use std::fmt;

/// How far a counter may go.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limit {
    /// Told only; nothing is promised.
    None,
    AtMost(f64),
    AtLeast(f64),
}

#[derive(Clone, Debug)]
struct Row {
    name: String,
    value: f64,
    limit: Limit,
}

impl Row {
    fn holds(&self) -> bool {
        match self.limit {
            Limit::None => true,
            Limit::AtMost(most) => self.value <= most,
            Limit::AtLeast(least) => self.value >= least,
        }
    }
}

/// Counters with their limits, in the order in which they were told.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    rows: Vec<Row>,
    troubles: Vec<String>,
    skipped: Vec<String>,
}

/// More of them would only hide the first.
const MOST_TROUBLES: usize = 20;

impl Ledger {
    /// A count that promises nothing.
    pub fn told(&mut self, name: &str, value: impl Into<Amount>) {
        self.row(name, value, Limit::None);
    }

    /// A count that must be zero.
    pub fn none(&mut self, name: &str, value: impl Into<Amount>) {
        self.row(name, value, Limit::AtMost(0.0));
    }

    pub fn at_most(&mut self, name: &str, value: impl Into<Amount>, most: impl Into<Amount>) {
        self.row(name, value, Limit::AtMost(most.into().0));
    }

    /// For controls above all: what must be seen, or the proof is blind.
    pub fn at_least(&mut self, name: &str, value: impl Into<Amount>, least: impl Into<Amount>) {
        self.row(name, value, Limit::AtLeast(least.into().0));
    }

    fn row(&mut self, name: &str, value: impl Into<Amount>, limit: Limit) {
        self.rows.push(Row {
            name: name.to_owned(),
            value: value.into().0,
            limit,
        });
    }

    /// Something that must not be: the proof fails, and says this.
    pub fn trouble(&mut self, what: impl Into<String>) {
        self.troubles.push(what.into());
    }

    /// A part that this machine cannot do; never a silent pass.
    pub fn skip(&mut self, why: impl Into<String>) {
        self.skipped.push(why.into());
    }

    pub fn skipped(&self) -> &[String] {
        &self.skipped
    }

    /// Everything within its limits, and something was proven at all.
    pub fn passed(&self) -> bool {
        let proves = self.rows.iter().any(|row| row.limit != Limit::None);
        let holds = self.rows.iter().all(Row::holds);
        self.troubles.is_empty() && holds && (proves || !self.skipped.is_empty())
    }

    pub fn value(&self, name: &str) -> Option<f64> {
        let row = self.rows.iter().find(|row| row.name == name)?;
        Some(row.value)
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.name.chars().count()).max();
        let width = width.unwrap_or(0);
        for row in &self.rows {
            let limit = match row.limit {
                Limit::None => String::new(),
                Limit::AtMost(most) => format!("limit: at most {}", Amount(most)),
                Limit::AtLeast(least) => format!("limit: at least {}", Amount(least)),
            };
            let broken = if row.holds() { "" } else { "  << BROKEN" };
            let value = Amount(row.value).to_string();
            let line = format!("  {:width$}  {value:>10}  {limit}{broken}", row.name);
            writeln!(f, "{}", line.trim_end())?;
        }
        for trouble in self.troubles.iter().take(MOST_TROUBLES) {
            writeln!(f, "  trouble: {trouble}")?;
        }
        if self.troubles.len() > MOST_TROUBLES {
            writeln!(f, "  … {} troubles in all", self.troubles.len())?;
        }
        for why in &self.skipped {
            writeln!(f, "  SKIPPED: {why}")?;
        }
        let verdict = match (self.passed(), self.skipped.is_empty()) {
            (false, _) => "FAILED",
            (true, true) => "PASSED",
            (true, false) => "PASSED, with parts skipped",
        };
        write!(f, "{verdict}")
    }
}

/// A count or a measure.
#[derive(Clone, Copy, Debug)]
pub struct Amount(f64);

macro_rules! amounts {
    ($($kind:ty),*) => {$(
        impl From<$kind> for Amount {
            #[expect(clippy::allow_attributes, reason = "one macro for kinds that need the cast and for those that do not")]
            #[allow(clippy::cast_lossless, clippy::cast_precision_loss, reason = "counters stay far below 2^53")]
            fn from(value: $kind) -> Amount {
                Amount(value as f64)
            }
        }
    )*};
}
amounts!(f64, i32, i64, u32, u64, usize);

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.fract() == 0.0 {
            write!(f, "{:.0}", self.0)
        } else {
            write!(f, "{:.2}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_fails_when_a_limit_is_broken_or_nothing_was_promised() {
        let mut ledger = Ledger::default();
        ledger.told("leads", 3_usize);
        assert!(!ledger.passed(), "nothing was promised");
        ledger.none("lost", 0_u64);
        ledger.at_least("control: lost", 4_i64, 1_i64);
        assert!(ledger.passed(), "{ledger}");
        ledger.at_most("p99 ms", 2_000.5, 2_000.0);
        assert!(!ledger.passed());
        assert!(ledger.to_string().contains("BROKEN"), "{ledger}");
    }

    #[test]
    fn what_was_skipped_is_said() {
        let mut ledger = Ledger::default();
        ledger.skip("mounting needs root");
        assert!(ledger.to_string().ends_with("PASSED, with parts skipped"));
        ledger.trouble("odd");
        assert!(!ledger.passed());
    }
}
