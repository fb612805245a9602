//! `partnerctl simulate`: a month of made-up leads, before a real one comes.

use bot::config::{self, Config};
use bot::diagnostic::Severity;
use bot::funnel::Funnels;
use bot::simulate::{Ground, Month, Order, play};
use clap::Args;

use super::check::paint;
use crate::failure::{Code, Failure};
use crate::fleet::FleetArgs;
use crate::host::Host;
use crate::output::{self, OutputArgs};

/// Monday, 5 January 2026, midnight UTC.
const START_MS: i64 = 1_767_571_200_000;

/// Plays a month of made-up leads: what would be sent when, to whom, and why not
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl simulate demo
  partnerctl simulate demo --leads 300 --days 60 --seed 7
  partnerctl simulate demo --lead 12            the month of one lead, line by line
  partnerctl simulate demo --json | jq .data.summary.steps")]
pub struct SimulateArgs {
    /// Whose files, links and contact policy
    partner: String,
    /// How many leads come, in the first half of the time
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    leads: u32,
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=366))]
    days: u32,
    /// The same seed plays the same month
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Only this lead, line by line
    #[arg(long, value_name = "N")]
    lead: Option<i64>,
    #[command(flatten)]
    fleet: FleetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub fn run(args: &SimulateArgs, host: &dyn Host) -> Result<(), Failure> {
    let (config, funnels) = load(args, host)?;
    let ground = Ground {
        funnels: &funnels,
        partner: &config.partner,
        policy: &config.contact,
    };
    let order = Order {
        leads: args.leads,
        days: args.days,
        seed: args.seed,
        start_ms: START_MS,
    };
    let month: Month = play(ground, order);
    if args.output.json {
        let value = serde_json::to_value(&month)
            .map_err(|error| anyhow::anyhow!("the month cannot be written: {error}"))?;
        output::json("simulate", &value, &[], host);
        return Ok(());
    }
    match args.lead {
        None => host.out(month.table().trim_end()),
        Some(lead) if (1..=i64::from(args.leads)).contains(&lead) => {
            host.out(month.of_lead(lead).trim_end())
        }
        Some(lead) => {
            let message = format!("no lead {lead} among {}; raise --leads", args.leads);
            return Err(Failure::new(Code::NotFound, message));
        }
    }
    Ok(())
}

/// Files without an error, or every problem of them.
fn load(args: &SimulateArgs, host: &dyn Host) -> Result<(Config, Funnels), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let refuse = |problems: Vec<bot::diagnostic::Diagnostic>| {
        for problem in problems {
            host.err(&format!("{}\n", paint(&problem, host.colour())));
        }
        Failure::said(Code::InvalidConfig)
    };
    let config = config::load_without_token(&fleet.options(&partner, host)).map_err(refuse)?;
    let compiled = config::load_funnels(&config);
    match compiled.funnels {
        Some(funnels) => Ok((config, funnels)),
        None => {
            let errors = compiled.diagnostics.into_iter();
            let errors = errors.filter(|problem| problem.severity == Severity::Error);
            Err(refuse(errors.collect()))
        }
    }
}
