//! `docs/operator.md` is followed to the letter on an empty machine: from nothing to ten bots.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use partnerctl::sandbox::NewUser;
use tests::machine::fleet::{DEADLINE, Fleet, PROGRAMS};
use tests::machine::text;
use tests::programs::root;

const SECRET: &str = "TEST-CANARY-8f3b1c-walk";
const MANAGER: i64 = 730_900;
const ALERTS: i64 = 730_901;
/// As the page has it.
const OPERATOR: i64 = 700_000_001;
/// Where the page has the operator stand after its first section.
const PLACE: &str = "/srv/partner-bots";

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The lines of all blocks in this language, with the section each stands in.
fn blocks(page: &str, language: &str) -> Vec<(String, String)> {
    let (mut section, mut inside, mut found) = (String::new(), false, Vec::new());
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            section = title.to_owned();
        } else if line.starts_with("```") {
            inside = line == format!("```{language}");
        } else if inside {
            found.push((section.clone(), line.to_owned()));
        }
    }
    found
}

/// Without what is said to the reader behind it.
fn command(line: &str) -> &str {
    line.split("  #").next().unwrap_or(line).trim()
}

#[test]
fn both_languages_have_the_same_commands() {
    let commands = |name: &str| -> Vec<String> {
        let lines = blocks(&page(name), "sh");
        lines
            .iter()
            .map(|(_, line)| command(line).to_owned())
            .collect()
    };
    assert_eq!(commands("operator.md"), commands("operator.ru.md"));
    let csv = |name: &str| blocks(&page(name), "csv").into_iter().map(|(_, line)| line);
    assert!(csv("operator.md").eq(csv("operator.ru.md")));
}

struct Walk {
    host: Fleet,
    /// Seconds of the machine by section.
    took: BTreeMap<String, f64>,
}

#[test]
fn an_operator_walks_from_an_empty_server_to_ten_bots() {
    let Some(host) = Fleet::boot_or_skip("walk", "the operator's page on an empty machine") else {
        return;
    };
    build_is_done(&host);
    let mut walk = Walk {
        host,
        took: BTreeMap::new(),
    };
    walk.telegram_knows_the_bots();
    for (section, line) in blocks(&page("operator.md"), "sh") {
        // The compiler's three minutes are not walked: its programs are laid where it would lay them.
        if section.starts_with("1.") {
            continue;
        }
        let began = Instant::now();
        walk.goes(command(&line));
        *walk.took.entry(section).or_default() += began.elapsed().as_secs_f64();
    }
    walk.has_arrived();
    for (section, seconds) in &walk.took {
        println!("{section}: {seconds:.1} s");
    }
    println!(
        "in all {:.1} s of the machine, without compiling and typing",
        walk.took.values().sum::<f64>()
    );
}

/// What the first section leaves behind.
fn build_is_done(host: &Fleet) {
    let mut pack = Command::new("tar");
    pack.args(["c", "-C"]).arg(root()).arg("funnels");
    let mut pack = pack.stdout(Stdio::piped()).spawn().unwrap();
    host.machine.shell(&format!(
        "mkdir -p {PLACE}/target/release; cp {PROGRAMS}/bot {PROGRAMS}/partnerctl {PLACE}/target/release"
    ));
    let unpack = host
        .machine
        .command(&["tar", "x", "--no-same-owner", "-C", PLACE])
        .stdin(pack.stdout.take().unwrap())
        .status();
    assert!(unpack.unwrap().success() && pack.wait().unwrap().success());
}

impl Walk {
    fn telegram_knows_the_bots(&self) {
        let world = self.host.telegram.world();
        for (id, username) in [
            (730_001, "north_bot".to_owned()),
            (MANAGER, "manager_bot".to_owned()),
            (ALERTS, "my_alerts_bot".to_owned()),
        ] {
            world.add_bot(&token(id), &username, "Бот").unwrap();
        }
        world.may_manage(MANAGER);
        for id in 0..8 {
            let id = 730_010 + id;
            world
                .add_bot(&token(id), &format!("walk{id}_bot"), "Бот")
                .unwrap();
        }
        world.add_user(NewUser {
            id: Some(OPERATOR),
            first_name: "Ольга".to_owned(),
            ..NewUser::default()
        });
        // "Open it and press Start."
        world.start(ALERTS, OPERATOR, None).unwrap();
    }

    /// One line of the page, with what a person would type into it.
    fn goes(&self, line: &str) {
        match line {
            "umask 077; cat > token.txt" => self.types(line, &token(730_001)),
            "umask 077; cat > alert-bot.txt" => self.types(line, &token(ALERTS)),
            "umask 077; cat > partners.csv" => self.types(line, &self.form()),
            "umask 077; cat > /etc/partner-bots/manager.token" => self.types(line, &token(MANAGER)),
            _ if line.ends_with("--by-link") => self.follows_the_link(line),
            _ if line.starts_with("partnerctl import") => self.answers(line, "y"),
            _ if line.starts_with("partnerctl invite") => self.opens_the_invitation(line),
            // The box has no way to the real Telegram, and says so.
            _ if line.starts_with("partnerctl doctor") => drop(self.shell(line).output()),
            _ if line.contains("--dry-run") => self.ends_with(line, 10),
            _ => self.ends_with(line, 0),
        }
    }

