//! The `bot` program as partnerctl calls it: partnerctl itself never opens a bot's data.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde_json::Value;
use tokio::process::Command;

use crate::backup::archive::Inspection;

/// A release's own program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BotProgram(pub PathBuf);

/// What `bot about` tells.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct About {
    pub version: String,
    /// The newest data it can read.
    pub schema: i64,
}

/// A copy of a large file takes its time.
const COPYING: Duration = Duration::from_secs(14 * 60);

impl BotProgram {
    /// The one beside this very program, as in a release or a build.
    pub fn of_host() -> BotProgram {
        let beside = std::env::current_exe().map(|here| here.with_file_name("bot"));
        BotProgram(match beside {
            Ok(beside) if beside.is_file() => beside,
            _ => PathBuf::from("bot"),
        })
    }

    pub async fn about(&self) -> Result<About> {
        let text = self.run(&["about"]).await?;
        serde_json::from_str(&text).with_context(|| format!("{} about: not JSON", self.0.display()))
    }

    /// Opens and counts a copy.
    pub async fn inspect(&self, copy: &Path) -> Result<Inspection> {
        let text = self.run(&["inspect", &copy.display().to_string()]).await?;
        serde_json::from_str(&text)
            .with_context(|| format!("{} inspect: not JSON", self.0.display()))
    }

    /// A copy by the bot that runs on this data; `None` when none does.
    pub async fn copy_running(&self, data: &Path) -> Result<Option<PathBuf>> {
        let socket = data.join("bot.sock");
        if std::os::unix::net::UnixStream::connect(&socket).is_err() {
            return Ok(None);
        }
        let client = reqwest::Client::builder()
            .unix_socket(socket)
            .no_proxy()
            .timeout(COPYING)
            .build()?;
        let answer = client
            .post("http://bot/backup")
            .send()
            .await
            .context("the bot does not answer on its socket")?;
        let status = answer.status();
        let answer: Value = answer.json().await.context("the bot's answer: not JSON")?;
        match answer["copy"].as_str() {
            // The bot may see its data under another path than we do.
            Some(path) => Ok(Path::new(path).file_name().map(|name| data.join(name))),
            None => bail!(
                "the bot made no copy ({status}): {}",
                answer["error"].as_str().unwrap_or("no reason given")
            ),
        }
    }

    /// A copy of a stopped bot's data.
    pub async fn copy_stopped(&self, partner: &Path, data: &Path, to: &Path) -> Result<()> {
        let paths = [partner, data, to].map(|path| path.display().to_string());
        let args = [
            "copy",
            "--partner",
            &paths[0],
            "--data-dir",
            &paths[1],
            "--to",
            &paths[2],
        ];
        self.run(&args).await.map(drop)
    }

    /// Brings data up to date, as the bot's start does.
    pub async fn migrate(&self, partner: &Path, data: &Path) -> Result<()> {
        let paths = [partner, data].map(|path| path.display().to_string());
        let args = ["migrate", "--partner", &paths[0], "--data-dir", &paths[1]];
        self.run(&args).await.map(drop)
    }

    /// Every error that this release finds in a partner's files.
    pub async fn check(&self, partner: &Path, funnels: &Path) -> Result<Vec<String>> {
        let output = Command::new(&self.0)
            .arg("check")
            .arg("--partner")
            .arg(partner)
            .arg("--funnels")
            .arg(funnels)
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| format!("{} cannot be started", self.0.display()))?;
        if output.status.success() {
            return Ok(Vec::new());
        }
        // A problem is a paragraph: its first line says what and where.
        let said = String::from_utf8_lossy(&output.stdout);
        let mut errors: Vec<String> = said
            .split("\n\n")
            .filter_map(|problem| problem.trim().lines().next())
            .filter(|line| !line.contains(": warning: "))
            .map(str::to_owned)
            .collect();
        if errors.is_empty() {
            let said = String::from_utf8_lossy(&output.stderr);
            errors.push(said.lines().last().unwrap_or("no reason given").to_owned());
        }
        Ok(errors)
    }

    async fn run(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(&self.0)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .await
            .with_context(|| format!("{} cannot be started", self.0.display()))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or("no reason given");
        bail!("{} {}: {last}", self.0.display(), args[0])
    }
}
