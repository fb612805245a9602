//! `partnerctl top`: the fleet on a live screen: filter, sort, logs, restart.

mod screen;
mod view;

use std::time::Duration;

use clap::Args;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::time::Instant;

use crate::audit;
use crate::failure::{Code, Failure};
use crate::fleet::Fleet;
use crate::host::Host;
use crate::journal;
use crate::lifecycle;
use crate::state;
use crate::systemd::Manager;
use crate::targets::TargetArgs;
use screen::{Request, Screen};

/// Shows all bots live; keys filter, sort, show logs and restart
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl top
  partnerctl top --tag city=almaty
  partnerctl top --read-only")]
pub struct TopArgs {
    #[command(flatten)]
    targets: TargetArgs,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    every: f64,
    /// No key changes anything
    #[arg(long)]
    read_only: bool,
}

/// How long a key may wait to be seen.
const LISTEN: Duration = Duration::from_millis(50);
const LOG_LINES: &str = "200";

pub async fn run(args: &TopArgs, host: &dyn Host) -> Result<(), Failure> {
    if host.columns().is_none() || !host.interactive() {
        let message =
            "top wants a terminal; for a pipe: partnerctl status, or partnerctl status --json";
        return Err(Failure::new(Code::Usage, message));
    }
    // Whatever is wrong with the names is said before the screen is taken.
    args.targets.or_all(host)?;
    let mut terminal = ratatui::init();
    let ended = live(args, &mut terminal, host).await;
    ratatui::restore();
    ended
}

async fn live(
    args: &TopArgs,
    terminal: &mut ratatui::DefaultTerminal,
    host: &dyn Host,
) -> Result<(), Failure> {
    let every = Duration::from_secs_f64(args.every.clamp(0.2, 60.0));
    let mut screen = Screen::new(args.read_only);
    let mut next_look = Instant::now();
    loop {
        if Instant::now() >= next_look {
            let (fleet, partners) = args.targets.or_all(host)?;
            match state::look(&fleet, &partners, host).await {
                Ok(bots) => screen.see(bots, host.now().as_millisecond()),
                Err(failure) => screen.tell(
                    failure
                        .error
                        .map_or_else(String::new, |error| format!("{error:#}")),
                ),
            }
            read_logs(&mut screen, &fleet, host);
            next_look = Instant::now() + every;
        }
        terminal.draw(|frame| view::draw(frame, &mut screen))?;
        if !event::poll(LISTEN)? {
            continue;
        }
        let Event::Key(key) = event::read()? else {
            continue;
        };
        if key.kind == KeyEventKind::Release {
            continue;
        }
        match screen.press(key) {
            Request::None => {}
            Request::Quit => return Ok(()),
            Request::Look => next_look = Instant::now(),
            Request::Restart(id) => {
                let (fleet, _) = args.targets.or_all(host)?;
                screen.tell(restart(&fleet, &id, host));
                next_look = Instant::now();
            }
        }
    }
}

fn restart(fleet: &Fleet, id: &str, host: &dyn Host) -> String {
    let Some(manager) = Manager::of(fleet.layout.mode) else {
        return "no systemd keeps these bots; restart them where they run".to_owned();
    };
    let ids = [id.to_owned()];
    let done = lifecycle::run(&manager.units(&["restart", "--no-block"], &ids), host);
    audit::record(&fleet.layout, host, "restart", &ids, "from top", &done);
    match done {
        Ok(()) => format!("{id} restarts"),
        Err(why) => why,
    }
}

/// The newest lines of the bot whose log is open.
fn read_logs(screen: &mut Screen, fleet: &Fleet, host: &dyn Host) {
    let Some(id) = screen.logs_of() else { return };
    let Some(manager) = Manager::of(fleet.layout.mode) else {
        screen.show_logs(Vec::new());
        return;
    };
    let more = ["--output=json", "--all", "--no-pager", "--lines", LOG_LINES].map(str::to_owned);
    let said = host
        .run(&manager.journal(&[id], &more))
        .map(|ran| ran.out)
        .unwrap_or_default();
    screen.show_logs(said.lines().filter_map(journal::parse).collect());
}
