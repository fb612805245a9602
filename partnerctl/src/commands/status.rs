//! `partnerctl status`: one line per bot, from systemd and from the bots themselves.

use clap::Args;
use serde_json::json;

use crate::failure::{Code, Failure};
use crate::host::Host;
use crate::output::{self, Cell, OutputArgs, Table, Tone};
use crate::state::{self, BotState};
use crate::targets::TargetArgs;

/// Shows how the bots are
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl status
  partnerctl status 'almaty-*' --problems
  partnerctl status --json | jq '.data.bots[] | select(.state != \"running\") | .partner'")]
pub struct StatusArgs {
    #[command(flatten)]
    targets: TargetArgs,
    /// Only bots that want a look; exits 7 when there are any
    #[arg(long)]
    problems: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: &StatusArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.or_all(host)?;
    let mut bots = state::look(&fleet, &partners, host).await?;
    if args.problems {
        bots.retain(needs_a_look);
    }
    if args.output.json {
        document(&bots, host);
    } else if args.problems && bots.is_empty() {
        host.out(&format!(
            "{}: all is well",
            output::count(partners.len(), "bot")
        ));
    } else {
        print(&bots, host);
    }
    match args.problems && !bots.is_empty() {
        true => Err(Failure::said(Code::Unhealthy)),
        false => Ok(()),
    }
}

/// A bot that should run and does not, or that has something a person must settle.
pub fn needs_a_look(bot: &BotState) -> bool {
    let some = |number: Option<i64>| number.is_some_and(|number| number > 0);
    bot.state.is_trouble()
        || bot.enabled && bot.state == state::State::Stopped
        || some(bot.set_aside)
        || some(bot.stuck_timers)
}

/// What every command shows after it changed something.
pub fn show(bots: &[BotState], output: &OutputArgs, host: &dyn Host) {
    match output.json {
        true => document(bots, host),
        false => print(bots, host),
    }
}

fn document(bots: &[BotState], host: &dyn Host) {
    output::json("status", &json!({ "bots": bots }), &[], host);
}

fn print(bots: &[BotState], host: &dyn Host) {
    table(bots).print(host);
    for bot in bots {
        if let Some(reason) = bot.reason.as_ref().filter(|_| host.columns().is_some()) {
            host.out(&format!("{}: {reason}", bot.partner));
        }
    }
}

pub const COLUMNS: [&str; 14] = [
    "state",
    "partner",
    "bot",
    "version",
    "up>",
    "restarts>",
    "today>",
    "hot>",
    "lag>",
    "last update>",
    "err/min>",
    "memory>",
    "cpu>",
    "digest in>",
];

fn table(bots: &[BotState]) -> Table {
    let mut columns = COLUMNS.to_vec();
    columns.push("reason");
    let mut table = Table::new(&columns);
    for bot in bots {
        let mut cells = cells(bot);
        // In a terminal the reasons stand below; a program wants them in the row.
        cells.push(bot.reason.clone().unwrap_or_default().into());
        table.row(cells);
    }
    table
}

pub fn cells(bot: &BotState) -> Vec<Cell> {
    let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
    let span = |ms: Option<i64>| ms.map_or(String::new(), output::span);
    let lag = bot.lag_ms.filter(|ms| *ms > 0);
    let alarm = |is: bool, text: String| Cell::new(text, if is { Tone::Bad } else { Tone::Plain });
    let many = bot.restarts.is_some_and(|restarts| restarts > 0);
    vec![
        Cell::new(bot.state.shown(), bot.state.tone()),
        bot.partner.clone().into(),
        bot.username
            .as_ref()
            .map_or(String::new(), |name| format!("@{name}"))
            .into(),
        bot.version.clone().unwrap_or_default().into(),
        span(bot.uptime_ms).into(),
        Cell::new(
            bot.restarts
                .map_or(String::new(), |restarts| restarts.to_string()),
            if many { Tone::Warn } else { Tone::Plain },
        ),
        number(bot.leads_today).into(),
        number(bot.hot).into(),
        alarm(lag.is_some_and(|ms| ms > 60_000), span(lag)),
        span(bot.last_update_ms).into(),
        alarm(
            bot.errors_per_minute.is_some_and(|errors| errors > 0),
            number(bot.errors_per_minute),
        ),
        bot.memory_bytes.map_or(String::new(), output::size).into(),
        bot.cpu_percent()
            .map_or(String::new(), |percent| format!("{percent:.1}%"))
            .into(),
        span(bot.next_digest_ms).into(),
    ]
}
