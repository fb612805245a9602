//! `partner-alerts.service` under systemd: every trouble there is, made on real bots, told once and ended once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use partnerctl::sandbox::{FaultKind, FaultRule, NewUser};
use tests::machine::fleet::{DEADLINE, Fleet};

use super::{SECRET, bot, id_and_token};

const OPERATOR: i64 = 910_000_007;
const ALERT_BOT: i64 = 719_999;
/// Troubles last seconds here, not minutes.
const LIMITS: &str = r#"{ "down_minutes": 0.05, "lag_minutes": 0.05, "errors_per_minute": 3, "lasting_minutes": 0, "quiet_minutes": 0.02 }"#;
/// What is made, and about whom it is told.
const TROUBLES: [(&str, &str); 8] = [
    ("down", "bot-0"),
    ("crash-loop", "bot-1"),
    ("token-revoked", "bot-2"),
    ("second-poller", "bot-3"),
    ("backlog", "bot-4"),
    ("error-rate", "bot-5"),
    ("backup-too-old", "bot-6"),
    ("disk", "/var/lib/partner-bots"),
];

/// Backups and what the operator's program remembers lie on a disk of their own that is soon full.
pub fn give_a_small_disk(host: &Fleet) {
    host.machine.shell(
        "mount -t tmpfs -o size=64m,mode=700 small /var/lib/partner-bots; mkdir -p /var/lib/partner-bots/backups",
    );
}

pub fn tell_each_trouble_once_and_its_end(host: &Fleet) {
    let bots: Vec<(String, String)> = (4..7).map(id_and_token).collect();
    host.import(&bots);
    host.ctl(&["start", "--all", "--pace", "0", "--wait", "90"]);
    host.ctl(&["backup", "bot-4", "bot-5"]);
    // bot-6 has no backup: that is the first thing the service finds.
    serve(host);
    until_told(host, &[("backup-too-old", "bot-6")], 1, 0);
    let poller = SecondPoller::polls(host, "bot-3");
    down_and_revoked(host);
    crash_loop(host);
    backlog_errors_and_disk(host);
    until_told(host, &TROUBLES, 1, 0);
    drop(poller);
    mend(host);
    until_told(host, &TROUBLES, 1, 1);
    let mut told = told(host);
    // Whose token was refused had an answer waiting, and who dies often is down in between: a look may have seen it.
    for (kind, about) in [("backlog", "bot-2"), ("down", "bot-1")] {
        told.remove(&(kind.to_owned(), about.to_owned()));
    }
    // It moves away meanwhile.
    told.retain(|(_, about), _| about != "bot-7");
    assert_eq!(
        told.len(),
        TROUBLES.len(),
        "and nothing else was told: {told:?}"
    );
    let listed = host.ctl(&["alerts", "list"]);
    let open = TROUBLES.iter().filter(|(_, about)| listed.contains(about));
    assert_eq!(open.count(), 0, "{listed}");
    host.ctl(&["alerts", "check"]);
    host.machine
        .run(&["systemctl", "is-active", "partner-alerts.service"]);
    host.machine.shell(
        "systemctl disable -q --now partner-alerts.service; partnerctl stop bot-4 bot-5 bot-6",
    );
}

fn serve(host: &Fleet) {
    let world = host.telegram.world();
    let token = format!("{ALERT_BOT}:{SECRET}");
    world.add_bot(&token, "box_alerts_bot", "Тревога").unwrap();
    world.add_user(NewUser {
        id: Some(OPERATOR),
        first_name: "Ольга".to_owned(),
        ..NewUser::default()
    });
    world.start(ALERT_BOT, OPERATOR, None).unwrap();
    host.machine
        .shell(&format!("umask 077; echo {token} >/run/alert-bot.txt"));
    let url = host.telegram.url();
    let chat = OPERATOR.to_string();
    host.ctl(&[
        "alerts",
        "setup",
        "--chat",
        &chat,
        "--token-file",
        "/run/alert-bot.txt",
        "--api-url",
        &url,
    ]);
    let file = "/etc/partner-bots/alerts.json";
    let text = host.machine.shell(&format!("cat {file}"));
    let mut settings: serde_json::Value = serde_json::from_str(&text).unwrap();
    settings["limits"] = serde_json::from_str(LIMITS).unwrap();
    host.machine.shell(&format!(
        "umask 077; cat >{file} <<'JSON'\n{settings}\nJSON"
    ));
    host.write(
        "/etc/systemd/system/partner-alerts.service.d/often.conf",
        "[Service]\nExecStart=\nExecStart=/opt/partner-bots/current/partnerctl alerts serve --system --every 1\n",
    );
    host.machine
        .shell("systemctl daemon-reload; systemctl enable -q --now partner-alerts.service");
}

fn down_and_revoked(host: &Fleet) {
    // systemd cannot read its secrets any more, so it does not come up again.
    host.machine
        .shell("mv /etc/partner-bots/partners/bot-0/.env /run/env; systemctl restart partner-bot@bot-0 || :");
    // @BotFather has made a new token; the old one learns of it at its next poll.
    let world = host.telegram.world();
    world
        .add_bot(&format!("{}:{SECRET}-new", bot(2)), "bot_2_bot", "Бокс")
        .unwrap();
    let person = world.add_user(NewUser::default());
    world.start(bot(2), person, None).unwrap();
}

