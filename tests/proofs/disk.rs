//! The disk is full at each write of one lead's life, for a moment, then there is room again: the process stays, says
//! why, takes nothing from Telegram meanwhile, and loses nothing. The control's disk stays full: nobody is served.

use std::path::Path;

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
    let (writes, unhurt) = count_writes(&strace).await;
    if writes == 0 {
        ledger.skip("strace cannot trace here (ptrace is forbidden)");
        return ledger;
    }
    let mut dice = order.dice();
    let points: Vec<u64> = if wanted >= writes {
        (1..=writes).collect()
    } else {
        (0..wanted).map(|_| 1 + dice.throw(writes)).collect()
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
    ledger.told("writes of one life", writes);
    ledger.told("writes at which the disk was full", points.len());
    ledger.at_least("lives in which the bot said why", told_why, 1);
    ledger.none("processes that ended", ended);
    ledger.none("lives with a loss, damage or another end", troubles);
    let served = control(&strace, writes / 2).await;
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

async fn count_writes(strace: &Path) -> (u64, Fate) {
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
    (writes.count() as u64, fate)
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
