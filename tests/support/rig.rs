//! The local Telegram, the partner's directory and the bot, together.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use partnerctl::sandbox::{FaultRule, NewUser, Options, Sandbox, World};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Bot, Place, Tap, bot_program, leak};

/// The marker in the token is what the secrets test looks for.
pub const TOKEN: &str = "123456:TEST-CANARY-8f3b1c-not-a-secret";
pub const BOT: i64 = 123_456;
pub const PARTNER: i64 = 900_000_001;
pub const SECOND_PARTNER: i64 = 900_000_002;
pub const PARTNERS: [i64; 2] = [PARTNER, SECOND_PARTNER];

/// Long enough for a busy machine; nothing waits this long when all is well.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

pub struct Rig {
    pub world: World,
    pub place: Place,
    pub env: Vec<(String, String)>,
    pub bot: Option<Bot>,
    /// Reads the bot's log as it is written.
    pub tap: Option<Arc<Tap>>,
    /// What starts the bot, if it is not started by itself: `strace` with its arguments.
    pub wrapper: Vec<String>,
    socket: OnceLock<reqwest::Client>,
    /// How far the bot's clock was moved; a restarted bot takes it over.
    offset_ms: i64,
    sandbox: Option<Sandbox>,
}

impl Default for Rig {
    fn default() -> Rig {
        Rig::new()
    }
}

impl Rig {
    /// Nothing runs yet.
    pub fn new() -> Rig {
        let sandbox = Sandbox::start(Options::default()).unwrap();
        let world = sandbox.world();
        world.add_bot(TOKEN, "north_bot", "Север").unwrap();
        for (id, name) in [(PARTNER, "Пётр"), (SECOND_PARTNER, "Мария")] {
            world.add_user(NewUser {
                id: Some(id),
                first_name: name.to_owned(),
                ..NewUser::default()
            });
        }
        Rig {
            place: Place::new(&sandbox.url(), TOKEN),
            world,
            env: vec![("RUST_BACKTRACE".to_owned(), "0".to_owned())],
            bot: None,
            tap: None,
            wrapper: Vec::new(),
            socket: OnceLock::new(),
            offset_ms: 0,
            sandbox: Some(sandbox),
        }
    }

    /// A rig whose bot is up.
    pub async fn running() -> Rig {
        let mut rig = Rig::new();
        rig.start().await;
        rig
    }

    /// Nobody listens at Telegram's address any more.
    pub fn without_telegram(mut self) -> Rig {
        drop(self.sandbox.take());
        self
    }

    /// A fresh Telegram, empty but for the bot.
    pub fn with_telegram(&mut self, sandbox: Sandbox) {
        self.world = sandbox.world();
        self.world.add_bot(TOKEN, "north_bot", "Север").unwrap();
        self.sandbox = Some(sandbox);
    }

    pub fn url(&self) -> String {
        self.sandbox.as_ref().expect("it runs").url()
    }

    pub fn set_env(&mut self, name: &str, value: &str) {
        self.env.push((name.to_owned(), value.to_owned()));
    }

    /// Starts the bot without waiting for anything.
    pub fn spawn(&mut self) {
        let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let mut command = self.wrapper.clone();
        command.extend([path(bot_program()), "run".to_owned()]);
        command.extend(["--partner".to_owned(), path(&self.place.partner)]);
        command.extend(["--data-dir".to_owned(), path(&self.place.data)]);
        let mut env = self.env.clone();
        env.push(("BOT_CLOCK_OFFSET_MS".to_owned(), self.offset_ms.to_string()));
        let log = self.place.log();
        self.bot = Some(Bot::spawn(&command, &env, &log, self.tap.as_ref()));
    }