fn crash_loop(host: &Fleet) {
    for death in 1..=4 {
        let pid = host.until("bot-1", "running", |bot| {
            bot["state"] == "running" && bot["restarts"].as_i64() == Some(death - 1)
        });
        host.machine.run(&["kill", "-9", &pid["pid"].to_string()]);
    }
}

fn backlog_errors_and_disk(host: &Fleet) {
    let world = host.telegram.world();
    let person = world.add_user(NewUser::default());
    // Telegram takes its time over this chat's answer, which is late all the while.
    let slow = FaultRule {
        chat_id: Some(person),
        times: Some(1),
        delay_ms: 25_000,
        ..FaultRule::new("sendMessage", FaultKind::Slow)
    };
    world.set_faults(vec![slow], None);
    world.start(bot(4), person, None).unwrap();
    // Funnels of its own that are refused, again and again.
    host.machine.shell(
        "d=/etc/partner-bots/partners/bot-5/funnels; mkdir -p $d; systemctl restart partner-bot@bot-5\n\
         for i in 1 2 3 4; do echo \"funnel: broken$i\" >$d/broken.yaml; sleep .5; done",
    );
    host.machine
        .shell("fallocate -l 60M /var/lib/partner-bots/full || :");
}

fn mend(host: &Fleet) {
    host.telegram.world().set_faults(Vec::new(), None);
    host.machine.shell(&format!(
        "rm /var/lib/partner-bots/full\n\
         mv /run/env /etc/partner-bots/partners/bot-0/.env\n\
         rm /etc/partner-bots/partners/bot-5/funnels/broken.yaml\n\
         echo {}:{SECRET}-new | partnerctl secret set bot-2 BOT_TOKEN --file -\n\
         partnerctl restart bot-0 bot-1 bot-2 bot-5 --wait 90\n\
         partnerctl backup bot-6",
        bot(2)
    ));
}

/// (begins, ends) by (kind, about), of every message in the operator's chat, whether it tells of one thing or of many.
fn told(host: &Fleet) -> BTreeMap<(String, String), (u32, u32)> {
    let mut told: BTreeMap<(String, String), (u32, u32)> = BTreeMap::new();
    for message in host.telegram.world().messages(ALERT_BOT, OPERATOR) {
        let text = message["text"].as_str().unwrap_or_default();
        let many = text.contains("alerts at once");
        for line in text.lines() {
            let (ends, line) = match (line.strip_prefix("🔴 "), line.strip_prefix("🟢 ")) {
                (Some(line), _) => (false, line),
                (_, Some(line)) => (true, line),
                _ => continue,
            };
            let line = line.replace("over: ", "");
            let (first, second) = line.split_once(": ").unwrap_or((&line, ""));
            let pairs: Vec<(String, String)> = match many {
                true => second
                    .split(", ")
                    .map(|about| (first.to_owned(), about.to_owned()))
                    .collect(),
                false => vec![(
                    second.split(' ').next().unwrap_or_default().to_owned(),
                    first.to_owned(),
                )],
            };
            for pair in pairs {
                let count = told.entry(pair).or_default();
                if ends {
                    count.1 += 1;
                } else {
                    count.0 += 1;
                }
            }
        }
    }
    told
}

/// Waits until each of these was told to begin and to end so often; more often is wrong at once.
fn until_told(host: &Fleet, troubles: &[(&str, &str)], begins: u32, ends: u32) {
    let began = Instant::now();
    loop {
        let told = told(host);
        let count = |(kind, about): &(&str, &str)| {
            let key = ((*kind).to_owned(), (*about).to_owned());
            told.get(&key).copied().unwrap_or_default()
        };
        assert!(
            told.values()
                .all(|(begins, ends)| *begins <= 1 && *ends <= *begins),
            "told twice: {told:?}"
        );
        if troubles
            .iter()
            .all(|trouble| count(trouble).0 == begins && count(trouble).1 >= ends)
        {
            return;
        }
        let log = || {
            host.machine.shell("journalctl --no-pager -o cat -n 20 -u partner-alerts; partnerctl alerts list; partnerctl status")
        };
        assert!(began.elapsed() < 2 * DEADLINE, "{told:#?}\n{}", log());
        std::thread::yield_now();
    }
}

/// Another program that reads the same bot's updates, as a forgotten copy on some laptop would.
struct SecondPoller {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl SecondPoller {
    fn polls(host: &Fleet, partner: &str) -> SecondPoller {
        let token = host.machine.shell(&format!(
            "sed -n 's/^BOT_TOKEN=//p' /etc/partner-bots/partners/{partner}/.env"
        ));
        let url = format!(
            "{}/bot{}/getUpdates?timeout=1",
            host.telegram.url(),
            token.trim()
        );
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let stop = stop.clone();
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let polling = async {
                    while !stop.load(Ordering::Relaxed) {
                        // Its answer does not matter: the real bot is the one that is looked at.
                        drop(reqwest::get(&url).await);
                    }
                };
                runtime.unwrap().block_on(polling);
            }
        });
        SecondPoller {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for SecondPoller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
