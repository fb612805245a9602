//! What an operator gets wrong, with a secret in it.

use std::process::Stdio;

use super::Seen;
use crate::support::{Rig, TOKEN, bot_program, set_mode};

/// What an operator gets wrong, with the secret in it; both programs answer without repeating it.
pub async fn mistakes(seen: &mut Seen) {
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
    // Each in a directory of its own, all at once: whoever runs after all is waited for.
    let mut all = tokio::task::JoinSet::new();
    for (number, (env, config)) in wrong.into_iter().enumerate() {
        let home = rig.place.root().join(format!("partners/wrong-{number}"));
        std::fs::create_dir(&home).unwrap();
        std::fs::write(home.join(".env"), format!("{good}{env}")).unwrap();
        set_mode(&home.join(".env"), 0o600);
        std::fs::write(home.join("config.yaml"), format!("{settings}{config}")).unwrap();
        for verb in ["check", "run", "why"] {
            let home = home.display().to_string();
            all.spawn(async move {
                let mut args = vec![verb, "--partner", &home];
                args.extend(Some("1").filter(|_| verb == "why"));
                (format!("bot {verb} with {env}{config}"), said(&args).await)
            });
        }
    }
    while let Some(done) = all.join_next().await {
        let (what, words) = done.unwrap();
        seen.troubles += 1;
        seen.text(&what, &words);
    }
    // The last of them was told by hand, in a file that holds none.
    let told = rig.place.root().join("partners/wrong-6/config.yaml");
    std::fs::write(told, &settings).unwrap();
    set_mode(&loose, 0o644);
    seen.text(
        "bot check of a loose file",
        &said(&["check", "--partner", &partner]).await,
    );
    seen.files(rig.place.root());
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
