//! Asks a running bot over its private Unix socket `<data dir>/bot.sock`. No TLS roots, no pool: a fleet is asked at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::time::timeout;

const TIMEOUT: Duration = Duration::from_secs(3);

/// A bot's private socket; the bot need not be there yet.
#[derive(Clone, Debug)]
pub struct BotSocket {
    path: PathBuf,
}

impl BotSocket {
    pub fn new(path: &Path) -> BotSocket {
        BotSocket {
            path: path.to_owned(),
        }
    }

    /// `path` begins with a slash and may carry a query: `/trail?after=7`.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.json(Method::GET, path).await
    }

    pub async fn post(&self, path: &str) -> Result<Value> {
        self.json(Method::POST, path).await
    }

    /// The answer as it is, for what is not JSON: `/metrics`.
    pub async fn text(&self, path: &str) -> Result<String> {
        self.ask_within(Method::GET, path, TIMEOUT).await
    }

    /// Of something that may take the bot long.
    pub async fn post_within(&self, path: &str, patience: Duration) -> Result<Value> {
        self.json_within(Method::POST, path, patience).await
    }

    async fn json(&self, method: Method, path: &str) -> Result<Value> {
        self.json_within(method, path, TIMEOUT).await
    }

    async fn json_within(&self, method: Method, path: &str, patience: Duration) -> Result<Value> {
        let text = self.ask_within(method, path, patience).await?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).with_context(|| format!("{path}: not JSON"))
    }

    async fn ask_within(&self, method: Method, path: &str, patience: Duration) -> Result<String> {
        match timeout(patience, self.exchange(method, path)).await {
            Ok(answer) => answer,
            Err(_) => bail!(
                "the bot does not answer on its socket within {} s",
                patience.as_secs()
            ),
        }
    }

    async fn exchange(&self, method: Method, path: &str) -> Result<String> {
        const SILENT: &str = "the bot does not answer on its socket";
        let stream = UnixStream::connect(&self.path).await.context(SILENT)?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(hyper::header::HOST, "bot")
            .header(hyper::header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;
        let exchange = async move {
            let answer = sender.send_request(request).await.context(SILENT)?;
            let status = answer.status();
            let body = answer.into_body().collect().await?.to_bytes();
            anyhow::Ok((status, String::from_utf8_lossy(&body).into_owned()))
        };
        // The connection is driven here and not in a task: it ends with the answer.
        let (answer, _) = tokio::join!(exchange, connection);
        let (status, text) = answer?;
        anyhow::ensure!(
            status.is_success(),
            "the bot answered {path} with {status}: {text}"
        );
        Ok(text)
    }
}
