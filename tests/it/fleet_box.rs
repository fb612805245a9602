//! A fleet on a real systemd: one box, and everything that can happen to a bot in it.

use std::time::Instant;

use partnerctl::sandbox::NewUser;
use serde_json::Value;
use tests::machine::fleet::{DEADLINE, Fleet, PROGRAMS};
use tests::machine::text;

const CANARY: &str = "TEST-CANARY-8f3b1c-box";

fn token(number: usize) -> String {
    format!("{}:{CANARY}-{number:03}", 700_000 + number)
}

/// The set-up as an operator does it: looked at, done, and done again.
fn host_setup(fleet: &Fleet) {
    let first = format!("{PROGRAMS}/partnerctl");
    let setup = [&first, "host", "setup", "--programs", PROGRAMS];
    let dry = fleet.machine.output(&[&setup[..], &["--dry-run"]].concat());
    assert_eq!(dry.status.code(), Some(10), "{}", text(&dry.stderr));
    assert!(text(&dry.stdout).contains("write /etc/systemd/system/partner-bot@.service (0644)"));
    let there = fleet.machine.shell("ls /opt");
    assert!(
        there.lines().all(|name| name != "partner-bots"),
        "a dry run makes nothing"
    );
    assert_eq!(
        fleet.set_up(&[]),
        text(&dry.stdout),
        "done is what was said"
    );
    let again = fleet.machine.run(&setup);
    assert_eq!(again, "this host is set up; nothing to change\n");
}

/// What the test asks systemd itself.
trait Unit {
    fn pid(&self, partner: &str) -> String;
    fn show(&self, partner: &str, property: &str) -> String;
    fn signal(&self, signal: &str, partner: &str);
    fn drop_in(&self, partner: &str, lines: &str);
    fn audit(&self) -> String;
}

