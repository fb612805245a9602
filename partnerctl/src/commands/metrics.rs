//! `partnerctl metrics serve`: one Prometheus endpoint for the whole fleet, and a page that shows all bots. Read-only.

mod page;
mod text;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use clap::{Args, Subcommand};
use futures_util::StreamExt;
use futures_util::stream;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::alerts;
use crate::alerts::figures;
use crate::bot_socket::BotSocket;
use crate::failure::{Code, Failure};
use crate::fleet::Partner;
use crate::host::Host;
use crate::output::SCHEMA;
use crate::state::{self, BotState};
use crate::targets::TargetArgs;

/// Serves figures of the fleet
#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  partnerctl metrics serve
  partnerctl metrics print north")]
pub enum MetricsCommand {
    Serve(ServeArgs),
    Print(PrintArgs),
}

/// Serves /metrics for Prometheus, a page with all bots at /, and /status.json, until ctrl-c
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl metrics serve
  partnerctl metrics serve --listen 127.0.0.1:9400")]
pub struct ServeArgs {
    #[command(flatten)]
    targets: TargetArgs,
    /// Where to listen. The page has no password: leave it on loopback, or put a proxy with one before it
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9105")]
    listen: SocketAddr,
}

/// Prints what /metrics would answer
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl metrics print
  partnerctl metrics print north")]
pub struct PrintArgs {
    #[command(flatten)]
    targets: TargetArgs,
}

pub async fn run(command: &MetricsCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        MetricsCommand::Serve(args) => serve(args, host).await,
        MetricsCommand::Print(args) => {
            let seen = look(&args.targets, true, host).await?;
            host.out(text::render(&seen.bots, &seen.texts, &seen.of_host).trim_end());
            Ok(())
        }
    }
}

/// What a request needs of the fleet.
struct Seen {
    bots: Vec<BotState>,
    /// Every bot's own `/metrics`.
    texts: Vec<String>,
    /// What only the host knows: disks, backups, refused tokens.
    of_host: String,
}

/// The fleet is looked at anew each time: a partner that was created is there.
async fn look(targets: &TargetArgs, with_texts: bool, host: &dyn Host) -> Result<Seen, Failure> {
    let (fleet, partners) = targets.or_all(host)?;
    let bots = state::look(&fleet, &partners, host).await?;
    let texts = if with_texts {
        own_texts(&partners).await
    } else {
        Vec::new()
    };
    let of_host = match with_texts {
        true => figures::text(&alerts::look_of(&fleet, bots.clone(), host)?),
        false => String::new(),
    };
    Ok(Seen {
        bots,
        texts,
        of_host,
    })
}

async fn own_texts(partners: &[Partner]) -> Vec<String> {
    const AT_ONCE: usize = 64;
    let asked = partners.iter().map(|partner| {
        let socket = partner.socket();
        async move { BotSocket::new(&socket).text("/metrics").await.ok() }
    });
    let answers = stream::iter(asked).buffered(AT_ONCE);
    answers.filter_map(std::future::ready).collect().await
}

/// A request's question to the one who may use the host.
struct Asked {
    with_texts: bool,
    reply: oneshot::Sender<Result<Seen, String>>,
}

#[derive(Clone)]
struct Door {
    asked: mpsc::Sender<Asked>,
    is_loopback: bool,
}

impl Door {
    async fn look(&self, with_texts: bool) -> Result<Seen, Response> {
        let (reply, seen) = oneshot::channel();
        let _ = self.asked.send(Asked { with_texts, reply }).await;
        let failed = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
        match seen.await {
            Ok(Ok(seen)) => Ok(seen),
            Ok(Err(why)) => Err(failed(why)),
            Err(_) => Err(failed("the server ends".to_owned())),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the server's task ends with this command, which serves it and nothing else"
)]
async fn serve(args: &ServeArgs, host: &dyn Host) -> Result<(), Failure> {
    let listener = tokio::net::TcpListener::bind(args.listen)
        .await
        .map_err(|error| {
            Failure::new(
                Code::Conflict,
                format!("{}: {error}; choose another with --listen", args.listen),
            )
        })?;
    let address = listener.local_addr().context("a listener has an address")?;
    let (asked, mut questions) = mpsc::channel(16);
    let door = Door {
        asked,
        is_loopback: address.ip().is_loopback(),
    };
    let server = tokio::spawn(axum::serve(listener, router(door)).into_future());
    host.out(&format!("http://{address}/"));
    host.err(&format!(
        "all bots: http://{address}/, for Prometheus: http://{address}/metrics; ctrl-c ends it"
    ));
    loop {
        let question: Asked = tokio::select! {
            question = questions.recv() => match question {
                Some(question) => question,
                None => break,
            },
            _ = tokio::signal::ctrl_c() => break,
        };
        let seen = look(&args.targets, question.with_texts, host).await;
        let seen = seen.map_err(|failure| {
            failure
                .error
                .map_or_else(String::new, |error| format!("{error:#}"))
        });
        let _ = question.reply.send(seen);
    }
    server.abort();
    Ok(())
}

fn router(door: Door) -> Router {
    Router::new()
        .route("/", get(show_page))
        .route("/metrics", get(metrics))
        .route("/status.json", get(status))
        .layer(from_fn_with_state(door.clone(), guard))
        .with_state(Arc::new(door))
}

/// A web page of somebody else must not read this one by a name that leads here.
async fn guard(State(door): State<Door>, request: Request, next: Next) -> Response {
    let named = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let name = named.rsplit_once(':').map_or(named, |(name, _)| name);
    if door.is_loopback && !["127.0.0.1", "localhost", "[::1]"].contains(&name) {
        return (
            StatusCode::FORBIDDEN,
            "this page is served to this machine only",
        )
            .into_response();
    }
    next.run(request).await
}

#[derive(Deserialize)]
struct PageQuery {
    #[serde(default)]
    problems: Option<String>,
}

async fn show_page(State(door): State<Arc<Door>>, Query(query): Query<PageQuery>) -> Response {
    let seen = match door.look(false).await {
        Ok(seen) => seen,
        Err(response) => return response,
    };
    let html = page::render(&seen.bots, query.problems.is_some());
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, Html(html)).into_response()
}

async fn metrics(State(door): State<Arc<Door>>) -> Response {
    match door.look(true).await {
        Ok(seen) => {
            let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
            (kind, text::render(&seen.bots, &seen.texts, &seen.of_host)).into_response()
        }
        Err(response) => response,
    }
}

async fn status(State(door): State<Arc<Door>>) -> Response {
    match door.look(false).await {
        Ok(seen) => {
            let document = json!({ "schema": SCHEMA, "kind": "status", "data": { "bots": seen.bots }, "warnings": [] });
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (kind, document.to_string()).into_response()
        }
        Err(response) => response,
    }
}
