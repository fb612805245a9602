//! Raw calls of the Bot API, for methods newer than any typed client. No address is ever shown, for it holds the token.

use std::time::Duration;

use anyhow::{Context, Result};
use bot::config::Secret;
use serde_json::Value;

pub const TELEGRAM: &str = "https://api.telegram.org";

/// One bot of the operator's own.
#[derive(Clone, Debug)]
pub struct BotApi {
    client: reqwest::Client,
    base: String,
    token: Secret,
}

/// What Telegram answered instead of a result.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error("{base} does not answer: {why:#}")]
    Unreachable { base: String, why: anyhow::Error },
    #[error("{base} refused {method}: {code} {description}")]
    Refused {
        base: String,
        method: String,
        code: i64,
        description: String,
        retry_after: u64,
    },
}

impl ApiError {
    /// The token is not known to Telegram, or not any more.
    pub fn is_token(&self) -> bool {
        matches!(
            self,
            ApiError::Refused {
                code: 401 | 404,
                ..
            }
        )
    }
}

impl BotApi {
    /// `timeout` is for the whole call: longer than a long poll's own.
    pub fn new(
        base: Option<&str>,
        token: &Secret,
        proxy: Option<&Secret>,
        timeout: Duration,
    ) -> Result<BotApi> {
        // The bot does not follow HTTPS_PROXY either: what works here works there.
        let mut client = reqwest::Client::builder().no_proxy().timeout(timeout);
        if let Some(proxy) = proxy {
            let proxy = reqwest::Proxy::all(proxy.expose()).map_err(reqwest::Error::without_url);
            client = client.proxy(proxy.context("--proxy")?);
        }
        Ok(BotApi {
            client: client.build()?,
            base: base.unwrap_or(TELEGRAM).trim_end_matches('/').to_owned(),
            token: token.clone(),
        })
    }

    /// The result of a method.
    pub async fn call(&self, method: &str, params: &Value) -> Result<Value, ApiError> {
        let unreachable = |why: anyhow::Error| ApiError::Unreachable {
            base: self.base.clone(),
            why,
        };
        let address = format!("{}/bot{}/{method}", self.base, self.token.expose());
        let answer = self.client.post(address).json(params).send().await;
        let answer = answer.map_err(|error| unreachable(error.without_url().into()))?;
        let status = answer.status();
        let mut answer: Value = answer
            .json()
            .await
            .map_err(|_| unreachable(anyhow::anyhow!("{status} and no JSON")))?;
        if answer["ok"] == true {
            return Ok(answer["result"].take());
        }
        let words = answer["description"].as_str().unwrap_or("no description");
        Err(ApiError::Refused {
            base: self.base.clone(),
            method: method.to_owned(),
            code: answer["error_code"].as_i64().unwrap_or_default(),
            description: words.to_owned(),
            retry_after: answer["parameters"]["retry_after"].as_u64().unwrap_or(0),
        })
    }
}
