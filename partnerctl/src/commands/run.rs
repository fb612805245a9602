//! `partnerctl run`: keeps bots in the foreground while somebody works on them. Not for real bots: systemd keeps those.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use futures_util::future::join_all;
use jiff::tz::TimeZone;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::demo::supervisor::die_with_parent;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::journal;
use crate::programs;
use crate::targets::TargetArgs;

/// Keeps bots running in this terminal, for development; real bots belong to systemd: partnerctl start
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl run north
  partnerctl run --all
  TELEGRAM_API_URL=http://127.0.0.1:8081 partnerctl run north")]
pub struct RunArgs {
    #[command(flatten)]
    targets: TargetArgs,
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// A bot that lived this long is started again without a growing pause.
const HEALTHY: Duration = Duration::from_secs(20);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(15);
/// The bot's word for: no restart mends this.
const HOPELESS: i32 = 78;

pub async fn run(args: &RunArgs, host: &dyn Host) -> Result<(), Failure> {
    let (fleet, partners) = args.targets.named("run", host)?;
    host.err("bots run in this terminal, for development only; ctrl-c ends them. Real bots: partnerctl host setup, then partnerctl start");
    let width = partners
        .iter()
        .map(|partner| partner.id.len())
        .max()
        .unwrap_or(0);
    let (stop, stopped) = watch::channel(false);
    let keepers = partners.iter().map(|partner| {
        let keeper = Keeper {
            fleet: &fleet,
            partner,
            width,
            host,
            stopped: stopped.clone(),
        };
        keeper.keep()
    });
    let all = join_all(keepers);
    tokio::pin!(all);
    let ends = tokio::select! {
        ends = &mut all => ends,
        () = asked_to_stop() => {
            let _ = stop.send(true);
            all.await
        }
    };
    match ends.iter().all(|end| *end == End::Asked) {
        true => Ok(()),
        false => Err(Failure::said(Code::Unhealthy)),
    }
}

async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut term) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = term.recv() => {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Asked,
    Hopeless,
}

/// Keeps one bot.
struct Keeper<'a> {
    fleet: &'a Fleet,
    partner: &'a Partner,
    width: usize,
    host: &'a dyn Host,
    stopped: watch::Receiver<bool>,
}

impl Keeper<'_> {
    async fn keep(mut self) -> End {
        let mut pause = FIRST_PAUSE;
        loop {
            let born = Instant::now();
            let ended = match self.spawn() {
                Ok(child) => self.live(child).await,
                Err(error) => Some(format!("{error:#}")),
            };
            let Some(why) = ended else { return End::Asked };
            if why == HOPELESS.to_string() {
                self.say("ended with 78: no restart mends this; mend what it says above and run it again");
                return End::Hopeless;
            }
            if born.elapsed() > HEALTHY {
                pause = FIRST_PAUSE;
            }
            self.say(&format!(
                "ended ({why}); starts again in {:.1} s",
                pause.as_secs_f32()
            ));
            tokio::select! {
                () = sleep(pause) => {}
                _ = self.stopped.wait_for(|stop| *stop) => return End::Asked,
            }
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    fn say(&self, text: &str) {
        self.host.err(&format!(
            "{:width$} | {text}",
            self.partner.id,
            width = self.width
        ));
    }

    fn spawn(&self) -> Result<Child> {
        let program = programs::bot();
        let mut command = Command::new(&program);
        command.arg("run").arg("--partner").arg(&self.partner.dir);
        command.arg("--data-dir").arg(&self.partner.data);
        if let Some(funnels) = self.fleet.given_funnels() {
            command.arg("--funnels").arg(funnels);
        }
        // Ctrl-C in the terminal reaches this program alone, which then ends the bots in good order.
        command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        die_with_parent(&mut command);
        command
            .spawn()
            .with_context(|| format!("cannot start {}", shown(&program)))
    }

    /// Shows what the bot says until it ends; `None` when it was asked to.
    async fn live(&mut self, mut child: Child) -> Option<String> {
        let mut lines = child
            .stderr
            .take()
            .map(|stderr| BufReader::new(stderr).lines());
        let mut stopped = self.stopped.clone();
        loop {
            let silent = lines.is_none();
            let line = async {
                match &mut lines {
                    Some(lines) => lines.next_line().await.ok().flatten(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                line = line => match line {
                    Some(line) => self.show(&line),
                    None => lines = None,
                },
                status = child.wait(), if silent => return Some(described(status)),
                _ = stopped.wait_for(|stop| *stop) => {
                    end(&mut child).await;
                    return None;
                }
            }
        }
    }

    fn show(&self, line: &str) {
        let entry = journal::of_line(&self.partner.id, self.host.now().as_microsecond(), line);
        let zone = TimeZone::system();
        self.host.out(&journal::render(
            &entry,
            self.width,
            &zone,
            self.host.colour(),
        ));
    }
}

fn shown(program: &Path) -> String {
    program.display().to_string()
}

fn described(status: std::io::Result<ExitStatus>) -> String {
    match status {
        Ok(status) => match status.code() {
            Some(code) => code.to_string(),
            None => status.to_string(),
        },
        Err(error) => error.to_string(),
    }
}

/// SIGTERM, then SIGKILL for a bot that does not listen.
async fn end(child: &mut Child) {
    if let Some(pid) = child.id().and_then(|pid| libc::pid_t::try_from(pid).ok()) {
        // SAFETY: the child was not waited for, so its number cannot belong to another process.
        unsafe {
            libc::kill(pid, libc::SIGTERM);
        }
        if timeout(GRACE, child.wait()).await.is_ok() {
            return;
        }
    }
    let _ = child.kill().await;
}
