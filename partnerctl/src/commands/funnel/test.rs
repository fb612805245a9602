//! `partnerctl funnel test`: plays the transcripts and says which steps and branches none of them reaches.

use std::fs;
use std::path::Path;

use bot::funnel::coverage::Coverage;
use bot::funnel::transcript;
use clap::Args;

use super::{Ground, Setting};
use crate::failure::{Code, Failure};
use crate::host::Host;

/// Plays the transcripts beside the funnels, and lists what none of them reaches
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl funnel test                       all funnels, with the facts of partners/demo
  partnerctl funnel test weight --partner north
  partnerctl funnel test weight_warmup         a sequence
  partnerctl funnel test weight --record       write down what the bot says now")]
pub struct TestArgs {
    /// Funnels by name; `weight` plays weight.transcript and weight.*.transcript [default: all]
    names: Vec<String>,
    /// Fail when a step or branch is never reached
    #[arg(long)]
    full: bool,
    /// Write the transcripts anew with the bot's answers of today
    #[arg(long)]
    record: bool,
    #[command(flatten)]
    setting: Setting,
}

pub fn run(args: &TestArgs, host: &dyn Host) -> Result<(), Failure> {
    let ground = args.setting.load(host)?;
    let names: Vec<String> = args
        .names
        .iter()
        .map(|name| ground.whole_id(name))
        .collect();
    for name in &names {
        ground.check_id(name)?;
    }
    let ids: Vec<String> = ground
        .ids()
        .into_iter()
        .filter(|id| names.is_empty() || names.contains(id))
        .collect();
    let (mut passed, mut failed) = (0, 0);
    let mut coverage = Coverage::default();
    for (id, file) in ground.files(".transcript") {
        if !ids.contains(&id) {
            continue;
        }
        let text = fs::read_to_string(&file)
            .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
        if args.record {
            record(&ground, &file, &text, host)?;
            continue;
        }
        let name = file.display().to_string();
        let report = transcript::run(&ground.funnels, &ground.config.partner, &name, &text);
        passed += report.passed;
        failed += report.failures.len();
        for failure in &report.failures {
            host.out(&format!("{failure}\n"));
        }
        coverage.merge(&report.coverage);
    }
    if args.record {
        return Ok(());
    }
    let missed = report_coverage(&ground, &ids, &coverage, host);
    host.out(&format!("{passed} passed, {failed} failed"));
    match failed > 0 || (args.full && missed > 0) {
        true => Err(Failure::said(Code::General)),
        false => Ok(()),
    }
}

fn record(ground: &Ground, file: &Path, text: &str, host: &dyn Host) -> Result<(), Failure> {
    let recorded = transcript::record(&ground.funnels, &ground.config.partner, text);
    if recorded != text {
        fs::write(file, recorded)
            .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
        host.out(&format!(
            "{}: written anew; read it before you keep it",
            file.display()
        ));
    }
    Ok(())
}

/// How many parts were missed.
fn report_coverage(ground: &Ground, ids: &[String], coverage: &Coverage, host: &dyn Host) -> usize {
    let mut all = 0;
    for id in ids {
        let (reached, parts) = coverage.counts(&ground.funnels, Some(id));
        host.out(&format!(
            "{id}: {reached} of {parts} steps and branches reached"
        ));
        let missed = coverage.missed(&ground.funnels, Some(id));
        all += missed.len();
        for part in missed {
            host.out(&format!("  {part}"));
        }
    }
    all
}
