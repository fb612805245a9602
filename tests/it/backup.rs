//! Backups of a real bot, and everything they are for: restored, refused when changed, rehearsed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use super::support::{Rig, TOKEN, bot_program};

/// partnerctl on the fleet of this directory.
struct Operator {
    partners: PathBuf,
    home: PathBuf,
}

impl Operator {
    fn of(rig: &Rig) -> Operator {
        let partners = rig.place.partner.parent().unwrap().to_owned();
        // The rig keeps the data beside the partner's directory, a working copy inside it.
        let inside = rig.place.partner.join("data");
        if inside.symlink_metadata().is_err() {
            std::os::unix::fs::symlink(&rig.place.data, inside).unwrap();
        }
        Operator {
            home: partners.parent().unwrap().to_owned(),
            partners,
        }
    }

    fn run(&self, line: &str) -> Output {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        words.push("--dir".to_owned());
        words.push(self.partners.display().to_string());
        Command::new(bot_program().with_file_name("partnerctl"))
            .args(words)
            .current_dir(&self.home)
            .env("HOME", &self.home)
            .output()
            .unwrap()
    }

    fn ok(&self, line: &str) -> String {
        let output = self.run(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {said}");
        String::from_utf8(output.stdout).unwrap() + &said
    }

    fn refused(&self, line: &str, code: i32) -> String {
        let output = self.run(line);
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + &String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{line}: {said}");
        said
    }

    /// The sealed files, the newest last.
    fn sealed(&self) -> Vec<PathBuf> {
        let dir = self.home.join(".partnerctl/backups/north");
        let mut found: Vec<PathBuf> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|ext| ext == "age"))
            .collect();
        found.sort();
        found
    }
}

