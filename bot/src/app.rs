//! One bot, put together: built once, passed by reference; starts and stops the workers.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use crate::clock::Clock;
use crate::config::{Config, LoadOptions, Telegram};
use crate::control;
use crate::diagnostic::Diagnostic;
use crate::invite::InviteKey;
use crate::store;
use crate::systemd::Systemd;
use crate::telegram::Client;
use crate::worker::beat::{self, Pulse};
use crate::worker::desk::Desk;
use crate::worker::poller::{self, Ended};
use crate::worker::sender::Sender;
use crate::worker::uploads::Uploads;
use crate::worker::{DeskInput, GateMeter, SenderInput, housekeeping, reload, setup};

mod live;

pub use live::Live;

/// Whose bot this is; what else is known of the partner may change while it runs and is in `Live`.
#[derive(Clone, Debug)]
pub struct Identity {
    pub id: String,
    /// Without `@`; empty until Telegram has told it.
    pub bot_username: String,
}

pub struct App {
    identity: Identity,
    /// The same with the bot's name, once Telegram has told it.
    introduced: OnceLock<Identity>,
    /// The configuration in effect. The desk, which works by a copy of its own, is the only one to replace it.
    live: RwLock<Arc<Live>>,
    /// What only a restart changes.
    pub fixed: Telegram,
    /// Where the configuration was read, to read it again.
    pub read_from: LoadOptions,
    /// Rung when the configuration was read again.
    pub read_again: Notify,
    pub clock: Clock,
    /// The demo may move the clock; a real bot's stays with the system's.
    pub movable_clock: bool,
    pub client: Client,
    pub status: Status,
    pub systemd: Systemd,
    pub pulse: Pulse,
    pub meters: Meters,
    pub data_dir: PathBuf,
    pub stop: watch::Receiver<bool>,
    invite_key: InviteKey,
}

impl App {
    pub fn new(
        config: &Config,
        clock: Clock,
        movable_clock: bool,
        client: Client,
        systemd: Systemd,
        stop: watch::Receiver<bool>,
    ) -> App {
        App {
            live: RwLock::new(Arc::new(Live::of(config, ""))),
            fixed: config.telegram.clone(),
            read_from: config.read_from.clone(),
            read_again: Notify::new(),
            clock,
            movable_clock,
            client,
            status: Status::default(),
            systemd,
            pulse: Pulse::new(),
            meters: Meters::default(),
            data_dir: config.dirs.data.clone(),
            stop,
            invite_key: InviteKey::derive(config.telegram.token.expose()),
            identity: Identity {
                id: config.partner.id.clone(),
                bot_username: String::new(),
            },
            introduced: OnceLock::new(),
        }
    }

    pub fn partner(&self) -> &Identity {
        self.introduced.get().unwrap_or(&self.identity)
    }

    pub fn introduce(&self, bot_username: String) {
        let mut live = Live::clone(&self.live());
        live.partner.bot_username.clone_from(&bot_username);
        self.go_live(Arc::new(live));
        let _ = self.introduced.set(Identity {
            bot_username,
            ..self.identity.clone()
        });
    }

    pub fn live(&self) -> Arc<Live> {
        // A panic while the lock was held leaves a whole configuration behind.
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub fn go_live(&self, live: Arc<Live>) {
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
    }

    pub fn invite_key(&self) -> &InviteKey {
        &self.invite_key
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    Starting,
    Running,
    /// Alive, but something outside must change first; the reason says what.
    Waiting,
    Stopping,
}

/// Where trouble comes from; each clears only its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Telegram,
    Store,
}

/// How the bot is, for its socket.
#[derive(Debug, Default)]
pub struct Status(Mutex<Facts>);

#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub telegram_trouble: Option<String>,
    pub store_trouble: Option<String>,
    pub polled_once: bool,
    pub stopping: bool,
    pub started_at: i64,
    pub last_poll_at: i64,
    pub last_update_at: i64,
    pub funnels_hash: String,
    pub problems: Vec<Diagnostic>,
    pub config: ConfigOnDisk,
    /// The last jump of the system's clock: when, and by how much.
    pub clock_jump: Option<(i64, i64)>,
    /// Nothing is said first until told otherwise.
    pub paused: bool,
    /// Those who wait are being planned anew.
    pub planning: bool,
}

/// What `config.yaml` and `.env` say that is not live.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct ConfigOnDisk {
    /// Refused whole; what was live stays so.
    pub problems: Vec<Diagnostic>,
    /// Keys that are sound, but the funnels do not fit them.
    pub waiting: Vec<String>,
    /// Keys that only a restart takes over.
    pub restart: Vec<String>,
}

