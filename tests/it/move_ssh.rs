//! A bot changes its host over a real sshd on loopback, while leads talk: nothing lost, nothing twice.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::support::{Bot, Rig, bot_program, set_mode, until};

/// sshd with keys of its own on a port of its own; gone with the test.
struct Sshd {
    child: Child,
    dir: PathBuf,
    port: u16,
}

impl Sshd {
    /// `None` where there is no sshd or we are not root; it is said.
    fn start(dir: &Path) -> Option<Sshd> {
        // SAFETY: geteuid takes nothing, cannot fail and touches no memory.
        let root = unsafe { libc::geteuid() } == 0;
        if !root || !Path::new("/usr/sbin/sshd").is_file() {
            eprintln!("SKIPPED: no sshd here, or not root");
            return None;
        }
        fs::create_dir_all(dir).unwrap();
        fs::create_dir_all("/run/sshd").unwrap();
        for name in ["host", "client"] {
            let made = Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(dir.join(name))
                .status();
            assert!(made.unwrap().success());
        }
        fs::copy(dir.join("client.pub"), dir.join("authorized")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        // A home of its own: what this machine's shells do at a login is none of the test's business.
        let config = format!(
            "Port {port}\nListenAddress 127.0.0.1\nHostKey {0}/host\nAuthorizedKeysFile {0}/authorized\nStrictModes no\n\
             PidFile none\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nSetEnv HOME={0}\n",
            dir.display()
        );
        fs::write(dir.join("sshd_config"), config).unwrap();
        let child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(dir.join("sshd_config"))
            .stderr(fs::File::create(dir.join("sshd.log")).unwrap())
            .spawn()
            .unwrap();
        let sshd = Sshd {
            child,
            dir: dir.to_owned(),
            port,
        };
        sshd.write_client(true);
        let began = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "sshd never listens"
            );
        }
        Some(sshd)
    }

    /// The operator's ssh config; `known` says whether the host's key is known to them.
    fn write_client(&self, known: bool) {
        let host_key = fs::read_to_string(self.dir.join("host.pub")).unwrap();
        let line = match known {
            true => format!("[127.0.0.1]:{} {host_key}", self.port),
            false => String::new(),
        };
        fs::write(self.dir.join("known"), line).unwrap();
        let config = format!(
            "Host other\n HostName 127.0.0.1\n Port {}\n User root\n IdentityFile {1}/client\n IdentitiesOnly yes\n\
             UserKnownHostsFile {1}/known\n StrictHostKeyChecking yes\n LogLevel ERROR\n",
            self.port,
            self.dir.display()
        );
        fs::write(self.dir.join("config"), config).unwrap();
    }

    fn partnerctl(&self, words: &[&str]) -> Output {
        self.with_remote(words, &bot_program().with_file_name("partnerctl"))
    }

    fn with_remote(&self, words: &[&str], remote: &Path) -> Output {
        Command::new(bot_program().with_file_name("partnerctl"))
            .args(words)
            .env(
                "PARTNERCTL_SSH",
                format!("ssh -F {}/config", self.dir.display()),
            )
            .env("PARTNERCTL_REMOTE", remote)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_a_bot_moves_to_another_host_and_no_word_is_lost_or_said_twice() {
    let mut rig = Rig::running().await;
    let partners = rig.place.partner.parent().unwrap().to_owned();
    let top = partners.parent().unwrap().to_owned();
    std::os::unix::fs::symlink(&rig.place.data, rig.place.partner.join("data")).unwrap();
    let Some(sshd) = Sshd::start(&top.join("ssh")) else {
        return;
    };
    let there = top.join("there");
    fs::create_dir_all(there.join("partners")).unwrap();
    fs::create_dir_all(there.join("funnels/media")).unwrap();
    for file in ["weight.yaml", "media/gift.png"] {
        fs::copy(
            rig.place.funnels().join(file),
            there.join("funnels").join(file),
        )
        .unwrap();
    }
    let mut leads = Vec::new();
    for name in ["Анна", "Борис", "Вера"] {
        leads.push(rig.lead_at_goal(name).await);
    }
    let (here, to_dir) = (
        partners.display().to_string(),
        there.join("partners").display().to_string(),
    );
    let words = [
        "move", "north", "--to", "other", "--to-dir", &to_dir, "--dir", &here,
    ];
    // A host whose key is not known is not talked to.
    sshd.write_client(false);
    let unknown = sshd.partnerctl(&words);
    assert!(!unknown.status.success(), "{}", said(&unknown));
    assert!(
        said(&unknown).contains("Host key verification failed"),
        "{}",
        said(&unknown)
    );
    sshd.write_client(true);
    assert_eq!(
        rig.get("/health").await["state"],
        "running",
        "and nothing was stopped for it"
    );
    let planned = sshd.partnerctl(&[&words[..], &["--plan"]].concat());
    assert!(
        said(&planned).contains("4. start north on other"),
        "{}",
        said(&planned)
    );
    // They answer while it moves; Telegram keeps what nobody reads.
    let mut moving = Some(tokio::task::spawn_blocking({
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let moved = sshd.partnerctl(&words);
            (moved, sshd)
        }
    }));
    for lead in &leads {
        rig.says(*lead, "25");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let (moved, sshd) = moving.take().unwrap().await.unwrap();
    assert!(moved.status.success(), "{}", said(&moved));
    assert!(
        said(&moved).contains("north lives on other now"),
        "{}",
        said(&moved)
    );
    drop(rig.bot.take());
    // What is left here does not start.
    let polls = rig.world.calls("getUpdates").len();
    rig.spawn();
    assert_eq!(rig.exit_code().await, 78);
    assert_eq!(
        rig.world.calls("getUpdates").len(),
        polls,
        "it never asks Telegram"
    );
    let dir = there.join("partners/north");
    let program = bot_program().to_str().unwrap();
    let args = [program, "run", "--partner", dir.to_str().unwrap()].map(str::to_owned);
    let bot = Bot::spawn(&args, &[], &rig.place.log(), None);
    rig.place.partner = dir.clone();
    // The rig goes on asking at the old place.
    fs::rename(&rig.place.data, top.join("left")).unwrap();
    std::os::unix::fs::symlink(dir.join("data"), &rig.place.data).unwrap();
    rig.bot = Some(bot);
    rig.state("running").await;
    for lead in &leads {
        rig.hears(*lead, "Зачем вам это?").await;
    }
    rig.quiet().await;
    for lead in &leads {
        let count = rig.count(*lead, "Зачем вам это?");
        assert_eq!(count, 1, "{:?}", rig.heard(*lead));
        rig.says(*lead, "Хочу бегать");
        rig.hears(*lead, "Когда начнём?").await;
    }
    // A second time it does not fit: the place there is taken.
    let again = sshd.partnerctl(&words);
    assert!(!again.status.success());
    assert!(
        said(&again).contains("has data already"),
        "{}",
        said(&again)
    );
    // The same words there, and the same exit code back.
    let checked = sshd.partnerctl(&["--host", "other", "check", "--dir", &to_dir]);
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(said(&checked).contains("north: ok"), "{}", said(&checked));
    let nobody = sshd.partnerctl(&["check", "nobody", "--dir", &to_dir, "--host=other"]);
    assert_eq!(nobody.status.code(), Some(5), "{}", said(&nobody));
    let told = || "no violation".to_owned();
    until(told, || rig.world.violations().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn process_a_move_that_fails_on_the_way_is_undone_and_the_bot_can_go_on_here() {
    let mut rig = Rig::running().await;
    let partners = rig.place.partner.parent().unwrap().to_owned();
    let top = partners.parent().unwrap().to_owned();
    std::os::unix::fs::symlink(&rig.place.data, rig.place.partner.join("data")).unwrap();
    let Some(sshd) = Sshd::start(&top.join("ssh")) else {
        return;
    };
    rig.lead_at_goal("Анна").await;
    let there = top.join("there/partners");
    fs::create_dir_all(&there).unwrap();
    // The other host takes everything but the archive.
    let remote = top.join("remote");
    let real = bot_program().with_file_name("partnerctl");
    let text = format!(
        "#!/bin/sh\ncase \"$*\" in *--archive*) exit 9 ;; esac\nexec {} \"$@\"\n",
        real.display()
    );
    fs::write(&remote, text).unwrap();
    set_mode(&remote, 0o755);
    let (here, to_dir) = (partners.display().to_string(), there.display().to_string());
    let words = [
        "move", "north", "--to", "other", "--to-dir", &to_dir, "--dir", &here,
    ];
    let (failed, _sshd) = tokio::task::spawn_blocking({
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        move || {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            (sshd.with_remote(&words, &remote), sshd)
        }
    })
    .await
    .unwrap();
    assert!(!failed.status.success());
    assert!(
        said(&failed).contains("undone: it goes on here"),
        "{}",
        said(&failed)
    );
    assert!(!rig.place.data.join("moved.json").exists());
    drop(rig.bot.take());
    rig.start().await;
}
