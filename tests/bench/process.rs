//! The real bot as a process, and what the kernel says it costs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::fake::Fake;

const TOKEN: &str = "7000000001:BENCH-TEST-aaaaaaaaaaaaaaaaaaaaaaaaaaa";

const FUNNEL: &str = "\
funnel: bench
title: Замер
enter: { start: [bench] }
first: hello
steps:
  hello:
    say: \"Здравствуйте, {{ lead.first_name }}!\"
    buttons: [{ text: Дальше, to: goal, tag: bench }, { text: Потом, to: goal }]
  goal:
    say: Что важнее?
    buttons: [{ text: Вес, to: name, id: a }, { text: Силы, to: name, id: b }]
    save: goal
  name: { ask: Как вас зовут?, expect: text, save: name, next: phone }
  phone: { ask: Ваш телефон?, expect: { phone: { button: false } }, save: phone, next: end }
";

const SILENT: &str = "\
funnel: silent
title: Тишина
enter: { start: [silent] }
first: ask
steps:
  ask:
    ask: Как вас зовут?
    expect: text
    save: who
    silent: [{ after: 5s, say: Вы ещё здесь? }]
    next: end
";

/// A partner's directory that is gone afterwards.
pub struct Home(PathBuf);

impl Home {
    /// `messages_per_second: 0` means no limits, which is allowed because everything stays on loopback.
    pub fn new(name: &str, messages_per_second: u32) -> anyhow::Result<Home> {
        Home::limited(name, &format!("messages_per_second: {messages_per_second}"))
    }

    /// Nobody is paced, but what asks nothing leaves one by one, as shipped.
    pub fn in_order(name: &str) -> anyhow::Result<Home> {
        let unpaced = "messages_per_second: 10000, chat_messages_per_second: 10000";
        Home::limited(name, unpaced)
    }

    fn limited(name: &str, limits: &str) -> anyhow::Result<Home> {
        let home = std::env::temp_dir().join(format!("bot-bench-{}-{name}", std::process::id()));
        let partner = home.join("partners/bench");
        std::fs::create_dir_all(&partner)?;
        std::fs::create_dir_all(home.join("funnels"))?;
        std::fs::write(home.join("funnels/bench.yaml"), FUNNEL)?;
        std::fs::write(home.join("funnels/silent.yaml"), SILENT)?;
        let config = format!(
            "display_name: Замер\ntimezone: Europe/Moscow\ndefault_funnel: bench\nhot: {{ score: 1000 }}\nconsent: {{ contact: false, advertising: false }}\nlimits: {{ inputs_at_once: 0, {limits} }}\ncontact_policy: {{ quiet_hours: none }}\n"
        );
        std::fs::write(partner.join("config.yaml"), config)?;
        let env = partner.join(".env");
        std::fs::write(&env, format!("BOT_TOKEN={TOKEN}\n"))?;
        std::fs::set_permissions(&env, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(Home(home))
    }

    /// With everything the shipped bots have: every funnel of the repository and the demo's partner.
    pub fn shipped(name: &str, root: &Path) -> anyhow::Result<Home> {
        let home = Home::new(name, 25)?;
        std::fs::remove_dir_all(home.0.join("funnels"))?;
        copy(&root.join("funnels"), &home.0.join("funnels"))?;
        let config = std::fs::read_to_string(root.join("partners/demo/config.yaml"))?;
        std::fs::write(home.0.join("partners/bench/config.yaml"), config)?;
        Ok(home)
    }

    pub fn data(&self) -> PathBuf {
        self.0.join("partners/bench/data")
    }
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Bot {
    child: Child,
    started: Instant,
}

impl Bot {
    pub fn start(home: &Home, fake: &Fake) -> anyhow::Result<Bot> {
        fake.state().first_poll = None;
        Bot::spawn(home, fake)?.that_polls(fake)
    }

    /// Does not wait until it polls.
    pub fn spawn(home: &Home, fake: &Fake) -> anyhow::Result<Bot> {
        let program = program()?;
        let mut command = Command::new(&program);
        command
            .args(["run", "--partner"])
            .arg(home.0.join("partners/bench"))
            .env("TELEGRAM_API_URL", fake.url())
            .env("RUST_LOG", "error");
        Bot::begin(command).with_context(|| {
            format!(
                "{}; build it: cargo build --release -p bot",
                program.display()
            )
        })
    }

    /// The bare loop instead (`bare.rs`).
    pub fn bare(home: &Home, fake: &Fake) -> anyhow::Result<Bot> {
        fake.state().first_poll = None;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("bare")
            .arg(fake.address.to_string())
            .arg(home.data());
        Bot::begin(command)?.that_polls(fake)
    }

    fn begin(mut command: Command) -> anyhow::Result<Bot> {
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).spawn()?;
        Ok(Bot { child, started })
    }

    fn that_polls(self, fake: &Fake) -> anyhow::Result<Bot> {
        wait(|| fake.state().first_poll.is_some()).context("it does not poll")?;
        Ok(self)
    }

    pub fn started(&self) -> Instant {
        self.started
    }

    /// As systemd does it, so that the store is closed.
    pub fn stop(mut self) -> anyhow::Result<()> {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        self.child.wait()?;
        Ok(())
    }

    fn proc(&self, name: &str) -> anyhow::Result<String> {
        let path = Path::new("/proc")
            .join(self.child.id().to_string())
            .join(name);
        Ok(std::fs::read_to_string(path)?)
    }

    /// Time on a processor so far, of all threads, in seconds.
    pub fn cpu(&self) -> anyhow::Result<f64> {
        let tasks = Path::new("/proc")
            .join(self.child.id().to_string())
            .join("task");
        let mut nanos = 0;
        for task in std::fs::read_dir(tasks)? {
            let stat = std::fs::read_to_string(task?.path().join("schedstat")).unwrap_or_default();
            let first = stat.split(' ').next().and_then(|n| n.parse::<u64>().ok());
            nanos += first.unwrap_or(0);
        }
        Ok(nanos as f64 / 1e9)
    }

    pub fn rss_mib(&self) -> anyhow::Result<f64> {
        Ok(kib(&self.proc("status")?, "VmRSS:") / 1024.0)
    }

    pub fn pss_mib(&self) -> anyhow::Result<f64> {
        Ok(kib(&self.proc("smaps_rollup")?, "Pss:") / 1024.0)
    }

    pub fn anonymous_mib(&self) -> anyhow::Result<f64> {
        Ok(kib(&self.proc("smaps_rollup")?, "Anonymous:") / 1024.0)
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bot that was built beside this program.
pub fn program() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("bot"))
}

fn kib(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the bench waits outside of any runtime"
)]
pub fn sleep(time: Duration) {
    std::thread::sleep(time);
}

pub fn wait(done: impl Fn() -> bool) -> anyhow::Result<()> {
    let until = Instant::now() + Duration::from_secs(60);
    while !done() {
        anyhow::ensure!(Instant::now() < until, "not within a minute");
        sleep(Duration::from_millis(1));
    }
    Ok(())
}
