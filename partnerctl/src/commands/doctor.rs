//! `partnerctl doctor`: looks for what is wrong and names the command that mends it.

mod fleet_checks;
mod host_checks;
mod safety;
mod telegram;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use crate::audit;
use crate::failure::{Code, Failure};
use crate::host::Host;
use crate::output::{self, OutputArgs, Tone, count};
use crate::plan::{self, Step};
use crate::targets::TargetArgs;

/// Looks for what is wrong with the host and the bots, and names the command that mends it
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl doctor
  partnerctl doctor north --offline
  partnerctl doctor --fix
  partnerctl doctor --json | jq '.data.checks[] | select(.verdict == \"failed\")'")]
pub struct DoctorArgs {
    #[command(flatten)]
    targets: TargetArgs,
    /// Mend what is safe to mend: modes of files, units, directories
    #[arg(long)]
    fix: bool,
    /// Do not ask Telegram
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Passed,
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// `host`, or the partner.
    about: String,
    what: &'static str,
    verdict: Verdict,
    says: String,
    /// The command that mends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    mend: Option<String>,
    #[serde(skip)]
    fix: Vec<Step>,
    #[serde(skip)]
    code: Code,
}

impl Check {
    fn new(about: &str, what: &'static str, verdict: Verdict, says: impl Into<String>) -> Self {
        Self {
            about: about.to_owned(),
            what,
            verdict,
            says: says.into(),
            mend: None,
            fix: Vec::new(),
            code: Code::Unhealthy,
        }
    }

    fn passed(about: &str, what: &'static str, says: impl Into<String>) -> Self {
        Self::new(about, what, Verdict::Passed, says)
    }

    fn warning(
        about: &str,
        what: &'static str,
        says: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let mut check = Self::new(about, what, Verdict::Warning, says);
        check.mend = Some(mend.into());
        check
    }

    fn failed(
        about: &str,
        what: &'static str,
        says: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        let mut check = Self::new(about, what, Verdict::Failed, says);
        check.mend = Some(mend.into());
        check
    }

    /// What `--fix` does about it.
    fn fixed_by(mut self, steps: Vec<Step>) -> Self {
        self.fix = steps;
        self
    }

    fn with_code(mut self, code: Code) -> Self {
        self.code = code;
        self
    }
}

pub async fn run(args: &DoctorArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.targets.fleet.open(host);
    let partners = match args.targets.or_all(host) {
        Ok((_, partners)) => partners,
        // A host without partners can be looked at too.
        Err(_) if args.targets.partners.is_empty() && args.targets.tag.is_empty() => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let mut checks = host_checks::all(&fleet, host);
    checks.extend(fleet_checks::all(&fleet, &partners, host).await);
    checks.extend(safety::backups(&fleet, &partners, host));
    if !args.offline {
        checks.extend(safety::alerts_way(&fleet).await);
        checks.extend(telegram::all(&fleet, &partners, host).await);
    }
    let mended = if args.fix {
        mend(&checks, host)
    } else {
        Vec::new()
    };
    if !mended.is_empty() {
        audit::record(
            &fleet.layout,
            host,
            "doctor --fix",
            &[],
            &mended.join("; "),
            &Ok(()),
        );
    }
    if args.output.json {
        output::json(
            "doctor",
            &json!({ "checks": checks, "mended": mended }),
            &[],
            host,
        );
    } else {
        print(&checks, &mended, host);
    }
    let is_mended = |check: &Check| args.fix && !check.fix.is_empty();
    let worst = checks
        .iter()
        .filter(|check| check.verdict == Verdict::Failed && !is_mended(check));
    match worst.map(|check| check.code).max_by_key(|code| *code as u8) {
        Some(code) => Err(Failure::said(code)),
        None => Ok(()),
    }
}

fn mend(checks: &[Check], host: &dyn Host) -> Vec<String> {
    let steps = checks.iter().flat_map(|check| &check.fix);
    let mut done = Vec::new();
    for step in steps {
        match plan::apply(std::slice::from_ref(step), host) {
            Ok(()) => done.push(step.to_string()),
            Err(error) => host.err(&format!("{error:#}")),
        }
    }
    done
}

/// What is alike for many partners is one line.
fn print(checks: &[Check], mended: &[String], host: &dyn Host) {
    const MOST_ALIKE: usize = 3;
    let mut said = std::collections::BTreeSet::new();
    for check in checks {
        let is_alike = |other: &&Check| {
            let passed = check.verdict == Verdict::Passed;
            (other.verdict, other.what) == (check.verdict, check.what)
                && (passed || other.says == check.says)
        };
        let alike = checks.iter().filter(is_alike).count();
        let says = match check.verdict {
            Verdict::Passed if alike > MOST_ALIKE => "",
            _ => &check.says,
        };
        if alike <= MOST_ALIKE {
            line(check.verdict, check.what, &check.about, says, host);
        } else if said.insert((check.verdict, check.what, says)) {
            let about = count(alike, "partner");
            line(check.verdict, check.what, &about, says, host);
        } else {
            continue;
        }
        if let Some(mend) = &check.mend {
            let others = if alike > MOST_ALIKE {
                "    and so for the others"
            } else {
                ""
            };
            host.out(&format!("         {mend}{others}"));
        }
    }
    for step in mended {
        host.out(&format!("mended   {step}"));
    }
    let number = |verdict| {
        checks
            .iter()
            .filter(|check| check.verdict == verdict)
            .count()
    };
    let (failed, warned) = (number(Verdict::Failed), number(Verdict::Warning));
    let fixable = checks.iter().any(|check| !check.fix.is_empty()) && mended.is_empty();
    let hint = if fixable {
        "; some of it mends itself: partnerctl doctor --fix"
    } else {
        ""
    };
    host.err(&format!(
        "{} passed, {}, {failed} failed{hint}",
        number(Verdict::Passed),
        count(warned, "warning")
    ));
}

fn line(verdict: Verdict, what: &str, about: &str, says: &str, host: &dyn Host) {
    let (word, tone) = match verdict {
        Verdict::Passed => ("PASSED ", Tone::Good),
        Verdict::Warning => ("WARNING", Tone::Warn),
        Verdict::Failed => ("FAILED ", Tone::Bad),
    };
    let word = if host.colour() {
        tone.paint(word)
    } else {
        word.to_owned()
    };
    let says = if says.is_empty() {
        String::new()
    } else {
        format!(": {says}")
    };
    host.out(&format!("{word}  {what} ({about}){says}"));
}
