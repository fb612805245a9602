//! `partnerctl move`: a bot changes its host. At every moment at most one of the two may run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::audit;
use crate::backup::archive::{self, Inspection};
use crate::backup::take::{self, write_private};
use crate::bot_program::BotProgram;
use crate::bot_socket::BotSocket;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::Host;
use crate::lifecycle;
use crate::ssh::Ssh;
use crate::systemd::Manager;

/// Takes a bot to another host: stops it, copies it whole, fences it off here, starts it there
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl move north --to almaty           almaty is a host your ssh knows
  partnerctl move north --to root@10.0.0.7 --plan")]
pub struct MoveArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// The other host, as ssh knows it; partnerctl must be set up there
    #[arg(long, value_name = "HOST")]
    to: String,
    /// The directory of partners there [default: that host's fleet]
    #[arg(long, value_name = "DIR")]
    to_dir: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(args: MoveArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    let there = There {
        ssh: Ssh::of_environment(&args.to)?,
        dir: args.to_dir.clone(),
    };
    let about = there.ask(&partner.id, "--check")?;
    let program = BotProgram::of_host();
    let mine = program.about().await?;
    if about["schema"].as_i64().unwrap_or(0) < mine.schema {
        let message = format!(
            "{} has an older release ({}); deploy there first: partnerctl --host {} deploy",
            args.to, about["version"], args.to
        );
        return Err(Failure::new(Code::Conflict, message));
    }
    let was_up = is_up(&partner);
    for line in plan(&partner.id, &args.to, was_up) {
        host.err(&line);
    }
    if args.plan {
        return Ok(());
    }
    let moving = Moving {
        fleet: &fleet,
        partner: &partner,
        there: &there,
        program: &program,
        host,
        was_up,
    };
    let ended = moving.all().await;
    let result = ended
        .as_ref()
        .map(|_| ())
        .map_err(|error| format!("{error:#}"));
    let what = format!("to {}", args.to);
    audit::record(
        &fleet.layout,
        host,
        "move",
        std::slice::from_ref(&partner.id),
        &what,
        &result,
    );
    let data = ended?;
    let rows: i64 = data.rows.values().sum();
    host.out(&format!(
        "{} lives on {} now: {rows} rows, ledger {} on both sides",
        partner.id,
        args.to,
        &data.ledger[..12.min(data.ledger.len())]
    ));
    host.err(&format!(
        "what is left here does not start any more; when all is well: partnerctl remove {}{}",
        partner.id,
        fleet.suffix(host)
    ));
    Ok(())
}

/// What is done, in words and in order. PURE.
fn plan(id: &str, to: &str, was_up: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if was_up {
        lines.push(format!(
            "1. stop {id} here; Telegram keeps for a day what leads send meanwhile"
        ));
    }
    lines.push(format!(
        "2. fence {id} off here, so that it cannot start by mistake"
    ));
    lines.push(format!(
        "3. copy its files and data to {to}, and compare them row by row"
    ));
    if was_up {
        lines.push(format!("4. start {id} on {to}"));
    }
    lines.push("if anything fails before step 4, all is undone and it goes on here".to_owned());
    lines
}

/// The other end.
struct There {
    ssh: Ssh,
    dir: Option<PathBuf>,
}

impl There {
    fn args<'a>(&'a self, id: &'a str, what: &'a str, dir: &'a str) -> Vec<&'a str> {
        let mut args = vec!["receive", id, what];
        if self.dir.is_some() {
            args.extend(["--dir", dir]);
        }
        args
    }

    fn send(
        &self,
        id: &str,
        what: &str,
        feed: impl FnOnce(&mut dyn std::io::Write) -> Result<()>,
    ) -> Result<String> {
        let dir = self.dir.as_ref().map(|dir| dir.display().to_string());
        let dir = dir.unwrap_or_default();
        self.ssh.send(&self.args(id, what, &dir), feed)
    }

    fn ask(&self, id: &str, what: &str) -> Result<Value> {
        let said = self.send(id, what, |_| Ok(()))?;
        let document: Value = serde_json::from_str(&said)
            .with_context(|| format!("{}: partnerctl there is of another age", self.ssh.host))?;
        Ok(document["data"].clone())
    }
}

fn is_up(partner: &Partner) -> bool {
    std::os::unix::net::UnixStream::connect(partner.socket()).is_ok()
}

struct Moving<'a> {
    fleet: &'a Fleet,
    partner: &'a Partner,
    there: &'a There,
    program: &'a BotProgram,
    host: &'a dyn Host,
    was_up: bool,
}

