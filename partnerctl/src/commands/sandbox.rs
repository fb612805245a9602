//! `partnerctl sandbox`: the local Telegram alone.

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::host::Host;
use crate::sandbox::{Options, Sandbox};

/// Runs the local Telegram until Ctrl-C, for bots of any framework
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl sandbox --port 8081 --accept-any-token
  TELEGRAM_API_URL=http://127.0.0.1:8081 bot run --partner partners/north")]
pub struct SandboxArgs {
    /// Port on 127.0.0.1 [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Register a bot when its token is first used; without it, POST /control/bot does
    #[arg(long)]
    accept_any_token: bool,
    /// Apply Telegram's sending limits
    #[arg(long)]
    flood: bool,
    /// Seed of all random numbers
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub async fn run(args: SandboxArgs, host: &dyn Host) -> Result<(), Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let sandbox = Sandbox::start(Options {
        port: args.port,
        accept_any_token: args.accept_any_token,
        flood: args.flood,
        seed: args.seed,
        ..Options::default()
    })?;
    let url = sandbox.url();
    host.out(&format!("TELEGRAM_API_URL={url}"));
    host.err(&format!("control: {url}/control/state; Ctrl-C stops it"));
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
