//! `partnerctl alerts`: tells the operator in Telegram what is wrong with the fleet, once, and when it is over.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bot::config::check_token;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::alerts::judge::{BotSeen, Limits, Look};
use crate::alerts::tell::{self, Book, Settings};
use crate::audit;
use crate::backup::shelf;
use crate::bot_api::BotApi;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs};
use crate::host::{Call, Host};
use crate::output::span;
use crate::state::{self, BotState, State};

/// Tells the operator in Telegram what is wrong, once, and when it is over
#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  partnerctl alerts setup --chat 700000001 --token-file alert-bot.txt
  partnerctl alerts test
  partnerctl alerts serve            looks every minute; systemd keeps it running
  partnerctl alerts list             what is wrong now")]
pub enum AlertsCommand {
    Setup(SetupArgs),
    /// Sends a message to the operator's chat
    Test(PlaceArgs),
    Serve(ServeArgs),
    /// Looks once and tells what is news
    Look(PlaceArgs),
    /// Lists what is wrong by the last look
    List(PlaceArgs),
    /// Asks Telegram whether the way to the chat is open; sends nothing
    Check(PlaceArgs),
}

/// Says where alerts go: a chat, through a bot of your own
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl alerts setup --chat 700000001 --token-file alert-bot.txt")]
pub struct SetupArgs {
    /// Your own Telegram id, or a group's; open the bot and press Start first
    #[arg(long, value_name = "ID", allow_negative_numbers = true)]
    chat: i64,
    /// A file with the token of a bot of your own, or - for standard input
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// A Bot API server other than Telegram's
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// A proxy on the way to Telegram
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Does one of the things alerts do
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl alerts test
  partnerctl alerts look
  partnerctl alerts list")]
pub struct PlaceArgs {
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Looks at the fleet again and again and tells what is news
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl alerts serve
  partnerctl alerts serve --every 30")]
pub struct ServeArgs {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    every: u64,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(command: AlertsCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        AlertsCommand::Setup(args) => setup(args, host).await,
        AlertsCommand::Test(args) => test(&args.fleet.open(host), host).await,
        AlertsCommand::Serve(args) => serve(&args, host).await,
        AlertsCommand::Look(args) => {
            let fleet = args.fleet.open(host);
            let settings = wanted(&fleet)?;
            look_once(&fleet, &settings, host).await.map(drop)
        }
        AlertsCommand::Check(args) => {
            let way = check(&args.fleet.open(host)).await?;
            let told = way.unwrap_or_else(|| "alerts are not set up here".to_owned());
            host.out(&told);
            Ok(())
        }
        AlertsCommand::List(args) => {
            list(&args.fleet.open(host), host);
            Ok(())
        }
    }
}

async fn setup(args: SetupArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let text = match args.token_file.as_os_str() == "-" {
        true => host.input()?,
        false => std::fs::read_to_string(&args.token_file).map_err(|error| {
            let message = format!("{}: {error}", args.token_file.display());
            Failure::new(Code::Credentials, message)
        })?,
    };
    let token = text.trim();
    check_token(token).map_err(|message| Failure::new(Code::Credentials, message))?;
    refuse_partners_bot(&fleet, token, host)?;
    let settings = Settings {
        chat_id: args.chat,
        bot_token: token.to_owned(),
        api_url: args.api_url,
        proxy: args.proxy,
        limits: Limits::default(),
    };
    let name = &host.machine().name;
    tell::send(
        &settings,
        &format!("alerts of {name} come here from now on"),
    )
    .await
    .map_err(|error| no_way(&error))?;
    write_settings(&fleet.layout.alerts(), &settings)?;
    audit::record(
        &fleet.layout,
        host,
        "alerts",
        &[],
        &format!("to chat {}", args.chat),
        &Ok(()),
    );
    host.out(&format!("a message was sent to chat {}", args.chat));
    host.err("next: partnerctl alerts serve; with systemd: systemctl enable --now partner-alerts.service");
    Ok(())
}

/// Two programs with one token take each other's updates, and leads would see the operator's trouble.
fn refuse_partners_bot(fleet: &Fleet, token: &str, host: &dyn Host) -> Result<(), Failure> {
    let bot_id = token.split(':').next().unwrap_or_default();
    for partner in fleet.all() {
        let config = bot::config::load(&fleet.options(&partner, host));
        if config.is_ok_and(|config| config.telegram.bot_id.to_string() == bot_id) {
            let message = format!(
                "this is the bot of {}; make one of your own with @BotFather",
                partner.id
            );
            return Err(Failure::new(Code::Conflict, message));
        }
    }
    Ok(())
}

fn no_way(error: &crate::bot_api::ApiError) -> Failure {
    let remedy = match error.is_token() {
        true => "copy the token again from @BotFather",
        false => "open the bot in Telegram, press Start, and check the chat's id",
    };
    Failure::new(Code::Credentials, format!("{error}; {remedy}"))
}

fn write_settings(file: &Path, settings: &Settings) -> Result<(), Failure> {
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let half = file.with_extension("new");
    let _ = std::fs::remove_file(&half);
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&half)?;
    out.write_all(&serde_json::to_vec_pretty(settings)?)?;
    out.sync_all()?;
    Ok(std::fs::rename(&half, file)?)
}

fn wanted(fleet: &Fleet) -> Result<Settings, Failure> {
    tell::settings(&fleet.layout.alerts())?.ok_or_else(|| {
        Failure::new(
            Code::NotFound,
            "alerts are not set up; run: partnerctl alerts setup --chat ID --token-file FILE",
        )
    })
}

async fn test(fleet: &Fleet, host: &dyn Host) -> Result<(), Failure> {
    let settings = wanted(fleet)?;
    let text = format!("this is a test of the alerts of {}", host.machine().name);
    tell::send(&settings, &text)
        .await
        .map_err(|error| no_way(&error))?;
    host.out(&format!("sent to chat {}", settings.chat_id));
    Ok(())
}

/// The path of the alerts without a message, for `doctor`: does the bot live, and may it write there?
pub async fn check(fleet: &Fleet) -> Result<Option<String>, Failure> {
    let Some(settings) = tell::settings(&fleet.layout.alerts())? else {
        return Ok(None);
    };
    let api: BotApi = tell::api(&settings)?;
    let me = api
        .call("getMe", &json!({}))
        .await
        .map_err(|error| no_way(&error))?;
    let chat = json!({ "chat_id": settings.chat_id });
    api.call("getChat", &chat)
        .await
        .map_err(|error| no_way(&error))?;
    let name: &Value = &me["username"];
    Ok(Some(format!(
        "@{} to chat {}",
        name.as_str().unwrap_or_default(),
        settings.chat_id
    )))
}

async fn serve(args: &ServeArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    wanted(&fleet)?;
    host.err(&format!("looking every {} s", args.every));
    loop {
        // Read at each look, so that a new token needs no restart.
        let ended = match wanted(&fleet) {
            Ok(settings) => look_once(&fleet, &settings, host).await.map(drop),
            Err(failure) => Err(failure),
        };
        if let Err(Failure {
            error: Some(error), ..
        }) = ended
        {
            host.err(&format!(
                "this look told nothing: {error:#}; it is told at the next"
            ));
        }
        tokio::time::sleep(Duration::from_secs(args.every.max(1))).await;
    }
}

async fn look_once(fleet: &Fleet, settings: &Settings, host: &dyn Host) -> Result<usize, Failure> {
    // A look by hand, by systemd and by `serve` may come at once; each must know what the other told.
    std::fs::create_dir_all(&fleet.layout.state)?;
    let turn = std::fs::File::create(fleet.layout.state.join("alerts.lock"))?;
    turn.lock()?;
    let seen = see(fleet, host).await?;
    let mut book = Book::open(&fleet.layout.alerts_memory());
    let name = &host.machine().name;
    Ok(tell::look(&mut book, &seen, settings, name).await?)
}

async fn see(fleet: &Fleet, host: &dyn Host) -> Result<Look, Failure> {
    let states = state::look(fleet, &fleet.all(), host).await?;
    look_of(fleet, states, host)
}

/// One look, out of what `state::look` has found already.
pub fn look_of(fleet: &Fleet, states: Vec<BotState>, host: &dyn Host) -> Result<Look, Failure> {
    let units = state::units(fleet, host)?;
    let backups = fleet.layout.backups();
    let bots = states.into_iter().map(|bot| {
        let unit = units.as_ref().and_then(|units| units.get(&bot.partner));
        BotSeen {
            wanted: match &units {
                Some(_) => bot.enabled || unit.is_some_and(|unit| unit.active != "inactive"),
                // Without systemd nobody says what should run; a bot that ended well took its socket along.
                None => fleet.layout.socket(&bot.partner).exists(),
            },
            running: matches!(
                bot.state,
                State::Running | State::Waiting | State::Starting | State::Stopping
            ),
            failed: bot.state == State::Failed,
            exit_code: unit
                .filter(|unit| unit.result == "exit-code")
                .map(|unit| i64::from(unit.exit_status)),
            restarts: bot.restarts.unwrap_or(0),
            reason: bot.reason.unwrap_or_default(),
            lag_ms: bot.lag_ms.unwrap_or(0),
            errors_per_minute: bot.errors_per_minute.unwrap_or(0),
            backup_at: shelf::list(&backups, &bot.partner)
                .first()
                .map_or(0, |newest| newest.label.taken_at_ms),
            id: bot.partner,
        }
    });
    let mut look = Look {
        now: host.now().as_millisecond(),
        bots: bots.collect(),
        disks: disks(fleet, host),
        backups: fleet.layout.backup_keys().is_file(),
    };
    look.bots.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(look)
}

/// Free space where data and where backups are; one line for one file system.
fn disks(fleet: &Fleet, host: &dyn Host) -> Vec<(String, u64, u64)> {
    let mut found: Vec<(String, u64, u64)> = Vec::new();
    for path in [&fleet.layout.data, &fleet.layout.state] {
        let call = Call::new(
            "df",
            [
                "-B1",
                "--output=target,size,avail",
                &path.display().to_string(),
            ],
        );
        let Ok(ran) = host.run(&call) else { continue };
        let Some(line) = ran.out.lines().nth(1) else {
            continue;
        };
        let mut words = line.split_whitespace();
        let (Some(target), Some(size), Some(free)) = (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let (size, free): (u64, u64) = (size.parse().unwrap_or(0), free.parse().unwrap_or(0));
        if size > 0 && !found.iter().any(|(known, _, _)| known == target) {
            found.push((target.to_owned(), free * 100 / size, free));
        }
    }
    found
}

fn list(fleet: &Fleet, host: &dyn Host) {
    let book = Book::open(&fleet.layout.alerts_memory());
    let now = host.now().as_millisecond();
    let looked = book.memory.looked_at;
    if looked == 0 {
        return host.err("nobody has looked yet; run: partnerctl alerts look");
    }
    for incident in book.memory.incidents.values() {
        host.out(&format!(
            "{}\t{}\t{}\t{}",
            incident.kind.word(),
            incident.about,
            span(now - incident.since),
            incident.words
        ));
    }
    if book.memory.incidents.is_empty() {
        host.err("all is well");
    }
    host.err(&format!("last look {} ago", span(now - looked)));
}
