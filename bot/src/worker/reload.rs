//! Live files: a change of funnels or of `config.yaml` goes live when all of it is sound; a bad file is refused whole
//! and what was live stays so, even over a restart.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::{DeskInput, setup};
use crate::app::{App, ConfigOnDisk, Live};
use crate::config;
use crate::diagnostic::{Diagnostic, Severity};
use crate::funnel::{self, Compiled, Funnels, SourceFile};

/// Editors write a file in several steps; the last of them counts.
const QUIET: Duration = Duration::from_millis(150);
/// A desk under load takes its round to the end first.
const TAKEN_OVER: Duration = Duration::from_secs(2);
const LAST_GOOD: &str = "funnels.good.json";
/// What concerns a bot in its partner's directory, where data and other programs' half-written files may lie as well.
const OWN_NAMES: [&str; 3] = ["config.yaml", ".env", "funnels"];

/// The funnels to start with: those on disk, or the last good ones when the disk's are broken.
pub fn first(app: &App) -> Result<Arc<Funnels>, String> {
    let live = app.live();
    let compiled = compile(&live, None);
    let problems = compiled.diagnostics;
    if let Some(funnels) = compiled.funnels {
        report(app, &problems);
        app.status.funnels(funnels.hash(), problems);
        remember(app, &compiled.sources);
        return Ok(Arc::new(funnels));
    }
    report(app, &problems);
    match remembered(app, &live) {
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

/// What lies on the disk, beside what is live.
pub(super) struct OnDisk {
    /// What is live, when the disk's is refused.
    pub live: Arc<Live>,
    /// Keys that are not as they are live.
    pub changed: Vec<String>,
    /// Keys that differ and only a restart takes over.
    pub restart: Vec<String>,
    pub problems: Vec<Diagnostic>,
}

/// Reads the configuration again.
pub(super) fn read(app: &App) -> OnDisk {
    let live = app.live();
    let config = match config::load(&app.read_from) {
        Ok(config) => config,
        Err(problems) => {
            return OnDisk {
                live,
                changed: Vec::new(),
                restart: Vec::new(),
                problems,
            };
        }
    };
    let mut wanted = Live::of(&config, &app.partner().bot_username);
    let (new, old) = (&config.telegram, &app.fixed);
    let restart = [
        ("BOT_TOKEN", new.token != old.token),
        ("TELEGRAM_API_URL", new.api_url != old.api_url),
        ("TELEGRAM_PROXY", new.proxy != old.proxy),
        ("PARTNER_ID", wanted.partner.id != live.partner.id),
    ];
    let restart = restart.into_iter().filter(|(_, differs)| *differs);
    let restart = restart.map(|(key, _)| key.to_owned()).collect();
    // What takes a restart stays as it is, here too.
    wanted.partner.id.clone_from(&live.partner.id);
    wanted.shown["telegram"] = live.shown["telegram"].clone();
    let changed = config::differences(&live.shown, &wanted.shown);
    let changed = changed.into_iter().map(|(key, ..)| key).collect();
    OnDisk {
        live: Arc::new(wanted),
        changed,
        restart,
        problems: config.warnings,
    }
}

/// What a look at the disk found fit to go live.
struct Found {
    disk: OnDisk,
    compiled: Compiled,
    /// The last good funnels under the new configuration, while those on disk are refused: as a start would have it.
    fallback: Option<Funnels>,
}

fn look(app: &App) -> Found {
    let disk = read(app);
    let compiled = compile(&disk.live, None);
    let needs = compiled.funnels.is_none() && *disk.live != *app.live();
    let fallback = needs.then(|| remembered(app, &disk.live)).flatten();
    Found {
        disk,
        compiled,
        fallback,
    }
}

/// Loads again and puts the result live, or keeps what is live and says what is wrong.
pub async fn now(app: &Arc<App>, desk: &mpsc::UnboundedSender<DeskInput>) {
    let loading = app.clone();
    let Ok(found) = tokio::task::spawn_blocking(move || look(&loading)).await else {
        tracing::error!(partner.id = %app.partner().id, "the files could not be read; what was live stays so");
        return;
    };
    let Found {
        mut disk,
        compiled,
        fallback,
    } = found;
    let refused = compiled.funnels.is_none();
    if refused {
        report(app, &compiled.diagnostics);
        tracing::error!(partner.id = %app.partner().id, "the change is refused; the last good funnels stay live");
    }
    let before = app.status.facts().funnels_hash;
    let funnels = compiled.funnels.or(fallback);
    let hash = funnels.as_ref().map_or(before.as_str(), Funnels::hash);
    app.status.funnels(hash, compiled.diagnostics);
    if !refused && hash != before {
        tracing::info!(partner.id = %app.partner().id, funnels = hash, "funnels are live");
        remember(app, &compiled.sources);
    }
    let is_new = hash != before || *disk.live != *app.live();
    if let Some(funnels) = funnels.filter(|_| is_new) {
        if !disk.changed.is_empty() {
            tracing::info!(partner.id = %app.partner().id, keys = disk.changed.join(" "), "config.yaml is live");
        }
        disk.changed.clear();
        let _ = desk.send(DeskInput::Reloaded {
            funnels: Arc::new(funnels),
            live: disk.live.clone(),
        });
        // Whoever looks next, the watcher first of all, finds it live. A desk that cannot write answers later.
        let _ = tokio::time::timeout(TAKEN_OVER, setup::live_funnels(desk)).await;
        publish(app, desk);
    }
    tell(app, disk);
    app.read_again.notify_one();
}

/// Says what of the configuration is not live, and why.
fn tell(app: &App, disk: OnDisk) {
    report(app, &disk.problems);
    let id = &app.partner().id;
    let is_error = |problem: &Diagnostic| problem.severity == Severity::Error;
    if disk.problems.iter().any(is_error) {
        tracing::error!(partner.id = %id, "config.yaml is refused; what was live stays so");
    }
    if !disk.changed.is_empty() {
        tracing::error!(partner.id = %id, "config.yaml waits, because the funnels do not fit it: {}", disk.changed.join(", "));
    }
    if !disk.restart.is_empty() {
        tracing::warn!(partner.id = %id, "changed and not taken over, because only a restart does that: {}; partnerctl restart {id}", disk.restart.join(", "));
    }
    app.status.config(ConfigOnDisk {
        problems: disk.problems,
        waiting: disk.changed,
        restart: disk.restart,
    });
}

/// The command menus follow, if they are others now. Telegram may take its time.
fn publish(app: &Arc<App>, desk: &mpsc::UnboundedSender<DeskInput>) {
    #[expect(clippy::disallowed_methods, reason = "worker/ is where tasks are made")]
    tokio::spawn(setup::publish_commands(app.clone(), desk.clone()));
}

/// Follows the directories until the process ends.
pub async fn watch(app: Arc<App>, desk: mpsc::UnboundedSender<DeskInput>) {
    let (changed, mut changes) = mpsc::unbounded_channel();
    let home = real(&app.read_from.partner_dir);
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let concerns = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            path.parent() != Some(&home) || name.is_some_and(|name| OWN_NAMES.contains(&name))
        };
        if event.is_ok_and(|event| !event.kind.is_access() && event.paths.iter().any(concerns)) {
            let _ = changed.send(());
        }
    });
    let mut followed = BTreeMap::new();
    let watcher = watcher.and_then(|mut watcher| {
        follow(&mut watcher, &app, &mut followed)?;
        Ok(watcher)
    });
    let Ok(mut watcher) = watcher else {
        tracing::warn!(partner.id = %app.partner().id, "changes on disk are not noticed here; send SIGHUP to reload");
        return;
    };
    loop {
        tokio::select! {
            change = changes.recv() => match change {
                Some(()) => {
                    tokio::time::sleep(QUIET).await;
                    while changes.try_recv().is_ok() {}
                    now(&app, &desk).await;
                }
                None => return,
            },
            // Directories may have come, and links may lead elsewhere.
            () = app.read_again.notified() => {
                if let Err(error) = follow(&mut watcher, &app, &mut followed) {
                    tracing::warn!(partner.id = %app.partner().id, "changes on disk are not all noticed ({error}); send SIGHUP to reload");
                }
            }
        }
    }
}