impl Moving<'_> {
    async fn all(&self) -> Result<Inspection> {
        self.stop().await?;
        let carried = self.carry().await;
        let data = match carried {
            Ok(data) => data,
            Err(error) => {
                self.undo().await;
                return Err(error.context("undone: it goes on here"));
            }
        };
        if self.was_up {
            // From here on it may run there, so there is no way back that could not make two of it.
            self.there
                .send(&self.partner.id, "--start", |_| Ok(()))
                .with_context(|| self.unclear())?;
        }
        Ok(data)
    }

    fn unclear(&self) -> String {
        let (id, to) = (&self.partner.id, &self.there.ssh.host);
        format!(
            "everything has arrived on {to}, but it did not come up there; it stays fenced off here. See: partnerctl --host {to} status {id}; start it: partnerctl --host {to} start {id}; or bring it back: partnerctl --host {to} move {id} --to <this host>"
        )
    }

    /// Ends the bot in good order and keeps systemd from starting it again.
    async fn stop(&self) -> Result<()> {
        let id = self.partner.id.clone();
        match Manager::of(self.fleet.layout.mode) {
            Some(manager) => {
                let call = manager.units(&["disable", "--quiet", "--now"], &[id]);
                lifecycle::run(&call, self.host).map_err(anyhow::Error::msg)?;
            }
            None if self.was_up => self.end_process().await?,
            None => {}
        }
        self.wait_until_gone().await
    }

    /// Without systemd the bot is asked for its process and told to stop.
    async fn end_process(&self) -> Result<()> {
        let health = BotSocket::new(&self.partner.socket())
            .get("/health")
            .await?;
        let pid = health["pid"]
            .as_i64()
            .and_then(|pid| i32::try_from(pid).ok());
        let pid = pid
            .filter(|pid| *pid > 1)
            .context("the bot does not tell its process")?;
        // SAFETY: a signal to a process takes two numbers and touches no memory of ours.
        let sent = unsafe { libc::kill(pid, libc::SIGTERM) };
        ensure!(sent == 0, "process {pid} cannot be told to stop");
        Ok(())
    }

    /// Its lock is free only when its books are closed.
    async fn wait_until_gone(&self) -> Result<()> {
        let lock = self.partner.data.join("bot.lock");
        for _ in 0..300 {
            let free = match fs::File::open(&lock) {
                Ok(file) => file.try_lock().is_ok(),
                Err(_) => true,
            };
            if free {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        bail!(
            "it did not stop within 30 s; see: partnerctl logs {}",
            self.partner.id
        )
    }

    async fn carry(&self) -> Result<Inspection> {
        let now = self.host.now().as_millisecond();
        let fence = json!({ "to": self.there.ssh.host, "at_ms": now });
        write_private(&self.fence(), fence.to_string().as_bytes())?;
        // The bot must be able to read it, and runs as somebody else.
        fs::set_permissions(self.fence(), fs::Permissions::from_mode(0o644))?;
        let copy = take::copy(self.partner, self.program).await?;
        let version = env!("CARGO_PKG_VERSION");
        let (manifest, mut files) = take::contents(self.partner, &copy, version, now)?;
        // What a bot that was killed had already sent; a copy for later must not have it.
        let fates = self.partner.data.join("bot.fates");
        if fates.is_file() {
            files.push(("data/bot.fates".to_owned(), fates));
        }
        let said = self.there.send(&self.partner.id, "--archive", |out| {
            archive::pack(manifest, &files, out).map(drop)
        })?;
        let arrived: Value = serde_json::from_str(&said).context("the other host's answer")?;
        let arrived: Inspection = serde_json::from_value(arrived["data"].clone())?;
        ensure!(
            arrived == copy.data,
            "what arrived is not what was sent (ledger {} there, {} here)",
            arrived.ledger,
            copy.data.ledger
        );
        Ok(arrived)
    }

    fn fence(&self) -> PathBuf {
        self.partner.data.join("moved.json")
    }

    /// As it was: nothing there, running here.
    async fn undo(&self) {
        let id = &self.partner.id;
        if let Err(error) = self.there.send(id, "--undo", |_| Ok(())) {
            self.host.err(&format!(
                "warning: what arrived on {} could not be thrown away: {error:#}; it does not run there",
                self.there.ssh.host
            ));
        }
        if let Err(error) = fs::remove_file(self.fence())
            && error.kind() != std::io::ErrorKind::NotFound
        {
            self.host
                .err(&format!("warning: {}: {error}", self.fence().display()));
        }
        if !self.was_up {
            return;
        }
        let Some(manager) = Manager::of(self.fleet.layout.mode) else {
            self.host.err(&format!(
                "start it again: bot run --partner {}",
                self.partner.dir.display()
            ));
            return;
        };
        let call = manager.units(&["enable", "--quiet", "--now"], std::slice::from_ref(id));
        if let Err(why) = lifecycle::run(&call, self.host) {
            self.host
                .err(&format!("warning: {why}; run: partnerctl start {id}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_says_where_the_way_back_ends() {
        assert_eq!(
            plan("north", "almaty", true).join("\n"),
            "1. stop north here; Telegram keeps for a day what leads send meanwhile\n\
             2. fence north off here, so that it cannot start by mistake\n\
             3. copy its files and data to almaty, and compare them row by row\n\
             4. start north on almaty\n\
             if anything fails before step 4, all is undone and it goes on here"
        );
    }
}
