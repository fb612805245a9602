//! Deploys, backups, alerts and moves on a real systemd: a broken release takes itself back, and nobody loses a word.

mod alerts;
mod backups;
mod elsewhere;

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Instant;

use partnerctl::sandbox::NewUser;
use tests::machine::crowd::{Crowd, write_letters};
use tests::machine::fleet::{DEADLINE, Fleet};

const SECRET: &str = "TEST-CANARY-8f3b1c-deploy";
const BOTS: i64 = 4;

fn bot(number: i64) -> i64 {
    710_000 + number
}

fn id_and_token(number: i64) -> (String, String) {
    (format!("bot-{number}"), format!("{}:{SECRET}", bot(number)))
}

/// A host with its bots running.
fn set_up() -> Option<Fleet> {
    let host = Fleet::boot_or_skip("deploy", "deploys, backups and alerts on a real systemd")?;
    host.set_up(&[]);
    alerts::give_a_small_disk(&host);
    host.import(&(0..BOTS).map(id_and_token).collect::<Vec<_>>());
    write_letters(&host);
    host.ctl(&["start", "--all", "--pace", "0", "--wait", "90"]);
    Some(host)
}

/// Deploys a release to all without a question.
fn deploy(host: &Fleet, dir: &str, more: &str) -> (i32, String) {
    let line = ["deploy", "--all", "--release", dir, "--yes"];
    let more: Vec<&str> = more.split(' ').collect();
    host.ctl_code(&[&line[..], &more].concat())
}

fn crowd(host: &Fleet) -> Crowd {
    Crowd::comes(host.telegram.world(), (0..BOTS).map(bot).collect())
}

#[test]
fn a_release_is_deployed_taken_back_and_backed_up_on_a_real_systemd() {
    let Some(host) = set_up() else { return };
    let row = |name: &str, did: &(dyn Fn(&Fleet) + Sync)| {
        let began = Instant::now();
        did(&host);
        println!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    };
    row("a good release", &a_good_release_reaches_all);
    row(
        "a release that does not start",
        &a_release_that_does_not_start_takes_itself_back,
    );
    row(
        "a release that dies soon",
        &a_release_that_dies_soon_takes_itself_back,
    );
    row("rollback", &rollback_lists_and_returns);
    row(
        "backup and restore",
        &backups::come_by_the_timers_service_and_go_back,
    );
    row("the timer", &backups::come_by_the_timer_and_old_ones_go);
    // Both wait more than they work. The bot that moves has a backup, so that nobody misses one.
    host.import(&[id_and_token(7)]);
    write_letters(&host);
    host.ctl(&["start", "bot-7", "--wait", "90"]);
    host.ctl(&["backup", "bot-7"]);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            row("another host", &|host| {
                elsewhere::takes_releases_and_bots_over_ssh(host)
            });
        });
        row("alerts", &alerts::tell_each_trouble_once_and_its_end);
    });
    let audit = host.machine.shell("cat /var/lib/partner-bots/audit.jsonl");
    assert!(!audit.contains(SECRET), "{audit}");
    for place in ["ps axww -o args", "journalctl --no-pager -o export"] {
        assert_eq!(host.mentions(place, SECRET), 0, "a token shows in: {place}");
    }
}

