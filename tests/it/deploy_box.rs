//! Deploys, backups and alerts on a real systemd: a broken release takes itself back, and nobody loses a word.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use partnerctl::sandbox::{NewUser, World};
use tests::machine::fleet::{DEADLINE, Fleet, PROGRAMS};

const SECRET: &str = "TEST-CANARY-8f3b1c-deploy";
const BOTS: i64 = 4;

fn bot(number: i64) -> i64 {
    710_000 + number
}

fn four_bots() -> Option<Fleet> {
    let fleet = Fleet::boot_or_skip("deploy", "a deploy on a real systemd")?;
    fleet.set_up(&[]);
    let bots =
        (0..BOTS).map(|number| (format!("bot-{number}"), format!("{}:{SECRET}", bot(number))));
    fleet.import(&bots.collect::<Vec<_>>());
    fleet.ctl(&["start", "--all", "--pace", "0", "--wait", "90"]);
    Some(fleet)
}

trait Releases {
    fn pids(&self) -> Vec<i64>;
    fn release(&self, name: &str, bot: &str) -> String;
}

impl Releases for Fleet {
    fn pids(&self) -> Vec<i64> {
        let began = Instant::now();
        loop {
            let bots = self.bots();
            if bots.iter().all(|bot| bot["state"] == "running") {
                return bots
                    .iter()
                    .map(|bot| bot["pid"].as_i64().unwrap())
                    .collect();
            }
            assert!(began.elapsed() < DEADLINE, "not all run: {bots:#?}");
            std::thread::yield_now();
        }
    }

    /// A release whose `bot` these shell words write.
    fn release(&self, name: &str, bot: &str) -> String {
        let dir = format!("/run/{name}");
        self.machine.shell(&format!(
            "mkdir -p {dir}; cp {PROGRAMS}/partnerctl {dir}/; {bot}; chmod 755 {dir}/bot"
        ));
        dir
    }
}

/// People who come one after the other while things change, and what each of them heard.
struct Crowd {
    world: World,
    stop: Arc<AtomicBool>,
    people: Arc<Mutex<Vec<(i64, i64)>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Crowd {
    fn comes(world: World) -> Crowd {
        let (stop, people) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(Mutex::new(Vec::new())),
        );
        let thread = std::thread::spawn({
            let (world, stop, people) = (world.clone(), stop.clone(), people.clone());
            move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let person = world.add_user(NewUser {
                        first_name: "Лид".to_owned(),
                        ..NewUser::default()
                    });
                    let bot = bot(number % BOTS);
                    world.start(bot, person, None).unwrap();
                    people.lock().unwrap().push((bot, person));
                    std::thread::park_timeout(Duration::from_millis(40));
                }
            }
        });
        Crowd {
            world,
            stop,
            people,
            thread: Some(thread),
        }
    }

    /// Everybody has heard exactly one answer.
    fn went_well(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        let people = self.people.lock().unwrap().clone();
        let began = Instant::now();
        loop {
            let heard: Vec<usize> = people
                .iter()
                .map(|(bot, person)| {
                    let messages = self.world.messages(*bot, *person);
                    messages
                        .iter()
                        .filter(|message| message["out"] == true)
                        .count()
                })
                .collect();
            if heard.iter().all(|count| *count == 1) {
                return people.len();
            }
            let silent = heard.iter().filter(|count| **count == 0).count();
            let twice = heard.iter().filter(|count| **count > 1).count();
            assert!(
                began.elapsed() < DEADLINE && twice == 0,
                "{silent} of {} heard nothing, {twice} heard it twice",
                people.len()
            );
            std::thread::yield_now();
        }
    }
}

#[test]
fn a_release_is_deployed_taken_back_and_backed_up_on_a_real_systemd() {
    let Some(fleet) = four_bots() else { return };
    let row =
        |name: &str, began: Instant| println!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    a_good_release_reaches_all(&fleet);
    row("a good release", began);
    let began = Instant::now();
    a_release_that_does_not_start_takes_itself_back(&fleet);
    row("a release that does not start", began);
    let began = Instant::now();
    a_release_that_dies_soon_takes_itself_back(&fleet);
    row("a release that dies soon", began);
    let began = Instant::now();
    rollback_lists_and_returns(&fleet);
    row("rollback", began);
    let began = Instant::now();
    backups_come_by_the_timers_service_and_go_back(&fleet);
    row("backup and restore", began);
    let audit = fleet.machine.shell("cat /var/lib/partner-bots/audit.jsonl");
    assert!(!audit.contains(SECRET), "{audit}");
    for place in ["ps axww -o args", "journalctl --no-pager -o export"] {
        assert_eq!(
            fleet.mentions(place, SECRET),
            0,
            "a token shows in: {place}"
        );
    }
}

fn a_good_release_reaches_all(fleet: &Fleet) {
    let dir = fleet.release(
        "good",
        "cp /run/base/bot /run/good/bot; echo >>/run/good/bot",
    );
    let before = fleet.pids();
    let (code, planned) = fleet.ctl_code(&["deploy", "--all", "--release", &dir, "--plan"]);
    assert_eq!(code, 10, "{planned}");
    assert!(planned.contains("restarts"), "{planned}");
    assert_eq!(fleet.pids(), before, "a plan changes nothing");
    let crowd = Crowd::comes(fleet.telegram.world());
    let (code, said) = fleet.ctl_code(&[
        "deploy",
        "--all",
        "--release",
        &dir,
        "--yes",
        "--watch",
        "1",
    ]);
    assert_eq!(code, 0, "{said}");
    let after = fleet.pids();
    assert!(
        before.iter().zip(&after).all(|(old, new)| old != new),
        "{before:?} {after:?}"
    );
    let people = crowd.went_well();
    println!("{people} leads came during the deploy, each was answered once");
    let links = fleet
        .machine
        .shell("readlink /opt/partner-bots/use/*; readlink /opt/partner-bots/current");
    assert_eq!(
        links.lines().filter(|line| *line == "../current").count(),
        4,
        "{links}"
    );
    assert!(
        links.lines().last().unwrap().starts_with("releases/0.1.0-"),
        "{links}"
    );
}