impl Facts {
    pub fn state(&self) -> State {
        if self.stopping {
            State::Stopping
        } else if self.telegram_trouble.is_some() || self.store_trouble.is_some() {
            State::Waiting
        } else if self.polled_once {
            State::Running
        } else {
            State::Starting
        }
    }
}

impl Status {
    pub fn facts(&self) -> Facts {
        self.with(|facts| facts.clone())
    }

    /// Sets or clears a trouble; true when that is news.
    pub fn trouble(&self, from: Trouble, reason: Option<String>) -> bool {
        self.with(|facts| {
            let place = match from {
                Trouble::Telegram => &mut facts.telegram_trouble,
                Trouble::Store => &mut facts.store_trouble,
            };
            let news = *place != reason;
            *place = reason;
            news
        })
    }

    pub fn polled(&self, now: i64, had_updates: bool) {
        self.with(|facts| {
            facts.telegram_trouble = None;
            facts.polled_once = true;
            facts.last_poll_at = now;
            if had_updates {
                facts.last_update_at = now;
            }
        });
    }

    pub fn clock_jumped(&self, at: i64, by_ms: i64) {
        self.with(|facts| facts.clock_jump = Some((at, by_ms)));
    }

    pub fn planning(&self, planning: bool) {
        self.with(|facts| facts.planning = planning);
    }

    pub fn paused(&self, paused: bool) {
        self.with(|facts| facts.paused = paused);
    }

    /// What is live, and what is wrong with the files on disk.
    pub fn funnels(&self, hash: &str, problems: Vec<Diagnostic>) {
        self.with(|facts| {
            facts.funnels_hash = hash.to_owned();
            facts.problems = problems;
        });
    }

    pub fn config(&self, config: ConfigOnDisk) {
        self.with(|facts| facts.config = config);
    }

