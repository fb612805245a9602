//! `partnerctl lead`: what is kept of one person, to show, hand over, or erase.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde_json::Value;

use super::why::socket_of;
use crate::audit;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::Host;

/// Shows, exports or erases what is kept of one lead
#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  partnerctl lead show north 12
  partnerctl lead export north 12 --out lead-12.json
  partnerctl lead erase north 12 --yes")]
pub enum LeadCommand {
    /// Print what is kept of a lead
    #[command(before_help = "Examples:\n  partnerctl lead show north 12")]
    Show(OneLead),
    /// Write everything kept of a lead as JSON, to be handed to them
    #[command(before_help = "Examples:
  partnerctl lead export north 12 > lead-12.json
  partnerctl lead export north 12 --out lead-12.json")]
    Export {
        #[command(flatten)]
        lead: OneLead,
        /// Into this new file, readable by you alone [default: standard output]
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Erase a lead for good and print the act that proves it
    #[command(before_help = "Examples:\n  partnerctl lead erase north 12 --yes")]
    Erase {
        #[command(flatten)]
        lead: OneLead,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// The bot writes its whole file anew.
const ERASING: std::time::Duration = std::time::Duration::from_secs(90);

/// Which lead of which partner.
#[derive(Debug, Args)]
pub struct OneLead {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// The lead's number, as on the card: 12 or #12
    lead: String,
    /// Where the bot keeps its data [default: data in the partner's directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(command: LeadCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        LeadCommand::Show(lead) => {
            let known = lead.ask("export", "", host).await?;
            show(&known, host);
            Ok(())
        }
        LeadCommand::Export { lead, out } => {
            let known = lead.ask("export", "", host).await?;
            let text = format!("{known:#}");
            match out {
                None => host.out(&text),
                Some(path) => {
                    write_private(&path, &text)?;
                    host.err(&format!(
                        "written to {}; it holds personal data: hand it over and delete it",
                        path.display()
                    ));
                }
            }
            Ok(())
        }
        LeadCommand::Erase { lead, yes } => erase(&lead, yes, host).await,
    }
}

async fn erase(lead: &OneLead, yes: bool, host: &dyn Host) -> Result<(), Failure> {
    let number = lead.number()?;
    if !yes {
        if !host.interactive() {
            let message = "erasing cannot be undone; say --yes";
            return Err(Failure::new(Code::Usage, message));
        }
        let answer = host.ask(&format!(
            "erase lead #{number} for good? type its number to go on"
        ))?;
        if answer.trim_start_matches('#') != number.to_string() {
            return Err(Failure::new(Code::General, "nothing was erased"));
        }
    }
    let by = host.machine().user.clone();
    let act = lead.ask("erase", &by, host).await;
    let fleet = lead.fleet.open(host);
    let partner = fleet.one(&lead.partner)?;
    let result = match &act {
        Ok(_) => Ok(()),
        Err(_) => Err("not erased".to_owned()),
    };
    let what = format!("lead #{number}");
    audit::record(
        &fleet.layout,
        host,
        "lead erase",
        &[partner.id],
        &what,
        &result,
    );
    print_act(&act?, host);
    Ok(())
}

impl OneLead {
    fn number(&self) -> Result<u64, Failure> {
        let number = self.lead.trim_start_matches('#').parse();
        number.map_err(|_| {
            let message = format!("\"{}\" is not a lead's number; write it like 12", self.lead);
            Failure::new(Code::Usage, message)
        })
    }

    /// From the bot while it runs, else from its program.
    async fn ask(&self, verb: &str, by: &str, host: &dyn Host) -> Result<Value, Failure> {
        let (fleet, number) = (self.fleet.open(host), self.number()?);
        let partner = fleet.one(&self.partner)?;
        let answer = match socket_of(&partner, self.data_dir.as_deref())? {
            Some(socket) => {
                let by: String = by.chars().filter(char::is_ascii_alphanumeric).collect();
                let path = format!("/lead/{verb}?lead={number}&by={by}");
                if verb == "erase" {
                    socket.post_within(&path, ERASING).await?
                } else {
                    socket.get(&path).await?
                }
            }
            None => self.ask_program(&fleet, &partner, verb, number, by).await?,
        };
        match answer["error"].as_str() {
            None => Ok(answer),
            Some(error) => Err(Failure::new(Code::NotFound, error)),
        }
    }

    async fn ask_program(
        &self,
        fleet: &Fleet,
        partner: &Partner,
        verb: &str,
        number: u64,
        by: &str,
    ) -> anyhow::Result<Value> {
        let program = crate::programs::bot();
        let mut command = tokio::process::Command::new(&program);
        command
            .args(["lead", verb, &number.to_string()])
            .arg("--partner")
            .arg(&partner.dir)
            .arg("--data-dir")
            .arg(self.data_dir.as_ref().unwrap_or(&partner.data));
        if !by.is_empty() {
            command.args(["--by", by]);
        }
        if let Some(funnels) = fleet.given_funnels() {
            command.arg("--funnels").arg(funnels);
        }
        let output = command
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| {
                format!(
                    "the bot is not running, and {} cannot be started to open its data",
                    program.display()
                )
            })?;
        let said = String::from_utf8_lossy(&output.stderr);
        anyhow::ensure!(output.status.success(), "bot lead {verb}: {}", said.trim());
        serde_json::from_slice(&output.stdout).context("bot lead: not JSON")
    }
}

fn write_private(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("{}: name a new file", path.display()))?;
    writeln!(file, "{text}")?;
    Ok(())
}

fn show(known: &Value, host: &dyn Host) {
    let lead = &known["lead"];
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let name = format!("{} {}", text(&lead["first_name"]), text(&lead["last_name"]));
    host.out(&format!("#{} {}", lead["id"], name.trim()));
    for (label, value) in [
        ("username", &lead["username"]),
        ("phone", &lead["phone"]["value"]),
        ("e-mail", &lead["email"]["value"]),
        ("language", &lead["language"]),
        ("time zone", &known["zone"]),
        ("came", &known["came"]),
        ("last seen", &known["last_seen"]),
        ("kept until", &known["kept_until"]),
    ] {
        let value = text(value);
        if !value.is_empty() {
            host.out(&format!("{label:<12} {value}"));
        }
    }
    for (name, answer) in known["answers"].as_object().into_iter().flatten() {
        host.out(&format!("answer       {name}: {}", text(answer)));
    }
    let count = |key: &str| known[key].as_array().map_or(0, Vec::len);
    host.out(&format!(
        "events {}, messages {}, timers {}",
        count("events"),
        count("messages"),
        count("timers")
    ));
}

/// The act names nobody: a number that leads nowhere now, and a keyed hash.
fn print_act(act: &Value, host: &dyn Host) {
    let at = act["at"].as_i64();
    let at = at.and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let at = at.map_or_else(String::new, |at| {
        at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    });
    let text = |key: &str| act[key].as_str().unwrap_or_default();
    host.out("ACT OF ERASURE");
    host.out(&format!("partner      {}", text("partner")));
    host.out(&format!("lead         #{}", act["lead_id"]));
    host.out(&format!("when         {at}"));
    host.out(&format!("by           {}", text("by_whom")));
    host.out(&format!("mark         {}", text("mark")));
    host.out(&format!("rows gone    {}", text("gone")));
    host.out("The rows were deleted and the file was written anew without them. Backups made before are forgotten again when restored.");
}
