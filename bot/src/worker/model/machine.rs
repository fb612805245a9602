//! The real bot without its loops: store, engine, desk, queue and sender, moved by hand, one step at a time, with a
//! clock that stands until it is moved. What a crash can come between is a step of its own.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::small;
use super::telegram::{Luck, Telegram};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config, Environment, LoadOptions};
use crate::funnel::{self, Funnels};
use crate::store::{self, OutboxRow, Store};
use crate::systemd::Systemd;
use crate::telegram::Client;
use crate::telegram::verdict::{Answer, classify};
use crate::worker::desk::Desk;
use crate::worker::flight::is_claimed_first;
use crate::worker::sender::Sender;
use crate::worker::uploads::Uploads;
use crate::worker::{DeskInput, MayGo, RawUpdate, SenderInput};

const MINUTE: i64 = 60_000;

/// A running process: gone in a crash.
struct Process {
    app: Arc<App>,
    desk: Desk,
    sender: Sender,
    from_desk: mpsc::UnboundedReceiver<SenderInput>,
    to_desk: mpsc::UnboundedReceiver<DeskInput>,
    /// Calls under way, with the answer that is on its way back.
    flights: Vec<(OutboxRow, Answer)>,
    /// The highest update that is stored, to be confirmed with the next poll.
    stored: Option<i64>,
    _stop: watch::Sender<bool>,
}

pub struct Machine {
    dir: PathBuf,
    config: Config,
    process: Option<Process>,
    pub now: i64,
    pub version: u32,
    pub crashes: u64,
}

