//! One lead's life with a bot of its own, from Start to the last word, under a tracer that spoils system calls.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::books::Books;
use super::crowd::{Crowd, Heard, Walker};
use crate::support::{BOT, PARTNER, Rig};

/// Far more than a life takes on a busy machine.
const LIFETIME: Duration = Duration::from_secs(60);

pub struct Life {
    pub rig: Rig,
    pub walker: Walker,
    /// The health that was seen while something was wrong.
    pub complaint: Option<String>,
}

/// How a stretch of life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The lead has heard the last word.
    Arrived,
    /// The process is gone.
    Dead,
    TooLong,
}

/// What must be the same whatever happened on the way: the story without its messages, and each message once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    pub place: String,
    pub score: i64,
    pub story: Vec<String>,
    pub heard: Vec<String>,
}

impl Life {
    /// A partner and a lead have written; the bot is not there yet.
    pub fn begins() -> Life {
        let rig = Crowd::hurried_rig();
        rig.opens(PARTNER, "");
        let walker = Walker::comes(&rig, 0);
        Life {
            rig,
            walker,
            complaint: None,
        }
    }

    /// The tracer before the bot: the bot stays our child, the tracer is beside it.
    pub fn under(&mut self, strace: &std::path::Path, args: &[String]) {
        let beside = ["-D", "-f"].map(str::to_owned);
        self.rig.wrapper = vec![strace.display().to_string()];
        self.rig.wrapper.extend(beside);
        self.rig.wrapper.extend(args.iter().cloned());
    }

    pub fn alone(&mut self) {
        self.rig.wrapper.clear();
    }

    /// The lead talks until the goal or until the process is gone; complaints of the bot are noted when asked for.
    pub async fn goes_on(&mut self, ask_health: bool) -> Ended {
        let deadline = Instant::now() + LIFETIME;
        while Instant::now() < deadline {
            if self.walker.react(&self.rig) == Heard::Goal {
                return Ended::Arrived;
            }
            if self.rig.bot.as_mut().is_none_or(|bot| bot.has_ended()) {
                return Ended::Dead;
            }
            if ask_health {
                let health = self.rig.get("/health").await;
                if health["state"] == "waiting" {
                    self.complaint = health["reason"].as_str().map(str::to_owned);
                }
            }
            sleep(Duration::from_millis(3)).await;
        }
        Ended::TooLong
    }

    /// Whether the file is sound and holds all that Telegram was told is safe, and all that was said.
    pub async fn check(&self) -> Result<(), String> {
        let books = Books::read(&self.rig.place.data).await;
        let confirmed = self.rig.world.confirmed_updates(BOT);
        if books.integrity != "ok" {
            return Err(format!("integrity: {}", books.integrity));
        }
        if books.updates < confirmed {
            let held = books.updates;
            return Err(format!("{confirmed} updates confirmed, {held} in the file"));
        }
        let heard: HashSet<String> = self.rig.heard(self.walker.id).into_iter().collect();
        let written = books.messages.get(&self.walker.id).copied().unwrap_or(0);
        if (heard.len() as u64) > written {
            return Err(format!(
                "{} messages heard, {written} in the file",
                heard.len()
            ));
        }
        Ok(())
    }

    /// After everything has come to rest.
    pub async fn fate(&self) -> Fate {
        self.rig.quiet().await;
        for number in 1..=3 {
            let why = self.rig.get(&format!("/why?lead={number}")).await;
            if why["lead"]["chat_id"] == self.walker.id {
                return fate(&why, self.rig.heard(self.walker.id));
            }
        }
        fate(&Value::Null, Vec::new())
    }
}

fn fate(why: &Value, all: Vec<String>) -> Fate {
    let items = why["items"].as_array().cloned().unwrap_or_default();
    let events = items.iter().filter(|item| item["kind"] != "send");
    let story = events
        .filter_map(|item| item["text"].as_str())
        .map(str::to_owned);
    let mut heard: Vec<String> = Vec::new();
    for text in all {
        if !heard.contains(&text) {
            heard.push(text);
        }
    }
    Fate {
        place: why["place"].to_string(),
        score: why["lead"]["score"].as_i64().unwrap_or(-1),
        story: story.collect(),
        heard,
    }
}

/// A program on the PATH.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(name));
    places.find(|place| place.is_file())
}
