//! `partnerctl secret`: the values of `.env`. They come from a prompt, a file or a pipe, and never go out again.

use std::path::{Path, PathBuf};

use bot::config::{Secret, check_token};
use clap::{Args, Subcommand};
use serde_json::json;

use super::create::telegram::{self, Way};
use crate::audit;
use crate::edit::env;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::Host;
use crate::layout::Mode;
use crate::output::{self, OutputArgs};
use crate::plan::write_whole;

/// Sets and rotates secrets; lists their names, never their values
#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  partnerctl secret list north
  partnerctl secret set north TELEGRAM_PROXY            asked for, not shown
  partnerctl secret rotate north --file new-token.txt   a new token of the same bot")]
pub enum SecretCommand {
    Set(SetArgs),
    Rotate(RotateArgs),
    List(ListArgs),
}

/// Sets one value of .env
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl secret set north BOT_TOKEN --file token.txt
  pass show north/proxy | partnerctl secret set north TELEGRAM_PROXY --file -")]
pub struct SetArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// BOT_TOKEN, TELEGRAM_PROXY, DATABASE_URL, …
    name: String,
    #[command(flatten)]
    source: Source,
}

/// Puts a new token of the same bot in place, checked with Telegram first
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl secret rotate north
  partnerctl secret rotate north --file new-token.txt")]
pub struct RotateArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// Do not ask Telegram whether the token works
    #[arg(long)]
    skip_token_check: bool,
    #[command(flatten)]
    source: Source,
}

/// Lists the names that have a value
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl secret list north")]
pub struct ListArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Where a secret comes from.
#[derive(Debug, Args)]
struct Source {
    /// A file with the value, or - for standard input; a secret is never an argument
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    fleet: FleetArgs,
}

impl Source {
    fn read(&self, name: &str, host: &dyn Host) -> Result<Secret, Failure> {
        const MOST_BYTES: u64 = 4_096;
        let text = match self.file.as_deref() {
            Some(file) if file == Path::new("-") => host.input()?,
            Some(file) => {
                let failed = |why: String| {
                    Failure::new(Code::Credentials, format!("{}: {why}", file.display()))
                };
                let meta = std::fs::metadata(file).map_err(|error| failed(error.to_string()))?;
                if !meta.is_file() || meta.len() > MOST_BYTES {
                    return Err(failed("not a file with a secret in it".into()));
                }
                std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?
            }
            None if host.interactive() => host.ask_secret(&format!("{name} (not shown)"))?,
            None => {
                let message = "--file FILE is missing; give it, or run in a terminal to be asked";
                return Err(Failure::new(Code::Usage, message));
            }
        };
        let value = text.trim();
        if value.is_empty() || value.contains(['\n', '\'', '"']) {
            return Err(Failure::new(
                Code::Credentials,
                format!("{name}: one line without quotes is wanted"),
            ));
        }
        Ok(Secret::new(value))
    }
}

pub async fn run(command: SecretCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        SecretCommand::Set(args) => set(&args, host),
        SecretCommand::Rotate(args) => rotate(&args, host).await,
        SecretCommand::List(args) => list(&args, host),
    }
}

fn set(args: &SetArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.source.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let name = args.name.as_str();
    if !bot::config::ENV_KEYS.contains(&name) {
        let known = bot::config::ENV_KEYS.join(", ");
        return Err(Failure::new(
            Code::Usage,
            format!("the bot reads no \"{name}\"; it reads {known}"),
        ));
    }
    let value = args.source.read(name, host)?;
    if name == "BOT_TOKEN" {
        check_token(value.expose()).map_err(|message| Failure::new(Code::Credentials, message))?;
    }
    store(&fleet, &partner, name, &value, "secret set", host)
}

async fn rotate(args: &RotateArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.source.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let token = args.source.read("new BOT_TOKEN from @BotFather", host)?;
    check_token(token.expose()).map_err(|message| Failure::new(Code::Credentials, message))?;
    let old = std::fs::read_to_string(partner.dir.join(".env")).unwrap_or_default();
    let bot_id = |token: &str| token.split(':').next().unwrap_or_default().to_owned();
    let was = env::value(&old, "BOT_TOKEN").map(|token| bot_id(&token));
    if was.is_some_and(|was| was != bot_id(token.expose())) {
        let message = format!(
            "this is the token of another bot: leads of {} would not find it; for a new bot run: partnerctl create",
            partner.id
        );
        return Err(Failure::new(Code::Conflict, message));
    }
    if !args.skip_token_check {
        let way = Way {
            token: &token,
            api_url: env::value(&old, "TELEGRAM_API_URL"),
            proxy: env::value(&old, "TELEGRAM_PROXY").map(Secret::new),
        };
        telegram::get_me(&way).await?;
    }
    store(&fleet, &partner, "BOT_TOKEN", &token, "secret rotate", host)
}

fn store(
    fleet: &Fleet,
    partner: &Partner,
    name: &str,
    value: &Secret,
    verb: &str,
    host: &dyn Host,
) -> Result<(), Failure> {
    let path = partner.dir.join(".env");
    let old = match std::fs::read_to_string(&path) {
        Ok(old) => old,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            return Err(Failure::new(
                Code::Credentials,
                format!("{}: {error}", path.display()),
            ));
        }
    };
    let done = write_whole(&path, &env::set(&old, name, value.expose()), 0o600);
    let told = audit::told(&done);
    audit::record(
        &fleet.layout,
        host,
        verb,
        std::slice::from_ref(&partner.id),
        name,
        &told,
    );
    done?;
    host.out(&format!("{}: {name} is set", partner.id));
    let suffix = fleet.suffix(host);
    match fleet.layout.mode {
        Mode::Here => host.err("a running bot learns of it at its next start"),
        Mode::User | Mode::System => host.err(&format!(
            "a running bot learns of it at its next start: partnerctl restart {}{suffix}",
            partner.id
        )),
    }
    Ok(())
}

fn list(args: &ListArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let path = partner.dir.join(".env");
    let text = std::fs::read_to_string(&path)
        .map_err(|error| Failure::new(Code::Credentials, format!("{}: {error}", path.display())))?;
    let names = env::names(&text);
    match args.output.json {
        true => output::json(
            "secrets",
            &json!({ "partner": partner.id, "names": names }),
            &[],
            host,
        ),
        false => names.iter().for_each(|name| host.out(name)),
    }
    Ok(())
}