impl Unit for Fleet {
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
    let Some(fleet) = Fleet::boot_or_skip("fleet", "bots on a real systemd") else {
        return;
    };
    host_setup(&fleet);
    let row =
        |name: &str, began: Instant| println!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    let bots = (0..8).map(|number| (format!("bot-{number:03}"), token(number)));
    fleet.import(&bots.collect::<Vec<_>>());
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
    the_operator_reads_and_changes(&fleet);
    row("logs, config, doctor", began);
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
    assert_eq!(bot["username"], "bot_000_bot");
    assert_eq!(bot["leads_today"], 0);
    assert!(bot["memory_bytes"].as_u64().unwrap() > 100_000, "{bot}");
    let root = format!("/proc/{}/root", fleet.pid("bot-000"));
    let sees = fleet.machine.shell(&format!(
        "ls {root}; ls {root}/usr; ls {root}/run/credentials; ls {root}/etc/partner-bots/partners"
    ));
    let nothing_more = "dev\netc\nlib\nlib64\nopt\nproc\nroot\nrun\nsys\ntmp\nusr\nvar\n\
                        lib\nshare\npartner-bot@bot-000.service\nbot-000\n";
    assert_eq!(sees, nothing_more, "no shell, no home, nobody else's token");
    for unit in [
        "bot@bot-000.service",
        "bots.service",
        "bots.target",
        "alerts.service",
        "backup.service",
        "backup.timer",
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
    for place in everywhere {
        assert_eq!(
            fleet.mentions(place, CANARY),
            0,
            "a token shows in: {place}"
        );
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

/// A value goes live in the same process; logs of all bots stand in their order; doctor says what there is.
fn the_operator_reads_and_changes(fleet: &Fleet) {
    let before = fleet.pid("bot-000");
    let (code, said) = fleet.ctl_code(&["config", "set", "bot-000", "hot.score", "61"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.ends_with("live now, without a restart\n"), "{said}");
    let (code, said) = fleet.ctl_code(&["config", "diff", "bot-000"]);
    assert_eq!(
        (code, said.as_str()),
        (0, "running and on disk are the same\n")
    );
    assert_eq!(fleet.pid("bot-000"), before);
    let said = fleet.ctl(&["logs", "--grep", "started", "-n", "9", "--json"]);
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let times: Vec<i64> = lines
        .iter()
        .map(|line| line["data"]["at_us"].as_i64().unwrap())
        .collect();
    assert!(times.len() == 9 && times.is_sorted(), "{said}");
    let (code, said) = fleet.ctl_code(&["doctor"]);
    assert_eq!(code, 7, "one bot is down for its token: {said}");
    for words in [
        "PASSED   starts (host): after a reboot: 10 bots at once, then 10 a minute",
        "WARNING  backup (host): no backups are taken here",
        "WARNING  alerts (host)",
        "PASSED   way to Telegram (host)",
        "FAILED   bot (bot-004)",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // A mode and a unit that somebody changed are mended; the wrong token is not.
    fleet.machine.shell(
        "chmod 644 /etc/partner-bots/partners/bot-000/.env; echo >>/etc/systemd/system/partner-bots.target",
    );
    let (_, said) = fleet.ctl_code(&["doctor", "--fix"]);
    assert_eq!(said.matches("\nmended ").count(), 3, "{said}");
    let mode = fleet
        .machine
        .shell("stat -c %a /etc/partner-bots/partners/bot-000/.env");
    assert_eq!(mode, "600\n");
}

fn fleet_returns_after_a_power_cut(fleet: &Fleet) {
    fleet.ctl(&["stop", "bot-007"]);
    let wanted = "ls /etc/systemd/system/multi-user.target.wants";
    assert_eq!(
        fleet.machine.shell(wanted),
        "partner-bots.service\n",
        "nobody else starts bots"
    );
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
    let audit = fleet.audit();
    assert!(
        audit.lines().any(|line| line.contains("\"boot\"")),
        "{audit}"
    );
}

/// A user's own systemd, without root and without logind.
fn a_user_needs_no_root(fleet: &Fleet) {
    let world = fleet.telegram.world();
    for number in [100, 101] {
        let username = format!("box{number}_bot");
        world.add_bot(&token(number), &username, "Бокс").unwrap();
    }
    let (alerts, olga) = (700_101, 1_500);
    world.add_user(NewUser {
        id: Some(olga),
        first_name: "Ольга".to_owned(),
        ..NewUser::default()
    });
    world.start(alerts, olga, None).unwrap();
    let script = format!(
        "echo '{token}' >/opt/token; echo '{alert_token}' >/opt/alert.txt; chmod 644 /opt/token /opt/alert.txt\n\
         useradd -m -u 1500 olga; install -d -o 1500 -g 1500 -m 700 /run/user/1500 /srv/olga\n\
         cp -r /opt/partner-bots/releases/0.1.0 /opt/programs; cp -r /etc/partner-bots/funnels /opt/funnels\n\
         systemd-run -q --unit=olga -p User=olga -p Delegate=yes -p Type=notify --setenv=XDG_RUNTIME_DIR=/run/user/1500 \
           --setenv=HOME=/srv/olga /lib/systemd/systemd --user --unit=basic.target\n\
         cat >/opt/as-olga <<'SH'\n\
         export HOME=/srv/olga USER=olga XDG_RUNTIME_DIR=/run/user/1500 PATH=/srv/olga/.local/bin:/usr/bin:/bin\n\
         cd; umask 077; cp /opt/token /opt/alert.txt .\n\
         /opt/programs/partnerctl host setup --user --programs /opt/programs --funnels /opt/funnels\n\
         partnerctl create north --name North --token-file token --api-url {url}\n\
         partnerctl start north --wait 60\n\
         systemctl --user kill -s KILL partner-bot@north\n\
         runs() {{ for i in $(seq 300); do partnerctl status --json | tr -d ' \\n' | grep -q \"$1\"'.*\"state\":\"running\"' && return; sleep .2; done; return 1; }}\n\
         runs '\"restarts\":1,'\n\
         : after a boot; systemctl --user stop partner-bot@north; systemctl --user start partner-bots.service; runs ''\n\
         partnerctl backup --new-key backup.key; systemctl --user start partner-backup.service\n\
         partnerctl backup --all --list | grep north\n\
         partnerctl alerts setup --chat {olga} --token-file alert.txt --api-url {url}\n\
         systemctl --user start partner-alerts.service; partnerctl alerts test; systemctl --user is-active partner-alerts.service\n\
         partnerctl doctor >seen || cat seen; for what in alerts backup bot starts; do grep \"^PASSED   $what (\" seen; done\n\
         SH\n\
         setpriv --reuid 1500 --regid 1500 --clear-groups bash -e /opt/as-olga",
        token = token(100),
        alert_token = token(101),
        url = fleet.telegram.url()
    );
    fleet.machine.shell(&script);
    let told = world.messages(alerts, olga);
    assert!(
        told.iter().any(|message| message["out"] == true),
        "{told:?}"
    );
}
