//! A hundred bots under a real systemd: how long until they are ready, what they cost idle, how soon their state is
//! told, and whether all are back after all were killed.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use partnerctl::sandbox::{Options, Sandbox};

use super::{Ledger, Order};
use crate::machine::Machine;
use crate::support::bot_program;

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
    let telegram = Sandbox::start(Options::default()).expect("a local Telegram");
    let machine = match Machine::boot("prove-fleet") {
        Ok(machine) => machine,
        Err(why) => {
            ledger.skip(why);
            return ledger;
        }
    };
    set_up(&machine, &telegram, bots);
    ledger.told("bots", bots);
    let began = Instant::now();
    machine.output(&[
        "partnerctl",
        "start",
        "--all",
        "--pace",
        "0",
        "--wait",
        "180",
    ]);
    let ready = until_active(&machine, bots);
    ledger.none("bots not ready", bots.saturating_sub(ready));
    ledger.at_most("ms until all are ready, pace off", ms(began), 10_000_u64);
    let status = (0..5).map(|_| {
        let began = Instant::now();
        machine.run(&["partnerctl", "status", "--json"]);
        ms(began)
    });
    let status = status.min().unwrap_or(0);
    ledger.at_most("ms for the status of all, best of five", status, 300_u64);
    idle(&machine, bots, &mut ledger);
    returns(&machine, killed, &mut ledger);
    ledger
}

fn set_up(machine: &Machine, telegram: &Sandbox, bots: u64) {
    let dir = bot_program().parent().and_then(std::path::Path::to_str);
    let dir = dir.expect("a path in UTF-8");
    let mut form = "id,name,token\n".to_owned();
    for number in 0..bots {
        let token = format!("{}:TEST-fleet-not-a-secret-{number:04}", 600_000 + number);
        let added = telegram
            .world()
            .add_bot(&token, &format!("fleet{number}_bot"), "Бот");
        added.expect("a bot of the local Telegram");
        let _ = writeln!(form, "bot-{number:03},Партнёр {number},{token}");
    }
    machine.shell(&format!(
        "rm -rf /etc/partner-bots /opt/partner-bots /var/lib/partner-bot*\n\
         {dir}/partnerctl host setup --programs {dir}\n\
         cat >/etc/partner-bots/funnels/hello.yaml <<'YAML'\nfunnel: hello\ntitle: Привет\nfirst: hello\nsteps:\n  hello: {{ say: Привет, next: end }}\nYAML\n\
         umask 077; cat >/run/form.csv <<'CSV'\n{form}CSV\n\
         partnerctl import /run/form.csv --yes --skip-token-check --api-url {}",
        telegram.url()
    ));
}

fn active(machine: &Machine) -> u64 {
    let list =
        machine.shell("systemctl list-units --plain --no-legend --state=active 'partner-bot@*'");
    list.lines().count() as u64
}

/// Looks until so many are active, or patience ends; how many are.
fn until_active(machine: &Machine, wanted: u64) -> u64 {
    let began = Instant::now();
    loop {
        let seen = active(machine);
        if seen >= wanted || began.elapsed() > PATIENCE {
            return seen;
        }
    }
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
    let began = Instant::now();
    machine.shell(&format!("pgrep -x bot | head -{killed} | xargs kill -9"));
    // systemd learns of a death a moment later: all are back when as many were started anew and all are active.
    let anew = "systemctl show --property=NRestarts --value 'partner-bot@*' | awk '{ s += $1 } END { print s + 0 }'";
    let back = loop {
        let started_anew = number(machine, anew);
        let back = active(machine);
        if started_anew >= killed && back >= all || began.elapsed() > PATIENCE {
            break back;
        }
    };
    ledger.told("bots killed at once", killed);
    ledger.none("bots that did not return", all.saturating_sub(back));
    ledger.at_most("ms until all are back", ms(began), 10_000_u64);
    machine.run(&["partnerctl", "stop", "bot-000"]);
    let stopped = all.saturating_sub(active(machine));
    ledger.at_least("control, one was stopped: not back", stopped, 1_u64);
}

fn number(machine: &Machine, script: &str) -> u64 {
    machine.shell(script).trim().parse().unwrap_or(u64::MAX)
}

fn ms(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
