//! `GET /status`: a bot's line in the operator's table. Counting is done at most every few seconds, whoever asks.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Question, ask};
use crate::app::App;
use crate::worker::DeskInput;
use crate::{errors, process};

/// Counting stands in the way of turns for a moment; a live screen asks each second.
const FRESH_MS: i64 = 10_000;

/// The last count and when it was made.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<(i64, Value)>);

impl Figures {
    async fn get(&self, app: &App, desk: &mpsc::UnboundedSender<DeskInput>) -> Value {
        let now = app.clock.now_ms();
        let (at, known) = self.last();
        if now - at < FRESH_MS && now >= at && !known.is_null() {
            return known;
        }
        let counted = ask(desk, Question::Figures).await;
        match counted.and_then(|text| serde_json::from_str::<Value>(&text).ok()) {
            Some(figures) => {
                self.keep(now, &figures);
                figures
            }
            None => known,
        }
    }

    fn last(&self) -> (i64, Value) {
        let last = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        last.clone()
    }

    fn keep(&self, at: i64, figures: &Value) {
        *self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = (at, figures.clone());
    }
}

pub(super) async fn status(
    app: &App,
    desk: &mpsc::UnboundedSender<DeskInput>,
    figures: &Arc<Figures>,
) -> Value {
    let facts = app.status.facts();
    let now = app.clock.now_ms();
    let figures = figures.get(app, desk).await;
    let since = |at: &Value| {
        at.as_i64()
            .filter(|at| *at > 0)
            .map_or(0, |at| (now - at).max(0))
    };
    let lag = since(&figures["oldest_update"]).max(since(&figures["oldest_message"]));
    json!({
        "partner": app.partner().id,
        "username": app.partner().bot_username,
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "state": facts.state(),
        "reason": facts.store_trouble.as_ref().or(facts.telegram_trouble.as_ref()),
        "now_ms": now,
        "uptime_ms": now - facts.started_at,
        "last_update_at": figures["last_update"].as_i64().unwrap_or(0).max(facts.last_update_at),
        "last_poll_at": facts.last_poll_at,
        "leads_today": figures["leads_today"],
        "hot": figures["hot"],
        "lag_ms": lag,
        "waiting": figures["waiting"],
        "unknown": figures["unknown"],
        "set_aside": figures["set_aside"],
        "stuck_timers": figures["stuck_timers"],
        "next_digest_at": figures["next_digest_at"],
        "errors_per_minute": errors::last_minute(),
        "memory_bytes": process::memory(),
        "cpu_ms": process::cpu_ms(),
        "funnel_problems": facts.problems.len(),
    })
}
