//! `partnerctl run`: bots kept in a terminal, on the real programs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use tests::programs::program;
use tests::support::{Rig, set_mode, until};

#[tokio::test]
async fn a_killed_bot_returns_a_hopeless_one_is_let_go_and_ctrl_c_ends_all() {
    let mut rig = Rig::new();
    let partners = rig.place.partner.parent().unwrap().to_owned();
    std::os::unix::fs::symlink(&rig.place.data, rig.place.partner.join("data")).unwrap();
    // Telegram does not know west's token.
    let west = partners.join("west");
    fs::create_dir_all(&west).unwrap();
    fs::copy(
        rig.place.partner.join("config.yaml"),
        west.join("config.yaml"),
    )
    .unwrap();
    let env = format!(
        "BOT_TOKEN=654321:TEST-CANARY-8f3b1c-wrong-0000\nTELEGRAM_API_URL={}\n",
        rig.url()
    );
    fs::write(west.join(".env"), env).unwrap();
    set_mode(&west.join(".env"), 0o600);
    let mut run = Command::new(program("partnerctl"))
        .args(["run", "--all", "--dir"])
        .arg(&partners)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let said = Arc::new(Mutex::new(String::new()));
    let stderr = BufReader::new(run.stderr.take().unwrap());
    let reader = std::thread::spawn({
        let said = said.clone();
        move || {
            for line in stderr.lines().map_while(Result::ok) {
                said.lock().unwrap().push_str(&(line + "\n"));
            }
        }
    });
    let heard = |words: &str| said.lock().unwrap().contains(words);
    let pid = rig.state("running").await["pid"].as_i64().unwrap();
    // SAFETY: kill takes two numbers and touches no memory.
    let signal = |pid: i64, signal| unsafe { libc::kill(i32::try_from(pid).unwrap(), signal) };
    signal(pid, libc::SIGKILL);
    for words in [
        "for development only",
        "north | ended (signal: 9 (SIGKILL)); starts again in 0.5 s",
        "west  | ended with 78: no restart mends this",
    ] {
        until(
            || format!("{words:?}: {}", said.lock().unwrap()),
            || heard(words),
        )
        .await;
    }
    let again = rig.state("running").await["pid"].as_i64().unwrap();
    assert_ne!(again, pid);
    signal(i64::from(run.id()), libc::SIGINT);
    let code = run.wait().unwrap().code();
    reader.join().unwrap();
    assert_eq!(code, Some(7), "one was let go: {}", said.lock().unwrap());
    assert_eq!(signal(again, 0), -1, "nobody is left behind");
}
