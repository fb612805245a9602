//! The token's marker is looked for wherever the bot writes.

use std::path::Path;

use serde_json::json;

use crate::support::{BOT, PARTNER, Rig, TOKEN, until};

#[tokio::test]
async fn process_the_token_is_written_nowhere() {
    let mut rig = Rig::new();
    rig.set_env("RUST_LOG", "trace");
    rig.start().await;
    rig.partners_are_there().await;
    // Every kind of trouble that could print an address or a request.
    for kind in [
        "500",
        "502_html",
        "reset",
        "refuse",
        "lost_answer",
        "bad_json",
        "400",
        "403",
    ] {
        rig.faults(&[
            json!({"method": "sendMessage", "kind": kind, "times": 1}),
            json!({"method": "sendPhoto", "kind": kind, "times": 1}),
            json!({"method": "getUpdates", "kind": "reset", "times": 1}),
        ]);
        let lead = rig.person("Аня");
        rig.opens(lead, "weight");
        rig.quiet().await;
        rig.opens(lead, "weight");
        rig.quiet().await;
        rig.presses(lead, "Подарок");
        rig.quiet().await;
        rig.no_faults();
    }
    let lead = rig.lead_at_goal("Аня").await;
    rig.finishes(lead, "+77011234567").await;
    rig.hears(PARTNER, "Оставил(а) контакт").await;
    let pid = rig.bot.as_ref().map(|bot| bot.pid()).unwrap();
    for file in ["cmdline", "environ"] {
        clean(file, &std::fs::read(format!("/proc/{pid}/{file}")).unwrap());
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
        clean(path, answer.as_bytes());
    }
    for message in rig.world.messages(BOT, lead) {
        clean("a chat", message.to_string().as_bytes());
    }
    look_into(&rig.place.data);
    // Telegram is gone: errors of connecting are printed too.
    let told = rig.log().len();
    let mut rig = rig.without_telegram();
    until(
        || rig.log(),
        || rig.log()[told..].contains("Telegram is not to be reached"),
    )
    .await;
    assert_eq!(rig.stop().await, 0);
    rig.spawn();
    until(|| rig.log(), || rig.log().contains("waiting to start")).await;
    rig.kill().await;
    assert!(
        rig.log().contains("\"TRACE\""),
        "the log is as talkative as can be"
    );
    clean("the log", rig.log().as_bytes());
    look_into(&rig.place.data);
    // The search can find it: the file that must hold it does.
    let env = std::fs::read(rig.place.partner.join(".env")).unwrap();
    assert!(forms().iter().any(|form| holds(&env, form)));
}

/// Every file of the data directory: database, log ahead of it, lock, remembered funnels.
fn look_into(data: &Path) {
    let mut files = 0;
    for entry in std::fs::read_dir(data).unwrap() {
        let path = entry.unwrap().path();
        if let Ok(bytes) = std::fs::read(&path) {
            clean(&path.display().to_string(), &bytes);
            files += 1;
        }
    }
    assert!(files >= 3, "the data directory has only {files} files");
}

fn clean(place: &str, bytes: &[u8]) {
    for form in forms() {
        assert!(
            !holds(bytes, &form),
            "{place} holds the token as {:?}",
            String::from_utf8_lossy(&form)
        );
    }
}

fn holds(bytes: &[u8], form: &[u8]) -> bool {
    bytes.windows(form.len()).any(|window| window == form)
}

/// The secret half plain and in base64 at each of its three offsets; percent-encoding leaves it as it is.
fn forms() -> Vec<Vec<u8>> {
    use base64::Engine;
    let secret = TOKEN.split_once(':').unwrap().1.as_bytes();
    let marker = &secret[5..20];
    let mut forms = vec![marker.to_vec()];
    for offset in 0..3 {
        let mut padded = vec![b'x'; offset];
        padded.extend_from_slice(marker);
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded);
        // The first and last letters also depend on the neighbours.
        forms.push(text.as_bytes()[4..text.len() - 4].to_vec());
    }
    forms
}
