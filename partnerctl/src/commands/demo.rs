//! `partnerctl demo`: the local Telegram, the demo partner's bot as a real process, and the page with both phones.

mod bot_log;
mod people;
mod room;
mod routes;
mod starts;
mod state_dir;
pub mod supervisor;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use bot_log::last_words;
use room::Room;
use supervisor::Supervisor;

const LOG_LINES: usize = 15;

/// Plays a partner's bot on this machine: no token, no network, nothing left behind.
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl demo
  partnerctl demo --partner partners/north
  partnerctl demo --funnels ~/my-funnels --port 5000 --no-open")]
pub struct DemoArgs {
    /// Port of the page; without it, the first free one from 4800
    #[arg(long)]
    port: Option<u16>,
    /// Do not open a browser
    #[arg(long)]
    no_open: bool,
    /// The partner's directory
    #[arg(long, value_name = "DIR")]
    partner: Option<PathBuf>,
    /// The directory of shared funnels; without it, `../../funnels` of the partner's directory
    #[arg(long, value_name = "DIR")]
    funnels: Option<PathBuf>,
    /// The bot program; without it, the one beside this program
    #[arg(long, value_name = "PATH")]
    bot: Option<PathBuf>,
}

/// Runs until Ctrl-C or SIGTERM; then no process and no file is left.
pub async fn run(args: DemoArgs) -> Result<()> {
    let mut signals = Signals::new()?;
    let room = Room::open(&args)?;
    tell(&format!(
        "Open  {}/  (left: a lead, right: the partner; Ctrl-C stops everything)",
        room.url()
    ));
    if !args.no_open {
        open_browser(&room.url());
    }
    tokio::select! {
        () = report_deaths(room.supervisor(), room.log()) => {}
        () = welcome_partner(&room) => {}
        () = signals.any() => {}
    }
    tell("stopping the bot…");
    room.close().await;
    Ok(())
}

/// Nobody may be reading any more; the demo goes on without them.
fn tell(words: &str) {
    let _ = writeln!(std::io::stdout(), "{words}");
}

async fn welcome_partner(room: &Room) {
    if let Err(error) = room.invite_partner().await {
        tell(&format!(
            "the right-hand phone could not join as the partner: {error:#}"
        ));
    }
    std::future::pending().await
}

/// Tells the terminal when the bot dies by itself, with the end of its log.
async fn report_deaths(mut supervisor: Supervisor, log: PathBuf) {
    let mut told = None;
    while supervisor.changed().await {
        let process = supervisor.process();
        let Some(ending) = process.ended.filter(|_| process.retry_ms.is_some()) else {
            continue;
        };
        let words = format!(
            "{ending}; its last words:\n{}",
            last_words(&log, LOG_LINES).join("\n")
        );
        if told.as_ref() != Some(&words) {
            let _ = writeln!(
                std::io::stderr(),
                "{words}\nit is started again until it stays"
            );
            told = Some(words);
        }
    }
}

/// Only where there is a desktop; a failure does not matter, the address is printed.
fn open_browser(url: &str) {
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY"]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if !desktop {
        return;
    }
    let _ = std::process::Command::new("xdg-open")
        .arg(format!("{url}/"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
}

struct Signals([tokio::signal::unix::Signal; 3]);

impl Signals {
    fn new() -> Result<Signals> {
        let hear = |kind| signal(kind).context("cannot listen for signals");
        Ok(Signals([
            hear(SignalKind::interrupt())?,
            hear(SignalKind::terminate())?,
            hear(SignalKind::hangup())?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// `partners/demo` of the directory we stand in, of one above it, or of the checkout this program was built in.
fn demo_partner() -> Result<PathBuf> {
    let here = std::env::current_dir()?;
    let program = std::env::current_exe()?;
    let above = here.ancestors().chain(program.ancestors());
    let found = above
        .map(|dir| dir.join("partners/demo"))
        .find(|dir| dir.join("config.yaml").is_file());
    found.context("no partners/demo here or above; run this in the checkout, or name a partner with --partner DIR")
}

/// The bot program: named, or beside this one.
fn bot_program(named: Option<&Path>) -> Result<PathBuf> {
    let path = match named {
        Some(path) => path.to_owned(),
        None => std::env::current_exe()?.with_file_name("bot"),
    };
    ensure!(
        path.is_file(),
        "no bot program at {}; build it with `cargo build -p bot`, or name it with --bot PATH",
        path.display()
    );
    Ok(path)
}
