//! The transport: Bot API methods as JSON or multipart over one HTTP client. No URL of ours is ever printed.
//!
//! teloxide's payload types are the methods; its client is not used because it throws the error code away.

use std::sync::OnceLock;
use std::time::Duration;

use serde::de::DeserializeOwned;
use teloxide::payloads::GetUpdates;
use teloxide::requests::Payload;

use super::verdict::Answer;
use super::wire::Wire;
use crate::config::Secret;

/// A bot of one token at one Bot API server.
pub struct Client {
    /// `http://host:port`
    server: String,
    /// `<path>/bot<token>/`: secret.
    prefix: Secret,
    way: Way,
}

/// How calls with JSON leave.
enum Way {
    Straight {
        wire: Wire,
        /// Made for the first upload: most bots never need it.
        uploads: OnceLock<reqwest::Client>,
    },
    Proxied(reqwest::Client),
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
        let uri: hyper::Uri = base
            .parse()
            .map_err(|_| anyhow::anyhow!("TELEGRAM_API_URL is not an address"))?;
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let scheme = uri.scheme_str().unwrap_or("https");
        let way = match proxy {
            None => Way::Straight {
                wire: Wire::new(&uri)?,
                uploads: OnceLock::new(),
            },
            Some(proxy) => {
                let proxy = reqwest::Proxy::all(proxy).map_err(|_| {
                    anyhow::anyhow!(
                        "TELEGRAM_PROXY is not an address; write it like socks5://host:port"
                    )
                })?;
                let http = builder().proxy(proxy).build();
                Way::Proxied(http.map_err(reqwest::Error::without_url)?)
            }
        };
        Ok(Client {
            server: format!("{scheme}://{authority}"),
            prefix: Secret::new(format!(
                "{}/bot{}/",
                uri.path().trim_end_matches('/'),
                token.expose()
            )),
            way,
        })
    }

    /// Closes lines that nobody used of late.
    pub fn rest(&self) {
        if let Way::Straight { wire, .. } = &self.way {
            wire.rest();
        }
    }

    fn path(&self, method: &str) -> String {
        [self.prefix.expose(), method].concat()
    }

    fn url(&self, method: &str) -> String {
        [&self.server, self.prefix.expose(), method].concat()
    }

    /// Sends a stored message: `payload` is the method's JSON object.
    pub async fn send(&self, method: &str, payload: &str) -> Answer {
        self.post(method, payload, CALL_TIMEOUT).await
    }

    async fn post(&self, method: &str, payload: &str, wait: Duration) -> Answer {
        let answer = match &self.way {
            Way::Straight { wire, .. } => wire.post(&self.path(method), payload, wait).await,
            Way::Proxied(http) => {
                let request = http
                    .post(self.url(method))
                    .header(reqwest::header::CONTENT_TYPE, "application/json")
                    .timeout(wait)
                    .body(payload.to_owned());
                answer(request).await
            }
        };
        self.hide(answer)
    }

    /// Sends a message with a file beside its fields.
    pub async fn upload(&self, method: &str, form: reqwest::multipart::Form) -> Answer {
        let http = match &self.way {
            Way::Proxied(http) => http,
            Way::Straight { uploads, .. } => match uploads.get() {
                Some(http) => http,
                None => match builder().build() {
                    Ok(http) => uploads.get_or_init(|| http),
                    Err(error) => return Answer::NotConnected(reason(error)),
                },
            },
        };
        self.hide(answer(http.post(self.url(method)).multipart(form)).await)
    }

    /// Servers on the way like to repeat the address in their errors, and errors are kept and shown.
    fn hide(&self, answer: Answer) -> Answer {
        match answer {
            Answer::Http { status, body } if status != 200 => {
                // `/bot<token>/`: the token is between.
                let token = self.prefix.expose().rsplit('/').nth(1).unwrap_or_default();
                let token = token.trim_start_matches("bot").as_bytes();
                Answer::Http {
                    status,
                    body: without(body, token),
                }
            }
            other => other,
        }
    }

    /// Calls a method for its result.
    pub async fn call<P>(&self, payload: &P) -> Result<P::Output, CallError>
    where
        P: Payload + serde::Serialize,
        P::Output: DeserializeOwned,
    {
        let body = serde_json::to_string(payload)
            .map_err(|error| CallError::Unreachable(error.to_string()))?;
        result(self.send(P::NAME, &body).await)
    }

    /// One long poll; the raw updates, in order.
    pub async fn poll(
        &self,
        payload: &GetUpdates,
    ) -> Result<Vec<Box<serde_json::value::RawValue>>, CallError> {
        let wait = Duration::from_secs(u64::from(payload.timeout.unwrap_or(0)) + 15);
        let body = serde_json::to_string(payload)
            .map_err(|error| CallError::Unreachable(error.to_string()))?;
        result(self.post(GetUpdates::NAME, &body, wait).await)
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .tcp_nodelay(true)
        .pool_idle_timeout(Duration::from_secs(30))
        .no_proxy()
}

/// The same bytes with `***` for the secret.
fn without(mut body: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let find = |body: &[u8]| {
        body.windows(secret.len().max(1))
            .position(|window| window == secret)
    };
    while let Some(at) = find(&body) {
        body.splice(at..at + secret.len(), *b"***");
    }
    body
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
