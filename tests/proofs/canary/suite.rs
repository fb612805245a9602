//! A whole run of the tests, told at the most talkative level, with all that it writes kept: the tokens of all tests
//! carry the marker, so a secret that any of them spills is found afterwards.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::Instant;

use super::super::Ledger;
use crate::support::TOKEN;
use crate::support::leak::{GIVEN, leak, leaks};

/// Processes are looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(40 * 60);
const PLANTED: &str = "planted.log";

/// `SUITE_PROGRAM` is the built tests, the programs under test beside them; `tests/prove canary` builds and names it.
pub async fn run(ledger: &mut Ledger) {
    let Some(program) = std::env::var_os("SUITE_PROGRAM").map(PathBuf::from) else {
        return ledger.skip(
            "the run of all tests wants their program: SUITE_PROGRAM=target/debug/deps/it-…",
        );
    };
    let root = std::env::temp_dir().join(format!("suite-{}", std::process::id()));
    std::fs::create_dir_all(root.join("t")).unwrap();
    let began = Instant::now();
    let (passed, watched) = play(&program, &root).await;
    std::fs::write(root.join(PLANTED), TOKEN).unwrap();
    let (read, found) = leaks(&root, &GIVEN);
    let (planted, found): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|place| place.contains(PLANTED));
    ledger.told("suite: seconds", began.elapsed().as_secs());
    ledger.none("suite: did not pass", usize::from(!passed));
    ledger.at_least("suite: files kept and read", read, 1_000);
    ledger.at_least("suite: processes looked at", watched.processes.len(), 100);
    ledger.none(
        "suite: files and processes that hold a secret",
        found.len() + watched.leaks.len(),
    );
    ledger.at_least("suite, control, planted leak: found", planted.len(), 1);
    for place in found.into_iter().chain(watched.leaks) {
        ledger.trouble(place);
    }
    if passed && ledger.passed() {
        std::fs::remove_dir_all(&root).unwrap();
    } else {
        println!("what the tests left is kept in {}", root.display());
    }
}

async fn play(program: &Path, root: &Path) -> (bool, Watched) {
    let built = program
        .parent()
        .and_then(Path::parent)
        .expect("target/debug/deps");
    let log = std::fs::File::create(root.join("suite.log")).unwrap();
    let mut child = Command::new(program)
        .args(["--color", "never"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("TMPDIR", root.join("t"))
        .env("TESTS_KEEP", "1")
        .env("RUST_LOG", "trace")
        .env("BOT_PROGRAM", built.join("bot"))
        .env("PARTNERCTL_PROGRAM", built.join("partnerctl"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let parent = child.id().expect("just started");
    let mut watched = Watched::default();
    let deadline = Instant::now() + LONGEST;
    loop {
        watched.look(parent);
        if let Some(status) = child.try_wait().unwrap() {
            return (status.success(), watched);
        }
        assert!(Instant::now() < deadline, "the tests do not end");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The programs under test below the tests, as the process table shows them.
#[derive(Default)]
struct Watched {
    processes: BTreeSet<u32>,
    leaks: BTreeSet<String>,
}

impl Watched {
    fn look(&mut self, tests: u32) {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        for entry in entries {
            let Some(pid) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if !["bot", "partnerctl"].contains(&name.trim()) || !is_below(pid, tests) {
                continue;
            }
            self.processes.insert(pid);
            for file in ["cmdline", "environ"] {
                // It may be gone by now.
                let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                if let Some(form) = leak(&bytes) {
                    let words = String::from_utf8_lossy(&bytes).replace('\0', " ");
                    let start: String = words.chars().take(60).collect();
                    self.leaks
                        .insert(format!("{file} of {} ({start} …): {form}", name.trim()));
                }
            }
        }
    }
}

/// Whether the process descends from that one.
fn is_below(mut pid: u32, ancestor: u32) -> bool {
    while pid > 1 {
        if pid == ancestor {
            return true;
        }
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The name in brackets may hold anything; state and parent follow it.
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split(' ').nth(2)?.parse().ok());
        pid = parent.unwrap_or(0);
    }
    false
}
