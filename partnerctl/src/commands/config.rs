//! `partnerctl config`: what may stand in config.yaml, what stands there, what is in effect, and changing it.

use bot::config::spec::ConfigSpec;
use bot::config::{self, LoadOptions, differences, flat, takes_restart};
use bot::yaml::schema_text;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::check::paint;
use crate::audit;
use crate::bot_socket::BotSocket;
use crate::edit;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::Host;
use crate::layout::Mode;
use crate::output::{self, OutputArgs, Table};
use crate::plan::write_whole;

/// Shows and changes config.yaml
#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  partnerctl config show north                    what is in effect, defaults filled in
  partnerctl config set north hot.score 60
  partnerctl config diff north                    what is on disk and not live
  partnerctl config schema > partners/config.schema.json")]
pub enum ConfigCommand {
    Show(ShowArgs),
    Get(GetArgs),
    Set(SetArgs),
    Diff(DiffArgs),
    /// Prints the JSON schema that gives editors completion
    #[command(before_help = "Examples:
  partnerctl config schema > partners/config.schema.json")]
    Schema,
}

/// Prints the configuration in effect, defaults filled in, secrets left out
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl config show north")]
pub struct ShowArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Prints one value in effect
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl config get north hot.score")]
pub struct GetArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// Its path: hot.score
    key: String,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Changes one value; a change that would not load is refused and nothing is written
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl config set north hot.score 60
  partnerctl config set north links.shop https://shop.example
  partnerctl config set north display_name 'Север и Юг' --dry-run")]
pub struct SetArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// Its path: hot.score
    key: String,
    /// The value, as YAML on one line
    value: String,
    /// Print the changed line and write nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Tells what is on disk and not live, and whether a reload or a restart brings it; with a second partner, how the two differ. Exits 10 when there is a difference
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl config diff north
  partnerctl config diff north west")]
pub struct DiffArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// Another partner to compare with [default: the running bot]
    other: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(command: &ConfigCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        ConfigCommand::Schema => host.out(schema_text::<ConfigSpec>().trim_end()),
        ConfigCommand::Show(args) => show(args, host)?,
        ConfigCommand::Get(args) => get(args, host)?,
        ConfigCommand::Set(args) => set(args, host).await?,
        ConfigCommand::Diff(args) => diff(args, host).await?,
    }
    Ok(())
}

/// What the bot would run with if it started now.
fn on_disk(fleet: &Fleet, partner: &Partner, host: &dyn Host) -> Result<Value, Failure> {
    let config = config::load(&fleet.options(partner, host)).map_err(|problems| {
        problems
            .iter()
            .for_each(|problem| host.err(&format!("{}\n", paint(problem, host.colour()))));
        Failure::said(Code::InvalidConfig)
    })?;
    Ok(config::shown(&config))
}

fn show(args: &ShowArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let shown = on_disk(&fleet, &partner, host)?;
    if args.output.json {
        output::json(
            "config",
            &json!({ "partner": partner.id, "config": shown }),
            &[],
            host,
        );
        return Ok(());
    }
    let mut table = Table::new(&["key", "value"]);
    for (key, value) in flat(&shown) {
        table.row([key, value]);
    }
    table.print(host);
    Ok(())
}

fn get(args: &GetArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let shown = on_disk(&fleet, &partner, host)?;
    let found = args
        .key
        .split('.')
        .try_fold(&shown, |value, key| value.get(key));
    let Some(found) = found else {
        let keys: Vec<String> = flat(&shown).into_iter().map(|(key, _)| key).collect();
        let hint = match bot::yaml::suggest(&args.key, &keys) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("see: partnerctl config show {}", partner.id),
        };
        return Err(Failure::new(
            Code::NotFound,
            format!("no key \"{}\"; {hint}", args.key),
        ));
    };
    host.out(&words(found));
    Ok(())
}

async fn set(args: &SetArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let path = partner.dir.join("config.yaml");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::new(Code::NotFound, format!("{}: {error}", path.display())))?;
    let new = edit::yaml::set(&text, &args.key, &args.value)
        .map_err(|why| Failure::new(Code::Usage, why))?;
    refuse_broken(&fleet, &partner, &new, host)?;
    if new == text {
        host.out("it is so already");
        return Ok(());
    }
    for (was, is) in changed_lines(&text, &new) {
        host.out(&format!("- {was}\n+ {is}"));
    }
    if args.dry_run {
        return Ok(());
    }
    let (_, mode) = fleet.layout.partner_modes();
    let done = write_whole(&path, &new, mode);
    let what = format!("{} = {}", args.key, args.value);
    let told = audit::told(&done);
    audit::record(
        &fleet.layout,
        host,
        "config set",
        std::slice::from_ref(&partner.id),
        &what,
        &told,
    );
    done?;
    bring_live(&fleet, &partner, host).await
}

