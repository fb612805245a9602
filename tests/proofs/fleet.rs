//! A hundred bots under a real systemd: how long until they are ready, what they cost idle, how soon their state is
//! told, and whether all are back after all were killed.

use std::time::{Duration, Instant};

use super::{Ledger, Order};
use crate::machine::Machine;
use crate::machine::fleet::Fleet;

/// Idle is looked at for so long.
const IDLE: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(180);
/// Of one core, for a hundred bots, in thousandths.
const CPU_PER_MILLE: u64 = 50;
const MEBIBYTES_EACH: u64 = 5;

pub async fn prove(order: &Order) -> Ledger {
    let bots = order.count("bots", 20, 100);
    let killed = order.count("killed", 10, 50);
    let mut ledger = Ledger::default();
    let fleet = match Fleet::boot("prove-fleet") {
        Ok(fleet) => fleet,
        Err(why) => {
            ledger.skip(why);
            return ledger;
        }
    };
    fleet.set_up(&["--pace", "0"]);
    let token = |number| format!("{}:TEST-CANARY-8f3b1c-fleet-{number:04}", 600_000 + number);
    let partners = (0..bots).map(|number| (format!("bot-{number:03}"), token(number)));
    fleet.import(&partners.collect::<Vec<_>>());
    let machine = &fleet.machine;
    ledger.told("bots", bots);
    let began = Instant::now();
    fleet.ctl_code(&["start", "--all", "--wait", "180"]);
    let ready = until(|| {
        let active = active(machine);
        (active, active >= bots)
    });
    ledger.none("bots not ready", bots.saturating_sub(ready));
    ledger.at_most(
        "ms until all are ready, pace off",
        ms(began),
        patience_ms(bots),
    );
    let status = (0..5).map(|_| {
        let began = Instant::now();
        machine.run(&["partnerctl", "status", "--json"]);
        ms(began)
    });
    let status = status.min().unwrap_or(0);
    let limit = if bots > 100 { 1_000_u64 } else { 300 };
    ledger.at_most("ms for the status of all, best of five", status, limit);
    idle(machine, bots, &mut ledger);
    returns(machine, killed, &mut ledger);
    returns(machine, bots, &mut ledger);
    control(machine, &mut ledger);
    ledger
}

fn active(machine: &Machine) -> u64 {
    let list =
        machine.shell("systemctl list-units --plain --no-legend --state=active 'partner-bot@*'");
    list.lines().count() as u64
}

/// Memory by the share each has in common pages, processor time as the kernel counts it.
fn idle(machine: &Machine, bots: u64, ledger: &mut Ledger) {
    let pss = number(
        machine,
        "for p in $(pgrep -x bot); do awk '/^Pss:/ { print $2 }' /proc/$p/smaps_rollup; done | awk '{ s += $1 } END { print int(s / 1024) }'",
    );
    ledger.at_most("MiB of all bots (PSS)", pss, MEBIBYTES_EACH * bots);
    // In hundredths of a second; the finer books of a process are empty on some kernels.
    let busy = "cat /proc/[0-9]*/stat 2>/dev/null | awk '$2 == \"(bot)\" { s += $14 + $15 } END { print s * 10 }'";
    let before = number(machine, busy);
    std::thread::park_timeout(IDLE);
    let per_mille = number(machine, busy).saturating_sub(before) * 1_000 / IDLE.as_millis() as u64;
    ledger.at_most(
        "thousandths of a core, all bots idle",
        per_mille,
        CPU_PER_MILLE,
    );
}

fn returns(machine: &Machine, killed: u64, ledger: &mut Ledger) {
    let all = active(machine);
    // systemd learns of a death a moment later: all are back when as many were started anew and all are active.
    let anew = "systemctl show --property=NRestarts --value 'partner-bot@*' | awk '{ s += $1 } END { print s + 0 }'";
    let before = number(machine, anew);
    let began = Instant::now();
    machine.shell(&format!("pgrep -x bot | head -{killed} | xargs kill -9"));
    let back = until(|| {
        let started_anew = number(machine, anew).saturating_sub(before);
        let back = active(machine);
        (back, started_anew >= killed && back >= all)
    });
    let what = |rest: &str| format!("{killed} killed at once: {rest}");
    ledger.none(&what("did not return"), all.saturating_sub(back));
    ledger.at_most(
        &what("ms until all are back"),
        ms(began),
        patience_ms(killed),
    );
}

/// Ten seconds, and for more than a hundred bots so much more: two cores start no more at a time.
fn patience_ms(bots: u64) -> u64 {
    10_000 * bots.max(100) / 100
}

fn control(machine: &Machine, ledger: &mut Ledger) {
    let all = active(machine);
    machine.run(&["partnerctl", "stop", "bot-000"]);
    let stopped = all.saturating_sub(active(machine));
    ledger.at_least("control, one was stopped: not back", stopped, 1_u64);
}

/// Looks, not so often that the looking is what is measured.
fn until(mut look: impl FnMut() -> (u64, bool)) -> u64 {
    let began = Instant::now();
    loop {
        let (seen, done) = look();
        if done || began.elapsed() > PATIENCE {
            return seen;
        }
        std::thread::park_timeout(Duration::from_millis(200));
    }
}

fn number(machine: &Machine, script: &str) -> u64 {
    machine.shell(script).trim().parse().unwrap_or(u64::MAX)
}

fn ms(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
