//! `partnerctl host boot`: systemd calls it when the machine has started. Telegram takes few new bots a minute from one
//! address, and a machine that comes up would bring all of its bots at once.

use clap::Args;

use crate::failure::Failure;
use crate::fleet::FleetArgs;
use crate::host::Host;
use crate::lifecycle;

/// Starts the bots that are to run, at the pace; called by systemd when the machine has started
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  partnerctl host boot
  partnerctl host boot --pace 20",
    hide = true
)]
pub struct BootArgs {
    /// New bots a minute after the first so many; 0: all at once [default: that of host setup, else 10]
    #[arg(long, value_name = "N")]
    pace: Option<u32>,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(args: &BootArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let pace = args.pace.unwrap_or_else(|| lifecycle::pace(&fleet.layout));
    lifecycle::boot(&fleet, pace, host).await
}
