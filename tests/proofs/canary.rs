//! Every secret carries a marker; after a life with every kind of trouble, told at the most talkative level, nothing
//! that was written anywhere holds it.

use std::path::Path;
use std::process::Stdio;

use partnerctl::sandbox::{Options, Sandbox};
use serde_json::{Value, json};

use super::{Form, Ledger, Order};
use crate::support::leak::{MARKER, leak, leaks};
use crate::support::{BOT, PARTNER, Rig, TOKEN, bot_program, set_mode, until};

/// The one file that must hold the token, and what the tests plant.
const GIVEN: [&str; 2] = [".env", "token.txt"];
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
    mistakes(&mut seen).await;
    ledger.told("files read", seen.files);
    ledger.told("pages, messages and process tables read", seen.texts);
    ledger.at_least("troubles played", seen.troubles, 40 + 30 * (rounds - 1));
    ledger.none("core files", seen.cores);
    ledger.none("places that hold a secret", seen.leaks.len());
    for place in seen.leaks {
        ledger.trouble(place);
    }
    ledger.at_least("control, planted leaks: found", planted(), 3_usize);
    ledger
}

#[derive(Default)]
struct Seen {
    files: usize,
    texts: usize,
    troubles: u64,
    cores: usize,
    leaks: Vec<String>,
}

impl Seen {
    fn text(&mut self, place: &str, bytes: &[u8]) {
        self.texts += 1;
        if let Some(form) = leak(bytes) {
            self.leaks.push(format!("{place}: {form}"));
        }
    }

    fn files(&mut self, root: &Path) {
        let (read, found) = leaks(root, &GIVEN);
        self.files += read;
        self.leaks.extend(found);
    }
}

async fn life(rounds: u64, kinds: &[&str], seen: &mut Seen) {
    let mut rig = Rig::new();
    rig.set_env("RUST_LOG", "trace");
    // Whatever the shell allows, a death must leave no picture of the memory behind.
    let cores = format!(
        "ulimit -c unlimited; cd {}; exec \"$@\"",
        rig.place.root().display()
    );
    rig.wrapper = ["sh", "-c", &cores, "sh"].map(str::to_owned).to_vec();
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
    let pid = rig.bot.as_ref().map(|bot| bot.pid()).unwrap();
    for file in ["cmdline", "environ", "comm", "status"] {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap();
        seen.text(file, &bytes);
    }
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
    let pid = libc::pid_t::try_from(bot.pid()).unwrap();
    // SAFETY: the child was not waited for, so its number cannot belong to another process.
    let sent = unsafe { libc::kill(pid, libc::SIGABRT) };
    assert_eq!(sent, 0, "the bot cannot be signalled");
    bot.exit_code(std::time::Duration::from_secs(30)).await;
    let entries = std::fs::read_dir(rig.place.root()).unwrap();
    let core = |name: String| name.starts_with("core");
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    seen.cores += names.filter(|name| core(name.clone())).count();
}

/// What an operator gets wrong, with the secret in it; both programs answer without repeating it.
async fn mistakes(seen: &mut Seen) {
    let rig = Rig::new();
    let partner = rig.place.partner.to_str().unwrap().to_owned();
    let good = format!("BOT_TOKEN={TOKEN}\nTELEGRAM_API_URL={}\n", rig.url());
    let loose = rig.place.partner.join(".env");
    let settings = std::fs::read_to_string(rig.place.partner.join("config.yaml")).unwrap();
    let wrong: [(&str, &str); 7] = [
        ("BOT_TOKEN=123456 TEST-CANARY-8f3b1c\n", ""),
        (
            "BOT_TOKEN=TEST-CANARY-8f3b1c\nBOT_TOKEN=TEST-CANARY-8f3b1c-twice\n",
            "",
        ),
        ("BOTTOKEN=123456:TEST-CANARY-8f3b1c-of-a-wrong-name\n", ""),
        ("123456:TEST-CANARY-8f3b1c-without-a-name\n", ""),
        ("TELEGRAM_PROXY=ftp://user:CANARY-8f3b1c@nowhere\n", ""),
        (
            "TELEGRAM_API_URL=https://TEST-CANARY-8f3b1c:word@nowhere/\u{1}\n",
            "",
        ),
        (
            "",
            "bot_token: 123456789:TEST-CANARY-8f3b1c-aaaaaaaaaaaaaaaaa\n",
        ),
    ];
    for (env, config) in wrong {
        rig.place.write_env(&format!("{good}{env}"));
        std::fs::write(
            rig.place.partner.join("config.yaml"),
            format!("{settings}{config}"),
        )
        .unwrap();
        let place = ["--partner", &partner];
        let (check, run) = (["check", place[0], place[1]], ["run", place[0], place[1]]);
        let why = ["why", place[0], place[1], "1"];
        let (check, run, why) = tokio::join!(said(&check), said(&run), said(&why));
        for (verb, words) in [("check", check), ("run", run), ("why", why)] {
            seen.troubles += 1;
            seen.text(&format!("bot {verb} with {env}{config}"), &words);
        }
    }
    rig.place.write_env(&good);
    std::fs::write(rig.place.partner.join("config.yaml"), &settings).unwrap();
    set_mode(&loose, 0o644);
    seen.text(
        "bot check of a loose file",
        &said(&["check", "--partner", &partner]).await,
    );
    seen.files(rig.place.root());
    restore(&rig, &good);
}

fn restore(rig: &Rig, env: &str) {
    rig.place.write_env(env);
    rig.place.write_config("");
}

/// All that a command prints; a bot that runs after all is stopped.
async fn said(args: &[&str]) -> Vec<u8> {
    let child = tokio::process::Command::new(bot_program())
        .args(args)
        .env("RUST_LOG", "trace")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let pid = child.id().and_then(|pid| libc::pid_t::try_from(pid).ok());
    let output = child.wait_with_output();
    tokio::pin!(output);
    let patience = std::time::Duration::from_millis(1_500);
    let output = match tokio::time::timeout(patience, &mut output).await {
        Ok(output) => output.unwrap(),
        Err(_) => {
            // SAFETY: the child is not waited for yet, so its number is its own.
            unsafe { libc::kill(pid.unwrap_or(0), libc::SIGTERM) };
            output.await.unwrap()
        }
    };
    [output.stdout, output.stderr].concat()
}

/// Three leaks laid out on purpose, one in each disguise; how many the search finds.
fn planted() -> usize {
    use base64::Engine;
    let place = std::env::temp_dir().join(format!("bot-canary-{}", std::process::id()));
    std::fs::create_dir_all(place.join("deep/er")).unwrap();
    let encoded: String = TOKEN.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hidden = base64::engine::general_purpose::STANDARD.encode(format!("x{TOKEN}"));
    for (name, text) in [
        ("bot.log", format!("POST /bot{TOKEN}/getMe\n")),
        ("deep/er/pages.json", format!("{{\"secret\":\"{hidden}\"}}")),
        ("deep/link.txt", encoded),
        ("clean.txt", "nothing".to_owned()),
    ] {
        std::fs::write(place.join(name), text).unwrap();
    }
    let (_, found) = leaks(&place, &GIVEN);
    std::fs::remove_dir_all(&place).unwrap();
    found.len()
}
