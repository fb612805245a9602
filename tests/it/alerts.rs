//! Alerts reach the operator's chat through a bot of their own: once per incident, and once when it is over.

use std::fs;
use std::process::{Command, Output};

use serde_json::json;

use super::support::{Rig, bot_program};

const OPERATOR: i64 = 910_000_001;
const ALERT_BOT: i64 = 600_700;
const ALERT_TOKEN: &str = "600700:TEST-CANARY-8f3b1c-alerts";

async fn partnerctl(rig: &Rig, line: &str) -> Output {
    let partners = rig.place.partner.parent().unwrap().to_owned();
    let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let home = partners.parent().unwrap().to_owned();
    tokio::task::spawn_blocking(move || {
        Command::new(bot_program().with_file_name("partnerctl"))
            .args(words)
            .arg("--dir")
            .arg(&partners)
            .current_dir(home)
            .output()
            .unwrap()
    })
    .await
    .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn heard(rig: &Rig) -> Vec<String> {
    let messages = rig.world.messages(ALERT_BOT, OPERATOR);
    let ours = messages.iter().filter(|message| message["out"] == true);
    ours.map(|message| message["text"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_a_bot_that_died_is_told_once_and_its_return_once() {
    let mut rig = Rig::running().await;
    std::os::unix::fs::symlink(&rig.place.data, rig.place.partner.join("data")).unwrap();
    rig.world
        .add_bot(ALERT_TOKEN, "my_alerts_bot", "Тревога")
        .unwrap();
    rig.world.add_user(partnerctl::sandbox::NewUser {
        id: Some(OPERATOR),
        first_name: "Ольга".to_owned(),
        ..Default::default()
    });
    let top = rig
        .place
        .partner
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .to_owned();
    fs::write(top.join("alert.txt"), ALERT_TOKEN).unwrap();
    let setup = format!(
        "alerts setup --chat {OPERATOR} --token-file alert.txt --api-url {}",
        rig.url()
    );
    // Nobody has opened that bot yet, so it may not write.
    let closed = partnerctl(&rig, &setup).await;
    assert_eq!(closed.status.code(), Some(4), "{}", said(&closed));
    assert!(said(&closed).contains("press Start"), "{}", said(&closed));
    assert!(!said(&closed).contains("TEST-CANARY"), "{}", said(&closed));
    rig.world.start(ALERT_BOT, OPERATOR, None).unwrap();
    let done = partnerctl(&rig, &setup).await;
    assert!(done.status.success(), "{}", said(&done));
    let first = heard(&rig).len();
    // Otherwise a minute must pass between two looks before a death is worth a message; this machine's disk is not meant.
    let limits = json!({ "down_minutes": 0, "disk_free_percent": 0 });
    let file = top.join(".partnerctl/alerts.json");
    let mut settings: serde_json::Value =
        serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    settings["limits"] = limits;
    fs::write(&file, settings.to_string()).unwrap();
    let look = "alerts look";
    assert!(partnerctl(&rig, look).await.status.success());
    assert_eq!(heard(&rig).len(), first, "all is well: {:?}", heard(&rig));
    rig.kill().await;
    // Telegram refuses the first message: it must be told at the next look, and then only once.
    let rule = json!({ "method": "sendMessage", "kind": "500", "times": 1 });
    rig.faults(&[rule]);
    assert!(!partnerctl(&rig, look).await.status.success());
    rig.no_faults();
    for _ in 0..3 {
        let looked = partnerctl(&rig, look).await;
        assert!(looked.status.success(), "{}", said(&looked));
    }
    let told = heard(&rig);
    assert_eq!(told.len(), first + 1, "{told:?}");
    let last = told.last().unwrap();
    assert!(last.starts_with("🔴 north: down"), "{last}");
    assert!(last.contains("docs/runbooks/down.md"), "{last}");
    let listed = said(&partnerctl(&rig, "alerts list").await);
    assert!(listed.contains("down\tnorth"), "{listed}");
    rig.start().await;
    // Over only when it has been well for a while: the memory's clock is set back instead of waiting.
    assert!(partnerctl(&rig, look).await.status.success());
    let memory = top.join(".partnerctl/alerts.memory.json");
    let mut book: serde_json::Value = serde_json::from_slice(&fs::read(&memory).unwrap()).unwrap();
    let gone = &mut book["incidents"]["down/north"]["gone_since"];
    assert!(gone.as_i64().unwrap() > 0, "{gone}");
    *gone = json!(gone.as_i64().unwrap() - 10 * 60_000);
    fs::write(&memory, book.to_string()).unwrap();
    for _ in 0..2 {
        assert!(partnerctl(&rig, look).await.status.success());
    }
    let told = heard(&rig);
    assert_eq!(told.len(), first + 2, "{told:?}");
    assert!(
        told.last().unwrap().starts_with("🟢 north: over: down"),
        "{told:?}"
    );
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "the token's file is private");
}
