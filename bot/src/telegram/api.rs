//! The transport: Bot API methods as JSON or multipart over one HTTP client. No URL of ours is ever printed.
//!
//! teloxide's payload types are the methods; its client is not used because it throws the error code away.

use std::time::Duration;

use serde::de::DeserializeOwned;
use teloxide::payloads::GetUpdates;
use teloxide::requests::Payload;

use super::verdict::Answer;
use crate::config::Secret;

/// A bot of one token at one Bot API server.
pub struct Client {
    http: reqwest::Client,
    /// `<base>/bot<token>/`: secret.
    prefix: Secret,
}

/// A call without a result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The server answered and refused.
    #[error("{code} {description}")]
    Refused {
        code: u16,
        description: String,
        retry_after_s: Option<i64>,
    },
    /// No answer, or none that can be read.
    #[error("{0}")]
    Unreachable(String),
}

/// Long enough that a slow answer is an answer and not an unknown outcome.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

impl Client {
    /// `base` is `https://api.telegram.org` or a local server; `proxy` an http or socks5 address.
    pub fn new(base: &str, token: &Secret, proxy: Option<&str>) -> anyhow::Result<Client> {
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(CALL_TIMEOUT)
            .tcp_nodelay(true)
            .pool_idle_timeout(Duration::from_secs(30))
            .no_proxy();
        if let Some(proxy) = proxy {
            let proxy = reqwest::Proxy::all(proxy).map_err(|_| {
                anyhow::anyhow!("TELEGRAM_PROXY is not an address; write http://host:port")
            })?;
            builder = builder.proxy(proxy);
        }
        let http = builder.build().map_err(reqwest::Error::without_url)?;
        let prefix = Secret::new(format!(
            "{}/bot{}/",
            base.trim_end_matches('/'),
            token.expose()
        ));
        Ok(Client { http, prefix })
    }

    fn url(&self, method: &str) -> String {
        format!("{}{method}", self.prefix.expose())
    }

    /// Sends a stored message: `payload` is the method's JSON object.
    pub async fn send(&self, method: &str, payload: String) -> Answer {
        let request = self
            .http
            .post(self.url(method))
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .body(payload);
        answer(request).await
    }

    /// Sends a message with a file beside its fields.
    pub async fn upload(&self, method: &str, form: reqwest::multipart::Form) -> Answer {
        answer(self.http.post(self.url(method)).multipart(form)).await
    }

    /// Calls a method for its result.
    pub async fn call<P>(&self, payload: &P) -> Result<P::Output, CallError>
    where
        P: Payload + serde::Serialize,
        P::Output: DeserializeOwned,
    {
        let body = serde_json::to_string(payload)
            .map_err(|error| CallError::Unreachable(error.to_string()))?;
        result(self.send(P::NAME, body).await)
    }

    /// One long poll; the raw updates, in order.
    pub async fn poll(
        &self,
        payload: &GetUpdates,
    ) -> Result<Vec<Box<serde_json::value::RawValue>>, CallError> {
        let wait = Duration::from_secs(u64::from(payload.timeout.unwrap_or(0)) + 15);
        let body = serde_json::to_string(payload)
            .map_err(|error| CallError::Unreachable(error.to_string()))?;
        let request = self
            .http
            .post(self.url(GetUpdates::NAME))
            .header(reqwest::header::CONTENT_TYPE, "application/json")
            .timeout(wait)
            .body(body);
        result(answer(request).await)
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Answer {
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => {
            return Answer::NotConnected(reason(error));
        }
        Err(error) => return Answer::Broken(reason(error)),
    };
    let status = response.status().as_u16();
    match response.bytes().await {
        Ok(body) => Answer::Http {
            status,
            body: body.into(),
        },
        // The answer was cut: a 200 means it was done, anything else is a guess.
        Err(_) if status == 200 => Answer::Http {
            status,
            body: Vec::new(),
        },
        Err(error) => Answer::Broken(reason(error)),
    }
}

/// The chain of causes without the address, which holds the token.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[derive(serde::Deserialize)]
struct Envelope<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(serde::Deserialize)]
struct Parameters {
    retry_after: Option<i64>,
}

fn result<T: DeserializeOwned>(answer: Answer) -> Result<T, CallError> {
    let (status, body) = match answer {
        Answer::Http { status, body } => (status, body),
        Answer::NotConnected(why) | Answer::Broken(why) => return Err(CallError::Unreachable(why)),
    };
    let unreadable = || {
        CallError::Unreachable(format!(
            "http {status} with an answer that is not the Bot API's"
        ))
    };
    let envelope: Envelope<T> = serde_json::from_slice(&body).map_err(|_| unreadable())?;
    match envelope.result {
        Some(result) if envelope.ok => Ok(result),
        _ if envelope.ok => Err(unreadable()),
        _ => Err(CallError::Refused {
            code: envelope.error_code.unwrap_or(status),
            description: envelope.description.unwrap_or_default(),
            retry_after_s: envelope.parameters.and_then(|p| p.retry_after),
        }),
    }
}
