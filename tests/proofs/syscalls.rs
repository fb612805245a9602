//! SIGKILL at each system call that the store makes in one lead's life; then again, at the calls of the recovery.
//! The file stays sound, what Telegram was told is safe is in it, and the lead ends where an unhurt one does.
//! The controls confirm before they store, and throw the log away after the kill: the same check must see the loss.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::life::{Ended, Fate, Life, tool};
use super::{Dice, Ledger, Order};
use crate::support::BOT;

/// Writes of a life at which the controls are killed.
const CONTROL_POINTS: u64 = 3;

/// What SQLite does to its files; counted by the kernel for each thread.
const CALLS: [&str; 7] = [
    "pwrite64",
    "pread64",
    "fdatasync",
    "fsync",
    "ftruncate",
    "fcntl",
    "unlink",
];

/// The n-th call of this kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    call: &'static str,
    number: u64,
}

pub async fn prove(order: &Order) -> Ledger {
    let mut ledger = Ledger::default();
    let wanted = order.count("points", 5, 2_000);
    let Some(strace) = tool("strace") else {
        ledger.skip("strace is missing; run: apt-get install strace");
        return ledger;
    };
    let (census, unhurt) = census(&strace).await;
    let all: Vec<Point> = census
        .iter()
        .flat_map(|(call, count)| points(call, *count))
        .collect();
    if all.is_empty() {
        ledger.skip("strace cannot trace here (ptrace is forbidden)");
        return ledger;
    }
    let to_live = RefCell::new(plan(&all, wanted, order.dice()).into_iter());
    let tally = RefCell::new(Tally::default());
    // A life mostly waits for its processes, so some go side by side.
    let some = || live_all(&strace, &unhurt, &to_live, &tally);
    tokio::join!(some(), some(), some());
    let tally = tally.into_inner();
    for trouble in &tally.troubles {
        ledger.trouble(trouble);
    }
    ledger.told("system calls of the store in one life", all.len());
    ledger.told("lives", tally.lives);
    ledger.at_least("kills at a system call", tally.kills, tally.lives / 2);
    ledger.told("  while the kill before was mended", tally.second_kills);
    ledger.none(
        "lives with a loss, damage or another end",
        tally.troubles.len(),
    );
    let writes = census.get("pwrite64").copied().unwrap_or(0);
    controls(&strace, writes, &mut ledger).await;
    ledger
}

#[derive(Default)]
struct Tally {
    lives: u64,
    kills: u64,
    second_kills: u64,
    troubles: Vec<String>,
}

type Plan = std::vec::IntoIter<(Point, Option<Point>)>;

/// Lives one after the other until none is left.
async fn live_all(strace: &Path, unhurt: &Fate, to_live: &RefCell<Plan>, tally: &RefCell<Tally>) {
    loop {
        let next = to_live.borrow_mut().next();
        let Some((first, second)) = next else { return };
        let lived = live(strace, &first, second.as_ref(), unhurt, tally).await;
        let mut tally = tally.borrow_mut();
        tally.lives += 1;
        if let Err(trouble) = lived {
            tally
                .troubles
                .push(format!("{first:?} {second:?}: {trouble}"));
        }
        if tally.lives.is_multiple_of(100) {
            println!("… {} lives, {} kills", tally.lives, tally.kills);
        }
    }
}

fn points(call: &'static str, count: u64) -> impl Iterator<Item = Point> {
    (1..=count).map(move |number| Point { call, number })
}

/// Every point once, in order; if more are wanted, again with a second kill at a call of the recovery. If fewer, a
/// choice by dice.
fn plan(all: &[Point], wanted: u64, mut dice: Dice) -> Vec<(Point, Option<Point>)> {
    let wanted = usize::try_from(wanted).unwrap();
    if wanted < all.len() {
        let chosen = (0..wanted).map(|_| (dice.pick(all), None));
        return chosen.collect();
    }
    let once = all.iter().map(|point| (point.clone(), None));
    let again = (all.len()..wanted).map(|_| {
        let first = dice.pick(all);
        (first, Some(dice.pick(all)))
    });
    once.chain(again).collect::<Vec<_>>()
}

