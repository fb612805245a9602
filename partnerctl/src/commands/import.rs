//! `partnerctl import`: the answers of an onboarding form become partners.

mod form;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bot::config::Secret;
use clap::Args;
use serde_json::json;

use super::create::telegram::{self, Way};
use super::create::{Made, make};
use crate::audit;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs};
use crate::host::Host;
use crate::output::{self, Cell, OutputArgs, Table, Tone, count};
use form::{Fault, Row};

/// Creates partners from a CSV file: shows the plan, makes what is new
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl import form.csv --dry-run
  partnerctl import form.csv
  partnerctl import form.csv --yes --json

Columns, in any order, in English or as a Russian form names them:
  id, name*, token*, timezone, telegram_id, shop, registration, funnel, proxy, tags")]
pub struct ImportArgs {
    /// The CSV file, with commas or semicolons; - for standard input
    file: PathBuf,
    /// Print the plan and stop; exits 10 when there is something to create
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before creating
    #[arg(long)]
    yes: bool,
    /// Do not ask Telegram whether the tokens work
    #[arg(long)]
    skip_token_check: bool,
    /// A Bot API server other than Telegram's, for all
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// What becomes of a row.
enum Fate {
    New(Row),
    /// The same bot is there already.
    There,
    Faulty(Vec<Fault>),
}

pub async fn run(args: &ImportArgs, host: &dyn Host) -> Result<(), Failure> {
    let text = match args.file.as_os_str() == "-" {
        true => host.input()?,
        false => text_of(&args.file)?,
    };
    let fleet = args.fleet.open(host);
    let form = form::read(&text).map_err(|why| {
        Failure::new(
            Code::InvalidConfig,
            format!("{}: {why}", args.file.display()),
        )
    })?;
    if form.rows.is_empty() {
        let message = format!("{}: no row below the first line", args.file.display());
        return Err(Failure::new(Code::InvalidConfig, message));
    }
    let plan = plan(form.rows, &fleet);
    show(args, &plan, host);
    if !form.ignored.is_empty() {
        host.err(&format!(
            "columns that are not used: {}",
            form.ignored.join(", ")
        ));
    }
    let faults = plan.iter().any(|(_, fate)| matches!(fate, Fate::Faulty(_)));
    let new = plan
        .iter()
        .filter(|(_, fate)| matches!(fate, Fate::New(_)))
        .count();
    if args.dry_run || new == 0 {
        return match (faults, new) {
            (true, _) => Err(Failure::said(Code::InvalidConfig)),
            (false, 0) => Ok(()),
            (false, _) => Err(Failure::said(Code::Changes)),
        };
    }
    confirm(args, new, host)?;
    let made = create(args, &fleet, plan, host).await;
    let wrong = made.iter().filter(|(_, done)| done.is_err()).count();
    for (id, done) in &made {
        match done {
            Ok(()) => host.out(&format!("created {id}")),
            Err(why) => host.err(&format!("{id}: {why}")),
        }
    }
    if wrong == 0 && !faults {
        host.err(&format!(
            "next: partnerctl start --all{}",
            fleet.suffix(host)
        ));
        return Ok(());
    }
    host.err("mend the rows above and import the file again: what is there is left alone");
    Err(Failure::said(Code::InvalidConfig))
}

fn text_of(file: &std::path::Path) -> Result<String, Failure> {
    let name = file.display();
    let bytes = std::fs::read(file)
        .map_err(|error| Failure::new(Code::NotFound, format!("{name}: {error}")))?;
    String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
            + 1;
        let message = format!("{name}:{line}: not UTF-8; save it as \"CSV UTF-8\" and import that");
        Failure::new(Code::InvalidConfig, message)
    })
}

/// One look at the fleet and one at each row: a thousand rows cost a thousand steps.
fn plan(rows: Vec<(usize, Result<Row, Vec<Fault>>)>, fleet: &Fleet) -> Vec<(usize, Fate)> {
    let mut bots = super::create::bots_of(fleet);
    let mut ids: BTreeMap<String, String> = fleet
        .ids()
        .into_iter()
        .map(|id| (id, "a partner that is there".to_owned()))
        .collect();
    let fate = |(line, row): (usize, Result<Row, Vec<Fault>>)| {
        let mut row = match row {
            Ok(row) => row,
            Err(faults) => return (line, Fate::Faulty(faults)),
        };
        if bots
            .get(&row.bot_id)
            .is_some_and(|owner| !owner.starts_with("row "))
        {
            return (line, Fate::There);
        }
        let mut faults = Vec::new();
        if let Some(owner) = bots.get(&row.bot_id) {
            faults.push(Fault::new("token", format!("{owner} has the same bot")));
        }
        if row.id_is_made {
            row.id = free_id(&row.id, &ids);
        }
        if let Some(owner) = ids.get(&row.id) {
            faults.push(Fault::new(
                "id",
                format!("\"{}\" is taken by {owner}", row.id),
            ));
        }
        if !faults.is_empty() {
            return (line, Fate::Faulty(faults));
        }
        bots.insert(row.bot_id, format!("row {line}"));
        ids.insert(row.id.clone(), format!("row {line}"));
        (line, Fate::New(row))
    };
    rows.into_iter().map(fate).collect()
}

