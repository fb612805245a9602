//! Whole lives of leads, made up by dice, on the real desk and the real store, beside a model that knows only the
//! rules: answers, refusals, blocks, edits of files, jumps of the clock, lost answers and deaths of the process.
//!
//! `COURSE_SEED=n cargo test --lib course` lives one life again; `COURSE_LIVES=2000` lives many.

mod acts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};

use super::desk::Desk;
use super::{DeskInput, MayGo, News, RawUpdate, Report, SenderInput};
use crate::app::App;
use crate::clock::Clock;
use crate::config::{self, Config, Environment, LoadOptions};
use crate::control::Question;
use crate::dice::Dice;
use crate::funnel::{self, Funnels};
use crate::store::fates::{Fate, Fates};
use crate::store::{self, Class, OutboxRow, OutboxState, Settled};
use crate::systemd::Systemd;
use crate::telegram::Client;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// A Tuesday, 10:00 UTC.
const BEGIN: i64 = 1_772_532_000_000;
const GAP: i64 = HOUR;
const PER_DAY: usize = 2;

const FUNNEL: &str = "\
funnel: weight
title: Вход
enter: { start: [weight] }
first: hello
steps:
  hello: { say: Здравствуйте!, enroll: warm, next: goal }
  goal: { ask: Сколько?, expect: number, save: goal, silent: [{ after: 3h, say: Вы здесь? }], next: end }
";

/// A sequence file as the model knows it: steps in order, each with its delay.
#[derive(Clone, Debug)]
struct Series(Vec<(String, i64)>);

impl Series {
    fn yaml(&self) -> String {
        let mut text =
            "sequence: warm\ntitle: Прогрев\npurpose: service\nmax_late: 30d\nsteps:\n".to_owned();
        for (id, hours) in &self.0 {
            text.push_str(&format!(
                "  - {{ id: {id}, after: {hours}h, say: \"шаг {id}\" }}\n"
            ));
        }
        text
    }
}

/// What the model knows of a lead: no more than a person watching the chat would.
#[derive(Clone, Debug, Default)]
struct Person {
    chat: i64,
    stopped: bool,
    blocked: bool,
    waits_for_human: bool,
    /// When the bot's own words were let go.
    said_at: Vec<i64>,
    /// What was let go, by the words of the message.
    said: BTreeMap<String, usize>,
}

struct Life {
    dice: Dice,
    dir: PathBuf,
    config: Config,
    series: Series,
    /// Steps that were in the file all the time.
    lasting: BTreeSet<String>,
    offset: i64,
    paused: bool,
    people: Vec<Person>,
    update: i64,
    desk: Option<Desk>,
    fates: Option<Fates>,
    app: Arc<App>,
    sender: mpsc::UnboundedReceiver<SenderInput>,
    flight: Vec<OutboxRow>,
    /// Calls of which nobody told the bot what became of them.
    doubts: usize,
    kept_alive: watch::Sender<bool>,
    acts: usize,
    /// Control: what is in doubt is sent again, as most programs do.
    retries: bool,
}

const POLICY: &str =
    "quiet_hours: \"22:00-06:00\", spread: 0m, per_day: 2, per_week: 0, min_gap: 1h, talk: 5m";
const NO_POLICY: &str = "quiet_hours: none, per_day: 0, per_week: 0, min_gap: 0m, talk: 0m";

