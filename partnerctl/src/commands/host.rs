//! `partnerctl host`: makes this machine ready for bots, and what systemd calls when one gave up.

mod boot;
mod failed;
mod setup;

use clap::Subcommand;

use crate::failure::Failure;
use crate::host::Host;

/// Sets this machine up for bots
#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  partnerctl host setup --dry-run
  partnerctl host setup
  partnerctl host setup --user          without root, under your own systemd")]
pub enum HostCommand {
    Setup(setup::SetupArgs),
    Failed(failed::FailedArgs),
    Boot(boot::BootArgs),
}

pub async fn run(command: &HostCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        HostCommand::Setup(args) => setup::run(args, host),
        HostCommand::Failed(args) => failed::run(args, host),
        HostCommand::Boot(args) => boot::run(args, host).await,
    }
}
