//! A fleet on a real systemd: one box, and everything that can happen to a bot in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use partnerctl::sandbox::{Options, Sandbox};
use serde_json::Value;
use tests::machine::{Machine, text};
use tests::support::bot_program;

const CANARY: &str = "TEST-CANARY-box-not-a-secret";
/// For a machine that does many other things.
const DEADLINE: Duration = Duration::from_secs(60);

fn token(number: usize) -> String {
    format!("{}:{CANARY}-{number:03}", 700_000 + number)
}

/// A box that is set up for bots, and the Telegram they talk to.
struct Fleet {
    machine: Machine,
    telegram: Sandbox,
}

impl Fleet {
    /// `None` where there can be no box; it is said.
    fn set_up(name: &str) -> Option<Fleet> {
        let telegram = Sandbox::start(Options::default()).unwrap();
        bot_program();
        let machine = match Machine::boot(name) {
            Ok(machine) => machine,
            Err(why) if why.contains("needs root") || why.contains("namespaces") => {
                // Past the captured output: nobody may take it for a pass.
                let _ = writeln!(
                    std::io::stderr(),
                    "note: skipped: bots on a real systemd: {why}"
                );
                return None;
            }
            Err(why) => panic!("{why}"),
        };
        // What this machine starts by itself is none of the box's business.
        machine.shell(
            "cd /etc/systemd/system; rm -rf multi-user.target.wants; mkdir multi-user.target.wants\n\
             for unit in $(ls /lib/systemd/system/multi-user.target.wants); do ln -sfn /dev/null $unit; done\n\
             rm -rf /etc/partner-bots /opt/partner-bots /var/lib/partner-bot*",
        );
        let fleet = Fleet { machine, telegram };
        fleet.host_setup();
        Some(fleet)
    }

    fn host_setup(&self) {
        let programs = bot_program().parent().unwrap();
        let first = programs.join("partnerctl");
        let setup = [
            first.to_str().unwrap(),
            "host",
            "setup",
            "--programs",
            programs.to_str().unwrap(),
        ];
        let dry = self.machine.output(&[&setup[..], &["--dry-run"]].concat());
        assert_eq!(dry.status.code(), Some(10), "{}", text(&dry.stderr));
        assert!(
            text(&dry.stdout).contains("write /etc/systemd/system/partner-bot@.service (0644)")
        );
        assert!(
            self.machine
                .shell("ls /opt")
                .lines()
                .all(|name| name != "partner-bots"),
            "a dry run makes nothing"
        );
        let done = self.machine.run(&setup);
        assert_eq!(done, text(&dry.stdout), "done is what was said");
        let again = self.machine.run(&setup);
        assert_eq!(again, "this host is set up; nothing to change\n");
        self.machine.shell(
            "cat >/etc/partner-bots/funnels/hello.yaml <<'YAML'\nfunnel: hello\ntitle: Привет\nfirst: hello\nsteps:\n  hello: { say: Привет, next: end }\nYAML",
        );
    }

    fn ctl(&self, line: &[&str]) -> String {
        self.machine.run(&[&["partnerctl"], line].concat())
    }

    fn ctl_code(&self, line: &[&str]) -> (i32, String) {
        let output = self.machine.output(&[&["partnerctl"], line].concat());
        let said = text(&output.stdout) + &text(&output.stderr);
        (output.status.code().unwrap_or(-1), said)
    }

    /// Telegram knows these bots, and their partners are imported.
    fn import(&self, numbers: std::ops::Range<usize>) {
        let mut form = "id,name,token\n".to_owned();
        for number in numbers {
            let username = format!("box{number}_bot");
            self.telegram
                .world()
                .add_bot(&token(number), &username, "Бокс")
                .unwrap();
            writeln!(form, "bot-{number:03},Партнёр {number},{}", token(number)).unwrap();
        }
        self.machine
            .shell(&format!("umask 077; cat >/run/form.csv <<'CSV'\n{form}CSV"));
        let url = self.telegram.url();
        self.ctl(&[
            "import",
            "/run/form.csv",
            "--yes",
            "--skip-token-check",
            "--api-url",
            &url,
        ]);
    }

