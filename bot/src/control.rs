//! The bot's private Unix socket: health, metrics, the story of leads, reload. HTTP/1.1, owner only.

mod status;

use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot};

use crate::app::App;
use crate::policy::Reason;
use crate::store;
use crate::worker::{DeskInput, plan, reload};
use status::Figures;

/// What only the desk can answer; answers are JSON text, facts plain text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    Counts,
    /// What the operator's table shows of the data.
    Figures,
    Trail {
        after: i64,
        limit: i64,
    },
    Why {
        lead: i64,
    },
    Invite,
    /// Everything kept of a lead.
    Export {
        lead: i64,
    },
    /// Forgets a lead on the word of an operator.
    Erase {
        lead: i64,
        by: String,
    },
    Fact {
        name: &'static str,
    },
    SetFact {
        name: &'static str,
        value: String,
    },
    /// Say nothing first (true), or speak again.
    Pause(bool),
    /// The same for one lead, on the word of an operator.
    Hush {
        lead: i64,
        hushed: bool,
        by: String,
    },
    /// Housekeeping: forget what is too old to matter.
    Tidy,
}

/// The socket's file goes with the bot.
pub fn close(app: &App) {
    let _ = std::fs::remove_file(app.data_dir.join("bot.sock"));
}

/// Serves until the process ends. A socket that cannot be made is said and lived without.
pub async fn serve(app: Arc<App>, desk: mpsc::UnboundedSender<DeskInput>) {
    let path = app.data_dir.join("bot.sock");
    // The data lock is ours, so a socket that lies here is a dead one.
    let _ = std::fs::remove_file(&path);
    let listener = match UnixListener::bind(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(partner.id = %app.partner().id, "{}: {error}; health and metrics are not served, choose a shorter --data-dir", path.display());
            return;
        }
    };
    let _ = std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600));
    let figures = Arc::new(Figures::default());
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (app, desk, figures) = (app.clone(), desk.clone(), figures.clone());
        let service =
            service_fn(move |request| answer(app.clone(), desk.clone(), figures.clone(), request));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service);
        #[expect(
            clippy::disallowed_methods,
            reason = "one short task per caller of the private socket"
        )]
        tokio::spawn(async move {
            let _ = tokio::time::timeout(CONNECTION, connection).await;
        });
    }
}

