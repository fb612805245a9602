//! Leaks laid out on purpose: a search that does not find them would find none above.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::cores;
use crate::support::TOKEN;
use crate::support::leak::{GIVEN, leak, leaks};

/// Three leaks in files, one in each disguise; how many the search finds.
pub fn planted() -> usize {
    use base64::Engine;
    let place = std::env::temp_dir().join(format!("bot-canary-{}", std::process::id()));
    std::fs::create_dir_all(place.join("deep/er")).unwrap();
    let encoded: String = TOKEN.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let hidden = base64::engine::general_purpose::STANDARD.encode(format!("x{TOKEN}"));
    for (name, text) in [
        ("bot.log", format!("POST /bot{TOKEN}/getMe\n")),
        ("deep/er/pages.json", format!("{{\"secret\":\"{hidden}\"}}")),
        ("deep/link.txt", encoded),
        ("clean.txt", "nothing".to_owned()),
    ] {
        std::fs::write(place.join(name), text).unwrap();
    }
    let (_, found) = leaks(&place, &GIVEN);
    std::fs::remove_dir_all(&place).unwrap();
    found.len()
}

/// A program that holds the token and forbids no picture of its memory: how many places give it away, its arguments,
/// its environment and, when it is ended like the bots above, its core file. `None` when the kernel puts no core file
/// where a process works.
pub async fn careless() -> Option<usize> {
    let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if pattern.starts_with('|') || pattern.contains('/') {
        return None;
    }
    let place = std::env::temp_dir().join(format!("bot-core-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -c unlimited; exec sleep 600"])
        .arg0("sh")
        .current_dir(&place)
        .env("SECRET", TOKEN)
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    let pid = child.id();
    let read = |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    // Until `exec` the shell would die of the signal, and it has set no limit yet.
    while !read("comm").starts_with(b"sleep") && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut found = usize::from(leak(&read("environ")).is_some());
    // SAFETY: the child was not waited for, so its number cannot belong to another process.
    unsafe { libc::kill(libc::pid_t::try_from(pid).unwrap(), libc::SIGABRT) };
    child.wait().unwrap();
    found += cores(&place)
        .iter()
        .filter(|core| leak(&std::fs::read(core).unwrap_or_default()).is_some())
        .count();
    std::fs::remove_dir_all(&place).unwrap();
    Some(found)
}
