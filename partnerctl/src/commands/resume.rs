//! `partnerctl resume`: bots speak first again, each lead from their place.

use clap::Args;

use super::pause::Wish;
use crate::failure::Failure;
use crate::host::Host;

/// Ends a pause: bots speak first again, each lead from their place
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl resume north
  partnerctl resume north --lead 12
  partnerctl resume --all")]
pub struct ResumeArgs {
    #[command(flatten)]
    wish: Wish,
}

pub async fn run(args: &ResumeArgs, host: &dyn Host) -> Result<(), Failure> {
    args.wish.tell("resume", host).await
}