async fn answer(
    app: Arc<App>,
    desk: mpsc::UnboundedSender<DeskInput>,
    figures: Arc<Figures>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let query = request.uri().query().unwrap_or("");
    let word = |name: &str| -> Option<&str> {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
    };
    let number = |name: &str| -> Option<i64> { word(name)?.parse().ok() };
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/health") => (200, JSON, health(&app, &desk).await.to_string()),
        (&Method::GET, "/config") => (200, JSON, app.live().shown.to_string()),
        (&Method::GET, "/status") => (
            200,
            JSON,
            status::status(&app, &desk, &figures).await.to_string(),
        ),
        (&Method::GET, "/metrics") => {
            (200, "text/plain; version=0.0.4", metrics(&app, &desk).await)
        }
        (&Method::GET, "/trail") => {
            let (after, limit) = (
                number("after").unwrap_or(0),
                number("limit").unwrap_or(200).clamp(1, 1_000),
            );
            from_desk(&desk, Question::Trail { after, limit }).await
        }
        (&Method::GET, "/why") => match number("lead") {
            Some(lead) => from_desk(&desk, Question::Why { lead }).await,
            None => (
                400,
                JSON,
                json!({ "error": "say whose story: /why?lead=12" }).to_string(),
            ),
        },
        (&Method::POST, "/backup") => copy(&app).await,
        (&Method::GET, "/plan") => {
            match plan::tell(app.clone(), desk.clone(), plan::directory(query)).await {
                Ok(told) => (200, JSON, told.to_string()),
                Err(error) => (503, JSON, json!({ "error": format!("{error:#}") }).to_string()),
            }
        }
        (&Method::GET, "/lead/export") => {
            let lead = number("lead").unwrap_or(0);
            from_desk(&desk, Question::Export { lead }).await
        }
        (&Method::POST, "/lead/erase") => {
            let lead = number("lead").unwrap_or(0);
            let by = word("by").unwrap_or("unknown").to_owned();
            from_desk(&desk, Question::Erase { lead, by }).await
        }
        (&Method::POST, "/tidy") => from_desk(&desk, Question::Tidy).await,
        (&Method::POST, "/invite") => from_desk(&desk, Question::Invite).await,
        (&Method::POST, "/reload") => {
            reload::now(&app, &desk).await;
            (200, JSON, health(&app, &desk).await.to_string())
        }
        (&Method::POST, path @ ("/pause" | "/resume")) => {
            let hushed = path == "/pause";
            let by = || word("by").unwrap_or("unknown").to_owned();
            let question = match word("lead") {
                None => Question::Pause(hushed),
                Some(lead) => Question::Hush {
                    lead: lead.parse().unwrap_or(0),
                    hushed,
                    by: format!("оператор {}", by()),
                },
            };
            from_desk(&desk, question).await
        }
        (&Method::POST, "/clock") if app.movable_clock => {
            app.clock.advance(number("advance_ms").unwrap_or(0));
            let _ = desk.send(DeskInput::Wake);
            (
                200,
                JSON,
                json!({ "now_ms": app.clock.now_ms() }).to_string(),
            )
        }
        (&Method::POST, "/clock") => (
            403,
            JSON,
            json!({ "error": "this bot's clock does not move" }).to_string(),
        ),
        _ => (
            404,
            JSON,
            json!({ "error": "there is /health, /status, /metrics, /trail, /why, /plan, /invite, /reload, /backup, /pause, /resume" })
                .to_string(),
        ),
    };
    let response = Response::builder()
        .status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(hyper::header::CONTENT_TYPE, kind)
        .body(Full::new(Bytes::from(body)));
    Ok(response.unwrap_or_default())
}

const JSON: &str = "application/json";

/// A copy of a big file takes its time; all else answers within seconds.
const CONNECTION: Duration = Duration::from_secs(15 * 60);

/// Writes a whole copy beside the data; whoever asked takes it away.
async fn copy(app: &App) -> (u16, &'static str, String) {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let _turn = ONE_AT_A_TIME.lock().await;
    let target = app.data_dir.join("copy.db");
    match store::copy_to(&app.data_dir, &target).await {
        Ok(()) => (
            200,
            JSON,
            json!({ "copy": target, "at_ms": app.clock.now_ms() }).to_string(),
        ),
        Err(error) => (500, JSON, json!({ "error": error.to_string() }).to_string()),
    }
}

async fn ask(desk: &mpsc::UnboundedSender<DeskInput>, question: Question) -> Option<String> {
    // Erasing writes the whole file anew. While the disk is full the desk answers nobody; health must still tell why.
    let patience = match question {
        Question::Erase { .. } | Question::Tidy => Duration::from_secs(100),
        _ => Duration::from_secs(2),
    };
    let (reply, answer) = oneshot::channel();
    desk.send(DeskInput::Ask { question, reply }).ok()?;
    tokio::time::timeout(patience, answer).await.ok()?.ok()
}

async fn from_desk(
    desk: &mpsc::UnboundedSender<DeskInput>,
    question: Question,
) -> (u16, &'static str, String) {
    match ask(desk, question).await {
        Some(body) => (200, JSON, body),
        None => (
            503,
            JSON,
            json!({ "error": "the bot is busy or cannot write; see /health" }).to_string(),
        ),
    }
}

async fn counts(desk: &mpsc::UnboundedSender<DeskInput>) -> Value {
    ask(desk, Question::Counts)
        .await
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or(Value::Null)
}

