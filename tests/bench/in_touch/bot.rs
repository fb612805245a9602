//! The bot that keeps in touch, and the directory it lives in.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use super::{FUNNEL, PARTNER, TALK, TOKEN, sequence};

/// A partner's directory that is gone afterwards.
pub struct Home(pub PathBuf);

impl Home {
    pub fn new(rate: usize) -> anyhow::Result<Home> {
        let home = std::env::temp_dir().join(format!("bot-in-touch-{}", std::process::id()));
        std::fs::create_dir_all(home.join("partners/bench"))?;
        std::fs::create_dir_all(home.join("funnels/sequences"))?;
        std::fs::write(home.join("funnels/bench.yaml"), FUNNEL)?;
        std::fs::write(home.join("funnels/talk.yaml"), TALK)?;
        std::fs::write(home.join("funnels/sequences/warm.yaml"), sequence("10d"))?;
        let config = format!(
            "display_name: Замер\nconsent: {{ contact: false, advertising: false }}\ntimezone: Europe/Moscow\ndefault_funnel: bench\nhot: {{ score: 1000 }}\n\
             partner: {{ telegram_ids: [{PARTNER}], digest: \"09:00\", weekly: true, quiet_hours: off }}\ncontact_policy: {{ quiet_hours: none, per_day: 0, per_week: 0, min_gap: 0m }}\n\
             limits: {{ inputs_at_once: 0, messages_per_second: {rate} }}\n"
        );
        std::fs::write(home.join("partners/bench/config.yaml"), config)?;
        let env = home.join("partners/bench/.env");
        std::fs::write(&env, format!("BOT_TOKEN={TOKEN}\n"))?;
        std::fs::set_permissions(&env, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        Ok(Home(home))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Bot {
    child: Child,
    socket: PathBuf,
}

impl Bot {
    pub fn start(home: &Home, api: &str) -> anyhow::Result<Bot> {
        let program = std::env::current_exe()?.with_file_name("bot");
        let child = Command::new(&program)
            .args(["run", "--partner"])
            .arg(home.0.join("partners/bench"))
            .env("TELEGRAM_API_URL", api)
            .env("BOT_MOVABLE_CLOCK", "1")
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()
            .with_context(|| {
                format!(
                    "{}; build it: cargo build --release --bins",
                    program.display()
                )
            })?;
        let socket = home.0.join("partners/bench/data/bot.sock");
        Ok(Bot { child, socket })
    }

    /// Waits until it runs and has nothing to plan, then a while for memory to be given back.
    pub fn settle(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.health().unwrap_or_default()["state"] != "running" {
            anyhow::ensure!(Instant::now() < deadline, "the bot is not ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        self.planned()?;
        std::thread::sleep(Duration::from_secs(5));
        Ok(())
    }

    /// Waits until everybody is planned anew.
    pub fn planned(&self) -> anyhow::Result<()> {
        while self.health()?["speaks_first"]["planning"] == true {
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The data file, in MiB.
    pub fn file_mib(&self) -> anyhow::Result<f64> {
        let file = self.socket.with_file_name("bot.db");
        Ok(std::fs::metadata(file)?.len() as f64 / 1_048_576.0)
    }

    pub fn health(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.ask("GET", "/health")?)?)
    }

    pub fn ask(&self, method: &str, path: &str) -> anyhow::Result<String> {
        use std::io::{Read, Write};
        let mut stream = std::os::unix::net::UnixStream::connect(&self.socket)?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: bot\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok(body.to_owned())
    }

    fn proc(&self, name: &str) -> anyhow::Result<String> {
        let path = Path::new("/proc")
            .join(self.child.id().to_string())
            .join(name);
        Ok(std::fs::read_to_string(path)?)
    }

    /// Anonymous and resident memory in MiB.
    pub fn memory(&self) -> anyhow::Result<(f64, f64)> {
        let rollup = self.proc("smaps_rollup")?;
        let of = |name: &str| {
            let line = rollup
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or("0");
            line.trim()
                .trim_end_matches(" kB")
                .parse::<f64>()
                .unwrap_or(0.0)
                / 1024.0
        };
        Ok((of("Anonymous:"), of("Rss:")))
    }

    /// Time on a processor, all threads, in milliseconds; the kernel counts in steps of ten.
    pub fn cpu_ms(&self) -> anyhow::Result<f64> {
        let stat = self.proc("stat")?;
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let ticks = fields.split_whitespace().skip(11).take(2);
        Ok(ticks
            .filter_map(|field| field.parse::<f64>().ok())
            .sum::<f64>()
            * 10.0)
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        // A clean end: the next bot starts without care.
        // SAFETY: the child is ours and not yet waited for.
        unsafe { libc::kill(i32::try_from(self.child.id()).unwrap_or(0), libc::SIGTERM) };
        let _ = self.child.wait();
    }
}
