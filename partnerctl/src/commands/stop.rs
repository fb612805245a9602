//! `partnerctl stop`: ends bots in good order and keeps them stopped.

use clap::Args;

use super::status;
use crate::audit;
use crate::failure::{Code, Failure};
use crate::host::Host;
use crate::lifecycle::{ids_of, manager, run as call};
use crate::output::OutputArgs;
use crate::state;
use crate::targets::TargetArgs;

/// Stops bots in good order and keeps them stopped over reboots
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl stop north
  partnerctl stop --tag city=almaty")]
pub struct StopArgs {
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: &StopArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.named("stop", host)?;
    let manager = manager(&fleet, "stop")?;
    let ids = ids_of(&partners);
    let done = call(&manager.units(&["disable", "--quiet", "--now"], &ids), host);
    audit::record(&fleet.layout, host, "stop", &ids, "", &done);
    done.map_err(|reason| {
        Failure::new(Code::General, format!("{reason}; see: partnerctl doctor"))
    })?;
    let bots = state::look(&fleet, &partners, host).await?;
    status::show(&bots, &args.output, host);
    Ok(())
}
