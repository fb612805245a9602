//! `partnerctl audit`: who did what, when.

use clap::Args;
use jiff::Timestamp;

use crate::audit::{self, Line};
use crate::failure::Failure;
use crate::fleet::FleetArgs;
use crate::host::Host;
use crate::output::{self, Table};

/// Shows who did what to which partner
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl audit
  partnerctl audit north --last 5
  partnerctl audit --json | jq 'select(.data.verb == \"restart\")'")]
pub struct AuditArgs {
    /// Only lines about this partner
    partner: Option<String>,
    /// The newest so many lines
    #[arg(long, value_name = "N", default_value_t = 30)]
    last: usize,
    /// One JSON document a line, oldest first
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub fn run(args: &AuditArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let mut lines = audit::read(&fleet.layout)?;
    if let Some(partner) = &args.partner {
        lines.retain(|line| line.partners.iter().any(|id| id == partner));
    }
    let newest = &lines[lines.len().saturating_sub(args.last)..];
    if args.json {
        for line in newest {
            output::json_line("audit", &serde_json::to_value(line)?, host);
        }
        return Ok(());
    }
    if newest.is_empty() {
        host.err("nothing was done here yet");
        return Ok(());
    }
    let mut table = Table::new(&["when", "who", "verb", "partners", "what", "result"]);
    for line in newest {
        table.row([
            local(&line.at),
            line.who.clone(),
            line.verb.clone(),
            partners(line),
            line.what.clone(),
            line.result.clone(),
        ]);
    }
    table.print(host);
    Ok(())
}

fn partners(line: &Line) -> String {
    const MOST: usize = 3;
    match line.partners.len() {
        0..=MOST => line.partners.join(" "),
        more => format!(
            "{} and {} more",
            line.partners[..MOST].join(" "),
            more - MOST
        ),
    }
}

/// In the zone of whoever reads.
fn local(at: &str) -> String {
    match at.parse::<Timestamp>() {
        Ok(at) => at
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        Err(_) => at.to_owned(),
    }
}
