//! `partnerctl create`: a directory that is ready to run, or nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use partnerctl::cli;
use partnerctl::host::RecordingHost;
use partnerctl::sandbox::{FaultRule, Options, Sandbox};
use serde_json::json;

const TOKEN: &str = "123456789:TEST-CANARY-8f3b1c-TESTTESTTESTTEST";

/// An empty directory, a shared funnel, and a Telegram that knows the token.
pub struct Ground {
    pub root: PathBuf,
    sandbox: Sandbox,
}

impl Ground {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let root = std::env::temp_dir().join(format!("partnerctl-{}-{number}", std::process::id()));
        fs::create_dir_all(root.join("funnels")).unwrap();
        let funnel = "funnel: weight\ntitle: Вес\nfirst: hello\nsteps:\n  hello: { say: Привет, next: end }\n";
        fs::write(root.join("funnels/weight.yaml"), funnel).unwrap();
        fs::write(root.join("token"), format!("{TOKEN}\n")).unwrap();
        let sandbox = Sandbox::start(Options::default()).unwrap();
        sandbox
            .world()
            .add_bot(TOKEN, "north_bot", "Север")
            .unwrap();
        Self { root, sandbox }
    }

    /// Runs a line in which `ROOT` and `API` stand for this ground's directory and Telegram.
    pub async fn run(&self, line: &[&str], host: &RecordingHost) -> u8 {
        let root = self.root.display().to_string();
        let words = std::iter::once("partnerctl").chain(line.iter().copied());
        let args = words.map(|word| {
            word.replace("ROOT", &root)
                .replace("API", &self.sandbox.url())
                .into()
        });
        cli::code_of(args, host).await
    }

    pub fn said(&self, text: &str) -> String {
        text.replace(&self.root.display().to_string(), "ROOT")
            .replace(&self.sandbox.url(), "API")
    }

    fn partners(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("partners"))
            .into_iter()
            .flatten();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        crate::support::clear(&self.root);
    }
}

pub const NORTH: [&str; 10] = [
    "create",
    "north",
    "--name",
    "Север: \"Юг\"",
    "--token-file",
    "ROOT/token",
    "--dir",
    "ROOT/partners",
    "--api-url",
    "API",
];

#[tokio::test]
async fn a_partner_is_made_ready_to_run() {
    let ground = Ground::new();
    let host = RecordingHost::default();
    let mut line = NORTH.to_vec();
    line.extend([
        "--timezone",
        "Asia/Almaty",
        "--telegram-id",
        "77",
        "--shop",
        "https://shop.example/a?b=1",
    ]);
    let code = ground.run(&line, &host).await;
    assert_eq!(
        (code, ground.said(&host.take_err()).as_str()),
        (
            0,
            "ROOT/token still holds the token; remove it: shred -u ROOT/token\n"
        )
    );
    assert_eq!(
        ground.said(&host.take_out()),
        "created ROOT/partners/north for @north_bot\nnext:\n  partnerctl check north --dir ROOT/partners\n  bot run --partner ROOT/partners/north\n  https://t.me/north_bot\n"
    );
    assert_eq!(ground.partners(), ["north"]);
    let home = ground.root.join("partners/north");
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    assert_eq!(
        (mode(&home.join(".env")), mode(&home.join("config.yaml"))),
        (0o600, 0o600)
    );
    let options = bot::config::LoadOptions {
        partner_dir: home,
        ..Default::default()
    };
    let config = bot::config::load(&options).unwrap();
    assert_eq!(config.partner.display_name, "Север: \"Юг\"");
    assert_eq!(config.partner.timezone, "Asia/Almaty");
    assert_eq!(config.partner.default_funnel, "weight");
    assert_eq!(config.partner.links["shop"], "https://shop.example/a?b=1");
    assert_eq!(config.team.telegram_ids, [77]);
    assert_eq!(config.telegram.token.expose(), TOKEN);
    assert_eq!(
        config.telegram.api_url,
        ground.said("API").replace("API", &ground.sandbox.url())
    );
    assert_eq!(
        ground
            .run(&["check", "nor", "--dir", "ROOT/partners"], &host)
            .await,
        0
    );
    assert_eq!(host.take_out(), "north: ok\n");
}

#[tokio::test]
async fn somebody_at_a_terminal_is_asked_for_everything() {
    let ground = Ground::new();
    let host = RecordingHost::answering(&["north", "Север", "", "77", TOKEN]);
    let code = ground
        .run(
            &["create", "--dir", "ROOT/partners", "--api-url", "API"],
            &host,
        )
        .await;
    assert_eq!(code, 0, "{}", host.take_err());
    assert_eq!(
        host.take_err(),
        "partner's id (a-z, 0-9, -)\nname that leads see\ntime zone [Europe/Moscow]\npartner's Telegram id, empty to invite later\ntoken from @BotFather (not shown)\n"
    );
    assert_eq!(ground.partners(), ["north"]);
}

