//! Two hosts, each with its own systemd: releases, texts and bots go from one to the other over a real sshd.

use std::net::TcpListener;
use std::time::Instant;

use tests::machine::crowd::{Crowd, write_letters};
use tests::machine::fleet::Fleet;
use tests::machine::text;

use super::{bot, id_and_token, script};

pub fn takes_releases_and_bots_over_ssh(here: &Fleet) {
    let there =
        Fleet::boot_beside("there", &here.telegram).expect("one box is up, so another can be");
    there.set_up(&[]);
    there.import(&[id_and_token(8), id_and_token(9)]);
    write_letters(&there);
    there.ctl(&["start", "--all", "--pace", "0", "--wait", "90"]);
    listen(here, &there);
    let row =
        |name: &str, began: Instant| println!("  {name}: {:.1} s", began.elapsed().as_secs_f64());
    let began = Instant::now();
    a_release_goes_there(here, &there);
    row("a release there", began);
    let began = Instant::now();
    texts_go_there(here, &there);
    row("texts there", began);
    let began = Instant::now();
    own_files_go_there(here, &there);
    row("partners' own files there", began);
    let began = Instant::now();
    a_bot_moves_there(here, &there);
    row("a move", began);
}

/// sshd under the other host's systemd, and this host's ssh that knows it by the name "there".
/// Its home is its own: what this machine's shells do at a login is none of the test's business.
fn listen(here: &Fleet, there: &Fleet) {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let client = here.machine.shell(
        "mkdir -p /run/ssh; ssh-keygen -q -t ed25519 -N '' -f /run/ssh/client; cat /run/ssh/client.pub",
    );
    let server = there.machine.shell(&format!(
        "mkdir -p /run/ssh /run/sshd; cd /run/ssh; ssh-keygen -q -t ed25519 -N '' -f host\n\
         cat >authorized <<'KEY'\n{client}KEY\n\
         cat >config <<'CONF'\nPort {port}\nListenAddress 127.0.0.1\nHostKey /run/ssh/host\nAuthorizedKeysFile /run/ssh/authorized\n\
StrictModes no\nPidFile none\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSetEnv HOME=/run/ssh\nCONF\n\
         systemd-run -q --unit=test-sshd /usr/sbin/sshd -D -e -f /run/ssh/config; cat host.pub"
    ));
    here.machine.shell(&format!(
        "cat >/run/ssh/config <<'CONF'\nHost there\n HostName 127.0.0.1\n Port {port}\n User root\n IdentityFile /run/ssh/client\n\
 IdentitiesOnly yes\n UserKnownHostsFile /run/ssh/known\n StrictHostKeyChecking yes\n LogLevel ERROR\nCONF\n\
         echo '[127.0.0.1]:{port} {}' >/run/ssh/known\n\
         for i in $(seq 200); do ssh -F /run/ssh/config there true && exit 0; sleep .1; done; exit 1",
        server.trim()
    ));
}

/// partnerctl here, whose ssh knows the other host: its exit code, and all that it says.
fn ctl(here: &Fleet, line: &[&str]) -> (i32, String) {
    let first = ["env", "PARTNERCTL_SSH=ssh -F /run/ssh/config", "partnerctl"];
    let output = here.machine.output(&[&first[..], line].concat());
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.code().unwrap_or(-1), said)
}

fn a_release_goes_there(here: &Fleet, there: &Fleet) {
    let dir = here.good_release("sent");
    let deploy = ["--host", "there", "deploy", "--all", "--release", &dir];
    let before = there.pids();
    let (code, planned) = ctl(here, &[&deploy[..], &["--plan"]].concat());
    assert_eq!(code, 10, "{planned}");
    assert!(
        planned.contains("bot-8, bot-9: 0.1.0 -> 0.1.0-"),
        "{planned}"
    );
    assert_eq!(there.pids(), before, "a plan changes nothing");
    let crowd = Crowd::comes(here.telegram.world(), vec![bot(8), bot(9)]);
    let (code, said) = ctl(here, &[&deploy[..], &["--yes", "--watch", "1"]].concat());
    assert_eq!(code, 0, "{said}");
    let after = there.pids();
    assert!(before.iter().zip(&after).all(|(old, new)| old != new));
    let heard = crowd.went_well();
    println!(
        "  {} leads and {} letters while a release came over ssh",
        heard.people, heard.letters
    );
    // A broken one comes back by itself over there, and the code of it comes back here.
    let broken = here.release(
        "sent-broken",
        &format!("{} >/run/sent-broken/bot", script("exit 1")),
    );
    let line = [
        "--host",
        "there",
        "deploy",
        "--all",
        "--release",
        &broken,
        "--yes",
        "--watch",
        "1",
    ];
    let (code, said) = ctl(here, &line);
    assert_eq!(code, 7, "{said}");
    assert!(
        said.contains("taken back") && said.contains("well again"),
        "{said}"
    );
    let audit = there.ctl(&["audit"]);
    assert!(audit.contains("taken back"), "{audit}");
}

