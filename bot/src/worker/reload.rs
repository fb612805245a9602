//! Live funnels: a change on disk goes live when all of it is sound; a bad file is refused whole and the last
//! good one keeps running, even over a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::DeskInput;
use crate::app::App;
use crate::diagnostic::{Diagnostic, Severity};
use crate::funnel::{self, Compiled, Funnels, SourceFile};

/// Editors write a file in several steps; the last of them counts.
const QUIET: Duration = Duration::from_millis(150);
const LAST_GOOD: &str = "funnels.good.json";

/// The funnels to start with: those on disk, or the last good ones when the disk's are broken.
pub fn first(app: &App) -> Result<Arc<Funnels>, String> {
    let compiled = compile(app, None);
    let problems = compiled.diagnostics;
    if let Some(funnels) = compiled.funnels {
        report(app, &problems);
        app.status.funnels(funnels.hash(), problems);
        remember(app, &compiled.sources);
        return Ok(Arc::new(funnels));
    }
    report(app, &problems);
    match remembered(app) {
        Some(funnels) => {
            tracing::error!(partner.id = %app.partner().id, "the funnels on disk are refused; running the last good ones");
            app.status.funnels(funnels.hash(), problems);
            Ok(Arc::new(funnels))
        }
        None => Err(format!(
            "the funnels have errors; mend them and start again:\n{}",
            render(&problems)
        )),
    }
}

/// Loads again and puts the result live, or keeps what is live and says what is wrong.
pub async fn now(app: &Arc<App>, desk: &mpsc::UnboundedSender<DeskInput>) {
    let loading = app.clone();
    let compiled = tokio::task::spawn_blocking(move || compile(&loading, None)).await;
    let Ok(compiled) = compiled else {
        tracing::error!(partner.id = %app.partner().id, "the funnels could not be read; the last good ones stay");
        return;
    };
    let live = app.status.facts().funnels_hash;
    match compiled.funnels {
        Some(funnels) if funnels.hash() == live => app.status.funnels(&live, compiled.diagnostics),
        Some(funnels) => {
            tracing::info!(partner.id = %app.partner().id, funnels = funnels.hash(), "funnels are live");
            app.status.funnels(funnels.hash(), compiled.diagnostics);
            remember(app, &compiled.sources);
            let _ = desk.send(DeskInput::Reloaded(Arc::new(funnels)));
        }
        None => {
            report(app, &compiled.diagnostics);
            tracing::error!(partner.id = %app.partner().id, "the change is refused; the last good funnels stay live");
            app.status.funnels(&live, compiled.diagnostics);
        }
    }
}

/// Follows the directories until the process ends.
pub async fn watch(app: Arc<App>, desk: mpsc::UnboundedSender<DeskInput>) {
    let (changed, mut changes) = mpsc::unbounded_channel();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _ = changed.send(());
        }
    });
    let Some(_watcher) = watcher.ok().and_then(|watcher| follow(watcher, &app)) else {
        tracing::warn!(partner.id = %app.partner().id, "changes on disk are not noticed here; send SIGHUP to reload");
        return;
    };
    while changes.recv().await.is_some() {
        tokio::time::sleep(QUIET).await;
        while changes.try_recv().is_ok() {}
        now(&app, &desk).await;
    }
}

fn follow(mut watcher: RecommendedWatcher, app: &App) -> Option<RecommendedWatcher> {
    let files = &app.funnel_files;
    for directory in [Some(&files.shared), files.own.as_ref()]
        .into_iter()
        .flatten()
    {
        // Sequences lie one below, media further down; new directories are followed by themselves.
        watcher.watch(directory, RecursiveMode::Recursive).ok()?;
    }
    Some(watcher)
}

/// Compiles the files on disk, or those of another shared directory.
pub(super) fn compile(app: &App, shared: Option<&Path>) -> Compiled {
    let files = &app.funnel_files;
    funnel::load(
        shared.unwrap_or(&files.shared),
        files.own.as_deref(),
        files.only.as_deref(),
        app.partner(),
    )
}

fn report(app: &App, problems: &[Diagnostic]) {
    for problem in problems {
        match problem.severity {
            Severity::Error => tracing::error!(partner.id = %app.partner().id, "{problem}"),
            Severity::Warning => tracing::warn!(partner.id = %app.partner().id, "{problem}"),
        }
    }
}

fn render(problems: &[Diagnostic]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

fn last_good(app: &App) -> PathBuf {
    app.data_dir.join(LAST_GOOD)
}

/// Keeps the sources beside the data, so that a restart survives a broken file.
fn remember(app: &App, sources: &[SourceFile]) {
    let path = last_good(app);
    let Ok(text) = serde_json::to_vec(sources) else {
        return;
    };
    if std::fs::read(&path).is_ok_and(|old| old == text) {
        return;
    }
    if let Err(error) = write_whole(&path, &text) {
        tracing::warn!(partner.id = %app.partner().id, "{}: {error}; a restart will need sound files", path.display());
    }
}

fn write_whole(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let half = path.with_extension("tmp");
    std::fs::write(&half, text)?;
    std::fs::rename(&half, path)
}

fn remembered(app: &App) -> Option<Funnels> {
    let text = std::fs::read(last_good(app)).ok()?;
    let sources: Vec<SourceFile> = serde_json::from_slice(&text).ok()?;
    funnel::compile(&sources, app.partner()).funnels
}