fn script(run: &str) -> String {
    format!(
        "printf '#!/bin/sh\\ncase $1 in run) {run} ;; esac\\nexec /opt/partner-bots/releases/0.1.0/bot \"$@\"\\n'"
    )
}

fn a_release_that_does_not_start_takes_itself_back(fleet: &Fleet) {
    let dir = fleet.release("broken", &format!("{} >/run/broken/bot", script("exit 1")));
    let before = fleet.pids();
    let crowd = Crowd::comes(fleet.telegram.world());
    let line = [
        "deploy",
        "--all",
        "--release",
        &dir,
        "--yes",
        "--watch",
        "1",
        "--canary",
        "bot-1",
    ];
    let (code, said) = fleet.ctl_code(&line);
    assert_eq!(code, 7, "{said}");
    assert!(
        said.contains("bot-1: taken back") && said.contains("well again"),
        "{said}"
    );
    assert!(said.contains("nobody else was touched"), "{said}");
    let after = fleet.pids();
    let touched: Vec<bool> = before
        .iter()
        .zip(&after)
        .map(|(old, new)| old != new)
        .collect();
    assert_eq!(touched, [false, true, false, false]);
    crowd.went_well();
    let audit = fleet.ctl(&["audit"]);
    assert!(audit.contains("taken back"), "{audit}");
}

fn a_release_that_dies_soon_takes_itself_back(fleet: &Fleet) {
    // This one is a script, so its unit must be allowed a shell.
    fleet.machine.shell(
        "mkdir -p /etc/systemd/system/partner-bot@.service.d\n\
         printf '[Service]\\nNoExecPaths=\\nExecPaths=\\n' >/etc/systemd/system/partner-bot@.service.d/shell.conf\n\
         systemctl daemon-reload",
    );
    let dying = script("(sleep 4; kill -9 $$) &");
    let dir = fleet.release("dying", &format!("{dying} >/run/dying/bot"));
    let line = [
        "deploy",
        "--all",
        "--release",
        &dir,
        "--yes",
        "--watch",
        "5",
        "--canary",
        "bot-2",
    ];
    let (code, said) = fleet.ctl_code(&line);
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("bot-2: taken back: it died"), "{said}");
    fleet.pids();
}

fn rollback_lists_and_returns(fleet: &Fleet) {
    let listed = fleet.ctl(&["rollback"]);
    assert!(
        listed.contains("release\t0.1.0\t") && listed.contains("4 partners, current"),
        "{listed}"
    );
    let (code, said) = fleet.ctl_code(&["rollback", "--all", "--release", "0.0.9", "--yes"]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("there are"), "{said}");
    let (code, said) = fleet.ctl_code(&[
        "rollback",
        "--all",
        "--release",
        "0.1.0",
        "--yes",
        "--watch",
        "1",
    ]);
    assert_eq!(code, 0, "{said}");
    let current = fleet.machine.shell("readlink /opt/partner-bots/current");
    assert_eq!(current, "releases/0.1.0\n");
    // Texts go without a restart, and come back the same way.
    let before = fleet.pids();
    fleet.write_funnel("/run/texts", "Здравствуйте");
    fleet.ctl(&[
        "deploy",
        "--all",
        "--shared-funnels",
        "/run/texts",
        "--yes",
        "--watch",
        "1",
    ]);
    assert_eq!(fleet.pids(), before);
    let person = fleet.telegram.world().add_user(NewUser::default());
    fleet.telegram.world().start(bot(0), person, None).unwrap();
    let began = Instant::now();
    while !fleet
        .telegram
        .world()
        .messages(bot(0), person)
        .iter()
        .any(|m| m["text"] == "Здравствуйте")
    {
        assert!(began.elapsed() < DEADLINE, "the new text never came");
        std::thread::yield_now();
    }
}

fn backups_come_by_the_timers_service_and_go_back(fleet: &Fleet) {
    fleet.ctl(&["backup", "--new-key", "/run/backup.key"]);
    fleet
        .machine
        .run(&["systemctl", "start", "partner-backup.service"]);
    let listed = fleet.ctl(&["backup", "--all", "--list"]);
    assert_eq!(listed.lines().count(), 5, "{listed}");
    fleet.ctl(&["backup", "--all", "--verify"]);
    let found = fleet.machine.shell(&format!(
        "grep -rac {SECRET} /var/lib/partner-bots/backups | grep -vc ':0$' || true"
    ));
    assert_eq!(found.trim(), "0", "sealed is sealed");
    let rehearsed = fleet.ctl(&["restore", "--rehearse", "--identity", "/run/backup.key"]);
    assert_eq!(rehearsed.matches("restores").count(), 4, "{rehearsed}");
    // The disk loses one bot's data; its directory is systemd's own.
    fleet.ctl(&["stop", "bot-3"]);
    fleet.machine.shell("rm -rf /var/lib/partner-bot/bot-3/*");
    fleet.ctl(&["restore", "bot-3", "--identity", "/run/backup.key"]);
    fleet.ctl(&["start", "bot-3", "--wait", "90"]);
    let began = Instant::now();
    loop {
        let bots = fleet.bots();
        if bots[3]["state"] == "running" && bots[3]["leads_today"].as_i64() > Some(0) {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "{:#}", bots[3]);
    }
}
