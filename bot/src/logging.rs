//! Logs to stderr: for people on a terminal, JSON otherwise. Libraries that print addresses are kept quiet
//! whatever RUST_LOG says, because a Bot API address holds the token.

use std::io::IsTerminal;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

use crate::errors;

/// Starts logging; `RUST_LOG` is `level` or `target=level,…`.
pub fn start() {
    let wanted = std::env::var("RUST_LOG").unwrap_or_default();
    let filter = wanted
        .parse::<Targets>()
        .ok()
        .filter(|_| !wanted.is_empty());
    let filter = quiet(filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO)));
    let terminal = std::io::stderr().is_terminal();
    let plain = terminal.then(|| {
        tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_writer(std::io::stderr)
    });
    let json = (!terminal).then(|| {
        tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
    });
    // A second call (tests in one process) keeps the first subscriber.
    let _ = tracing_subscriber::registry()
        .with(filter)
        .with(CountErrors)
        .with(plain)
        .with(json)
        .try_init();
}

/// Counts what is logged as an error, for the operator's table.
struct CountErrors;

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for CountErrors {
    fn on_event(&self, event: &tracing::Event<'_>, _: tracing_subscriber::layer::Context<'_, S>) {
        if *event.metadata().level() == tracing::Level::ERROR {
            errors::count();
        }
    }
}

fn quiet(filter: Targets) -> Targets {
    [
        "hyper",
        "hyper_util",
        "reqwest",
        "h2",
        "rustls",
        "teloxide",
        "teloxide_core",
        "sqlx",
    ]
    .into_iter()
    .fold(filter, |filter, target| {
        filter.with_target(target, LevelFilter::INFO)
    })
    .with_target("tokio_cron_scheduler", LevelFilter::WARN)
}
