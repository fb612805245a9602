//! The demo's own addresses under `/demo`, for the page.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Result;
use axum::extract::{FromRequestParts, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::bot_log::last_words;
use super::people::Wish;
use super::room::{Demo, USERNAME};
use super::supervisor::ProcessState;

const HEALTH_WAIT: Duration = Duration::from_millis(700);
const LOG_LINES: usize = 12;
/// A year: skipping further is a slip of the finger.
const LONGEST_SKIP_MS: u64 = 366 * 24 * 3_600_000;

type Cell = Arc<OnceLock<Demo>>;

pub fn routes(cell: Cell) -> Router {
    Router::new()
        .route("/demo/status", get(status))
        .route("/demo/trail", get(trail))
        .route("/demo/restart", post(restart))
        .route("/demo/kill", post(kill))
        .route("/demo/skip", post(skip))
        .route("/demo/new-lead", post(new_lead))
        .with_state(cell)
}

/// An error as `{"error": words}`.
struct Failure(StatusCode, String);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure(StatusCode::BAD_GATEWAY, format!("{error:#}"))
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

type Answer = Result<Json<Value>, Failure>;

/// The demo, once it is furnished.
struct Ready(Cell);

impl Ready {
    fn demo(&self) -> Result<&Demo, Failure> {
        let early = || {
            Failure(
                StatusCode::SERVICE_UNAVAILABLE,
                "the demo is starting".into(),
            )
        };
        self.0.get().ok_or_else(early)
    }
}

impl FromRequestParts<Cell> for Ready {
    type Rejection = Failure;

    async fn from_request_parts(_: &mut Parts, cell: &Cell) -> Result<Ready, Failure> {
        let ready = Ready(Arc::clone(cell));
        ready.demo()?;
        Ok(ready)
    }
}

async fn status(ready: Ready) -> Answer {
    let demo = ready.demo()?;
    let process = demo.supervisor.process();
    let health = timeout(HEALTH_WAIT, demo.socket.get("/health")).await;
    let health = health.ok().and_then(Result::ok);
    let mut bot = serde_json::to_value(&process).map_err(anyhow::Error::from)?;
    bot["id"] = demo.cast.bot.into();
    bot["username"] = USERNAME.into();
    if process.state == ProcessState::Running && health.is_none() {
        bot["state"] = json!(ProcessState::Starting);
    }
    if process.retry_ms.is_some() {
        bot["last_words"] = json!(last_words(&demo.log, LOG_LINES));
    }
    bot["health"] = health.unwrap_or_default();
    let offset_ms = *demo.offset_ms.lock().await;
    let starts = demo.starts.lock().map(|mut starts| starts.get());
    let phones = demo.phones.lock().map(|phones| phones.clone());
    Ok(Json(json!({
        "bot": bot,
        "partner": { "user_id": demo.cast.partner, "timezone": demo.timezone },
        "clock": { "now_ms": demo.world.now_ms(), "offset_ms": offset_ms },
        "starts": starts.unwrap_or_default(),
        "phones": phones.unwrap_or_default(),
    })))
}

#[derive(Deserialize)]
struct After {
    #[serde(default)]
    after: u64,
}

/// The bot's own trail; nothing new while it is away, which is no error here.
async fn trail(ready: Ready, Query(query): Query<After>) -> Answer {
    let path = format!("/trail?after={}&limit=200", query.after);
    let trail = ready.demo()?.socket.get(&path).await;
    let nothing = || json!({ "items": [], "next": query.after });
    Ok(Json(trail.unwrap_or_else(|_| nothing())))
}

async fn restart(ready: Ready) -> Answer {
    ready.demo()?.supervisor.restart().await;
    Ok(Json(json!({})))
}

async fn kill(ready: Ready) -> Answer {
    ready.demo()?.supervisor.kill().await;
    Ok(Json(json!({})))
}

#[derive(Deserialize)]
struct Skip {
    ms: u64,
}

/// Moves both clocks. While the offset is held no bot process is made, so each gets the skip exactly once;
/// a bot that does not answer is started again and takes the new offset from its environment.
async fn skip(ready: Ready, Json(Skip { ms }): Json<Skip>) -> Answer {
    let demo = ready.demo()?;
    if !(1..=LONGEST_SKIP_MS).contains(&ms) {
        let words = format!("cannot skip {ms} ms; give 1 to {LONGEST_SKIP_MS}");
        return Err(Failure(StatusCode::BAD_REQUEST, words));
    }
    let mut offset = demo.offset_ms.lock().await;
    demo.world.advance(Duration::from_millis(ms));
    *offset = offset.saturating_add_unsigned(ms);
    let running = demo.supervisor.process().state == ProcessState::Running;
    let moved = demo.socket.post(&format!("/clock?advance_ms={ms}")).await;
    drop(offset);
    if moved.is_err() && running {
        demo.supervisor.restart().await;
    }
    Ok(Json(json!({ "now_ms": demo.world.now_ms() })))
}

async fn new_lead(ready: Ready, Json(wish): Json<Wish>) -> Answer {
    let id = ready.demo()?.add_lead(wish)?;
    Ok(Json(json!({ "user": { "id": id } })))
}