    fn status(&self) -> BTreeMap<String, Value> {
        let (_, said) = self.ctl_code(&["status", "--json"]);
        let document: Value =
            serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"));
        let bots = document["data"]["bots"].as_array().unwrap().iter();
        bots.map(|bot| (bot["partner"].as_str().unwrap().to_owned(), bot.clone()))
            .collect()
    }

    /// Waits for something of one bot; what it was then.
    fn until(&self, partner: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let bot = self.status().remove(partner).expect("the partner is there");
            if is_so(&bot) {
                return bot;
            }
            let logs = || self.ctl(&["logs", partner, "-n", "30"]);
            assert!(
                began.elapsed() < DEADLINE,
                "{partner} never {what}: {bot:#}\n{}",
                logs()
            );
        }
    }

    fn until_state(&self, partner: &str, state: &str) -> Value {
        self.until(partner, state, |bot| bot["state"] == state)
    }

    fn pid(&self, partner: &str) -> String {
        self.show(partner, "MainPID")
    }

    fn show(&self, partner: &str, property: &str) -> String {
        let unit = format!("partner-bot@{partner}.service");
        let value = self
            .machine
            .run(&["systemctl", "show", "--value", "-p", property, &unit]);
        value.trim().to_owned()
    }

    fn signal(&self, signal: &str, partner: &str) {
        self.machine.run(&["kill", signal, &self.pid(partner)]);
    }

    fn drop_in(&self, partner: &str, lines: &str) {
        let dir = format!("/etc/systemd/system/partner-bot@{partner}.service.d");
        self.machine.shell(&format!(
            "mkdir -p {dir}; printf '{lines}' >{dir}/test.conf; systemctl daemon-reload"
        ));
    }

    fn audit(&self) -> String {
        self.machine.shell("cat /var/lib/partner-bots/audit.jsonl")
    }
}

#[test]
fn bots_live_on_a_real_systemd() {
    let Some(fleet) = Fleet::set_up("fleet") else {
        return;
    };
    let row =
        |name: &str, began: Instant| println!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    fleet.import(0..8);
    fleet.ctl(&["start", "--all", "--pace", "0", "--wait", "60"]);
    row("eight bots are ready", began);
    starts_tell_and_hide(&fleet);
    let began = Instant::now();
    a_killed_bot_returns(&fleet);
    row("killed and back", began);
    let began = Instant::now();
    a_bot_whose_work_stands_still_is_ended(&fleet);
    row("watchdog", began);
    let began = Instant::now();
    a_bot_that_wants_too_much_memory_is_ended(&fleet);
    row("memory", began);
    let began = Instant::now();
    what_no_restart_mends_is_not_restarted(&fleet);
    row("exit 78 and a missing .env", began);
    let began = Instant::now();
    a_bot_that_dies_too_often_is_left_alone_and_told_of(&fleet);
    row("start limit", began);
    let began = Instant::now();
    a_user_needs_no_root(&fleet);
    row("under a user's own systemd", began);
    let began = Instant::now();
    fleet_returns_after_a_power_cut(&fleet);
    row("power cut", began);
}

