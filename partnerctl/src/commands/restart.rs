//! `partnerctl restart`: stops in good order and starts again.

use std::time::Duration;

use clap::Args;

use crate::failure::Failure;
use crate::host::Host;
use crate::lifecycle::{Rise, bring_up};
use crate::output::OutputArgs;
use crate::targets::TargetArgs;

/// Stops bots in good order and starts them again
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl restart north
  partnerctl restart --tag city=almaty
  partnerctl restart --all --pace 10")]
pub struct RestartArgs {
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// Bots a minute after the first so many; 0: all at once. Telegram knows a bot that ran a moment ago.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pace: u32,
    /// Seconds to wait for the last to be ready
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    wait: u64,
}

pub async fn run(args: &RestartArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.named("restart", host)?;
    let rise = Rise {
        verb: "restart",
        pace: args.pace,
        wait: Duration::from_secs(args.wait),
    };
    bring_up(&rise, &fleet, &partners, &args.output, host).await
}