fn texts_go_there(here: &Fleet, there: &Fleet) {
    here.machine.shell(
        "cp -r /etc/partner-bots/funnels/. /run/sent-texts; sed -i 's/title: Привет/title: Здравствуйте/' /run/sent-texts/hello.yaml",
    );
    let before = there.pids();
    let line = [
        "--host",
        "there",
        "deploy",
        "--all",
        "--shared-funnels",
        "/run/sent-texts",
    ];
    let (code, said) = ctl(here, &[&line[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("reads them without a restart"), "{said}");
    assert_eq!(there.pids(), before);
    let (code, said) = ctl(here, &[&line[..], &["--plan"]].concat());
    assert_eq!(code, 0, "they are there: {said}");
}

/// What a partner has of their own goes there too, without a token and without a restart.
fn own_files_go_there(here: &Fleet, there: &Fleet) {
    let before = there.pids();
    let mine = "/etc/partner-bots/partners/bot-8";
    let secret = there.machine.shell(&format!("cat {mine}/.env"));
    let config = there.machine.shell(&format!(
        "sed 's/^hot:.*/hot: {{ score: 77 }}/' {mine}/config.yaml"
    ));
    here.write("/run/git/bot-8/.env", "BOT_TOKEN=not-this-one\n");
    let line = [
        "--host",
        "there",
        "deploy",
        "--all",
        "--partner-files",
        "/run/git",
        "--yes",
    ];
    here.write(
        "/run/git/bot-8/config.yaml",
        &format!("{config}hot: {{}}\n"),
    );
    let (code, said) = ctl(here, &line);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("bot-8: config.yaml is refused"), "{said}");
    here.write("/run/git/bot-8/config.yaml", &config);
    let (code, said) = ctl(here, &line);
    assert_eq!(code, 0, "{said}");
    let score = there.ctl(&["config", "get", "bot-8", "hot.score"]);
    assert_eq!(score.trim(), "77", "{said}");
    let kept = there.machine.shell(&format!("cat {mine}/.env"));
    assert_eq!(kept, secret, "no token comes with the files");
    assert_eq!(there.pids(), before, "nobody was started anew");
}

/// Leads talk and letters come due while the bot changes its systemd.
fn a_bot_moves_there(here: &Fleet, there: &Fleet) {
    let crowd = Crowd::comes(here.telegram.world(), vec![bot(7)]);
    // Some letters are due before, some during, some after.
    std::thread::park_timeout(std::time::Duration::from_secs(3));
    let (code, planned) = ctl(here, &["move", "bot-7", "--to", "there", "--plan"]);
    assert_eq!(code, 0, "{planned}");
    assert!(planned.contains("4. start bot-7 on there"), "{planned}");
    let (code, said) = ctl(here, &["move", "bot-7", "--to", "there"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("bot-7 lives on there now"), "{said}");
    there.until_state("bot-7", "running");
    let heard = crowd.went_well();
    println!(
        "  {} leads and {} letters while a bot moved: everything once",
        heard.people, heard.letters
    );
    // What is left here neither starts nor comes back with the machine.
    let (code, said) = here.ctl_code(&["start", "bot-7", "--wait", "60"]);
    assert_eq!(code, 7, "{said}");
    let why = here.ctl(&["logs", "bot-7", "--grep", "moved"]);
    assert!(why.contains("was moved to there"), "{why}");
    let owner = there
        .machine
        .shell("stat -c %a /etc/partner-bots/partners/bot-7/.env");
    assert_eq!(owner.trim(), "600", "its token stays private there");
}
