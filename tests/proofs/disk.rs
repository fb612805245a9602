//! The disk is full at each write of one lead's life, for a moment, then there is room again: the process stays, says
//! why, takes nothing from Telegram meanwhile, and loses nothing. For the start, whose every try has new threads that
//! the tracer counts anew, it is a file system of too few pages that grows. The control's disk stays full: nobody is
//! served.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::crowd::Crowd;
use super::life::{Ended, Fate, Life, tool};
use super::{Ledger, Order};

/// Writes that fail in a row.
const FULL_FOR: u64 = 3;

pub async fn prove(order: &Order) -> Ledger {
    let mut ledger = Ledger::default();
    let wanted = order.count("points", 3, 10_000);
    let Some(strace) = tool("strace") else {
        ledger.skip("strace is missing; run: apt-get install strace");
        return ledger;
    };
    let (of_start, writes, unhurt) = count_writes(&strace).await;
    if writes <= of_start {
        ledger.skip("strace cannot trace here (ptrace is forbidden)");
        return ledger;
    }
    let mut dice = order.dice();
    let points: Vec<u64> = if wanted >= writes {
        (of_start + 1..=writes).collect()
    } else {
        let later = writes - of_start;
        (0..wanted)
            .map(|_| of_start + 1 + dice.throw(later))
            .collect()
    };
    let (mut told_why, mut ended, mut troubles) = (0_u64, 0_u64, 0_u64);
    for point in &points {
        match live(&strace, *point, &unhurt).await {
            Ok(lived) => {
                told_why += u64::from(lived.told_why);
                ended += u64::from(lived.ended);
            }
            Err(trouble) => {
                troubles += 1;
                ledger.trouble(format!("full at write {point}: {trouble}"));
            }
        }
    }
    starts(order, &unhurt, &mut ledger).await;
    ledger.told("writes of one life", writes);
    ledger.told("  of them at the start", of_start);
    ledger.told("writes at which the disk was full", points.len());
    ledger.at_least("lives in which the bot said why", told_why, 1);
    ledger.none("processes that ended", ended);
    ledger.none("lives with a loss, damage or another end", troubles);
    let served = control(&strace, of_start + (writes - of_start) / 2).await;
    ledger.none("control: served by a disk that stays full", served);
    ledger
}

struct Lived {
    told_why: bool,
    ended: bool,
}

fn args(when: &str) -> Vec<String> {
    let inject = format!("inject=pwrite64:error=ENOSPC:when={when}");
    ["-e", "trace=pwrite64", "-e", &inject, "-o", "/dev/null"]
        .map(str::to_owned)
        .to_vec()
}

/// Starts in a file system of few pages, which then grows.
async fn starts(order: &Order, unhurt: &Fate, ledger: &mut Ledger) {
    let sizes = order.count("sizes", 2, 40);
    let (mut waited, mut waited_again, mut troubles) = (0_u64, 0_u64, 0_u64);
    for size in 1..=sizes {
        let kib = 4 + 200 * size / sizes / 4 * 4;
        match start_in(kib, unhurt).await {
            Ok(Some((first, again))) => {
                waited += u64::from(first);
                waited_again += u64::from(again);
            }
            Ok(None) => return ledger.skip("a small file system needs root to be mounted"),
            Err(trouble) => {
                troubles += 1;
                ledger.trouble(format!("started in {kib} KiB: {trouble}"));
            }
        }
    }
    ledger.told("starts in a small file system", sizes);
    ledger.at_least("  that waited for room", waited, 1);
    ledger.at_least("  with a life behind them that waited", waited_again, sizes);
    ledger.none("  with a loss, damage or another end", troubles);
}

/// Whether the first start had to wait, and the one after a kill with no room left; `None` when nothing can be mounted
/// here.
async fn start_in(kib: u64, unhurt: &Fate) -> Result<Option<(bool, bool)>, String> {
    let mut life = Life::begins();
    let data = life.rig.place.data.clone();
    let Some(_room) = Room::mount(&data, kib) else {
        return Ok(None);
    };
    life.rig.spawn();
    let waits = waits_for_room(&mut life, 0).await;
    Room::grow(&data);
    if life.goes_on(false).await != Ended::Arrived {
        return Err(format!("the lead was never served\n{}", life.rig.log()));
    }
    let fate = life.fate().await;
    life.rig.kill().await;
    life.check().await?;
    if fate != *unhurt {
        return Err(format!("another end: {fate:?} instead of {unhurt:?}"));
    }
    let ballast = data.join("ballast");
    fill(&ballast);
    let said_before = life.rig.log().len();
    life.rig.spawn();
    let waits_again = waits_for_room(&mut life, said_before).await;
    let _ = std::fs::remove_file(ballast);
    if life.rig.bot.as_mut().is_none_or(|bot| bot.has_ended()) {
        return Err(format!("it ended for want of room\n{}", life.rig.log()));
    }
    life.rig.state("running").await;
    life.rig.kill().await;
    life.check().await?;
    Ok(Some((waits, waits_again)))
}

