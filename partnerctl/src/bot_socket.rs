//! Asks a running bot over its private Unix socket `<data dir>/bot.sock`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

const TIMEOUT: Duration = Duration::from_secs(3);

/// A bot's private socket; the bot need not be there yet.
pub struct BotSocket {
    client: reqwest::Client,
}

impl BotSocket {
    pub fn new(path: &Path) -> Result<BotSocket> {
        let client = reqwest::Client::builder()
            .unix_socket(path)
            .no_proxy()
            .timeout(TIMEOUT)
            .build()?;
        Ok(BotSocket { client })
    }

    /// `path` begins with a slash and may carry a query: `/trail?after=7`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.send(self.client.get(address(path)), path).await
    }

    pub async fn post(&self, path: &str) -> Result<Value> {
        self.send(self.client.post(address(path)), path).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> Result<Value> {
        let answer = request
            .send()
            .await
            .context("the bot does not answer on its socket")?;
        let status = answer.status();
        let text = answer.text().await?;
        anyhow::ensure!(
            status.is_success(),
            "the bot answered {path} with {status}: {text}"
        );
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{path}: not JSON"))
    }
}

/// The host is never looked up: the socket is the address.
fn address(path: &str) -> String {
    format!("http://bot{path}")
}
