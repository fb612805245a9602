//! `partnerctl host failed`: systemd calls it when a bot gave up. It says why and plans another try.

use clap::Args;

use crate::audit;
use crate::failure::Failure;
use crate::fleet::FleetArgs;
use crate::host::{Call, Host};
use crate::layout::Mode;
use crate::systemd::UnitState;

/// Tells why a bot gave up and plans another try; called by systemd
#[derive(Debug, Args)]
#[command(
    before_help = "Examples:
  partnerctl host failed north",
    hide = true
)]
pub struct FailedArgs {
    partner: String,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub fn run(args: &FailedArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let id = &args.partner;
    let unit = unit(&fleet, id, host)?;
    let why = unit.trouble(id).unwrap_or_else(|| "gave up".to_owned());
    let again = UnitState::may_mend_itself(&unit.result, unit.exit_status);
    let next = if again {
        "another try in 15 minutes"
    } else {
        "it waits for you"
    };
    host.err(&format!("the bot of {id} is down: {why}; {next}"));
    audit::record(
        &fleet.layout,
        host,
        "gave up",
        std::slice::from_ref(id),
        next,
        &Err(why),
    );
    if again {
        let user = (fleet.layout.mode == Mode::User).then_some("--user");
        let timer = format!("partner-bot-retry@{id}.timer");
        let words = user.into_iter().chain(["restart", &timer]);
        host.run(&Call::new("systemctl", words))?;
    }
    Ok(())
}

/// What systemd tells the unit that was started because another failed; else what it tells everybody.
fn unit(fleet: &crate::fleet::Fleet, id: &str, host: &dyn Host) -> Result<UnitState, Failure> {
    let told = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(result) = told("MONITOR_SERVICE_RESULT") {
        let status = told("MONITOR_EXIT_STATUS").and_then(|status| status_of(&status));
        return Ok(UnitState {
            active: "failed".to_owned(),
            result,
            exit_status: status.unwrap_or(0),
            ..UnitState::default()
        });
    }
    let units = crate::state::units(fleet, host)?.unwrap_or_default();
    Ok(units.get(id).cloned().unwrap_or_default())
}

/// An exit code, or the number of a signal that systemd tells by its name.
fn status_of(told: &str) -> Option<i32> {
    let signals = [
        ("ABRT", 6),
        ("KILL", 9),
        ("SEGV", 11),
        ("PIPE", 13),
        ("TERM", 15),
        ("SYS", 31),
    ];
    let signal = signals.iter().find(|(name, _)| *name == told);
    signal.map(|(_, number)| *number).or(told.parse().ok())
}