fn a_good_release_reaches_all(host: &Fleet) {
    let dir = host.good_release("good");
    let before = host.pids();
    let (code, planned) = host.ctl_code(&["deploy", "--all", "--release", &dir, "--plan"]);
    assert_eq!(code, 10, "{planned}");
    assert!(planned.contains("restarts"), "{planned}");
    assert_eq!(host.pids(), before, "a plan changes nothing");
    two_do_not_deploy_at_once(host, &dir);
    let crowd = crowd(host);
    let (code, said) = deploy(host, &dir, "--watch 1");
    assert_eq!(code, 0, "{said}");
    let after = host.pids();
    assert!(
        before.iter().zip(&after).all(|(old, new)| old != new),
        "{before:?} {after:?}"
    );
    let heard = crowd.went_well();
    println!(
        "{} leads came during the deploy: an answer each and {} letters, everything once",
        heard.people, heard.letters
    );
    let links = host
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

/// The first stands at its question; the second is told who has the lock and why.
fn two_do_not_deploy_at_once(host: &Fleet, dir: &str) {
    let line = format!("partnerctl deploy --all --release {dir} --reason 'release of friday'");
    let mut first = host
        .machine
        .command(&["script", "-qec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut said, mut byte) = (String::new(), [0]);
    let mut screen = first.stdout.take().unwrap();
    while !said.ends_with("[y/N]") {
        screen
            .read_exact(&mut byte)
            .unwrap_or_else(|_| panic!("no question: {said}"));
        said.push(char::from(byte[0]));
    }
    let (code, refused) = host.ctl_code(&["deploy", "--all", "--release", dir, "--plan"]);
    assert_eq!(code, 6, "{refused}");
    assert!(
        refused.contains("locked by") && refused.contains("release of friday"),
        "{refused}"
    );
    first.stdin.take().unwrap().write_all(b"n\n").unwrap();
    screen.read_to_string(&mut said).unwrap();
    assert!(
        !first.wait().unwrap().success() && said.contains("nothing was changed"),
        "{said}"
    );
}

fn script(run: &str) -> String {
    format!(
        "printf '#!/bin/sh\\ncase $1 in run) {run} ;; esac\\nexec /opt/partner-bots/releases/0.1.0/bot \"$@\"\\n'"
    )
}

fn a_release_that_does_not_start_takes_itself_back(host: &Fleet) {
    let dir = host.release("broken", &format!("{} >/run/broken/bot", script("exit 1")));
    let before = host.pids();
    let crowd = crowd(host);
    let (code, said) = deploy(host, &dir, "--watch 1 --canary bot-1");
    assert_eq!(code, 7, "{said}");
    assert!(
        said.contains("bot-1: taken back") && said.contains("well again"),
        "{said}"
    );
    assert!(said.contains("nobody else was touched"), "{said}");
    let after = host.pids();
    let touched: Vec<bool> = before
        .iter()
        .zip(&after)
        .map(|(old, new)| old != new)
        .collect();
    assert_eq!(touched, [false, true, false, false]);
    crowd.went_well();
    let audit = host.ctl(&["audit"]);
    assert!(audit.contains("taken back"), "{audit}");
}

fn a_release_that_dies_soon_takes_itself_back(host: &Fleet) {
    // This one is a script, so its unit must see a shell and be allowed to run it.
    host.machine.shell(
        "mkdir -p /etc/systemd/system/partner-bot@.service.d\n\
         printf '[Service]\\nNoExecPaths=\\nExecPaths=\\nBindReadOnlyPaths=/bin /usr/bin\\n' >/etc/systemd/system/partner-bot@.service.d/shell.conf\n\
         systemctl daemon-reload",
    );
    let dying = script("(sleep 3; kill -9 $$) &");
    let dir = host.release("dying", &format!("{dying} >/run/dying/bot"));
    let (code, said) = deploy(host, &dir, "--watch 5 --canary bot-2");
    assert_eq!(code, 7, "{said}");
    assert!(said.contains("bot-2: taken back: it died"), "{said}");
    host.pids();
}

fn rollback_lists_and_returns(host: &Fleet) {
    let listed = host.ctl(&["rollback"]);
    assert!(
        listed.contains("release\t0.1.0\t") && listed.contains("4 partners, current"),
        "{listed}"
    );
    let (code, said) = host.ctl_code(&["rollback", "--all", "--release", "0.0.9", "--yes"]);
    assert_eq!(code, 5, "{said}");
    assert!(said.contains("there are"), "{said}");
    let back = [
        "rollback",
        "--all",
        "--release",
        "0.1.0",
        "--yes",
        "--watch",
        "1",
    ];
    let (code, said) = host.ctl_code(&back);
    assert_eq!(code, 0, "{said}");
    let current = host.machine.shell("readlink /opt/partner-bots/current");
    assert_eq!(current, "releases/0.1.0\n");
    // Texts go without a restart, and come back the same way.
    let before = host.pids();
    for word in ["Здравствуйте", "Привет"] {
        greets(host, word);
        host.ctl(&[
            "deploy",
            "--all",
            "--shared-funnels",
            "/run/texts",
            "--yes",
            "--watch",
            "1",
        ]);
        until_greeted(host, word);
    }
    assert_eq!(host.pids(), before);
}

/// Shared funnels beside the live ones that greet with this word.
fn greets(host: &Fleet, word: &str) {
    host.machine.shell(&format!(
        "cp -r /etc/partner-bots/funnels/. /run/texts; sed -i 's/say: [^,]*/say: {word}/' /run/texts/hello.yaml"
    ));
}

/// Somebody comes again and again until the bot greets them so.
fn until_greeted(host: &Fleet, word: &str) {
    let world = host.telegram.world();
    let began = Instant::now();
    loop {
        let person = world.add_user(NewUser::default());
        world.start(bot(0), person, None).unwrap();
        let answer = loop {
            let messages = world.messages(bot(0), person);
            let first = messages.iter().find(|message| message["out"] == true);
            if let Some(first) = first {
                break first["text"].as_str().unwrap_or_default().to_owned();
            }
            assert!(began.elapsed() < DEADLINE, "nobody greets");
            std::thread::yield_now();
        };
        if answer == word {
            return;
        }
        assert!(began.elapsed() < DEADLINE, "they are greeted with {answer}");
    }
}