    /// What the bot's program prints to a command about this partner.
    pub async fn bot_says(&self, words: &[&str]) -> String {
        let mut command = tokio::process::Command::new(super::bot_program());
        command
            .args(words)
            .arg("--partner")
            .arg(&self.place.partner);
        command.arg("--data-dir").arg(&self.place.data);
        let output = command.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the bot with its clock at this moment.
    pub async fn start_at(&mut self, ms: i64) {
        self.start().await;
        let now = self.get("/health").await["now_ms"].as_i64().unwrap();
        self.skip(ms - now).await;
    }

    /// Starts the bot and waits until it has heard from Telegram.
    pub async fn start(&mut self) {
        self.spawn();
        self.state("running").await;
    }

    pub async fn kill(&mut self) {
        self.bot.take().expect("a bot to kill").kill().await;
    }

    /// SIGTERM; the exit code.
    pub async fn stop(&mut self) -> i32 {
        let bot = self.bot.take().expect("a bot to stop");
        bot.terminate();
        bot.exit_code(DEADLINE).await
    }

    /// Waits for a bot that ends by itself: its exit code.
    pub async fn exit_code(&mut self) -> i32 {
        self.bot
            .take()
            .expect("a bot to wait for")
            .exit_code(DEADLINE)
            .await
    }

    pub fn log(&self) -> String {
        let bytes = std::fs::read(self.place.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of the log, for the words of a failure.
    fn last_words(&self) -> String {
        let log = self.log();
        let start = log.len().saturating_sub(2_000);
        let start = (start..log.len()).find(|at| log.is_char_boundary(*at));
        log[start.unwrap_or(0)..].to_owned()
    }

    /// Asks the bot's private socket; `None` while nobody listens.
    pub async fn ask(&self, method: &str, path: &str) -> Option<String> {
        let client = self.socket.get_or_init(|| {
            reqwest::Client::builder()
                .unix_socket(self.place.data.join("bot.sock"))
                .no_proxy()
                // A bot that was killed leaves connections behind that answer nobody.
                .pool_max_idle_per_host(0)
                .timeout(Duration::from_secs(5))
                .build()
                .unwrap()
        });
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let answer = client.request(method, format!("http://bot{path}")).send();
        answer.await.ok()?.text().await.ok()
    }

    pub async fn get(&self, path: &str) -> Value {
        json_text(self.ask("GET", path).await)
    }

    pub async fn post(&self, path: &str) -> Value {
        json_text(self.ask("POST", path).await)
    }

    /// Waits for the state; the health that told it.
    pub async fn state(&mut self, wanted: &str) -> Value {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let health = self.get("/health").await;
            if health["state"] == wanted {
                return health;
            }
            assert!(
                Instant::now() < deadline,
                "never {wanted}: {health}\n{}",
                self.last_words()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until nothing is left to handle or to send.
    pub async fn quiet(&self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            // In this order: what Telegram no longer holds is stored, so the queues tell of it.
            let waiting = self.world.pending_updates(BOT);
            let health = self.get("/health").await;
            let queue = &health["queue"];
            if waiting == 0 && queue["inbox_pending"] == 0 && queue["outbox_due"] == 0 {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "never quiet: {health}, {waiting} updates wait at Telegram\n{}",
                self.last_words()
            );
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Waits for something of the local Telegram.
    pub async fn until(&self, what: &str, is_so: impl Fn(&World) -> bool) {
        let told = || format!("{what}\n{}", self.last_words());
        until(told, || is_so(&self.world)).await;
    }

    /// Somebody who never wrote to the bot.
    pub fn person(&self, name: &str) -> i64 {
        self.world.add_user(NewUser {
            first_name: name.to_owned(),
            ..NewUser::default()
        })
    }

    /// Presses Start with a payload.
    pub fn opens(&self, person: i64, payload: &str) {
        let payload = Some(payload).filter(|payload| !payload.is_empty());
        self.world.start(BOT, person, payload).unwrap();
    }

    pub fn says(&self, person: i64, text: &str) {
        self.world.send(BOT, person, text).unwrap();
    }

    pub fn presses(&self, person: i64, button: &str) {
        self.world.press_text(BOT, person, button).unwrap();
    }

    /// The bot's texts (or captions) in this chat that are still there, oldest first.
    pub fn heard(&self, person: i64) -> Vec<String> {
        let messages = self.world.messages(BOT, person);
        let shown = |m: &&Value| m["out"] == true && m["deleted"] == false;
        messages.iter().filter(shown).map(words).collect()
    }

    /// Waits until the bot's last message in this chat holds these words.
    pub async fn hears(&self, person: i64, part: &str) {
        let told = || {
            format!(
                "{part:?} in {:?}\n{}",
                self.heard(person),
                self.last_words()
            )
        };
        until(told, || {
            self.heard(person)
                .last()
                .is_some_and(|text| text.contains(part))
        })
        .await;
    }

    pub fn count(&self, person: i64, part: &str) -> usize {
        self.heard(person)
            .iter()
            .filter(|text| text.contains(part))
            .count()
    }

    /// A lead who stands at the first question.
    pub async fn lead_at_goal(&self, name: &str) -> i64 {
        let lead = self.person(name);
        self.opens(lead, "weight");
        self.hears(lead, "С чего начнём?").await;
        self.presses(lead, "Начать");
        self.hears(lead, "Сколько килограммов?").await;
        lead
    }

    /// From the first question to the last word.
    pub async fn finishes(&self, lead: i64, phone: &str) {
        self.says(lead, "25");
        self.hears(lead, "Зачем вам это?").await;
        self.says(lead, "Хочу бегать");
        self.hears(lead, "Когда начнём?").await;
        self.presses(lead, "Завтра");
        self.hears(lead, "Оставьте телефон.").await;
        self.says(lead, phone);
        self.hears(lead, "Спасибо!").await;
    }

    /// Both of the partner's people have opened the bot and see its panel.
    pub async fn partners_are_there(&self) {
        for partner in PARTNERS {
            self.opens(partner, "");
            self.hears(partner, "north_bot").await;
        }
    }

    /// The story of a lead by its number, as `partnerctl why` tells it.
    pub async fn story(&self, lead_number: i64) -> Vec<Value> {
        let why = self.get(&format!("/why?lead={lead_number}")).await;
        why["items"].as_array().cloned().unwrap_or_default()
    }

    pub fn faults(&self, rules: &[Value]) {
        let rules = rules
            .iter()
            .map(|rule| FaultRule::from_json(rule).unwrap())
            .collect();
        self.world.set_faults(rules, Some(1));
    }

    pub fn no_faults(&self) {
        self.world.set_faults(Vec::new(), None);
    }

    /// Moves both clocks; the bot's must be movable.
    pub async fn skip(&mut self, ms: i64) {
        self.offset_ms += ms;
        self.world.advance(Duration::from_millis(ms.unsigned_abs()));
        let answer = self.post(&format!("/clock?advance_ms={ms}")).await;
        assert!(answer["now_ms"].is_i64(), "{answer}");
    }

    /// Calls of a method to this chat, as the journal has them.
    pub fn calls_to(&self, method: &str, chat: i64) -> Vec<partnerctl::sandbox::Call> {
        let mut calls = self.world.calls(method);
        calls.retain(|call| call.params.get("chat_id") == Some(&json!(chat)));
        calls
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let violations = self.world.violations();
        drop(self.bot.take());
        drop(self.sandbox.take());
        if !std::thread::panicking() {
            assert!(violations.is_empty(), "{violations:?}");
            // Whatever a test was about: its token must be in no file but the one that is given to the bot.
            let (_, leaks) = leak::leaks(self.place.root(), &leak::GIVEN);
            assert!(leaks.is_empty(), "the token leaked: {leaks:?}");
        }
    }
}

fn words(message: &Value) -> String {
    ["text", "caption"]
        .iter()
        .find_map(|field| message[field].as_str())
        .unwrap_or_default()
        .to_owned()
}

fn json_text(text: Option<String>) -> Value {
    text.and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// Looks until it is so; fails with the words after the deadline.
pub async fn until(told: impl Fn() -> String, is_so: impl Fn() -> bool) {
    until_asked(told, async || is_so()).await;
}

/// The same where somebody must be asked.
pub async fn until_asked(told: impl Fn() -> String, is_so: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "never so: {}", told());
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