/// How many calls of each kind one thread of an unhurt life makes, and how that life ends.
async fn census(strace: &Path) -> (BTreeMap<&'static str, u64>, Fate) {
    let mut life = Life::begins();
    let log = life.rig.place.log().with_extension("strace");
    let trace = format!("trace={}", CALLS.join(","));
    let args = ["-e", &trace, "-o", log.to_str().unwrap()].map(str::to_owned);
    life.under(strace, &args);
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
    let mut by_thread: BTreeMap<(&str, &'static str), u64> = BTreeMap::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        let named = |call: &&&str| {
            rest.strip_prefix(**call)
                .is_some_and(|rest| rest.starts_with('('))
        };
        if let Some(call) = CALLS.iter().find(named) {
            *by_thread.entry((thread, call)).or_default() += 1;
        }
    }
    let mut most: BTreeMap<&'static str, u64> = BTreeMap::new();
    for ((_, call), count) in by_thread {
        let entry = most.entry(call).or_default();
        *entry = count.max(*entry);
    }
    (most, fate)
}

async fn live(
    strace: &Path,
    first: &Point,
    second: Option<&Point>,
    unhurt: &Fate,
    tally: &RefCell<Tally>,
) -> Result<(), String> {
    let mut life = Life::begins();
    for (index, point) in [Some(first), second].into_iter().flatten().enumerate() {
        life.under(strace, &at(point));
        life.rig.spawn();
        let ended = life.goes_on(false).await;
        match ended {
            Ended::Dead => {
                let mut tally = tally.borrow_mut();
                tally.kills += 1;
                tally.second_kills += index as u64;
            }
            Ended::Arrived => {}
            Ended::TooLong => return Err("the lead was not served".to_owned()),
        }
        if life.rig.bot.is_some() {
            life.rig.kill().await;
        }
        life.check().await?;
        // Whoever has arrived asks for nothing more, so a bot may never come to a second point.
        if ended == Ended::Arrived {
            break;
        }
    }
    life.alone();
    life.rig.spawn();
    if !life.walker.arrived() && life.goes_on(false).await != Ended::Arrived {
        return Err(format!("the lead was never served\n{}", life.rig.log()));
    }
    life.rig.state("running").await;
    let fate = life.fate().await;
    life.rig.kill().await;
    life.check().await?;
    if fate != *unhurt {
        return Err(format!("another end: {fate:?} instead of {unhurt:?}"));
    }
    Ok(())
}

/// Kills at the store's writes that must do harm: of a bot whose updates count as taken in before they are stored, and
/// of one whose log is thrown away instead of mended. How many of them the check has found out.
async fn controls(strace: &Path, writes: u64, ledger: &mut Ledger) {
    let (mut killed, mut careless, mut unmended) = (0_u64, 0_u64, 0_u64);
    for number in (1..=CONTROL_POINTS).map(|n| writes / 3 + n * writes / (2 * CONTROL_POINTS)) {
        for confirms_first in [true, false] {
            let mut life = Life::begins();
            life.rig.world.set_careless(BOT, confirms_first);
            let point = Point {
                call: "pwrite64",
                number,
            };
            if !is_killed_at(strace, &mut life, &point).await {
                continue;
            }
            killed += 1;
            if confirms_first {
                careless += u64::from(life.check().await.is_err());
            } else {
                let _ = std::fs::remove_file(life.rig.place.data.join("bot.db-wal"));
                unmended += u64::from(life.check().await.is_err());
            }
        }
    }
    ledger.told("control: kills at a write", killed);
    ledger.at_least("control: losses seen, confirmed before stored", careless, 1);
    ledger.at_least("control: losses seen, log thrown away", unmended, 1);
}

async fn is_killed_at(strace: &Path, life: &mut Life, point: &Point) -> bool {
    life.under(strace, &at(point));
    life.rig.spawn();
    let ended = tokio::time::timeout(Duration::from_secs(20), life.goes_on(false)).await;
    if life.rig.bot.is_some() {
        life.rig.kill().await;
    }
    ended == Ok(Ended::Dead)
}

/// Arguments of the tracer that kills at this call.
fn at(point: &Point) -> [String; 6] {
    let inject = format!("inject={}:signal=KILL:when={}", point.call, point.number);
    let trace = format!("trace={}", point.call);
    ["-e", &trace, "-e", &inject, "-o", "/dev/null"].map(str::to_owned)
}
