//! `partnerctl host`: makes this machine ready for bots, and what systemd calls when one gave up.

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
}

pub fn run(command: &HostCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        HostCommand::Setup(args) => setup::run(args, host),
        HostCommand::Failed(args) => failed::run(args, host),
    }
}