#[tokio::test]
async fn a_wrong_answer_is_asked_again_and_nothing_else_is_lost() {
    let ground = Ground::new();
    fs::write(
        ground.root.join("funnels/zebra.yaml"),
        "funnel: zebra\ntitle: { ru: Зебры, en: Zebras }\nfirst: hello\nsteps:\n  hello: { say: Привет, next: end }\n",
    )
    .unwrap();
    let answers = [
        "Nörth",
        "north",
        "",
        "Север",
        "Mars",
        "",
        "abc",
        "",
        "9",
        "zebra",
        "short",
        TOKEN,
    ];
    let host = RecordingHost::answering(&answers);
    let line = ["create", "--dir", "ROOT/partners", "--api-url", "API"];
    let code = ground.run(&line, &host).await;
    let said = host.take_err();
    assert_eq!(code, 0, "{said}");
    for word in [
        "Nörth",
        "--name is missing",
        "\"Mars\"",
        "a number above 0",
        "of the list",
        "5 characters",
    ] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.contains("zebra  Зебры"), "{said}");
    let config = fs::read_to_string(ground.root.join("partners/north/config.yaml")).unwrap();
    assert!(config.contains("default_funnel: \"zebra\""), "{config}");
}

#[tokio::test]
async fn a_token_can_come_through_a_pipe() {
    let ground = Ground::new();
    let host = RecordingHost::piping(&format!("{TOKEN}\n"));
    let line = NORTH.map(|word| if word == "ROOT/token" { "-" } else { word });
    assert_eq!(ground.run(&line, &host).await, 0, "{}", host.take_err());
}

#[tokio::test]
async fn nothing_half_made_remains_when_something_is_wrong() {
    let ground = Ground::new();
    fs::write(ground.root.join("bad"), "CANARYTE").unwrap();
    fs::write(
        ground.root.join("unknown"),
        "987654321:TEST-CANARY-8f3b1c-TESTTESTTESTTEST",
    )
    .unwrap();
    let table: [(&[(&str, &str)], u8, &str); 10] = [
        (
            &[("north", "Nörth")],
            2,
            "error: partner id \"Nörth\": an id has 1 to 32 of a-z, 0-9 and -, no - in front",
        ),
        (
            &[("ROOT/token", "ROOT/none")],
            4,
            "error: ROOT/none: No such file or directory (os error 2)",
        ),
        (
            &[("ROOT/token", "ROOT/bad")],
            4,
            "error: not a bot token (8 characters); it looks like 123456789:ABC… with 35 letters after the colon, copy it again from @BotFather",
        ),
        (
            &[("ROOT/token", "ROOT/unknown")],
            4,
            "error: Telegram does not know this token; copy it again from @BotFather",
        ),
        (
            &[("API", "http://10.0.0.1")],
            3,
            "error: TELEGRAM_API_URL: plain http would show the token to the network; use https, or http to 127.0.0.1",
        ),
        (
            &[("API", "http://127.0.0.1:1")],
            1,
            "error: http://127.0.0.1:1 does not answer: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111); check the network, name a proxy with --proxy, or go on with --skip-token-check",
        ),
        (
            &[("--api-url", "--timezone"), ("API", "Mars/Olympus")],
            2,
            "error: no time zone \"Mars/Olympus\"; write an IANA name such as Europe/Moscow or Asia/Almaty",
        ),
        (
            &[("--api-url", "--shop"), ("API", "shop")],
            3,
            "error: links.shop: not an https address; write it like https://example.com/shop",
        ),
        (
            &[("--name", "--funnel")],
            2,
            "error: --name is missing; give it, or run in a terminal to be asked",
        ),
        (
            &[("--token-file", "--funnel")],
            2,
            "error: --token-file FILE is missing; give it, or run in a terminal to be asked",
        ),
    ];
    for (changes, code, expected) in table {
        let host = RecordingHost::default();
        let line = NORTH.map(|word| {
            changes
                .iter()
                .find(|(from, _)| *from == word)
                .map_or(word, |(_, to)| *to)
        });
        assert_eq!(ground.run(&line, &host).await, code, "{changes:?}");
        let said = ground.said(&host.take_err());
        assert_eq!(said.trim_end(), expected, "{changes:?}");
        assert!(!said.contains("TEST-CANARY"));
        assert!(!ground.root.join("partners").exists(), "{changes:?}");
    }
}

#[tokio::test]
async fn a_telegram_in_trouble_leaves_nothing_behind_and_shows_no_token() {
    let ground = Ground::new();
    for kind in ["502_html", "reset", "401", "truncated"] {
        let rule = FaultRule::from_json(&json!({ "method": "getMe", "kind": kind })).unwrap();
        ground.sandbox.world().set_faults(vec![rule], None);
        let host = RecordingHost::default();
        let code = ground.run(&NORTH, &host).await;
        let said = host.take_err();
        assert_eq!(code, if kind == "401" { 4 } else { 1 }, "{kind}: {said}");
        assert!(!said.contains("TEST-CANARY"), "{said}");
        assert!(!ground.root.join("partners").exists(), "{kind}");
    }
}

#[tokio::test]
async fn neither_an_id_nor_a_bot_is_taken_twice() {
    let ground = Ground::new();
    let host = RecordingHost::default();
    assert_eq!(ground.run(&NORTH, &host).await, 0);
    host.take_err();
    assert_eq!(ground.run(&NORTH, &host).await, 6);
    assert_eq!(
        ground.said(&host.take_err()),
        "error: ROOT/partners/north exists; choose another id, or edit it\n"
    );
    let south = NORTH.map(|word| if word == "north" { "south" } else { word });
    assert_eq!(ground.run(&south, &host).await, 6);
    assert_eq!(
        ground.said(&host.take_err()),
        "error: ROOT/partners/north already uses this bot; make another with @BotFather\n"
    );
    assert_eq!(ground.partners(), ["north"]);
}
