//! `partnerctl logs`: what bots and systemd said, merged by time.

use std::collections::VecDeque;

use clap::Args;
use jiff::tz::TimeZone;

use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::{Call, Host};
use crate::journal::{self, Entry, Level, Wanted};
use crate::output;
use crate::systemd::Manager;
use crate::targets::TargetArgs;

/// Shows the logs of bots, merged by time
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl logs -f                     all bots, as it comes
  partnerctl logs north --since 10m --level warn
  partnerctl logs north --lead 12
  partnerctl logs 'almaty-*' --grep telegram --json | jq .data.text")]
pub struct LogsArgs {
    #[command(flatten)]
    targets: TargetArgs,
    /// Go on with what comes; ctrl-c ends it
    #[arg(short, long)]
    follow: bool,
    /// From this long ago or from this moment: 10m, 2h, 3d, '2026-11-27 09:00'
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// The newest so many lines [default: 100; with --since all]
    #[arg(short = 'n', long, value_name = "N")]
    lines: Option<u32>,
    /// Lines that hold these words, in any case
    #[arg(long, value_name = "WORDS")]
    grep: Option<String>,
    /// Lines about this lead, by the number on its card
    #[arg(long, value_name = "NUMBER")]
    lead: Option<i64>,
    /// This level and worse
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,
    /// One JSON document a line
    #[arg(long)]
    json: bool,
}

pub async fn run(args: &LogsArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.or_all(host)?;
    let Some(manager) = Manager::of(fleet.layout.mode) else {
        let message = "no systemd keeps these bots, so there is no journal; partnerctl run shows their logs while they run";
        return Err(Failure::new(Code::Usage, message));
    };
    let call = call(args, &fleet, &partners, manager);
    let wanted = Wanted {
        grep: args.grep.clone(),
        lead: args.lead,
        level: args.level,
    };
    let width = partners
        .iter()
        .map(|partner| partner.id.len())
        .max()
        .unwrap_or(0);
    let zone = TimeZone::system();
    let mut lines = host.follow(&call)?;
    let mut shown = 0_usize;
    let show = |entry: &Entry| -> Result<(), Failure> {
        match args.json {
            true => output::json_line("log", &serde_json::to_value(entry)?, host),
            false => host.out(&journal::render(entry, width, &zone, host.colour())),
        }
        Ok(())
    };
    // Among lines that are filtered here, the newest so many are known at the end only.
    let newest = args.lines.filter(|_| !args.follow);
    let mut kept: VecDeque<Entry> = VecDeque::new();
    loop {
        let line = tokio::select! {
            line = lines.line() => line?,
            _ = tokio::signal::ctrl_c() => {
                host.err(&format!("\n{} shown", output::count(shown, "line")));
                return Ok(());
            }
        };
        let Some(line) = line else { break };
        let Some(entry) = journal::parse(&line).filter(|entry| wanted.takes(entry)) else {
            continue;
        };
        shown += 1;
        let Some(most) = newest else {
            show(&entry)?;
            continue;
        };
        kept.push_back(entry);
        if kept.len() > most as usize {
            kept.pop_front();
        }
    }
    kept.iter().try_for_each(show)?;
    if shown == 0 && !args.json {
        host.err("no such line; look further back with --since 1d, or run: partnerctl status");
    }
    Ok(())
}

fn call(args: &LogsArgs, fleet: &Fleet, partners: &[Partner], manager: Manager) -> Call {
    let mut more = vec![
        "--output=json".to_owned(),
        "--all".to_owned(),
        "--no-pager".to_owned(),
    ];
    more.extend(args.follow.then(|| "--follow".to_owned()));
    more.extend(
        args.since
            .as_ref()
            .map(|since| format!("--since={}", moment(since))),
    );
    // Lines that are filtered here must all be read.
    let filtered = args.grep.is_some() || args.lead.is_some() || args.level.is_some();
    let lines = match (args.lines, &args.since) {
        (Some(lines), _) if !filtered => Some(lines),
        (None, None) if !filtered => Some(100),
        (_, None) if args.follow => Some(1_000),
        _ => None,
    };
    more.extend(lines.map(|lines| format!("--lines={lines}")));
    // One pattern for all is quicker than hundreds of names.
    let ids = match partners.len() > 1 && partners.len() == fleet.ids().len() {
        true => vec!["*".to_owned()],
        false => crate::lifecycle::ids_of(partners),
    };
    manager.journal(&ids, &more)
}

/// `10m` is ten minutes ago; everything else is left to journalctl.
fn moment(since: &str) -> String {
    let number = since.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let is_span = !number.is_empty()
        && number.len() < since.len()
        && number.bytes().all(|b| b.is_ascii_digit());
    match is_span {
        true => format!("-{since}"),
        false => since.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_so_long_ago() {
        let moments = ["10m", "2h", "yesterday", "2026-11-27 09:00"].map(moment);
        assert_eq!(moments, ["-10m", "-2h", "yesterday", "2026-11-27 09:00"]);
    }
}