    fn with<T>(&self, change: impl FnOnce(&mut Facts) -> T) -> T {
        // A panic while the lock was held leaves plain facts behind, still fit to read.
        change(
            &mut self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Meters {
    pub updates: Meter,
    pub turns: Meter,
    pub commits: Meter,
    pub sent: Meter,
    pub failed: Meter,
    pub unknown: Meter,
    pub limited: Meter,
    pub poisoned: Meter,
    pub store_failures: Meter,
    pub clock_jumps: Meter,
    pub gate: GateMeter,
}

#[derive(Debug, Default)]
pub struct Meter(AtomicU64);

impl Meter {
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a bot ended, for the exit code.
#[derive(Debug)]
pub enum End {
    Stopped,
    /// A restart cannot mend it.
    Hopeless(String),
}

/// Runs the bot until a signal or a token that is refused.
pub async fn run(config: Config, clock: Clock, movable_clock: bool) -> anyhow::Result<End> {
    let systemd = Systemd::of_process();
    let (stop_tx, stop) = watch::channel(false);
    let token = config.telegram.token.clone();
    let proxy = config.telegram.proxy.as_ref().map(|proxy| proxy.expose());
    let client = Client::new(&config.telegram.api_url, &token, proxy)?;
    std::fs::create_dir_all(&config.dirs.data).map_err(|error| {
        anyhow::anyhow!(
            "{}: {error}; choose a writable --data-dir",
            config.dirs.data.display()
        )
    })?;
    let mut signals = Signals::new()?;
    let mut store = match open_store(&config, &systemd, &mut signals).await {
        Ok(Some(store)) => store,
        Ok(None) => return Ok(End::Stopped),
        // Its new home answers the leads; two would take each other's updates.
        Err(moved @ store::OpenError::Moved { .. }) => {
            return Ok(End::Hopeless(moved.to_string()));
        }
        Err(error) => return Err(error.into()),
    };
    let app = App::new(&config, clock, movable_clock, client, systemd, stop.clone());
    app.status
        .with(|facts| facts.started_at = app.clock.now_ms());
    let app = Arc::new(app);
    let (desk_tx, desk_rx) = mpsc::unbounded_channel();
    // Served from the first moment, so that a bot that cannot start yet says why.
    let socket = spawn(control::serve(app.clone(), desk_tx.clone()));
    let starting = spawn(beat::while_starting(app.clone()));
    let me = tokio::select! {
        me = setup::who_am_i(&app) => me,
        () = signals.stop() => return Ok(End::Stopped),
    };
    match me {
        Ok(username) => app.introduce(username),
        Err(refused) => return Ok(End::Hopeless(token_remedy(&app.partner().id, &refused))),
    }
    let funnels = match reload::first(&app) {
        Ok(funnels) => funnels,
        Err(problems) => return Ok(End::Hopeless(problems)),
    };
    // What the start has read lies in ruins now; nothing that lasts shall settle there.
    crate::memory::empty_thread_cache();
    let uploads = Uploads::new(store.media().await?);
    let (sender_tx, sender_rx) = mpsc::unbounded_channel();
    let beat_tx = sender_tx.clone();
    let (desk, fates) = tokio::select! {
        opened = Desk::open(app.clone(), store, funnels, sender_tx) => opened?,
        () = signals.stop() => return Ok(End::Stopped),
    };
    let sender = Sender::new(app.clone(), desk_tx.clone(), uploads, fates);
    let lines = Lines {
        desk_tx,
        desk_rx,
        sender_tx: beat_tx,
        sender_rx,
        stop_tx,
    };
    let ended = work(app.clone(), desk, sender, lines, &mut signals).await;
    socket.abort();
    starting.abort();
    control::close(&app);
    ended
}

/// Opens the store, waiting while the disk is full: a restart would not make room. `None` when told to stop.
async fn open_store(
    config: &Config,
    systemd: &Systemd,
    signals: &mut Signals,
) -> Result<Option<store::Store>, store::OpenError> {
    let mut said = false;
    loop {
        let error = match store::open(&config.dirs.data, &config.partner.id).await {
            Ok(store) => return Ok(Some(store)),
            Err(error) => error,
        };
        if !error.is_full() {
            return Err(error);
        }
        if !std::mem::replace(&mut said, true) {
            tracing::error!(partner.id = %config.partner.id, "waiting to start: {error}; free the disk, nothing is lost meanwhile");
        }
        systemd.starting("waiting for room on the disk");
        tokio::select! {
            () = signals.stop() => return Ok(None),
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
}

/// The ways between the workers.
struct Lines {
    desk_tx: mpsc::UnboundedSender<DeskInput>,
    desk_rx: mpsc::UnboundedReceiver<DeskInput>,
    sender_tx: mpsc::UnboundedSender<SenderInput>,
    sender_rx: mpsc::UnboundedReceiver<SenderInput>,
    stop_tx: watch::Sender<bool>,
}

/// Starts the workers and ends them in an order in which nothing is lost.
async fn work(
    app: Arc<App>,
    desk: Desk,
    sender: Sender,
    lines: Lines,
    signals: &mut Signals,
) -> anyhow::Result<End> {
    let Lines {
        desk_tx,
        desk_rx,
        sender_tx,
        sender_rx,
        stop_tx,
    } = lines;
    let (sender_stop, sender_stopped) = watch::channel(false);
    let mut desk = spawn(desk.run(desk_rx));
    let sender = spawn(sender.run(sender_rx, sender_stopped));
    let mut poller = spawn(poller::run(app.clone(), desk_tx.clone(), app.stop.clone()));
    let aside = [
        spawn(setup::publish_commands(app.clone(), desk_tx.clone())),
        spawn(reload::watch(app.clone(), desk_tx.clone())),
        spawn(housekeeping::run(desk_tx.clone())),
        spawn(beat::run(app.clone(), desk_tx.clone(), sender_tx)),
    ];
    tracing::info!(partner.id = %app.partner().id, bot = %app.partner().bot_username, "started");
    let end = tokio::select! {
        () = signals.run(&app, &desk_tx) => End::Stopped,
        ended = &mut poller => match ended? {
            Ended::Stopped => End::Stopped,
            Ended::TokenRefused(why) => End::Hopeless(token_remedy(&app.partner().id, &why)),
        },
        ended = &mut desk => {
            ended??;
            End::Stopped
        }
    };
    app.status.with(|facts| facts.stopping = true);
    app.systemd.stopping();
    let _ = stop_tx.send(true);
    if !poller.is_finished() {
        let _ = poller.await;
    }
    let _ = sender_stop.send(true);
    let _ = sender.await;
    for task in aside {
        task.abort();
    }
    let _ = desk_tx.send(DeskInput::Stop);
    if !desk.is_finished() {
        desk.await??;
    }
    tracing::info!(partner.id = %app.partner().id, "stopped");
    Ok(end)
}

#[expect(clippy::disallowed_methods, reason = "the workers are started here")]
fn spawn<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

fn token_remedy(partner: &str, why: &str) -> String {
    format!(
        "Telegram refuses the token ({why}); put a new one from @BotFather into partners/{partner}/.env as BOT_TOKEN and start again"
    )
}

/// SIGTERM and SIGINT stop, SIGHUP reloads.
struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
    hup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Signals {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    async fn stop(&mut self) {
        tokio::select! {
            _ = self.term.recv() => {}
            _ = self.int.recv() => {}
        }
    }

    async fn run(&mut self, app: &Arc<App>, desk: &mpsc::UnboundedSender<DeskInput>) {
        loop {
            tokio::select! {
                _ = self.term.recv() => return,
                _ = self.int.recv() => return,
                _ = self.hup.recv() => reload::now(app, desk).await,
            }
        }
    }
}