/// Whether it says so before it is up; an end is no wait.
async fn waits_for_room(life: &mut Life, said_before: usize) -> bool {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let said = life.rig.log()[said_before..].contains("free the disk");
        let up = life.rig.get("/health").await["state"] == "running";
        let ended = life.rig.bot.as_mut().is_none_or(|bot| bot.has_ended());
        if said || up || ended || Instant::now() > deadline {
            return said && !ended;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// Writes until there is no room for another byte.
fn fill(file: &Path) {
    let mut file = std::fs::File::create(file).unwrap();
    while file.write_all(&[0; 4_096]).is_ok() {}
}

/// A file system in memory.
struct Room(PathBuf);

impl Room {
    fn mount(at: &Path, kib: u64) -> Option<Room> {
        let size = format!("size={kib}k");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then(|| Room(at.to_owned()))
    }

    fn grow(at: &Path) {
        let mut mount = Command::new("mount");
        mount.args(["-o", "remount,size=32m"]).arg(at);
        assert!(mount.status().is_ok_and(|status| status.success()));
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Lazy: the bot may still hold its files.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// (writes of a start, writes of a life, how that life ends).
async fn count_writes(strace: &Path) -> (u64, u64, Fate) {
    let mut life = Life::begins();
    let log = life.rig.place.log().with_extension("strace");
    let trace = ["-e", "trace=pwrite64", "-o", log.to_str().unwrap()].map(str::to_owned);
    life.under(strace, &trace);
    life.rig.spawn();
    assert_eq!(
        life.goes_on(false).await,
        Ended::Arrived,
        "{}",
        life.rig.log()
    );
    let fate = life.fate().await;
    life.rig.kill().await;
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let writes = text.lines().filter(|line| line.contains(" pwrite64("));
    let mut rig = Crowd::hurried_rig();
    let log = rig.place.log().with_extension("strace");
    rig.wrapper = vec![
        strace.display().to_string(),
        "-D".to_owned(),
        "-f".to_owned(),
    ];
    let trace = ["-e", "trace=pwrite64", "-o", log.to_str().unwrap()];
    rig.wrapper.extend(trace.map(str::to_owned));
    rig.start().await;
    rig.kill().await;
    let text = std::fs::read_to_string(&log).unwrap_or_default();
    let of_start = text.lines().filter(|line| line.contains(" pwrite64("));
    (of_start.count() as u64, writes.count() as u64, fate)
}

async fn live(strace: &Path, point: u64, unhurt: &Fate) -> Result<Lived, String> {
    let mut life = Life::begins();
    life.under(strace, &args(&format!("{point}..{}", point + FULL_FOR - 1)));
    life.rig.spawn();
    let way = life.goes_on(true).await;
    if way == Ended::Dead {
        // Counted as an exit: a supervisor would have to start it again.
        return Ok(Lived {
            told_why: false,
            ended: true,
        });
    }
    if way == Ended::TooLong {
        return Err(format!("the lead was never served\n{}", life.rig.log()));
    }
    let fate = life.fate().await;
    let log = life.rig.log();
    let told = life.complaint.clone().unwrap_or_default() + &log;
    life.rig.kill().await;
    life.check().await?;
    if fate != *unhurt {
        return Err(format!("another end: {fate:?} instead of {unhurt:?}"));
    }
    Ok(Lived {
        told_why: told.contains("free the disk"),
        ended: false,
    })
}

/// The lead waits as long as a fast life takes many times over.
async fn control(strace: &Path, point: u64) -> u64 {
    let mut life = Life::begins();
    life.under(strace, &args(&format!("{point}+")));
    life.rig.spawn();
    let short = std::time::Duration::from_secs(4);
    let way = tokio::time::timeout(short, life.goes_on(true)).await;
    life.rig.kill().await;
    u64::from(way == Ok(Ended::Arrived))
}
