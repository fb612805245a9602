//! Asks Telegram whose token it is. No address is ever shown, for it holds the token.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::wish::Wish;
use crate::failure::{Code, Failure};

pub struct Bot {
    pub username: String,
}

const TIMEOUT: Duration = Duration::from_secs(15);

pub async fn get_me(wish: &Wish) -> Result<Bot, Failure> {
    let base = wish
        .api_url
        .as_deref()
        .unwrap_or("https://api.telegram.org")
        .trim_end_matches('/');
    let answer = call(wish, base).await.map_err(|error| {
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

async fn call(wish: &Wish, base: &str) -> anyhow::Result<Value> {
    // The bot does not follow HTTPS_PROXY either: what works here works there.
    let mut client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT);
    if let Some(proxy) = &wish.proxy {
        let proxy = reqwest::Proxy::all(proxy.expose()).map_err(reqwest::Error::without_url);
        client = client.proxy(proxy.context("--proxy")?);
    }
    let address = format!("{base}/bot{}/getMe", wish.token.expose());
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
        code => Failure::new(
            Code::General,
            format!(
                "{base} refused getMe: {} {described}",
                code.unwrap_or_default()
            ),
        ),
    }
}
