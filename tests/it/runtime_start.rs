//! Starting and staying: whose data it is, who may read the secrets, what happens when the disk does not play along.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::{BOT, Bot, FUNNEL, Rig, set_mode, until};

#[tokio::test]
async fn process_data_of_another_partner_is_refused() {
    let mut rig = Rig::running().await;
    assert_eq!(rig.stop().await, 0);
    let south = rig.place.partner.with_file_name("south");
    std::fs::rename(&rig.place.partner, &south).unwrap();
    rig.place.partner = south;
    rig.spawn();
    assert_ne!(rig.exit_code().await, 0);
    let log = rig.log();
    assert!(
        log.contains(r#"belongs to partner \"north\", not \"south\"; give this partner its own data directory"#),
        "{log}"
    );
}

#[tokio::test]
async fn process_a_second_owner_is_refused_and_the_first_goes_on() {
    let mut rig = Rig::running().await;
    let first: Bot = rig.bot.take().unwrap();
    rig.spawn();
    assert_ne!(rig.exit_code().await, 0);
    let held = format!("held by another bot (process {})", first.pid());
    assert!(rig.log().contains(&held), "{}", rig.log());
    rig.bot = Some(first);
    rig.lead_at_goal("Аня").await;
    assert_eq!(rig.get("/health").await["state"], "running");
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn process_secrets_that_others_can_read_are_refused_with_the_chmod() {
    let mut rig = Rig::new();
    let env = rig.place.partner.join(".env");
    for mode in [0o644, 0o640, 0o604] {
        set_mode(&env, mode);
        rig.spawn();
        assert_eq!(rig.exit_code().await, 78);
        let remedy = format!("run: chmod 600 {}", env.display());
        assert!(rig.log().contains(&remedy), "{mode:o}: {}", rig.log());
    }
    set_mode(&env, 0o600);
    rig.start().await;
    let socket = std::fs::metadata(rig.place.data.join("bot.sock")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&socket.permissions());
    assert_eq!(mode & 0o077, 0, "the socket is private");
}

#[tokio::test]
async fn process_a_directory_that_cannot_be_written_is_named() {
    let mut rig = Rig::new();
    let Some(_disk) = Disk::mount(&rig.place.data, "size=1m,ro") else {
        return;
    };
    rig.spawn();
    assert_ne!(rig.exit_code().await, 0);
    let log = rig.log();
    let place = rig.place.data.display().to_string();
    assert!(log.contains(&place) && log.contains("writable"), "{log}");
}

#[tokio::test]
async fn process_a_full_disk_stops_polling_says_so_and_loses_nothing() {
    let mut rig = Rig::new();
    let Some(disk) = Disk::mount(&rig.place.data, "size=4m") else {
        return;
    };
    rig.place
        .write_config("limits: { messages_per_second: 0 }\n");
    rig.start().await;
    let lead = rig.lead_at_goal("Аня").await;
    let other = rig.lead_at_goal("Олег").await;
    rig.quiet().await;
    disk.fill();
    let words = 20;
    for _ in 0..words {
        rig.says(lead, "/help");
    }
    rig.says(lead, "25");
    let health = rig.state("waiting").await;
    let reason = health["reason"].as_str().unwrap();
    assert!(
        reason.contains("the store cannot be written") && reason.contains("free the disk"),
        "{reason}"
    );
    // While it is full nothing is taken from Telegram.
    rig.says(other, "30");
    let waiting = rig.world.pending_updates(BOT);
    assert!(waiting > 1, "{waiting} updates wait");
    // Several tries, each of which reads the same words again.
    let mut looks = 0;
    while metric(&rig, "bot_store_failures_total").await < 4 {
        looks += 1;
        assert!(looks < 60, "{}", rig.log());
    }
    assert_eq!(rig.world.pending_updates(BOT), waiting, "still there");
    assert_eq!(rig.count(other, "Зачем вам это?"), 0);
    disk.free();
    rig.state("running").await;
    rig.hears(lead, "Зачем вам это?").await;
    rig.hears(other, "Зачем вам это?").await;
    rig.quiet().await;
    assert_eq!(rig.count(lead, "Что можно попросить"), words);
    assert_eq!(rig.get("/health").await["reason"], Value::Null);
    assert_eq!(rig.stop().await, 0);
}

#[tokio::test]
async fn process_a_start_on_a_full_disk_waits_for_room() {
    let mut rig = Rig::new();
    let Some(disk) = Disk::mount(&rig.place.data, "size=4m") else {
        return;
    };
    disk.fill();
    rig.spawn();
    let waits = || rig.log().contains("waiting to start") && rig.log().contains("free the disk");
    until(|| rig.log(), waits).await;
    disk.free();
    rig.state("running").await;
    assert_eq!(rig.stop().await, 0);
}

/// A count of the bot's own; answers also while the store cannot be written.
async fn metric(rig: &Rig, name: &str) -> i64 {
    let text = rig.ask("GET", "/metrics").await.unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    number.unwrap_or(0)
}

/// A small file system in memory, gone with the value.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// `None`, with a note that nobody can miss, where mounting is not allowed.
    fn mount(at: &Path, options: &str) -> Option<Disk> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            // Written past the test's captured output.
            let _ = writeln!(
                std::io::stderr(),
                "note: skipped: a disk test, mounting needs root"
            );
            return None;
        }
        Some(Disk { at: at.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.at.join("filler")
    }

    fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        let block = [0_u8; 4096];
        while file.write_all(&block).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazy: the bot may still hold its files.
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

/// Where the kernel has no watches left, the operator is told how a changed file comes to live.
#[tokio::test]
async fn process_a_hangup_puts_changed_funnels_live_where_nothing_notices_them() {
    if Command::new("strace").arg("-V").output().is_err() {
        eprintln!(
            "note: skipped: a bot that notices no change: strace is missing; run: apt-get install strace"
        );
        return;
    }
    let mut rig = Rig::new();
    let blind = "-e trace=inotify_add_watch -e inject=inotify_add_watch:error=ENOSPC";
    rig.wrapper = ["strace", "-D", "-f", "-o", "/dev/null"]
        .into_iter()
        .chain(blind.split(' '))
        .map(str::to_owned)
        .collect();
    rig.start().await;
    until(|| rig.log(), || rig.log().contains("send SIGHUP to reload")).await;
    let new = FUNNEL.replace("С чего начнём?", "Что вам ближе?");
    std::fs::write(rig.place.funnels().join("weight.yaml"), new).unwrap();
    let pid = rig.get("/health").await["pid"].clone();
    let before = rig.person("Аня");
    rig.opens(before, "weight");
    rig.hears(before, "С чего начнём?").await;
    // The tracer is beside the bot, so the child is the bot itself.
    rig.bot.as_ref().unwrap().signal(libc::SIGHUP);
    until(|| rig.log(), || rig.log().contains("funnels are live")).await;
    let after = rig.person("Олег");
    rig.opens(after, "weight");
    rig.hears(after, "Что вам ближе?").await;
    assert_eq!(rig.get("/health").await["pid"], pid);
}
