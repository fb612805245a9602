//! `partnerctl invite`: a one-time link that makes whoever opens it the partner.

use clap::Args;

use super::why::socket_of;
use crate::failure::{Code, Failure};
use crate::fleet::FleetArgs;
use crate::host::Host;
use crate::output::{self, OutputArgs};

/// Prints a one-time link that binds a person as the partner
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl invite north
  partnerctl invite north --json | jq -r .data.link")]
pub struct InviteArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// Where the bot keeps its data [default: data in the partner's directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<std::path::PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(args: InviteArgs, host: &dyn Host) -> Result<(), Failure> {
    let partner = args.fleet.open(host).one(&args.partner)?;
    let Some(socket) = socket_of(&partner, args.data_dir.as_deref())? else {
        let message = format!(
            "the bot is not running, and only it can sign an invitation; run: bot run --partner {}",
            partner.dir.display()
        );
        return Err(Failure::new(Code::Unhealthy, message));
    };
    let answer = socket
        .post("/invite")
        .await
        .map_err(|error| Failure::new(Code::Unhealthy, format!("{error:#}")))?;
    if args.output.json {
        output::json("invite", &answer, &[], host);
        return Ok(());
    }
    host.out(answer["link"].as_str().unwrap_or_default());
    host.err("send it to the partner; it works once");
    Ok(())
}