/// `anna`, or `anna-2` when there is one.
fn free_id(wanted: &str, taken: &BTreeMap<String, String>) -> String {
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    std::iter::once(wanted.to_owned())
        .chain(numbered)
        .find(|id| !taken.contains_key(id))
        .unwrap_or_default()
}

fn show(args: &ImportArgs, plan: &[(usize, Fate)], host: &dyn Host) {
    if args.output.json {
        let rows = plan.iter().map(|(line, fate)| match fate {
            Fate::New(row) => json!({ "row": line, "fate": "new", "partner": row.id }),
            Fate::There => json!({ "row": line, "fate": "there" }),
            Fate::Faulty(faults) => json!({ "row": line, "fate": "faulty", "faults": faults }),
        });
        let rows: Vec<_> = rows.collect();
        output::json("import", &json!({ "rows": rows }), &[], host);
        return;
    }
    let mut table = Table::new(&["row>", "fate", "partner", "what"]);
    for (line, fate) in plan {
        let line = Cell::from(line.to_string());
        match fate {
            Fate::New(row) => table.row([
                line,
                Cell::new("new", Tone::Good),
                row.id.clone().into(),
                row.name.clone().into(),
            ]),
            Fate::There => table.row([
                line,
                Cell::new("there", Tone::Dim),
                "".into(),
                "its bot is in the fleet".into(),
            ]),
            Fate::Faulty(faults) => faults.iter().for_each(|fault| {
                let what = format!("{}: {}", fault.column, fault.why);
                table.row([
                    line.clone(),
                    Cell::new("faulty", Tone::Bad),
                    "".into(),
                    what.into(),
                ]);
            }),
        }
    }
    table.print(host);
}

fn confirm(args: &ImportArgs, new: usize, host: &dyn Host) -> Result<(), Failure> {
    if args.yes {
        return Ok(());
    }
    if !host.interactive() {
        return Err(Failure::new(
            Code::Usage,
            "--yes is missing; or look first with --dry-run",
        ));
    }
    let answer = host.ask(&format!("create {}? [y/N]", count(new, "partner")))?;
    match answer.to_lowercase().as_str() {
        "y" | "yes" | "д" | "да" => Ok(()),
        _ => Err(Failure::new(Code::Interrupted, "nothing was created")),
    }
}

async fn create(
    args: &ImportArgs,
    fleet: &Fleet,
    plan: Vec<(usize, Fate)>,
    host: &dyn Host,
) -> Vec<(String, Result<(), String>)> {
    let mut made = Vec::new();
    for (line, fate) in plan {
        let Fate::New(row) = fate else { continue };
        let id = row.id.clone();
        let done = create_one(args, fleet, row, host).await;
        let done = done.map_err(|failure| {
            let why = failure
                .error
                .map_or_else(String::new, |error| format!("{error:#}"));
            format!("row {line}: {why}")
        });
        made.push((id, done));
    }
    let ids: Vec<String> = made
        .iter()
        .filter(|(_, done)| done.is_ok())
        .map(|(id, _)| id.clone())
        .collect();
    if !ids.is_empty() {
        audit::record(
            &fleet.layout,
            host,
            "import",
            &ids,
            &args.file.display().to_string(),
            &Ok(()),
        );
    }
    made
}

async fn create_one(
    args: &ImportArgs,
    fleet: &Fleet,
    row: Row,
    host: &dyn Host,
) -> Result<(), Failure> {
    let wish = row.wish(args.api_url.clone());
    if !args.skip_token_check {
        let way = Way::of(&wish);
        telegram::get_me_patiently(&way, host).await?;
    }
    let Made { .. } = make(&wish, fleet)?;
    Ok(())
}

/// A proxy may hold a password.
fn secret(text: Option<String>) -> Option<Secret> {
    text.map(Secret::new)
}