    /// A shell where the operator stands; the one thing that is not as on the page is Telegram's address.
    fn shell(&self, line: &str) -> Command {
        let url = self.host.telegram.url();
        let mut line = line.to_owned();
        for verb in ["create", "import", "alerts setup"] {
            let words = format!("partnerctl {verb}");
            line = line.replace(&words, &format!("{words} --api-url {url}"));
        }
        let script = format!("cd {PLACE}; export HOME=/srv; {line}");
        self.host.machine.command(&["sh", "-c", &script])
    }

    fn ends_with(&self, line: &str, code: i32) {
        let output = self.shell(line).stdin(Stdio::null()).output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{line}\n{said}");
    }

    fn types(&self, line: &str, words: &str) {
        let mut child = self.shell(line).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(format!("{words}\n").as_bytes()).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success(), "{line}");
    }

    /// On a terminal, where a question is asked.
    fn answers(&self, line: &str, answer: &str) {
        let line = format!("script -qec '{line}' /dev/null");
        let mut child = self
            .shell(&line)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(format!("{answer}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        let said = text(&output.stdout);
        assert!(
            output.status.success() && said.contains("create 8 partners? [y/N]"),
            "{said}"
        );
    }

    /// The page's header, and eight rows.
    fn form(&self) -> String {
        let (_, header) = blocks(&page("operator.md"), "csv").remove(0);
        let row = |number: i64| {
            let zone = if number % 2 == 0 {
                "Asia/Almaty"
            } else {
                "Europe/Moscow"
            };
            format!(
                "\npartner-{number},Партнёр {number},{},{zone}",
                token(730_010 + number)
            )
        };
        header + &(0..8).map(row).collect::<String>()
    }

    /// The partner opens the link and confirms.
    fn follows_the_link(&self, line: &str) {
        let mut child = self.shell(line).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        for line in lines.map_while(Result::ok) {
            if let Some((_, link)) = line.split_once("https://t.me/newbot/manager_bot/") {
                let world = self.host.telegram.world();
                let username = link.split('?').next().unwrap_or_default().trim();
                let person = world.add_user(NewUser::default());
                world
                    .make_managed_bot(MANAGER, person, username, "Запад")
                    .unwrap();
            }
            said.push(line);
        }
        assert!(
            child.wait().unwrap().success(),
            "{line}\n{}",
            said.join("\n")
        );
    }

    fn opens_the_invitation(&self, line: &str) {
        let output = self.shell(line).output().unwrap();
        let said = text(&output.stdout) + &text(&output.stderr);
        let payload = said.split_once("?start=").map(|(_, rest)| rest);
        let payload = payload.and_then(|rest| rest.split_whitespace().next());
        let payload = payload.unwrap_or_else(|| panic!("no link: {said}"));
        let world = self.host.telegram.world();
        let partner = world.add_user(NewUser::default());
        world.start(730_001, partner, Some(payload)).unwrap();
        hears(&self.host, 730_001, partner);
    }

    /// Ten bots run and answer, the operator's chat has the test, and every bot has a backup.
    fn has_arrived(&self) {
        let bots = self.host.bots();
        assert_eq!(bots.len(), 10, "{bots:#?}");
        self.host.pids();
        let world = self.host.telegram.world();
        let ids = (730_010..730_018).chain([730_001]);
        for id in ids {
            let person = world.add_user(NewUser::default());
            world.start(id, person, None).unwrap();
            hears(&self.host, id, person);
        }
        let chat = world.messages(ALERTS, OPERATOR);
        let is_test = |m: &&serde_json::Value| {
            m["text"]
                .as_str()
                .is_some_and(|t| t.contains("this is a test"))
        };
        assert!(chat.iter().any(|message| is_test(&message)), "{chat:?}");
        let listed = self.host.ctl(&["backup", "--all", "--list"]);
        assert_eq!(listed.lines().count(), 11, "{listed}");
        for unit in ["partner-alerts.service", "partner-backup.timer"] {
            self.host.machine.run(&["systemctl", "is-active", unit]);
        }
        let left = self
            .host
            .machine
            .shell(&format!("cd {PLACE}; ls; grep -rlE '{SECRET}' . || :"));
        assert!(
            !left.contains("token.txt") && !left.contains("partners.csv"),
            "no token lies about: {left}"
        );
    }
}

fn token(id: i64) -> String {
    format!("{id}:{SECRET}")
}

/// Waits until the bot has said something to this person.
fn hears(host: &Fleet, bot: i64, person: i64) {
    let began = Instant::now();
    let said = || host.telegram.world().messages(bot, person);
    while !said().iter().any(|message| message["out"] == true) {
        assert!(began.elapsed() < DEADLINE, "bot {bot} is silent");
        std::thread::yield_now();
    }
}
