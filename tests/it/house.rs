//! The rules of the house that no compiler checks.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms that must be pure; every file whose first lines say `PURE` is checked as well.
const PURE: [&str; 9] = [
    "bot/src/diagnostic.rs",
    "bot/src/partner.rs",
    "bot/src/yaml",
    "bot/src/config/meaning.rs",
    "bot/src/funnel",
    "bot/src/lead",
    "bot/src/phrases",
    "bot/src/sequence",
    "bot/src/simulate",
];

/// What a pure room never names: channels, databases, runtimes and clocks.
const IMPURE: [&str; 9] = [
    "tokio::",
    "sqlx::",
    "teloxide::",
    "reqwest::",
    "hyper::",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
];

/// All that partnerctl may know of the bot: it takes facts from the bot's socket, never from its store.
const OPEN_TO_PARTNERCTL: [&str; 8] = [
    "config",
    "diagnostic",
    "funnel",
    "lead",
    "partner",
    "process",
    "yaml",
    "simulate",
];

const MOST_LINES: usize = 500;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace holds this package")
        .to_owned()
}

/// Files below `dir` as `(path from the root, text)`, sorted; what is not text is left out.
fn files(dir: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(dir)];
    while let Some(path) = open.pop() {
        if path.is_file() {
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.extend(fs::read_to_string(&path).ok().map(|text| (name, text)));
            continue;
        }
        let Ok(entries) = fs::read_dir(&path) else {
            continue;
        };
        let skipped = [
            "target",
            ".git",
            "node_modules",
            "data",
            "fuzz/corpus",
            "fuzz/artifacts",
        ];
        open.extend(
            entries
                .map(|entry| entry.unwrap().path())
                .filter(|path| !skipped.iter().any(|name| path.ends_with(name))),
        );
    }
    found.sort();
    found
}

fn rust_files(dir: &str) -> impl Iterator<Item = (String, String)> {
    files(dir)
        .into_iter()
        .filter(|(name, _)| name.ends_with(".rs"))
}

/// Lines of code with their numbers, tests at the end of a file left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .take_while(|(_, line)| *line != "mod tests {")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn assert_none(found: Vec<String>, rule: &str) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

#[test]
fn pure_rooms_know_no_channel_no_database_and_no_clock() {
    for room in PURE {
        assert!(
            !files(room).is_empty(),
            "{room} has moved; name its new place here"
        );
    }
    let mut found = Vec::new();
    for (name, text) in rust_files("bot/src").chain(rust_files("partnerctl/src")) {
        let header = text.lines().take_while(|line| line.starts_with("//!"));
        let says_pure = header.collect::<Vec<_>>().join(" ").contains("PURE.");
        if !says_pure && !PURE.iter().any(|room| name.starts_with(room)) {
            continue;
        }
        for (number, line) in code(&text) {
            if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                found.push(format!("{name}:{number}: {word}"));
            }
        }
    }
    assert_none(
        found,
        "PURE files take time, randomness and the world as arguments",
    );
}

#[test]
fn partnerctl_sees_only_what_the_bot_opens_to_it() {
    let mut found = Vec::new();
    for (name, text) in rust_files("partnerctl/src") {
        for (number, line) in code(&text) {
            let names = line.match_indices("bot::").filter(|(at, _)| {
                let before = line[..*at].chars().next_back();
                !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
            });
            for (at, _) in names {
                let rest = &line[at + "bot::".len()..];
                let module: String = rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if !OPEN_TO_PARTNERCTL.contains(&module.as_str()) {
                    found.push(format!("{name}:{number}: bot::{module}"));
                }
            }
        }
    }
    assert_none(found, "partnerctl asks the running bot instead");
}

#[test]
fn no_file_outgrows_its_room() {
    let all = ["bot", "partnerctl", "tests"]
        .into_iter()
        .flat_map(rust_files);
    let found = all
        .map(|(name, text)| {
            (
                name,
                text.lines()
                    .take_while(|line| *line != "mod tests {")
                    .count(),
            )
        })
        .filter(|(_, lines)| *lines > MOST_LINES)
        .map(|(name, lines)| format!("{name}: {lines} lines"));
    assert_none(found.collect(), "a file past 500 lines is two rooms");
}

#[test]
fn sql_lives_in_the_store() {
    let mut found = Vec::new();
    for (name, text) in rust_files("bot/src").chain(rust_files("partnerctl/src")) {
        if name.starts_with("bot/src/store/") {
            continue;
        }
        for (number, line) in code(&text) {
            let sql = [
                "SELECT ",
                "INSERT INTO ",
                "DELETE FROM ",
                "CREATE TABLE ",
                "sqlx::query",
            ];
            if sql.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}:{number}"));
            }
        }
    }
    assert_none(found, "only bot/src/store speaks SQL");
}

#[test]
fn the_cron_scheduler_wakes_housekeeping_and_nothing_else() {
    let mut found = Vec::new();
    for (name, text) in rust_files("bot/src").chain(rust_files("partnerctl/src")) {
        let named = code(&text).any(|(_, line)| line.contains("tokio_cron_scheduler::"));
        if named && name != "bot/src/worker/housekeeping.rs" {
            found.push(name);
        }
    }
    assert_none(
        found,
        "its known faults may make a tidying late, never a message",
    );
}

#[test]
fn nothing_names_the_machine_it_was_written_on_or_holds_a_token() {
    // Split, so that this file does not find itself.
    let places = [
        ["/wo", "rk/"],
        ["/tmp", "/w/"],
        ["/ro", "ot/"],
        ["/ho", "me/"],
    ]
    .map(|two| two.concat());
    let mut found = Vec::new();
    for (name, text) in files(".") {
        for (index, line) in text.lines().enumerate() {
            if places.iter().any(|place| line.contains(place.as_str())) || holds_token(line) {
                found.push(format!("{name}:{}", index + 1));
            }
        }
    }
    assert_none(found, "paths of one machine and real tokens stay out");
}

/// Looks like a bot token and says neither TEST nor DEMO.
fn holds_token(line: &str) -> bool {
    line.match_indices(':').any(|(colon, _)| {
        let digits = line[..colon].bytes().rev().take_while(u8::is_ascii_digit);
        let secret: String = line[colon + 1..]
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
            .collect();
        let fake = secret.contains("TEST") || secret.contains("DEMO");
        digits.count() >= 8 && secret.len() >= 34 && !fake
    })
}

#[test]
fn the_rules_can_be_broken() {
    let real = ["123456789:AAEhBO", "weik6ad9r_QXMENQjcrGbqCr4Kbo1"].concat();
    assert!(holds_token(&format!("BOT_TOKEN={real}")));
    assert!(!holds_token(
        "123456789:TESTTESTTESTTESTTESTTESTTESTTESTTEST"
    ));
    assert_eq!(code("use tokio::x;\n// sqlx::\nmod tests {\n").count(), 1);
}