async fn health(app: &App, desk: &mpsc::UnboundedSender<DeskInput>) -> Value {
    let facts = app.status.facts();
    let now = app.clock.now_ms();
    let reason = facts
        .store_trouble
        .clone()
        .or_else(|| facts.telegram_trouble.clone());
    json!({
        "partner": app.partner().id,
        "username": app.partner().bot_username,
        "version": env!("CARGO_PKG_VERSION"),
        "pid": std::process::id(),
        "state": facts.state(),
        "reason": reason,
        "uptime_ms": now - facts.started_at,
        "now_ms": now,
        "last_poll_at": facts.last_poll_at,
        "last_update_at": facts.last_update_at,
        "funnels": { "hash": facts.funnels_hash, "problems": facts.problems },
        "config": facts.config,
        "speaks_first": {
            "paused": facts.paused,
            "planning": facts.planning,
            "suspended": app.live().contact.suspended,
            "clock_jump": facts.clock_jump.map(|(at, by_ms)| json!({ "at": at, "by_ms": by_ms })),
        },
        "queue": counts(desk).await,
        "totals": {
            "updates": app.meters.updates.get(),
            "turns": app.meters.turns.get(),
            "sent": app.meters.sent.get(),
            "failed": app.meters.failed.get(),
            "unknown": app.meters.unknown.get(),
            "limited": app.meters.limited.get(),
            "poisoned": app.meters.poisoned.get(),
            "clock_jumps": app.meters.clock_jumps.get(),
        },
    })
}

async fn metrics(app: &App, desk: &mpsc::UnboundedSender<DeskInput>) -> String {
    let partner = &app.partner().id;
    let mut text = String::new();
    let mut line = |name: &str, kind: &str, help: &str, value: i64| {
        text.push_str(&format!("# HELP bot_{name} {help}\n# TYPE bot_{name} {kind}\nbot_{name}{{partner=\"{partner}\"}} {value}\n"));
    };
    let meters = &app.meters;
    for (name, help, meter) in [
        ("updates_total", "updates received", &meters.updates),
        ("turns_total", "updates handled", &meters.turns),
        ("commits_total", "durable transactions", &meters.commits),
        (
            "messages_sent_total",
            "messages Telegram took",
            &meters.sent,
        ),
        (
            "messages_failed_total",
            "messages refused for good",
            &meters.failed,
        ),
        (
            "messages_unknown_total",
            "messages whose arrival is unknown",
            &meters.unknown,
        ),
        (
            "rate_limited_total",
            "answers that asked to wait",
            &meters.limited,
        ),
        (
            "store_failures_total",
            "rounds that could not be written and were repeated",
            &meters.store_failures,
        ),
        (
            "updates_set_aside_total",
            "updates that failed three times",
            &meters.poisoned,
        ),
        (
            "clock_jumps_total",
            "jumps of the system's clock by a minute or more",
            &meters.clock_jumps,
        ),
    ] {
        line(
            name,
            "counter",
            help,
            i64::try_from(meter.get()).unwrap_or(i64::MAX),
        );
    }
    let facts = app.status.facts();
    line(
        "up",
        "gauge",
        "1 when running",
        i64::from(facts.state() == crate::app::State::Running),
    );
    line(
        "last_update_timestamp_seconds",
        "gauge",
        "when the last update came",
        facts.last_update_at / 1_000,
    );
    line(
        "paused",
        "gauge",
        "1 when the bot says nothing first",
        i64::from(facts.paused || app.live().contact.suspended),
    );
    let counts = counts(desk).await;
    for (name, help) in [
        ("inbox_pending", "updates that wait"),
        ("inbox_dead", "updates set aside"),
        ("outbox_due", "messages that wait"),
        ("unknown", "messages in doubt in the store"),
    ] {
        line(name, "gauge", help, counts[name].as_i64().unwrap_or(-1));
    }
    text.push_str(
        "# HELP bot_gate_total what the gate answered, by reason\n# TYPE bot_gate_total counter\n",
    );
    for reason in Reason::ALL {
        let (code, count) = (reason.code(), meters.gate.get(*reason));
        text.push_str(&format!(
            "bot_gate_total{{partner=\"{partner}\",reason=\"{code}\"}} {count}\n"
        ));
    }
    text
}