impl Machine {
    pub fn new(dir: PathBuf, now: i64) -> Machine {
        let partner = dir.join("partners/north");
        std::fs::create_dir_all(&partner).unwrap();
        std::fs::create_dir_all(dir.join("data")).unwrap();
        std::fs::create_dir_all(dir.join("funnels")).unwrap();
        std::fs::write(dir.join("funnels/walk.yaml"), small::funnel(1)).unwrap();
        let text = "display_name: Север\nlanguages: [ru]\ntimezone: Asia/Almaty\nhot: { score: 1000 }\n\
                    partner: { telegram_ids: [900] }\nlimits: { inputs_at_once: 0, messages_per_second: 0 }\n\
                    contact_policy: { quiet_hours: none, per_day: 0, per_week: 0, min_gap: 0m, talk: 0m }\n";
        std::fs::write(partner.join("config.yaml"), text).unwrap();
        let env = partner.join(".env");
        std::fs::write(
            &env,
            "BOT_TOKEN=123456:TEST-MODEL-not-a-secret-at-all-0000\n",
        )
        .unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&env, private).unwrap();
        // Nobody listens there: the calls are carried out by hand.
        let nowhere = [("TELEGRAM_API_URL", "http://127.0.0.1:9".to_owned())];
        let options = LoadOptions {
            partner_dir: partner,
            data_dir: Some(dir.join("data")),
            environment: Environment::of(nowhere),
            ..LoadOptions::default()
        };
        Machine {
            config: config::load(&options).unwrap(),
            dir,
            process: None,
            now,
            version: 1,
            crashes: 0,
        }
    }

    pub async fn start(&mut self) {
        let (stop_tx, stop) = watch::channel(false);
        let token = self.config.telegram.token.clone();
        let client = Client::new(&self.config.telegram.api_url, &token, None).unwrap();
        let clock = Clock::standing(self.now);
        let systemd = Systemd::of_process();
        let app = App::new(&self.config, clock, false, client, systemd, stop);
        let app = Arc::new(app);
        let store = store::open(&self.dir.join("data"), "north").await.unwrap();
        let (from_desk_tx, from_desk) = mpsc::unbounded_channel();
        let (to_desk_tx, to_desk) = mpsc::unbounded_channel();
        let funnels = self.funnels();
        let opened = Desk::open(app.clone(), store, funnels, from_desk_tx).await;
        let (desk, fates) = opened.unwrap();
        let sender = Sender::new(app.clone(), to_desk_tx, Uploads::new(Vec::new()), fates);
        self.process = Some(Process {
            app,
            desk,
            sender,
            from_desk,
            to_desk,
            flights: Vec::new(),
            stored: None,
            _stop: stop_tx,
        });
    }

    fn funnels(&self) -> Arc<Funnels> {
        let directory = self.dir.join("funnels");
        let compiled = funnel::load(&directory, None, None, &self.config.partner);
        Arc::new(
            compiled
                .funnels
                .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)),
        )
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a running process")
    }

    /// Everything in memory is gone; answers on their way reach nobody.
    pub async fn crash(&mut self, telegram: &mut Telegram) {
        let process = self.process.take().expect("a running process");
        for (row, _) in &process.flights {
            telegram.unheard(row);
        }
        drop(process);
        self.crashes += 1;
        self.start().await;
    }

    /// The poller's step: confirms what is stored, takes a batch, has it stored. Which updates the desk was handed.
    pub async fn poll(&mut self, telegram: &mut Telegram, most: usize) -> Vec<i64> {
        if let Some(stored) = self.process().stored.take() {
            telegram.confirm(stored);
        }
        let batch = telegram.updates(most);
        let Some((last, _)) = batch.last() else {
            return Vec::new();
        };
        let last = *last;
        let ids = batch.iter().map(|(id, _)| *id).collect();
        let raws = batch
            .into_iter()
            .map(|(update_id, raw)| RawUpdate { update_id, raw });
        let (stored, _) = oneshot::channel();
        let raws = raws.collect();
        self.round(vec![DeskInput::Updates { raws, stored }]).await;
        self.process().stored = Some(last);
        ids
    }

    async fn round(&mut self, mut inputs: Vec<DeskInput>) {
        self.process().desk.round(&mut inputs).await.unwrap();
    }

    /// The desk hears what has come back, and looks at its timers and at what waits.
    pub async fn settle(&mut self) {
        let mut inputs = Vec::new();
        while let Ok(input) = self.process().to_desk.try_recv() {
            inputs.push(input);
        }
        inputs.push(DeskInput::Wake);
        self.round(inputs).await;
    }

    /// The sender takes what the desk has let go.
    pub fn accept(&mut self) {
        let process = self.process();
        while let Ok(input) = process.from_desk.try_recv() {
            match input {
                // Answers to presses are not stored and say nothing of interest.
                SenderInput::Asides(_) => {}
                input => process.sender.take(input),
            }
        }
    }

    /// One call leaves: for which message to whom; `None` when none may.
    pub async fn call(&mut self, telegram: &mut Telegram, luck: Luck) -> Option<(i64, i64)> {
        let row = self.process().sender.next_call()?;
        let which = (row.id, row.chat_id);
        if is_claimed_first(row.class) {
            let (may_go, mut answer) = oneshot::channel();
            let claim = DeskInput::Claim {
                row: Box::new(row.clone()),
                may_go,
            };
            self.round(vec![claim]).await;
            let process = self.process();
            let word = answer.try_recv().unwrap();
            if word != MayGo::Yes {
                process.sender.came_back(row, word, None);
                return Some(which);
            }
            process.sender.leaves(&row);
        }
        let answer = telegram.call(&row, luck);
        self.process().flights.push((row, answer));
        Some(which)
    }

    /// An answer comes back: for which message; `None` when none is under way.
    pub fn answer(&mut self, which: usize) -> Option<i64> {
        let process = self.process();
        if process.flights.is_empty() {
            return None;
        }
        let (row, answer) = process.flights.remove(which % process.flights.len());
        let (id, verdict) = (row.id, Some(classify(&answer)));
        process.sender.came_back(row, MayGo::Yes, verdict);
        Some(id)
    }

    pub fn move_clock(&mut self, by_ms: i64) {
        self.now += by_ms;
        self.process().app.clock.advance(by_ms);
    }

    /// The funnel file is edited and goes live.
    pub async fn edit(&mut self) {
        self.version += 1;
        let text = small::funnel(self.version);
        std::fs::write(self.dir.join("funnels/walk.yaml"), text).unwrap();
        let funnels = self.funnels();
        let live = self.process().app.live();
        self.round(vec![DeskInput::Reloaded { funnels, live }])
            .await;
    }

    /// Updates that are stored and wait for their turn.
    pub fn waits(&mut self) -> bool {
        self.process().desk.retry_at.is_some()
    }

    pub async fn waiting_are_handled(&mut self) {
        for _ in 0..1_000 {
            if !self.waits() {
                return;
            }
            self.settle().await;
        }
        panic!("updates wait for ever");
    }

    /// No more bad luck: everything is said and settled within hours by the clock.
    pub async fn comes_to_rest(&mut self, telegram: &mut Telegram) -> Result<(), String> {
        for second in 0..600 {
            self.poll(telegram, 100).await;
            self.waiting_are_handled().await;
            self.accept();
            while self.call(telegram, Luck::Good).await.is_some() {}
            while self.answer(0).is_some() {}
            self.settle().await;
            self.accept();
            let busy = self.store().unsettled().await.unwrap();
            if busy.is_empty() && telegram.is_empty() && !self.waits() {
                return Ok(());
            }
            self.move_clock(1_000 * (1 + second / 10));
        }
        let left = self.store().unsettled().await.unwrap();
        Err(format!("never at rest: {left:?}"))
    }

    pub fn store(&mut self) -> &mut Store {
        &mut self.process().desk.store
    }

    /// A stop in order.
    pub fn minutes(count: i64) -> i64 {
        count * MINUTE
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        drop(self.process.take());
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
