//! Every secret carries a marker; after a life with every kind of trouble, told at the most talkative level, nothing
//! that was written anywhere holds it. The same of the operator's program, and of a whole run of the tests.

mod controls;
mod mistakes;
mod operator;
mod suite;

use std::path::{Path, PathBuf};

use partnerctl::sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use super::{Form, Ledger, Order};
use crate::support::leak::{GIVEN, MARKER, leak, leaks};
use crate::support::{BOT, PARTNER, Rig, TOKEN, until};

const CALLS: [&str; 5] = [
    "sendMessage",
    "sendPhoto",
    "editMessageText",
    "answerCallbackQuery",
    "getUpdates",
];
const KINDS: [&str; 13] = [
    "400",
    "403",
    "409",
    "429",
    "500",
    "502_html",
    "refuse",
    "reset",
    "lost_answer",
    "truncated",
    "bad_json",
    "slow",
    "body",
];

pub async fn prove(order: &Order) -> Ledger {
    let rounds = order.count("rounds", 1, 20);
    let mut ledger = Ledger::default();
    let mut seen = Seen::default();
    // The short form draws half of the kinds.
    let mut kinds = KINDS.to_vec();
    let mut dice = order.dice();
    while order.form == Form::Short && kinds.len() > 6 {
        kinds.remove(dice.index(kinds.len()));
    }
    life(rounds, &kinds, &mut seen).await;
    mistakes::mistakes(&mut seen).await;
    let commands = operator::works(&mut seen).await;
    ledger.told("files read", seen.files);
    ledger.told("pages, messages and process tables read", seen.texts);
    ledger.at_least("troubles played", seen.troubles, 40 + 30 * (rounds - 1));
    ledger.at_least("commands of the operator", commands, 40);
    ledger.none("core files", seen.cores.len());
    ledger.none("places that hold a secret", seen.leaks.len());
    for place in seen.leaks {
        ledger.trouble(place);
    }
    if order.form == Form::Long {
        suite::run(&mut ledger).await;
    }
    ledger.at_least(
        "control, planted leaks: found",
        controls::planted(),
        3_usize,
    );
    match controls::careless().await {
        Some(found) => ledger.at_least("control, a careless program: found in its environment and core", found, 2),
        None => ledger.skip("the kernel's core_pattern puts no core file into a working directory, so none can be planted"),
    }
    ledger
}

#[derive(Default)]
struct Seen {
    files: usize,
    texts: usize,
    troubles: u64,
    cores: Vec<PathBuf>,
    leaks: Vec<String>,
    /// Secrets that cannot carry the marker, because chance makes them.
    unmarked: Vec<String>,
}

impl Seen {
    fn text(&mut self, place: &str, bytes: &[u8]) {
        self.texts += 1;
        if let Some(form) = leak(bytes) {
            self.leaks.push(format!("{place}: {form}"));
        }
        for secret in &self.unmarked {
            if bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes())
            {
                self.leaks
                    .push(format!("{place}: a secret without a marker"));
            }
        }
    }

    fn files(&mut self, root: &Path) {
        let (read, found) = leaks(root, &GIVEN);
        self.files += read;
        self.leaks.extend(found);
    }

    /// What a running process shows of itself.
    fn process(&mut self, pid: u32) {
        for file in ["cmdline", "environ", "comm", "status"] {
            let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
            self.text(&format!("{file} of a process"), &bytes);
        }
    }
}

/// Core files of this directory.
fn cores(place: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(place).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_core = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str());
        path.is_file() && name.is_some_and(|name| name.starts_with("core"))
    };
    paths.filter(is_core).collect()
}

/// What starts a program in this directory with every leave to write a core file.
fn laxly(place: &Path) -> [String; 4] {
    let script = format!("ulimit -c unlimited; cd {}; exec \"$@\"", place.display());
    ["sh", "-c", &script, "sh"].map(str::to_owned)
}