/// READY, the status line, and no secret anywhere.
fn starts_tell_and_hide(fleet: &Fleet) {
    let bot = fleet.until_state("bot-000", "running");
    assert_eq!(fleet.show("bot-000", "StatusText"), "running");
    assert_eq!(bot["username"], "box0_bot");
    assert_eq!(bot["leads_today"], 0);
    assert!(bot["memory_bytes"].as_u64().unwrap() > 100_000, "{bot}");
    let root = format!("/proc/{}/root", fleet.pid("bot-000"));
    let partners = format!("{root}/etc/partner-bots/partners");
    let sees = fleet.machine.run(&["ls", &partners]);
    assert_eq!(sees, "bot-000\n", "a bot sees nobody else's directory");
    for unit in [
        "bot@bot-000.service",
        "bot-alert@x.service",
        "bot-retry@x.service",
        "bot-retry@x.timer",
    ] {
        let said = fleet.machine.output(&[
            "systemd-analyze",
            "verify",
            &format!("/etc/systemd/system/partner-{unit}"),
        ]);
        let said = text(&said.stdout) + &text(&said.stderr);
        assert_eq!(said, "", "systemd finds fault with partner-{unit}");
    }
    let unit = "/etc/systemd/system/partner-bot@.service";
    fleet.machine.run(&[
        "systemd-analyze",
        "security",
        "--offline=true",
        "--threshold=12",
        unit,
    ]);
    let everywhere = [
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'",
        "systemctl show 'partner-bot@*' --all; systemctl cat 'partner-bot@*'",
        "journalctl --no-pager -o export",
        "cat /var/lib/partner-bots/audit.jsonl",
        "partnerctl status; partnerctl list; partnerctl secret list bot-000",
    ];
    // The looking itself is in the process table: its pattern must not fit itself.
    let pattern = CANARY.replace("box", "bo[x]");
    for place in everywhere {
        let look = format!("({place}) | grep -a -c {pattern} || true");
        let found = fleet.machine.shell(&look);
        assert_eq!(found.trim(), "0", "a token shows in: {place}");
    }
    let control = fleet.machine.shell(&format!(
        "grep -c {CANARY} /etc/partner-bots/partners/bot-000/.env"
    ));
    assert_eq!(control.trim(), "1", "the control finds it where it belongs");
}

fn a_killed_bot_returns(fleet: &Fleet) {
    let before = fleet.pid("bot-001");
    fleet.signal("-9", "bot-001");
    let bot = fleet.until("bot-001", "back", |bot| {
        bot["state"] == "running" && bot["restarts"] == 1
    });
    assert_ne!(bot["pid"].to_string(), before);
}

fn a_bot_whose_work_stands_still_is_ended(fleet: &Fleet) {
    fleet.drop_in("bot-002", "[Service]\\nWatchdogSec=4\\n");
    fleet.ctl(&["restart", "bot-002"]);
    // Alive it outlives its limit: the signs of life come.
    fleet.until("bot-002", "older than its limit", |bot| {
        bot["uptime_ms"].as_i64() > Some(9_000)
    });
    assert_eq!(fleet.show("bot-002", "NRestarts"), "0");
    fleet.signal("-STOP", "bot-002");
    fleet.until("bot-002", "started anew", |bot| {
        bot["state"] == "running" && bot["restarts"] == 1
    });
    let logs = fleet.ctl(&["logs", "bot-002", "--grep", "watchdog"]);
    assert!(logs.contains("Watchdog timeout"), "{logs}");
}

fn a_bot_that_wants_too_much_memory_is_ended(fleet: &Fleet) {
    fleet.drop_in("bot-003", "[Service]\\nMemoryMax=512K\\n");
    let (code, _) = fleet.ctl_code(&["restart", "bot-003", "--wait", "60"]);
    assert_eq!(code, 7);
    let bot = fleet.until("bot-003", "failed", |bot| bot["state"] == "failed");
    let reason = bot["reason"].as_str().unwrap();
    assert!(
        reason.contains("memory") || reason.contains("signal 9") || reason.contains("too often"),
        "{reason}"
    );
}

fn what_no_restart_mends_is_not_restarted(fleet: &Fleet) {
    fleet.machine.shell(&format!(
        "sed -i 's/{CANARY}-004/{CANARY}-wrong/' /etc/partner-bots/partners/bot-004/.env"
    ));
    let (code, said) = fleet.ctl_code(&["restart", "bot-004"]);
    assert_eq!(code, 7, "{said}");
    let bot = fleet.until_state("bot-004", "failed");
    assert!(
        bot["reason"]
            .as_str()
            .unwrap()
            .contains("partnerctl check bot-004"),
        "{bot}"
    );
    assert_eq!(fleet.show("bot-004", "NRestarts"), "0");
    fleet
        .machine
        .shell("mv /etc/partner-bots/partners/bot-005/.env /run/env");
    fleet.ctl_code(&["restart", "bot-005"]);
    let bot = fleet.until_state("bot-005", "failed");
    assert!(
        bot["reason"].as_str().unwrap().starts_with("token missing"),
        "{bot}"
    );
    fleet
        .machine
        .shell("mv /run/env /etc/partner-bots/partners/bot-005/.env");
    fleet.ctl(&["restart", "bot-005"]);
    until_audit(fleet, "bot-004", "it waits for you");
}

