//! The chromedriver process and its HTTP calls.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, bail};
use base64::Engine;
use serde_json::{Value, json};

const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--lang=ru",
];

/// chromedriver with one session; both end, and the profile goes, when this is dropped.
pub struct Driver {
    process: Child,
    profile: PathBuf,
    client: reqwest::Client,
    session: String,
}

impl Driver {
    pub async fn start(width: u32, height: u32) -> Result<Driver> {
        let profile = profile();
        std::fs::create_dir(&profile)?;
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            // What chromium leaves in the temporary directory goes with the profile.
            .env("TMPDIR", &profile)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // chromium joins the group, so that one signal ends both.
            .process_group(0)
            .spawn()
            .context(
                "cannot start chromedriver; install it: apt install chromium chromium-driver",
            )?;
        let port = port_of(&mut process);
        let mut driver = Driver {
            process,
            profile,
            client: reqwest::Client::builder().no_proxy().build()?,
            session: String::new(),
        };
        let address = format!("http://127.0.0.1:{}/session", port?);
        let mut args: Vec<String> = FLAGS.iter().map(ToString::to_string).collect();
        args.push(format!("--user-data-dir={}", driver.profile.display()));
        args.push(format!("--window-size={width},{height}"));
        let wished = json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": args },
        } } });
        let session = driver.call(&address, wished).await?;
        let id = session["sessionId"].as_str().context("no session")?;
        driver.session = format!("{address}/{id}");
        Ok(driver)
    }

    /// `path` is below the session: `url`, `execute/sync`.
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.call(&format!("{}/{path}", self.session), body).await
    }

    async fn call(&self, address: &str, body: Value) -> Result<Value> {
        let answer = self.client.post(address).json(&body).send().await?;
        let mut answer: Value = answer.json().await?;
        let value = answer["value"].take();
        if let Some(error) = value["error"].as_str() {
            bail!("{error}: {}", value["message"].as_str().unwrap_or_default());
        }
        Ok(value)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
        crate::support::clear(&self.profile);
    }
}

/// chromedriver picks a free port and prints it.
fn port_of(process: &mut Child) -> Result<u16> {
    let output = process
        .stdout
        .take()
        .context("chromedriver has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line?;
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return Ok(port.trim_end_matches('.').parse()?);
        }
    }
    bail!("chromedriver ended without naming its port")
}

fn profile() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("browser-test-{}-{count}", std::process::id()))
}

pub fn from_base64(text: &str) -> Result<Vec<u8>> {
    Ok(base64::engine::general_purpose::STANDARD.decode(text)?)
}
