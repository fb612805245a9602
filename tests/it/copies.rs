//! Copies of a bot's data, and the marks that say what happened to it.

use std::process::Command;

use serde_json::Value;

use super::support::{Rig, bot_program};

/// What `bot inspect` tells of a file.
fn inspect(file: &std::path::Path) -> Value {
    let output = Command::new(bot_program())
        .arg("inspect")
        .arg(file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn copy_stopped(rig: &Rig, to: &std::path::Path) {
    let output = Command::new(bot_program())
        .arg("copy")
        .arg("--partner")
        .arg(&rig.place.partner)
        .arg("--data-dir")
        .arg(&rig.place.data)
        .arg("--to")
        .arg(to)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test]
async fn process_a_running_bot_is_copied_whole_and_a_changed_byte_is_seen() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Анна").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    let answer = rig.post("/backup").await;
    let copy = std::path::PathBuf::from(answer["copy"].as_str().unwrap());
    let running = inspect(&copy);
    assert_eq!(running["partner"], "north", "{running}");
    assert_eq!(running["rows"]["leads"], 1, "{running}");
    assert!(running["rows"]["outbox"].as_i64().unwrap() > 5, "{running}");
    assert_eq!(rig.stop().await, 0);
    // Stopped, the bot has written one thing more: that its books are closed.
    let later = rig.place.data.join("later.db");
    copy_stopped(&rig, &later);
    let stopped = inspect(&later);
    assert_eq!(stopped["rows"], running["rows"]);
    assert_ne!(stopped["ledger"], running["ledger"]);
    copy_stopped(&rig, &copy);
    assert_eq!(inspect(&copy), stopped);
    let mut bytes = std::fs::read(&copy).unwrap();
    let middle = bytes.len() / 2;
    let name = bytes
        .windows(8)
        .position(|part| part == "Анна".as_bytes())
        .unwrap_or(middle);
    bytes[name + 1] ^= 1;
    std::fs::write(&copy, bytes).unwrap();
    assert_ne!(inspect(&copy)["ledger"], stopped["ledger"]);
}

#[tokio::test]
async fn process_a_bot_that_was_moved_away_does_not_start_here() {
    let mut rig = Rig::running().await;
    assert_eq!(rig.stop().await, 0);
    let fence = rig.place.data.join("moved.json");
    std::fs::write(&fence, r#"{"to":"almaty"}"#).unwrap();
    let polls = rig.world.calls("getUpdates").len();
    rig.spawn();
    assert_eq!(rig.exit_code().await, 78);
    assert!(rig.log().contains("was moved to almaty"), "{}", rig.log());
    assert_eq!(rig.world.calls("getUpdates").len(), polls);
    // A fence that cannot be read still holds.
    std::fs::write(&fence, "{").unwrap();
    rig.spawn();
    assert_eq!(rig.exit_code().await, 78);
    std::fs::remove_file(&fence).unwrap();
    rig.start().await;
}

#[tokio::test]
async fn process_what_waited_in_a_restored_copy_is_not_sent_and_new_leads_get_new_numbers() {
    let mut rig = Rig::running().await;
    let lead = rig.lead_at_goal("Анна").await;
    rig.quiet().await;
    // Telegram refuses for a while, so that an answer waits in the store.
    rig.faults(&[
        serde_json::json!({ "method": "sendMessage", "kind": "429", "retry_after": 600 }),
    ]);
    rig.says(lead, "25");
    rig.until("the answer waits", |world| {
        world.calls("sendMessage").len() > 2
    })
    .await;
    rig.kill().await;
    rig.no_faults();
    let before = rig.world.calls("sendMessage").len();
    let mark = r#"{"copied_at":1000,"restored_at":2000}"#;
    std::fs::write(rig.place.data.join("restored.json"), mark).unwrap();
    rig.start().await;
    rig.quiet().await;
    assert_eq!(rig.world.calls("sendMessage").len(), before);
    assert!(!rig.place.data.join("restored.json").exists());
    let story = rig.story(1).await;
    assert!(
        story.iter().any(|item| item["reason"]
            .as_str()
            .is_some_and(|why| why.contains("ждало в резервной копии"))),
        "{story:?}"
    );
    // Answers to what leads say now go as ever; a new lead's number is none that a lost card may carry.
    rig.says(lead, "Хочу бегать");
    rig.hears(lead, "Когда начнём?").await;
    rig.lead_at_goal("Борис").await;
    let story = rig.get("/why?lead=1002").await;
    assert_eq!(story["lead"]["first_name"], "Борис", "{story}");
}
