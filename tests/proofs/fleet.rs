//! A hundred bots under a real systemd: how long until they are ready, what they cost idle, how soon their state is
//! told, and whether all are back after all were killed.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use partnerctl::sandbox::{Options, Sandbox};

use super::{Ledger, Order};
use crate::machine::Machine;
use crate::machine::fleet::Fleet;
use crate::programs::program;

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
    many_here(order.count("here", 50, 500), &mut ledger);
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

/// Without systemd: real bots kept by `partnerctl run`, because so many sandboxes say more of systemd than of `status`.
fn many_here(bots: u64, ledger: &mut Ledger) {
    let telegram = Sandbox::start(Options::default()).expect("a local Telegram");
    let dir = std::env::temp_dir().join(format!("prove-fleet-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("funnels")).expect("a directory of its own");
    let funnel =
        "funnel: hello\ntitle: Привет\nfirst: hello\nsteps:\n  hello: { say: Привет, next: end }\n";
    let mut form = "id,name,token\n".to_owned();
    for number in 0..bots {
        let token = format!("{}:TEST-CANARY-8f3b1c-here-{number:04}", 500_000 + number);
        let username = format!("here{number}_bot");
        let added = telegram.world().add_bot(&token, &username, "Бот");
        added.expect("a bot of the local Telegram");
        let _ = writeln!(form, "here-{number:03},Партнёр,{token}");
    }
    let written = std::fs::write(dir.join("funnels/hello.yaml"), funnel);
    written
        .and(std::fs::write(dir.join("form.csv"), form))
        .expect("files");
    let ctl = |line: &[&str]| {
        let mut command = Command::new(program("partnerctl"));
        command
            .args(line)
            .args(["--dir", "partners"])
            .current_dir(&dir);
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        command
    };
    let url = telegram.url();
    let import = [
        "import",
        "form.csv",
        "--yes",
        "--skip-token-check",
        "--api-url",
        &url,
    ];
    let imported = ctl(&import).output().expect("partnerctl");
    assert!(imported.status.success(), "the bots are imported");
    let mut kept = ctl(&["run", "--all"])
        .stdout(Stdio::null())
        .spawn()
        .expect("partnerctl run");
    let status = || {
        let began = Instant::now();
        let told = ctl(&["status", "--json"])
            .output()
            .expect("partnerctl status");
        let told = String::from_utf8_lossy(&told.stdout).into_owned();
        (
            told.matches("\"state\": \"running\"").count() as u64,
            ms(began),
        )
    };
    let running = until(|| {
        let (running, _) = status();
        (running, running >= bots)
    });
    let best = (0..5).map(|_| status().1).min().unwrap_or(0);
    ledger.told("bots without systemd", bots);
    ledger.none("of them not running", bots.saturating_sub(running));
    ledger.at_most(
        "ms for the status of all of them, best of five",
        best,
        1_000_u64,
    );
    let pid = i32::try_from(kept.id()).unwrap_or(0);
    // SAFETY: kill takes two numbers and touches no memory; the child was not waited for, so the number is its own.
    unsafe { libc::kill(pid, libc::SIGINT) };
    let ended = kept.wait().is_ok_and(|status| status.success());
    ledger.none("runs that did not end well", u64::from(!ended));
    crate::support::clear(&dir);
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
        std::thread::park_timeout(Duration::from_millis(500));
    }
}

fn number(machine: &Machine, script: &str) -> u64 {
    machine.shell(script).trim().parse().unwrap_or(u64::MAX)
}

fn ms(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