/// Has the running bot read the file, and says what has become of it.
async fn bring_live(fleet: &Fleet, partner: &Partner, host: &dyn Host) -> Result<(), Failure> {
    let Ok(health) = BotSocket::new(&partner.socket()).post("/reload").await else {
        host.err("the bot does not run; it learns of it at its next start");
        return Ok(());
    };
    let keys = |list: &str| words(&health["config"][list]);
    let (waiting, restart) = (keys("waiting"), keys("restart"));
    if !waiting.is_empty() {
        let message = format!(
            "written, and not live: the funnels do not fit {waiting}; see: partnerctl check {}",
            partner.id
        );
        return Err(Failure::new(Code::InvalidConfig, message));
    }
    if !restart.is_empty() {
        let next = match fleet.layout.mode {
            Mode::Here => "start the bot again".to_owned(),
            Mode::User | Mode::System => format!("run: partnerctl restart {}", partner.id),
        };
        host.err(&format!("only a restart takes over {restart}; {next}"));
    }
    host.err("live now, without a restart");
    Ok(())
}

/// What it takes to bring a changed key to a running bot.
fn takes(key: &str) -> &'static str {
    match takes_restart(key) {
        true => "restart",
        false => "reload",
    }
}

/// The changed text is judged in a directory of its own, as the bot will judge it.
fn refuse_broken(
    fleet: &Fleet,
    partner: &Partner,
    text: &str,
    host: &dyn Host,
) -> Result<(), Failure> {
    let top = partner.dir.join(format!(".check-{}", std::process::id()));
    let dir = top.join(&partner.id);
    std::fs::create_dir_all(&dir)?;
    let judged = write_whole(&dir.join("config.yaml"), text, 0o600).map(|()| {
        let options = LoadOptions {
            partner_dir: dir,
            funnels_dir: Some(fleet.funnels_dir()),
            env_file: Some(partner.dir.join(".env")),
            ..LoadOptions::default()
        };
        config::load(&options)
    });
    let _ = std::fs::remove_dir_all(&top);
    let Err(problems) = judged? else {
        return Ok(());
    };
    for problem in &problems {
        let mut problem = problem.clone();
        problem.file = problem.file.replace(&format!("{}/", top.display()), "");
        host.err(&format!("{}\n", paint(&problem, host.colour())));
    }
    host.err("refused; nothing was written");
    Err(Failure::said(Code::InvalidConfig))
}

fn changed_lines<'a>(old: &'a str, new: &'a str) -> Vec<(&'a str, &'a str)> {
    let old: Vec<&str> = old.lines().collect();
    let added = new.lines().filter(|line| !old.contains(line));
    let gone = old
        .iter()
        .filter(|line| !new.lines().any(|new| new == **line));
    let gone: Vec<&str> = gone.copied().collect();
    added
        .enumerate()
        .map(|(index, line)| (gone.get(index).copied().unwrap_or(""), line))
        .collect()
}

async fn diff(args: &DiffArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let mine = on_disk(&fleet, &partner, host)?;
    let (names, before, after) = match &args.other {
        Some(other) => {
            let other = fleet.one(other)?;
            let theirs = on_disk(&fleet, &other, host)?;
            ([partner.id, other.id], mine, theirs)
        }
        None => {
            let running = BotSocket::new(&partner.socket()).get("/config").await;
            let running = running.map_err(|_| {
                let message = format!("the bot of {0} does not run, so it starts with what is on the disk; see: partnerctl config show {0}", partner.id);
                Failure::new(Code::Unhealthy, message)
            })?;
            (["running".to_owned(), "on disk".to_owned()], running, mine)
        }
    };
    let rows = differences(&before, &after);
    if args.output.json {
        let rows: Vec<Value> = rows
            .iter()
            .map(|(key, old, new)| json!({ "key": key, "before": old, "after": new, "takes": takes(key) }))
            .collect();
        output::json(
            "config-diff",
            &json!({ "between": names, "changes": rows }),
            &[],
            host,
        );
    } else if rows.is_empty() {
        host.out(&format!("{} and {} are the same", names[0], names[1]));
    } else {
        host.err(&format!("{} -> {}", names[0], names[1]));
        let mut table = Table::new(&["key", "before", "after", "takes"]);
        for (key, old, new) in &rows {
            table.row([key, old, new, takes(key)]);
        }
        table.print(host);
    }
    match rows.is_empty() {
        true => Ok(()),
        false => Err(Failure::said(Code::Changes)),
    }
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
