//! A bot by one tap: a manager bot of the operator's own gives a link, the partner confirms, the token arrives.

use std::time::Duration;

use bot::config::Secret;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::{Value, json};

use crate::bot_api::{ApiError, BotApi};
use crate::failure::{Code, Failure};
use crate::host::Host;

/// Seconds one poll waits for news.
const POLL: u64 = 20;
/// A name that is free on the first try: Telegram's names are all one crowd.
const SUFFIX_LETTERS: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

pub struct Order<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub manager: Secret,
    pub api_url: Option<&'a str>,
    pub proxy: Option<&'a Secret>,
    pub wait: Duration,
}

/// Shows the link and its QR, waits for the tap, and takes the new bot's token.
pub async fn token(order: &Order<'_>, host: &dyn Host) -> Result<Secret, Failure> {
    let timeout = Duration::from_secs(POLL + 15);
    let api = BotApi::new(order.api_url, &order.manager, order.proxy, timeout)?;
    let me = call(&api, "getMe", json!({})).await?;
    let manager = me["username"].as_str().unwrap_or_default();
    if me["can_manage_bots"] != true {
        let message = format!(
            "@{manager} does not manage bots; switch it on in the Mini App of @BotFather, under its settings"
        );
        return Err(Failure::new(Code::Credentials, message));
    }
    let username = suggested(order.id, &random(4)?);
    let link = link(manager, &username, order.name);
    // What came before this order is none of its business.
    let mut offset = next_offset(&call(&api, "getUpdates", poll(-1, 0)).await?).unwrap_or(0);
    show(&link, host);
    let mut waited = Duration::ZERO;
    while waited < order.wait {
        let seconds = POLL.min((order.wait - waited).as_secs().max(1));
        let updates = call(&api, "getUpdates", poll(offset, seconds)).await?;
        offset = next_offset(&updates).unwrap_or(offset);
        if let Some(made) = made(&updates, &username, host) {
            let params = json!({ "user_id": made["id"] });
            let token = call(&api, "getManagedBotToken", params).await?;
            // Confirmed only now: had this failed, the next try would find the bot again.
            let _ = call(&api, "getUpdates", poll(offset, 0)).await;
            return Ok(Secret::new(token.as_str().unwrap_or_default()));
        }
        waited += Duration::from_secs(seconds);
    }
    let message =
        "nobody followed the link in time; run it again, or give a token with --token-file";
    Err(Failure::new(Code::Unhealthy, message))
}

fn poll(offset: i64, seconds: u64) -> Value {
    json!({ "offset": offset, "timeout": seconds, "allowed_updates": ["managed_bot"] })
}

fn next_offset(updates: &Value) -> Option<i64> {
    let ids = updates.as_array()?.iter();
    ids.filter_map(|update| update["update_id"].as_i64())
        .max()
        .map(|last| last + 1)
}

/// The bot that was made for this order: by the name we proposed, or else the only one that came.
fn made(updates: &Value, username: &str, host: &dyn Host) -> Option<Value> {
    let bots = updates.as_array()?.iter();
    let bots: Vec<&Value> = bots
        .map(|update| &update["managed_bot"]["bot"])
        .filter(|bot| bot.is_object())
        .collect();
    if let Some(ours) = bots.iter().find(|bot| bot["username"] == username) {
        return Some((*ours).clone());
    }
    let last = bots.last()?;
    let name = last["username"].as_str().unwrap_or_default();
    host.err(&format!("the name was changed on the way: it is @{name}"));
    Some((*last).clone())
}

fn show(link: &str, host: &dyn Host) {
    if let (true, Ok(code)) = (host.interactive(), QrCode::new(link)) {
        host.err(&drawn(&code, host.colour()));
    }
    host.err("open this link in Telegram and confirm the new bot; its token comes here by itself:");
    host.err(&format!("  {link}"));
}

/// Black on white, whatever the terminal's own colours are: few phones read the opposite. Without colours a dark
/// terminal is taken for granted.
fn drawn(code: &QrCode, colour: bool) -> String {
    let mut drawing = code.render::<Dense1x2>();
    drawing.quiet_zone(true);
    if !colour {
        drawing
            .dark_color(Dense1x2::Light)
            .light_color(Dense1x2::Dark);
        return drawing.build();
    }
    let lines = drawing.build();
    let painted = lines
        .lines()
        .map(|line| format!("\x1b[38;5;16;48;5;231m{line}\x1b[0m"));
    painted.collect::<Vec<_>>().join("\n")
}

/// `t.me/newbot/<manager>/<username>?name=<name>`.
fn link(manager: &str, username: &str, name: &str) -> String {
    let query: String = form_urlencoded::Serializer::new(String::new())
        .append_pair("name", name)
        .finish()
        // Not every reader of a link takes a plus for a space.
        .replace('+', "%20");
    format!("https://t.me/newbot/{manager}/{username}?{query}")
}

/// Letters, digits and underscores, ending in `bot`, 32 at most.
fn suggested(id: &str, random: &str) -> String {
    let mut name: String = id.replace('-', "_").chars().take(22).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        name.insert(0, 'b');
    }
    format!("{name}_{random}_bot")
}

fn random(count: usize) -> Result<String, Failure> {
    let mut bytes = vec![0; count];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::new(Code::General, format!("no randomness: {error}")))?;
    let letter = |byte: &u8| char::from(SUFFIX_LETTERS[usize::from(*byte) % SUFFIX_LETTERS.len()]);
    Ok(bytes.iter().map(letter).collect())
}

async fn call(api: &BotApi, method: &str, params: Value) -> Result<Value, Failure> {
    api.call(method, &params).await.map_err(|error| {
        let remedy = match &error {
            error if error.is_token() => "copy the manager bot's token again from @BotFather",
            ApiError::Refused { code: 409, .. } => {
                "another program reads the manager bot's updates; wait for it to end"
            }
            ApiError::Refused { .. } => "or give a token with --token-file",
            ApiError::Unreachable { .. } => "check the network, or name a proxy with --proxy",
        };
        Failure::new(Code::Credentials, format!("{error}; {remedy}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_links_are_what_telegram_takes() {
        assert_eq!(suggested("almaty-2", "x7k2"), "almaty_2_x7k2_bot");
        assert_eq!(suggested("1st", "x7k2"), "b1st_x7k2_bot");
        let long = suggested("a-very-long-name-of-thirty-2-cha", "x7k2");
        assert!(long.len() <= 32, "{long}");
        assert_eq!(
            link("fleet_manager_bot", "north_x7k2_bot", "Север & Ко"),
            "https://t.me/newbot/fleet_manager_bot/north_x7k2_bot?name=%D0%A1%D0%B5%D0%B2%D0%B5%D1%80%20%26%20%D0%9A%D0%BE"
        );
    }
}
