//! Backups under systemd: sealed, counted, rotated, put back.

use std::collections::BTreeSet;
use std::time::Instant;

use tests::machine::fleet::{DEADLINE, Fleet};

use super::SECRET;

pub fn come_by_the_timers_service_and_go_back(host: &Fleet) {
    host.ctl(&["backup", "--new-key", "/run/backup.key"]);
    host.machine
        .run(&["systemctl", "start", "partner-backup.service"]);
    let listed = host.ctl(&["backup", "--all", "--list"]);
    assert_eq!(listed.lines().count(), 5, "{listed}");
    host.ctl(&["backup", "--all", "--verify"]);
    let found = host.machine.shell(&format!(
        "grep -rac {SECRET} /var/lib/partner-bots/backups | grep -vc ':0$' || true"
    ));
    assert_eq!(found.trim(), "0", "sealed is sealed");
    let rehearsed = host.ctl(&["restore", "--rehearse", "--identity", "/run/backup.key"]);
    assert_eq!(rehearsed.matches("restores").count(), 4, "{rehearsed}");
    // The disk loses one bot's data; its directory is systemd's own.
    host.ctl(&["stop", "bot-3"]);
    host.machine.shell("rm -rf /var/lib/partner-bot/bot-3/*");
    host.ctl(&["restore", "bot-3", "--identity", "/run/backup.key"]);
    host.ctl(&["start", "bot-3", "--wait", "90"]);
    host.until("bot-3", "has its leads again", |bot| {
        bot["state"] == "running" && bot["leads_today"].as_i64() > Some(0)
    });
}

/// The timer as it is installed, but every two seconds instead of every six hours.
pub fn come_by_the_timer_and_old_ones_go(host: &Fleet) {
    let dir = "/etc/systemd/system/partner-backup.timer.d";
    host.write(
        &format!("{dir}/often.conf"),
        "[Timer]\nOnCalendar=\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\nAccuracySec=1ms\n",
    );
    host.machine
        .shell("systemctl daemon-reload; systemctl start partner-backup.timer");
    let files = || -> BTreeSet<String> {
        let listed = host
            .machine
            .shell("ls /var/lib/partner-bots/backups/bot-0 | grep 'age$'");
        listed.lines().map(str::to_owned).collect()
    };
    let began = Instant::now();
    let mut ever = files();
    while ever.len() < 5 {
        let now = files();
        assert!(
            now.len() <= 4,
            "rotation keeps three and the one that is being made: {now:?}"
        );
        ever.extend(now);
        assert!(
            began.elapsed() < DEADLINE,
            "the timer never fires: {ever:?}"
        );
    }
    host.machine
        .shell("systemctl stop partner-backup.timer; while [ $(systemctl show --value -p ActiveState partner-backup.service) = activating ]; do sleep .1; done");
    let kept = files();
    assert_eq!(kept.len(), 3, "{kept:?}");
    assert!(
        kept.iter()
            .all(|file| ever.range(file.clone()..).count() <= 3)
    );
    host.ctl(&["backup", "--all", "--verify"]);
    // What age itself says of it: the key opens it, another key does not.
    let newest = kept.last().expect("three");
    let open = |key: &str| {
        host.machine.shell(&format!(
            "age -d -i {key} /var/lib/partner-bots/backups/bot-0/{newest} | tar tz 2>/dev/null | head -1"
        ))
    };
    host.machine.shell("age-keygen -o /run/other.key");
    assert_eq!(open("/run/backup.key"), "manifest.json\n");
    assert_eq!(open("/run/other.key"), "");
    let ran = host.machine.shell(
        "journalctl --no-pager -o cat -u partner-backup.service | grep -c 'Finished\\|Deactivated' || true",
    );
    assert!(ran.trim().parse::<u32>().unwrap_or(0) >= 4, "{ran}");
}