fn label(sealed: &Path) -> Value {
    let text = fs::read(sealed.with_extension("json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn inspect(file: &Path) -> Value {
    let output = Command::new(bot_program())
        .arg("inspect")
        .arg(file)
        .output();
    serde_json::from_slice(&output.unwrap().stdout).unwrap()
}

fn holds(file: &Path, words: &str) -> bool {
    let bytes = fs::read(file).unwrap();
    bytes
        .windows(words.len())
        .any(|part| part == words.as_bytes())
}

#[tokio::test]
async fn process_a_backup_of_a_running_bot_is_sealed_and_restores_on_a_clean_place() {
    let mut rig = Rig::running().await;
    let operator = Operator::of(&rig);
    let lead = rig.lead_at_goal("Анна-Мария").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    let said = operator.refused("backup north", 4);
    assert!(said.contains("partnerctl backup --new-key FILE"), "{said}");
    operator.ok("backup --new-key key.txt");
    operator.ok("backup north");
    let sealed = operator.sealed().pop().unwrap();
    assert!(
        holds(&rig.place.data.join("bot.db"), "Анна-Мария")
            || holds(&rig.place.data.join("bot.db-wal"), "Анна-Мария")
    );
    assert!(!holds(&sealed, "Анна-Мария") && !holds(&sealed, TOKEN));
    assert!(
        !rig.place.data.join("copy.db").exists(),
        "no plain copy stays behind"
    );
    assert!(
        operator
            .ok("backup north --list")
            .contains(&sealed.display().to_string())
    );
    operator.ok("backup north --verify");
    let rehearsed = operator.ok("restore --rehearse --identity key.txt");
    assert!(rehearsed.contains("restores"), "{rehearsed}");
    // A running bot's data is not replaced under it.
    let said = operator.refused("restore north --identity key.txt --replace --yes", 6);
    assert!(said.contains("stop it first"), "{said}");
    rig.kill().await;
    fs::remove_dir_all(&rig.place.data).unwrap();
    fs::remove_file(rig.place.partner.join("data")).unwrap();
    fs::remove_dir_all(&rig.place.partner).unwrap();
    operator.ok("restore north --identity key.txt");
    let back = rig.place.partner.join("data");
    assert_eq!(inspect(&back.join("bot.db")), label(&sealed)["data"]);
    assert!(
        holds(&rig.place.partner.join(".env"), TOKEN),
        "the token is back too"
    );
    // The rig goes on asking at the old place.
    std::os::unix::fs::symlink(&back, &rig.place.data).unwrap();
    rig.start().await;
    let why = rig.get("/why?lead=1").await;
    assert_eq!(why["lead"]["first_name"], "Анна-Мария");
    let again = operator.refused("restore north --identity key.txt", 6);
    assert!(again.contains("stop it first"), "{again}");
    let audit = fs::read_to_string(operator.home.join(".partnerctl/audit.jsonl")).unwrap();
    assert!(
        audit.contains("\"verb\":\"backup\"") && audit.contains("\"verb\":\"restore\""),
        "{audit}"
    );
    assert!(
        !audit.contains(TOKEN) && !audit.contains("AGE-SECRET"),
        "{audit}"
    );
}

#[tokio::test]
async fn process_a_backup_with_one_changed_byte_is_refused_and_nothing_is_touched() {
    let mut rig = Rig::running().await;
    let operator = Operator::of(&rig);
    rig.lead_at_goal("Анна").await;
    rig.quiet().await;
    operator.ok("backup --new-key key.txt");
    operator.ok("backup north");
    rig.stop().await;
    let sealed = operator.sealed().pop().unwrap();
    let good = fs::read(&sealed).unwrap();
    let before = fs::read(rig.place.data.join("bot.db")).unwrap();
    for at in [10, good.len() / 3, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&sealed, bad).unwrap();
        let said = operator.refused("backup north --verify", 1);
        assert!(said.contains("changed since it was written"), "{said}");
        operator.refused("restore north --identity key.txt --replace --yes", 1);
        // Even whoever forges the label does not get it in: the seal itself breaks.
        let hash = fs::read_to_string(sealed.with_extension("json")).unwrap();
        fs::remove_file(sealed.with_extension("json")).unwrap();
        let line = format!(
            "restore north --identity key.txt --replace --yes --from {}",
            sealed.display()
        );
        operator.refused(&line, 1);
        fs::write(sealed.with_extension("json"), hash).unwrap();
    }
    let said = operator.refused("restore --rehearse --identity key.txt", 1);
    assert!(said.contains("FAILED"), "{said}");
    assert_eq!(fs::read(rig.place.data.join("bot.db")).unwrap(), before);
    fs::write(&sealed, &good).unwrap();
    fs::write(
        operator.home.join("other.txt"),
        "AGE-SECRET-KEY-1QQPQ8XHRGN9LQ8XRPFJUNFRRJ9LQ8XRPFJUNFRRJ9LQ8XRPFJUNQZ5DVSM\n",
    )
    .unwrap();
    operator.refused("restore north --identity other.txt --replace --yes", 4);
    let said = operator.refused("restore north --identity key.txt", 6);
    assert!(said.contains("--replace"), "{said}");
    operator.ok("restore north --identity key.txt --replace --yes");
    let aside = fs::read_dir(operator.home.join(".partnerctl/archive"))
        .unwrap()
        .count();
    assert_eq!(aside, 1, "what was there is set aside, not deleted");
    rig.start().await;
}

#[tokio::test]
async fn process_a_restored_bot_sends_nothing_stale_and_remembers_whom_it_forgot() {
    let mut rig = Rig::running().await;
    let operator = Operator::of(&rig);
    operator.ok("backup --new-key key.txt");
    let forgotten = rig.lead_at_goal("Анна-Мария").await;
    let lead = rig.lead_at_goal("Борис").await;
    rig.quiet().await;
    // An answer waits while the backup is taken: whether it went out later, no backup can know.
    let rule = json!({ "method": "sendMessage", "chat_id": lead, "kind": "429", "retry_after": 600, "times": 1 });
    rig.faults(&[rule]);
    rig.says(lead, "25");
    rig.until("the answer waits", |world| {
        world
            .calls("sendMessage")
            .iter()
            .any(|call| call.code == Some(429))
    })
    .await;
    operator.ok("backup north");
    let first = operator.sealed().pop().unwrap();
    rig.no_faults();
    // Then somebody asks to be forgotten; the next backup's list knows it, the first archive does not.
    rig.post("/lead/erase?lead=1&by=anna").await;
    operator.ok("backup north");
    rig.kill().await;
    let planned = operator.refused("restore north --identity key.txt --replace --plan", 10);
    assert!(planned.contains("is not sent"), "{planned}");
    assert!(
        rig.place.data.join("bot.db").exists(),
        "a plan touches nothing"
    );
    // The disk is lost: nothing of the bot is left but the backups.
    fs::remove_dir_all(&rig.place.data).unwrap();
    fs::remove_file(rig.place.partner.join("data")).unwrap();
    fs::remove_dir_all(&rig.place.partner).unwrap();
    let from = first.display();
    operator.ok(&format!("restore north --identity key.txt --from {from}"));
    let back = rig.place.partner.join("data");
    assert!(
        holds(&back.join("bot.db"), "Анна-Мария"),
        "the control: the old archive still knows her"
    );
    std::os::unix::fs::symlink(&back, &rig.place.data).unwrap();
    rig.start().await;
    rig.quiet().await;
    assert_eq!(
        rig.count(lead, "Зачем вам это?"),
        0,
        "{:?}",
        rig.heard(lead)
    );
    assert!(
        rig.get("/why?lead=1").await["error"].is_string(),
        "forgotten stays forgotten"
    );
    for file in ["bot.db", "bot.db-wal"] {
        let file = back.join(file);
        assert!(
            !file.exists() || !holds(&file, "Анна-Мария"),
            "{}",
            file.display()
        );
    }
    // It goes on with everybody else, and with her as with a stranger.
    rig.says(lead, "Хочу бегать");
    rig.hears(lead, "Когда начнём?").await;
    rig.opens(forgotten, "weight");
    rig.hears(forgotten, "С чего начнём?").await;
}
