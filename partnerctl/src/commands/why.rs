//! `partnerctl why`: the story of one lead.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::bot_socket::BotSocket;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::Host;
use crate::output::{self, OutputArgs};

/// Tells why each message to a lead was sent or not
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl why north 12
  partnerctl why north '#12' --json")]
pub struct WhyArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// The lead's number, as on the card: 12 or #12
    lead: String,
    #[command(flatten)]
    output: OutputArgs,
    /// Where the bot keeps its data [default: data in the partner's directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(args: WhyArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let number = args.lead.trim_start_matches('#');
    let Ok(lead) = number.parse::<u64>() else {
        let message = format!("\"{}\" is not a lead's number; write it like 12", args.lead);
        return Err(Failure::new(Code::Usage, message));
    };
    let story = match socket_of(&partner, args.data_dir.as_deref())? {
        Some(socket) => ask_bot(&socket, lead).await?,
        None => ask_program(&fleet, &partner, &args, lead).await?,
    };
    if args.output.json {
        output::json("why", &story, &[], host);
    } else {
        let config = bot::config::load(&fleet.options(&partner, host));
        let zone = config
            .ok()
            .and_then(|config| TimeZone::get(&config.partner.timezone).ok());
        print_story(&story, &zone.unwrap_or(TimeZone::UTC), host);
    }
    Ok(())
}

/// The socket of a bot that listens there now; a file left by a bot that died is none.
pub(super) fn socket_of(
    partner: &Partner,
    data_dir: Option<&Path>,
) -> anyhow::Result<Option<BotSocket>> {
    let path = data_dir.unwrap_or(&partner.data).join("bot.sock");
    if std::os::unix::net::UnixStream::connect(&path).is_err() {
        return Ok(None);
    }
    Ok(Some(BotSocket::new(&path)))
}

async fn ask_bot(socket: &BotSocket, lead: u64) -> Result<Value, Failure> {
    match socket.get(&format!("/why?lead={lead}")).await {
        Ok(story) if !story["lead"].is_null() => Ok(story),
        Err(error) if !error.to_string().contains(" 404") => Err(error.into()),
        _ => Err(no_lead(lead)),
    }
}

/// A bot that is down cannot answer, but its program can read the data.
async fn ask_program(
    fleet: &Fleet,
    partner: &Partner,
    args: &WhyArgs,
    lead: u64,
) -> Result<Value, Failure> {
    let program = crate::programs::bot();
    let mut command = tokio::process::Command::new(&program);
    command
        .arg("why")
        .arg(lead.to_string())
        .arg("--partner")
        .arg(&partner.dir)
        .arg("--data-dir")
        .arg(args.data_dir.as_ref().unwrap_or(&partner.data));
    if let Some(funnels) = fleet.given_funnels() {
        command.arg("--funnels").arg(funnels);
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .await
        .with_context(|| {
            format!(
                "the bot is not running, and {} cannot be started to read its data",
                program.display()
            )
        })?;
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).context("bot why: not JSON")?);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    if said.contains("no lead #") {
        return Err(no_lead(lead));
    }
    Err(Failure::new(
        Code::General,
        format!("bot why: {}", said.trim()),
    ))
}

fn no_lead(lead: u64) -> Failure {
    let message = format!("no lead #{lead}; the numbers are on the cards and in /hot_leads");
    Failure::new(Code::NotFound, message)
}

fn print_story(story: &Value, zone: &TimeZone, host: &dyn Host) {
    let lead = &story["lead"];
    let name =
        [&lead["first_name"], &lead["last_name"]].map(|part| part.as_str().unwrap_or_default());
    host.out(format!("#{} {}", lead["id"], name.join(" ")).trim_end());
    for item in story["items"].as_array().into_iter().flatten() {
        let text = |key: &str| item[key].as_str().unwrap_or_default();
        let sign = if text("kind") == "send" { "<" } else { ">" };
        let state = match text("state") {
            "" => String::new(),
            state => format!(" [{state}]"),
        };
        let at = local(item["at"].as_i64(), zone);
        host.out(&format!("{at} {sign} {}{state}", text("text")));
        if !text("reason").is_empty() {
            host.out(&format!(
                "{:width$}   {}",
                "",
                text("reason"),
                width = at.len()
            ));
        }
    }
    for wait in story["waits"].as_array().into_iter().flatten() {
        print_wait(wait, zone, host);
    }
}

/// What is still to come, and why not yet.
fn print_wait(wait: &Value, zone: &TimeZone, host: &dyn Host) {
    let due = local(wait["due_at"].as_i64(), zone);
    host.out(&format!(
        "{due} … ждёт: {}",
        wait["what"].as_str().unwrap_or_default()
    ));
    let reason = wait["reason"].as_str().unwrap_or_default();
    if reason.is_empty() {
        return;
    }
    let planned = local(wait["planned_at"].as_i64(), zone);
    host.out(&format!(
        "{:width$}   было назначено на {planned}; {reason}",
        "",
        width = due.len()
    ));
}

/// In the partner's zone, with its offset.
fn local(at_ms: Option<i64>, zone: &TimeZone) -> String {
    let at = at_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    at.map_or_else(
        || " ".repeat(25),
        |at| {
            at.to_zoned(zone.clone())
                .strftime("%Y-%m-%d %H:%M:%S%:z")
                .to_string()
        },
    )
}
