//! The way to Telegram: each server and proxy once, whatever the number of bots behind it. No token is needed.

use std::collections::BTreeMap;
use std::time::Duration;

use bot::config::{self, Secret};
use jiff::Timestamp;

use super::Check;
use crate::fleet::{Fleet, Partner};
use crate::host::Host;

const TIMEOUT: Duration = Duration::from_secs(10);

pub async fn all(fleet: &Fleet, partners: &[Partner], host: &dyn Host) -> Vec<Check> {
    let mut ways: BTreeMap<(String, String), (Option<Secret>, Vec<&str>)> = BTreeMap::new();
    for partner in partners {
        let Ok(config) = config::load_without_token(&fleet.options(partner, host)) else {
            continue;
        };
        let proxy = config.telegram.proxy.clone();
        let key = proxy
            .as_ref()
            .map_or_else(String::new, |proxy| proxy.expose().to_owned());
        let way = ways.entry((config.telegram.api_url, key));
        way.or_insert((proxy, Vec::new())).1.push(&partner.id);
    }
    let mut checks = Vec::new();
    for ((url, _), (proxy, users)) in &ways {
        checks.extend(way(url, proxy.as_ref(), users, host).await);
    }
    checks
}

async fn way(url: &str, proxy: Option<&Secret>, users: &[&str], host: &dyn Host) -> Vec<Check> {
    const WHAT: &str = "way to Telegram";
    // An address may hold a password, so a proxy is named by whose it is.
    let by = match (proxy, users) {
        (None, _) => "directly".to_owned(),
        (Some(_), [one]) => format!("through the proxy of {one}"),
        (Some(_), users) => format!(
            "through the proxy of {} and {} more",
            users[0],
            users.len() - 1
        ),
    };
    match ask(url, proxy).await {
        Ok(date) => {
            let mut checks = vec![Check::passed("host", WHAT, format!("{url} {by}"))];
            checks.extend(date.and_then(|date| compare(date, host.now())));
            checks
        }
        Err(why) => {
            let whose = users.first().copied().unwrap_or("PARTNER");
            let mend = format!(
                "name a proxy that reaches it: partnerctl secret set {whose} TELEGRAM_PROXY"
            );
            vec![Check::failed(
                "host",
                WHAT,
                format!("{url} is not reached {by}: {why}"),
                mend,
            )]
        }
    }
}

/// Any answer is an answer; its date tells how our clock stands.
async fn ask(url: &str, proxy: Option<&Secret>) -> Result<Option<Timestamp>, String> {
    let told = |error: reqwest::Error| {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text = format!("{text}: {cause}");
            source = cause.source();
        }
        text
    };
    let mut client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT);
    if let Some(proxy) = proxy {
        client = client.proxy(reqwest::Proxy::all(proxy.expose()).map_err(told)?);
    }
    let answer = client
        .build()
        .map_err(told)?
        .get(format!("{url}/"))
        .send()
        .await
        .map_err(told)?;
    let date = answer
        .headers()
        .get(reqwest::header::DATE)
        .and_then(|date| date.to_str().ok());
    Ok(date
        .and_then(|date| jiff::fmt::rfc2822::parse(date).ok())
        .map(|date| date.timestamp()))
}

fn compare(theirs: Timestamp, ours: Timestamp) -> Option<Check> {
    const WHAT: &str = "clock against Telegram's";
    let seconds = (ours.as_second() - theirs.as_second()).abs();
    Some(match seconds {
        0..=5 => Check::passed("host", WHAT, "agrees"),
        6..=60 => Check::warning(
            "host",
            WHAT,
            format!("{seconds} s apart"),
            "timedatectl set-ntp true",
        ),
        _ => Check::failed(
            "host",
            WHAT,
            format!("{seconds} s apart: messages go out at wrong times"),
            "timedatectl set-ntp true",
        ),
    })
}
