//! The way to the operator: a chat, through a bot of the operator's own; and what is remembered between looks.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use bot::config::Secret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::judge::{self, Limits, Look, Memory};
use super::notice;
use crate::backup::take::write_private;
use crate::bot_api::{ApiError, BotApi};
use crate::failure::{Code, Failure};

/// `alerts.json` beside `host.json`; 0600, for the token is in it.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the operator reads: a person's or a group's id.
    pub chat_id: i64,
    /// Of a bot of the operator's own, not of a partner's.
    pub bot_token: String,
    #[serde(default)]
    pub api_url: Option<String>,
    #[serde(default)]
    pub proxy: Option<String>,
    #[serde(default)]
    pub limits: Limits,
}

const TIMEOUT: Duration = Duration::from_secs(20);

/// `None` when alerts are not set up here.
pub fn settings(file: &Path) -> Result<Option<Settings>, Failure> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            let message = format!("cannot read {}: {error}", file.display());
            return Err(Failure::new(Code::Credentials, message));
        }
    };
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(file)?.permissions().mode();
    if mode & 0o077 != 0 {
        let message = format!(
            "{} holds a token and others may read it; run: chmod 600 {}",
            file.display(),
            file.display()
        );
        return Err(Failure::new(Code::Credentials, message));
    }
    // The parser's own words may quote a value, and a value may be the token.
    serde_json::from_str(&text).map(Some).map_err(|error| {
        let message = format!(
            "{}:{}:{}: not understood; write it anew with: partnerctl alerts setup",
            file.display(),
            error.line(),
            error.column()
        );
        Failure::new(Code::InvalidConfig, message)
    })
}

pub fn api(settings: &Settings) -> Result<BotApi> {
    BotApi::new(
        settings.api_url.as_deref(),
        &Secret::new(settings.bot_token.as_str()),
        settings.proxy.as_deref().map(Secret::new).as_ref(),
        TIMEOUT,
    )
}

/// Sends one message to the operator.
pub async fn send(settings: &Settings, text: &str) -> Result<(), ApiError> {
    let api = api(settings).map_err(|why| ApiError::Unreachable {
        base: "the proxy".to_owned(),
        why,
    })?;
    let params = json!({ "chat_id": settings.chat_id, "text": text });
    api.call("sendMessage", &params).await.map(drop)
}

/// What is remembered, in one file written as a whole.
pub struct Book {
    file: PathBuf,
    pub memory: Memory,
}

impl Book {
    /// A book that cannot be read is begun anew: an incident told twice is better than none told.
    pub fn open(file: &Path) -> Book {
        let memory = fs::read(file)
            .ok()
            .and_then(|text| serde_json::from_slice(&text).ok())
            .unwrap_or_default();
        Book {
            file: file.to_owned(),
            memory,
        }
    }

    pub fn save(&self) -> Result<()> {
        let text = serde_json::to_vec_pretty(&self.memory)?;
        write_private(&self.file, &text).context("what was told is not remembered")
    }
}

/// Takes one look: tells what is news, and remembers only what was told. How many messages went.
pub async fn look(book: &mut Book, look: &Look, settings: &Settings, host: &str) -> Result<usize> {
    let notices = judge::judge(&mut book.memory, look, &settings.limits);
    book.save()?;
    let mut sent = 0;
    for (text, told) in notice::messages(&notices, host) {
        send(settings, &text).await?;
        sent += 1;
        for notice in told {
            judge::told(&mut book.memory, notice);
        }
        // Before the next message: what was told is not told again after a crash here.
        book.save()?;
    }
    Ok(sent)
}
