//! Asks Telegram whose token it is. No address is ever shown, for it holds the token.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use bot::config::Secret;

use super::wish::Wish;
use crate::failure::{Code, Failure};
use crate::host::Host;

pub struct Bot {
    pub username: String,
}

const TIMEOUT: Duration = Duration::from_secs(15);

/// A token and how its Bot API server is reached.
pub struct Way<'a> {
    pub token: &'a Secret,
    pub api_url: Option<String>,
    pub proxy: Option<Secret>,
}

impl<'a> Way<'a> {
    pub fn of(wish: &'a Wish) -> Self {
        Self {
            token: &wish.token,
            api_url: wish.api_url.clone(),
            proxy: wish.proxy.clone(),
        }
    }
}

/// The same for one of many: Telegram takes few new bots a minute and says how long to wait.
pub async fn get_me_patiently(way: &Way<'_>, host: &dyn Host) -> Result<Bot, Failure> {
    loop {
        match get_me(way).await {
            Err(failure) if failure.wait_s > 0 => {
                host.err(&format!("Telegram asks to wait {} s", failure.wait_s));
                tokio::time::sleep(Duration::from_secs(failure.wait_s)).await;
            }
            other => return other,
        }
    }
}

pub async fn get_me(way: &Way<'_>) -> Result<Bot, Failure> {
    let base = way
        .api_url
        .as_deref()
        .unwrap_or("https://api.telegram.org")
        .trim_end_matches('/');
    let answer = call(way, base).await.map_err(|error| {
        let way_out =
            "check the network, name a proxy with --proxy, or go on with --skip-token-check";
        Failure::new(
            Code::General,
            format!("{base} does not answer: {error:#}; {way_out}"),
        )
    })?;
    match answer["result"]["username"].as_str() {
        Some(username) => Ok(Bot {
            username: username.to_owned(),
        }),
        None => Err(refused(base, &answer)),
    }
}

async fn call(way: &Way<'_>, base: &str) -> anyhow::Result<Value> {
    // The bot does not follow HTTPS_PROXY either: what works here works there.
    let mut client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT);
    if let Some(proxy) = &way.proxy {
        let proxy = reqwest::Proxy::all(proxy.expose()).map_err(reqwest::Error::without_url);
        client = client.proxy(proxy.context("--proxy")?);
    }
    let address = format!("{base}/bot{}/getMe", way.token.expose());
    let answer = client
        .build()?
        .get(address)
        .send()
        .await
        .map_err(reqwest::Error::without_url)?;
    let status = answer.status();
    let answer: Value = answer
        .json()
        .await
        .map_err(|_| anyhow::anyhow!("{status} and no JSON"))?;
    Ok(answer)
}

fn refused(base: &str, answer: &Value) -> Failure {
    let described = answer["description"].as_str().unwrap_or("no description");
    match answer["error_code"].as_i64() {
        Some(401 | 404) => Failure::new(
            Code::Credentials,
            "Telegram does not know this token; copy it again from @BotFather",
        ),
        Some(429) => {
            let wait_s = answer["parameters"]["retry_after"].as_u64().unwrap_or(30);
            let mut failure = Failure::new(
                Code::General,
                format!(
                    "{base} takes no more new bots for {wait_s} s; try again then, or go on with --skip-token-check"
                ),
            );
            failure.wait_s = wait_s.clamp(1, 3_600);
            failure
        }
        code => Failure::new(
            Code::General,
            format!(
                "{base} refused getMe: {} {described}",
                code.unwrap_or_default()
            ),
        ),
    }
}
