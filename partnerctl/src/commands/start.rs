//! `partnerctl start`: has systemd keep these bots running, now and after a reboot.

use std::time::Duration;

use clap::Args;

use crate::failure::Failure;
use crate::host::Host;
use crate::lifecycle::{PACE, bring_up};
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
    /// New bots a minute after the first so many; 0: all at once
    #[arg(long, value_name = "N", default_value_t = PACE)]
    pace: u32,
    /// Seconds to wait for the last to be ready
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    wait: u64,
}

pub async fn run(args: &StartArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.named("start", host)?;
    let wait = Duration::from_secs(args.wait);
    bring_up("start", &fleet, &partners, args.pace, wait, host).await
}