async fn life(rounds: u64, kinds: &[&str], seen: &mut Seen) {
    let mut rig = Rig::new();
    rig.set_env("RUST_LOG", "trace");
    // Whatever the shell allows, a death must leave no picture of the memory behind.
    rig.wrapper = laxly(rig.place.root()).to_vec();
    rig.start().await;
    rig.partners_are_there().await;
    for _ in 0..rounds {
        troubles(&rig, kinds, seen).await;
    }
    let lead = rig.lead_at_goal("Аня").await;
    rig.finishes(lead, "+77011234567").await;
    rig.hears(PARTNER, "Оставил(а) контакт").await;
    pages(&rig, seen).await;
    for person in [lead, PARTNER] {
        for message in rig.world.messages(BOT, person) {
            seen.text("a chat", message.to_string().as_bytes());
        }
    }
    seen.files(rig.place.root());
    dies(&mut rig, seen).await;
    // A proxy that is not there, with a name and a word to open it.
    let proxy = format!(
        "BOT_TOKEN={TOKEN}\nTELEGRAM_API_URL={}\nTELEGRAM_PROXY=http://user:{MARKER}@127.0.0.1:9\n",
        rig.url()
    );
    rig.place.write_env(&proxy);
    rig.spawn();
    until(|| rig.log(), || rig.log().contains("waiting to start")).await;
    let before = rig.log().len();
    rig.kill().await;
    // Telegram itself is gone.
    rig.place.write_env(&format!(
        "BOT_TOKEN={TOKEN}\nTELEGRAM_API_URL={}\n",
        rig.url()
    ));
    let mut rig = rig.without_telegram();
    rig.spawn();
    until(
        || rig.log(),
        || rig.log()[before..].contains("waiting to start"),
    )
    .await;
    rig.kill().await;
    assert!(
        rig.log().contains("\"TRACE\""),
        "the log is as talkative as can be"
    );
    seen.files(rig.place.root());
    // A fresh Telegram, so that the rig ends as it began.
    rig.with_telegram(Sandbox::start(Options::default()).unwrap());
}

/// Each call fails in each way once, some with the very address in Telegram's mouth.
async fn troubles(rig: &Rig, kinds: &[&str], seen: &mut Seen) {
    for kind in kinds {
        let rule = |method: &&str| {
            let echo = json!({"ok": false, "error_code": 404,
                "description": format!("Not Found: {}/bot{TOKEN}/{method} is not here", rig.url())});
            // A token that is refused on getUpdates ends the bot, rightly.
            let status = if *method == "getUpdates" { 400 } else { 403 };
            json!({"method": method, "kind": kind, "times": 1, "retry_after": 1, "delay_ms": 200, "status": status,
                "body": with_code(echo, status)})
        };
        let rules: Vec<Value> = CALLS.iter().map(rule).collect();
        seen.troubles += rules.len() as u64;
        rig.faults(&rules);
        let lead = rig.person("Аня");
        rig.opens(lead, "weight");
        rig.quiet().await;
        rig.opens(lead, "weight");
        rig.hears(lead, "С чего начнём?").await;
        rig.presses(lead, "Подарок");
        rig.opens(PARTNER, "");
        rig.quiet().await;
        let panel = rig.world.last_message(BOT, PARTNER).unwrap();
        let id = panel["message_id"].as_i64().unwrap();
        rig.world
            .press(BOT, PARTNER, id, "p:stats:week", true)
            .unwrap();
        rig.quiet().await;
        rig.no_faults();
    }
}

fn with_code(mut body: Value, code: u16) -> Value {
    body["error_code"] = json!(code);
    body
}

async fn pages(rig: &Rig, seen: &mut Seen) {
    seen.process(rig.bot.as_ref().map(|bot| bot.pid()).unwrap());
    for (method, path) in [
        ("GET", "/health"),
        ("GET", "/metrics"),
        ("GET", "/trail?after=0&limit=1000"),
        ("GET", "/why?lead=1"),
        ("POST", "/invite"),
        ("POST", "/reload"),
        ("GET", "/nothing"),
    ] {
        let answer = rig.ask(method, path).await.unwrap();
        assert!(!answer.is_empty(), "{path}");
        seen.text(path, answer.as_bytes());
    }
}

/// As a watchdog ends it: with the signal that leaves a core file, if anything lets it.
async fn dies(rig: &mut Rig, seen: &mut Seen) {
    let bot = rig.bot.take().expect("it runs");
    bot.signal(libc::SIGABRT);
    bot.exit_code(std::time::Duration::from_secs(30)).await;
    seen.cores.extend(cores(rig.place.root()));
}