impl Life {
    async fn begin(seed: u64, policy: &str) -> Life {
        let shm = PathBuf::from("/dev/shm");
        let root = if shm.is_dir() {
            shm
        } else {
            std::env::temp_dir()
        };
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = root.join(format!("bot-course-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(dir.join("funnels/sequences")).unwrap();
        std::fs::create_dir_all(dir.join("partners/north/data")).unwrap();
        let config = format!(
            "display_name: Север\ntimezone: UTC\ndefault_funnel: weight\n\
             consent: {{ contact: false, advertising: false }}\n\
             contact_policy: {{ {policy} }}\nlimits: {{ inputs_at_once: 0 }}\n"
        );
        std::fs::write(dir.join("partners/north/config.yaml"), config).unwrap();
        let env = dir.join("partners/north/.env");
        std::fs::write(
            &env,
            "BOT_TOKEN=123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
        )
        .unwrap();
        std::fs::set_permissions(&env, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .unwrap();
        let series = Series(vec![
            ("a".into(), 2),
            ("b".into(), 20),
            ("c".into(), 30),
            ("d".into(), 1),
        ]);
        std::fs::write(dir.join("funnels/weight.yaml"), FUNNEL).unwrap();
        std::fs::write(dir.join("funnels/sequences/warm.yaml"), series.yaml()).unwrap();
        let options = LoadOptions {
            partner_dir: dir.join("partners/north"),
            environment: Environment::of([]),
            ..LoadOptions::default()
        };
        let config = config::load(&options).unwrap();
        let lasting = series.0.iter().map(|(id, _)| id.clone()).collect();
        let (kept_alive, stop) = watch::channel(false);
        let app = app(&config, 0, stop);
        let (_, sender) = mpsc::unbounded_channel();
        let mut life = Life {
            dice: Dice::new(seed),
            dir,
            config,
            series,
            lasting,
            offset: 0,
            paused: false,
            people: Vec::new(),
            update: 1,
            desk: None,
            fates: None,
            app,
            sender,
            flight: Vec::new(),
            doubts: 0,
            kept_alive,
            acts: 0,
            retries: false,
        };
        life.start().await;
        life
    }

    fn now(&self) -> i64 {
        BEGIN + self.offset
    }

    /// A process begins: all it has is on the disk.
    async fn start(&mut self) {
        self.desk = None;
        self.flight.clear();
        self.app = app(&self.config, self.offset, self.kept_alive.subscribe());
        let store = store::open(&self.config.dirs.data, "north").await.unwrap();
        let (sender, inputs) = mpsc::unbounded_channel();
        self.sender = inputs;
        let opened = Desk::open(self.app.clone(), store, self.funnels(), sender).await;
        let (desk, fates) = opened.unwrap();
        self.desk = Some(desk);
        self.fates = Some(fates);
        self.rest().await;
    }

    fn funnels(&self) -> Arc<Funnels> {
        let compiled = funnel::load(&self.dir.join("funnels"), None, None, &self.config.partner);
        Arc::new(
            compiled
                .funnels
                .unwrap_or_else(|| panic!("{:?}", compiled.diagnostics)),
        )
    }

    async fn round(&mut self, input: DeskInput) {
        let mut inputs = vec![input];
        self.desk
            .as_mut()
            .unwrap()
            .round(&mut inputs)
            .await
            .unwrap();
        while let Ok(input) = self.sender.try_recv() {
            if let SenderInput::Rows(rows) = input {
                self.flight.extend(rows);
            }
        }
    }

    /// Everything that can be done at this moment is done; false when the process died of it.
    async fn rest(&mut self) -> bool {
        for _ in 0..200 {
            self.round(DeskInput::Wake).await;
            let now = self.now();
            let Some(at) = self.flight.iter().position(|row| row.not_before <= now) else {
                return true;
            };
            let row = self.flight.remove(at);
            if !self.send(row).await {
                return false;
            }
        }
        panic!("the bot never comes to rest");
    }

    /// Plays the sender and Telegram; false when the process died in mid-call.
    async fn send(&mut self, mut row: OutboxRow) -> bool {
        if row.class == Class::Proactive {
            let (may_go, word) = oneshot::channel();
            self.round(DeskInput::Claim {
                row: Box::new(row.clone()),
                may_go,
            })
            .await;
            match word.await.unwrap() {
                MayGo::Yes => {}
                MayGo::No => return true,
                MayGo::Later(until) => {
                    assert!(until > self.now(), "told to wait until now");
                    row.not_before = until;
                    self.flight.push(row);
                    return true;
                }
            }
            self.let_go(&row);
            self.fates.as_mut().unwrap().begun(&[row.id]);
            match self.dice.throw(100) {
                0..=3 => {
                    self.doubts += 1;
                    self.report(&row, OutboxState::Unknown).await;
                    if self.retries {
                        self.flight.push(row);
                    }
                    return true;
                }
                4..=7 => {
                    self.doubts += 1;
                    return false;
                }
                _ => {}
            }
        }
        self.report(&row, OutboxState::Sent).await;
        true
    }

    async fn report(&mut self, row: &OutboxRow, state: OutboxState) {
        let fates = self.fates.as_mut().unwrap();
        let noted = match state {
            OutboxState::Sent => fates.ended(row.id, Fate::Sent(row.id)),
            _ => 0,
        };
        fates.write();
        let settled = Settled {
            id: row.id,
            state,
            reason: String::new(),
            tries: row.tries,
            not_before: 0,
            message_id: row.id,
            at: self.now(),
        };
        let report = Report {
            settled,
            chat_id: row.chat_id,
            news: News::None,
            noted,
        };
        self.round(DeskInput::Report(report)).await;
    }

    /// A call in which the bot speaks first is about to be made: may it, by the rules?
    fn let_go(&mut self, row: &OutboxRow) {
        let now = self.now();
        let payload: serde_json::Value = serde_json::from_str(&row.payload).unwrap();
        let text = payload["text"].as_str().unwrap().to_owned();
        let paused = self.paused;
        let person = self
            .people
            .iter_mut()
            .find(|person| person.chat == row.chat_id)
            .unwrap();
        let told = format!("\"{text}\" at {} to {person:?}", now - BEGIN);
        assert!(
            !person.stopped && !person.blocked,
            "who does not want to hear: {told}"
        );
        assert!(!person.waits_for_human, "who waits for a person: {told}");
        assert!(!paused, "while paused: {told}");
        let hour = now.rem_euclid(DAY) / HOUR;
        assert!((6..22).contains(&hour), "at night: {told}");
        let past: Vec<i64> = person
            .said_at
            .iter()
            .copied()
            .filter(|at| *at <= now + HOUR)
            .collect();
        assert!(
            past.iter().all(|at| now - at >= GAP),
            "without a pause: {told}"
        );
        let today = past
            .iter()
            .filter(|at| at.div_euclid(DAY) == now.div_euclid(DAY))
            .count();
        assert!(today < PER_DAY, "too often a day: {told}");
        person.said_at.push(now);
        let times = person.said.entry(text.clone()).or_default();
        *times += 1;
        assert!(*times == 1 || !text.starts_with("шаг"), "twice: {told}");
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.desk = None;
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

fn app(config: &Config, offset: i64, stop: watch::Receiver<bool>) -> Arc<App> {
    let client = Client::new("http://127.0.0.1:9", &config.telegram.token, None).unwrap();
    let app = App::new(
        config,
        Clock::standing(BEGIN + offset),
        true,
        client,
        Systemd::of_process(),
        stop,
    );
    app.introduce("north_bot".to_owned());
    Arc::new(app)
}

async fn live(seed: u64, acts: usize, policy: &str, retries: bool) -> (usize, usize) {
    let mut life = Life::begin(seed, policy).await;
    life.retries = retries;
    for _ in 0..acts {
        life.act().await;
    }
    life.end().await;
    let said = life.people.iter().map(|person| person.said_at.len()).sum();
    (said, life.doubts)
}

/// What the life came to; `None` when it broke a rule.
async fn lived(seed: u64, policy: &str, retries: bool) -> Option<(usize, usize)> {
    let life = std::panic::AssertUnwindSafe(live(seed, 40, policy, retries));
    futures_util::FutureExt::catch_unwind(life).await.ok()
}

#[tokio::test]
async fn course_of_many_lives_agrees_with_the_rules() {
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let (lives, first) = match number("COURSE_SEED") {
        Some(seed) => (1, seed),
        None => (
            number("COURSE_LIVES").unwrap_or(25),
            number("COURSE_FIRST").unwrap_or(1),
        ),
    };
    let (mut said, mut doubts) = (0, 0);
    for seed in first..first + lives {
        let Some(counts) = lived(seed, POLICY, false).await else {
            panic!(
                "the life of seed {seed} went wrong; again: COURSE_SEED={seed} cargo test --lib course_of"
            );
        };
        said += counts.0;
        doubts += counts.1;
    }
    println!("{lives} lives from seed {first}: {said} words of the bot's own, {doubts} in doubt");
    assert!(
        said > usize::try_from(lives).unwrap(),
        "the lives are empty"
    );
}

#[tokio::test]
async fn course_control_a_bot_that_sends_again_what_is_in_doubt_is_caught() {
    for seed in 1..60 {
        if lived(seed, POLICY, true).await.is_none() {
            return;
        }
    }
    panic!("nobody was told anything twice: the model sees nothing");
}

#[tokio::test]
async fn course_control_a_bot_without_a_policy_is_caught() {
    for seed in 1..60 {
        if lived(seed, NO_POLICY, false).await.is_none() {
            return;
        }
    }
    panic!("nobody was disturbed at night or too often: the model sees nothing");
}
