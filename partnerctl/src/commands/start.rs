//! `partnerctl start`: has systemd keep these bots running, now and after a reboot.

use std::time::Duration;

use clap::Args;

use crate::failure::Failure;
use crate::host::Host;
use crate::lifecycle::{Rise, bring_up, pace};
use crate::output::OutputArgs;
use crate::targets::TargetArgs;

/// Starts bots and keeps them started over reboots
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl start north
  partnerctl start --all
  partnerctl start --all --pace 0       all at once, for a Bot API server of your own")]
pub struct StartArgs {
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
    /// New bots a minute after the first so many; 0: all at once [default: that of host setup, else 10]
    #[arg(long, value_name = "N")]
    pace: Option<u32>,
    /// Seconds to wait for the last to be ready
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,
}

pub async fn run(args: &StartArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.named("start", host)?;
    let pace = args.pace.unwrap_or_else(|| pace(&fleet.layout));
    let rise = Rise {
        verb: "start",
        pace,
        wait: Duration::from_secs(args.wait),
    };
    bring_up(&rise, &fleet, &partners, &args.output, host).await
}