fn a_bot_that_dies_too_often_is_left_alone_and_told_of(fleet: &Fleet) {
    fleet.machine.shell(
        "for i in $(seq 300); do p=$(systemctl show --value -p MainPID partner-bot@bot-006); [ $p = 0 ] || kill -9 $p || :; \
         systemctl is-failed -q partner-bot@bot-006 && break; sleep .2; done",
    );
    fleet.until_state("bot-006", "failed");
    until_audit(fleet, "bot-006", "another try in 15 minutes");
    assert_eq!(
        fleet
            .machine
            .run(&["systemctl", "is-active", "partner-bot-retry@bot-006.timer"]),
        "active\n"
    );
    fleet
        .machine
        .run(&["systemctl", "start", "partner-bot-retry@bot-006.service"]);
    fleet.until_state("bot-006", "running");
}

fn until_audit(fleet: &Fleet, partner: &str, words: &str) {
    let began = Instant::now();
    let told =
        |line: &str| line.contains("gave up") && line.contains(partner) && line.contains(words);
    while !fleet.audit().lines().any(told) {
        assert!(
            began.elapsed() < DEADLINE,
            "nobody was told of {partner}: {}",
            fleet.audit()
        );
    }
}

fn fleet_returns_after_a_power_cut(fleet: &Fleet) {
    fleet.ctl(&["stop", "bot-007"]);
    fleet.machine.cut();
    fleet.machine.up("degraded", "multi-user.target").unwrap();
    for partner in ["bot-000", "bot-001", "bot-002", "bot-006"] {
        fleet.until_state(partner, "running");
    }
    assert_eq!(
        fleet.status()["bot-007"]["state"],
        "stopped",
        "what was stopped stays stopped"
    );
}

/// A user's own systemd, without root and without logind.
fn a_user_needs_no_root(fleet: &Fleet) {
    fleet
        .telegram
        .world()
        .add_bot(&token(100), "box100_bot", "Бокс")
        .unwrap();
    let script = format!(
        "useradd -m -u 1500 olga; install -d -o 1500 -g 1500 -m 700 /run/user/1500 /srv/olga\n\
         cp -r /opt/partner-bots/releases/0.1.0 /opt/programs; cp -r /etc/partner-bots/funnels /opt/funnels\n\
         systemd-run -q --unit=olga -p User=olga -p Delegate=yes -p Type=notify --setenv=XDG_RUNTIME_DIR=/run/user/1500 \
           --setenv=HOME=/srv/olga /lib/systemd/systemd --user --unit=basic.target\n\
         cat >/opt/as-olga <<'SH'\n\
         export HOME=/srv/olga USER=olga XDG_RUNTIME_DIR=/run/user/1500 PATH=/srv/olga/.local/bin:/usr/bin:/bin\n\
         cd; umask 077; echo '{token}' >token\n\
         /opt/programs/partnerctl host setup --user --programs /opt/programs --funnels /opt/funnels\n\
         partnerctl create north --name North --token-file token --api-url {url}\n\
         partnerctl start north --wait 60\n\
         systemctl --user kill -s KILL partner-bot@north\n\
         for i in $(seq 300); do partnerctl status --json | tr -d ' \\n' | grep -q '\"restarts\":1,.*\"state\":\"running\"' && exit 0; sleep .2; done\n\
         exit 1\n\
         SH\n\
         setpriv --reuid 1500 --regid 1500 --clear-groups bash -e /opt/as-olga",
        token = token(100),
        url = fleet.telegram.url()
    );
    fleet.machine.shell(&script);
}
