//! `partnerctl demo` as a process: it serves one page and leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::Value;
use tests::programs::program;
use tokio::time::{Instant, sleep};

const PATIENCE: Duration = Duration::from_secs(30);

/// A running demo; killed when dropped, if it is still there.
pub struct Demo {
    process: Child,
    pub url: String,
    /// TMPDIR of the demo: its state directory is the only thing in it.
    tmp: PathBuf,
}

impl Demo {
    pub fn start(args: &[&str]) -> Result<Demo> {
        let tmp =
            std::env::temp_dir().join(format!("demo-test-{}-{}", std::process::id(), count()));
        std::fs::create_dir(&tmp)?;
        let mut process = Command::new(program("partnerctl"))
            .args(["demo", "--no-open"])
            .args(args)
            .current_dir(tests::programs::root())
            .env("TMPDIR", &tmp)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = process.stdout.take().context("the demo has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let url = line
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        let url = url
            .with_context(|| format!("no address in {line:?}"))?
            .to_owned();
        Ok(Demo { process, url, tmp })
    }

    pub async fn status(&self) -> Result<Value> {
        Ok(reqwest::get(format!("{}demo/status", self.url))
            .await?
            .json()
            .await?)
    }

    /// The bot's process, once it answers.
    pub async fn bot_pid(&self) -> Result<u32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self.status().await?;
            let bot = &status["bot"];
            if bot["state"] == "running" && bot["health"]["state"] == "running" {
                return Ok(u32::try_from(bot["pid"].as_u64().context("no pid")?)?);
            }
            ensure!(Instant::now() < deadline, "the bot does not run: {bot:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    pub fn signal(&self, name: &str) -> Result<()> {
        let pid = self.process.id().to_string();
        ensure!(Command::new("kill").args([name, &pid]).status()?.success());
        Ok(())
    }

    fn left_behind(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.tmp).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        crate::support::clear(&self.tmp);
    }
}

fn count() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// Waits until the process is gone; one that only waits for its parent's `wait` counts as gone.
async fn gone(pid: u32) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let stat = Path::new("/proc").join(pid.to_string()).join("stat");
    while std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        ensure!(Instant::now() < deadline, "process {pid} still lives");
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn process_demo_leaves_nothing_behind_on_sigterm() -> Result<()> {
    let mut demo = Demo::start(&[])?;
    let bot = demo.bot_pid().await?;
    assert_eq!(
        demo.left_behind().len(),
        1,
        "one state directory while it runs"
    );
    demo.signal("-TERM")?;
    let status = demo.process.wait()?;
    assert!(status.success(), "{status}");
    gone(bot).await?;
    assert_eq!(demo.left_behind(), Vec::<PathBuf>::new());
    Ok(())
}

#[tokio::test]
async fn process_demo_killed_takes_its_bot_with_it() -> Result<()> {
    let demo = Demo::start(&[])?;
    let bot = demo.bot_pid().await?;
    demo.signal("-KILL")?;
    gone(bot).await
}

#[tokio::test]
async fn process_demo_brings_a_dead_bot_back() -> Result<()> {
    let demo = Demo::start(&[])?;
    let first = demo.bot_pid().await?;
    ensure!(
        Command::new("kill")
            .args(["-KILL", &first.to_string()])
            .status()?
            .success()
    );
    gone(first).await?;
    let deadline = Instant::now() + PATIENCE;
    while demo.bot_pid().await? == first {
        ensure!(Instant::now() < deadline, "the bot was not started again");
        sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(demo.status().await?["bot"]["restarts"], 1);
    Ok(())
}

#[tokio::test]
async fn process_demo_refuses_other_sites() -> Result<()> {
    let demo = Demo::start(&[])?;
    let client = reqwest::Client::new();
    let cases = [
        (
            Method::GET,
            "",
            "host",
            "evil.example",
            StatusCode::FORBIDDEN,
        ),
        (
            Method::GET,
            "control/state",
            "host",
            "evil.example",
            StatusCode::FORBIDDEN,
        ),
        (
            Method::POST,
            "demo/kill",
            "origin",
            "https://evil.example",
            StatusCode::FORBIDDEN,
        ),
        (
            Method::POST,
            "control/reset",
            "sec-fetch-site",
            "cross-site",
            StatusCode::FORBIDDEN,
        ),
        (Method::GET, "", "accept", "text/html", StatusCode::OK),
    ];
    for (method, path, header, value, expected) in cases {
        let request = client.request(method, format!("{}{path}", demo.url));
        let answer = request.header(header, value).send().await?;
        assert_eq!(answer.status(), expected, "{path} with {header}: {value}");
        let policy = answer.headers()["content-security-policy"].to_str()?;
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'"),
            "{policy}"
        );
    }
    Ok(())
}