fn follow(
    watcher: &mut RecommendedWatcher,
    app: &App,
    followed: &mut BTreeMap<PathBuf, RecursiveMode>,
) -> notify::Result<()> {
    let files = &app.live().funnel_files;
    // Sequences lie one below, media further down; new directories are followed by themselves.
    let funnels = [Some(&files.shared), files.own.as_ref()];
    let funnels = funnels
        .into_iter()
        .flatten()
        .map(|dir| (real(dir), RecursiveMode::Recursive));
    let home = (
        real(&app.read_from.partner_dir),
        RecursiveMode::NonRecursive,
    );
    let wanted: BTreeMap<PathBuf, RecursiveMode> = funnels.chain([home]).collect();
    for gone in followed.keys().filter(|dir| !wanted.contains_key(*dir)) {
        // A directory that is gone has taken its watch with it.
        let _ = watcher.unwatch(gone);
    }
    for (dir, mode) in &wanted {
        if !followed.contains_key(dir) {
            watcher.watch(dir, *mode)?;
        }
    }
    *followed = wanted;
    Ok(())
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Compiles the files on disk, or those of another shared directory.
pub(super) fn compile(live: &Live, shared: Option<&Path>) -> Compiled {
    let files = &live.funnel_files;
    funnel::load(
        shared.unwrap_or(&files.shared),
        files.own.as_deref(),
        files.only.as_deref(),
        &live.partner,
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

fn remembered(app: &App, live: &Live) -> Option<Funnels> {
    let text = std::fs::read(last_good(app)).ok()?;
    let sources: Vec<SourceFile> = serde_json::from_slice(&text).ok()?;
    funnel::compile(&sources, &live.partner).funnels
}
