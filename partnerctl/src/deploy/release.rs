//! Releases: directories `<programs>/releases/<name>` with `bot` and `partnerctl`, never changed once they are there.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::backup::archive::sha256_of;
use crate::backup::put_back::Staging;
use crate::bot_program::BotProgram;
use crate::failure::{Code, Failure};
use crate::layout::Layout;

/// `release.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// `<version>-<the first of bot's hash>`: the same program has the same name.
    pub name: String,
    pub version: String,
    /// The newest data it can read.
    pub schema: i64,
    pub bot_sha256: String,
    pub added_at_ms: i64,
}

impl Release {
    pub fn program(&self, layout: &Layout) -> BotProgram {
        BotProgram(layout.releases().join(&self.name).join("bot"))
    }
}

/// `current/partnerctl` is what the host itself calls, so a release has both.
const FILES: [&str; 2] = ["bot", "partnerctl"];

/// All releases of this host, the newest first.
pub async fn list(layout: &Layout) -> Vec<Release> {
    let entries = fs::read_dir(layout.releases())
        .into_iter()
        .flatten()
        .flatten();
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if let Ok(release) = read(&entry.path()).await {
            found.push(release);
        }
    }
    found.sort_by_key(|release| std::cmp::Reverse(release.added_at_ms));
    found
}

/// A release as it is described, or as its own program describes itself.
pub async fn read(dir: &Path) -> Result<Release> {
    if let Ok(text) = fs::read(dir.join("release.json")) {
        return serde_json::from_slice(&text)
            .with_context(|| format!("{}/release.json", dir.display()));
    }
    let bot = dir.join("bot");
    let about = BotProgram(bot.clone()).about().await?;
    let modified = fs::metadata(&bot)?.modified()?;
    let since = modified.duration_since(std::time::UNIX_EPOCH)?;
    Ok(Release {
        name: dir
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        version: about.version,
        schema: about.schema,
        bot_sha256: sha256_of(&bot)?,
        added_at_ms: i64::try_from(since.as_millis()).unwrap_or(0),
    })
}

/// What would be the release made of this directory.
pub async fn describe(from: &Path, now_ms: i64) -> Result<Release, Failure> {
    let bot = from.join("bot");
    if let Some(missing) = FILES.iter().find(|name| !from.join(name).is_file()) {
        let message = format!(
            "{}: no program \"{missing}\" in it; name a directory with both, such as target/release",
            from.display()
        );
        return Err(Failure::new(Code::NotFound, message));
    }
    let about = BotProgram(bot.clone()).about().await?;
    let hash = sha256_of(&bot)?;
    Ok(Release {
        name: format!("{}-{}", about.version, &hash[..8]),
        version: about.version,
        schema: about.schema,
        bot_sha256: hash,
        added_at_ms: now_ms,
    })
}

/// Copies programs into a release of their own; one that is there already stays as it is.
pub fn add(from: &Path, release: &Release, layout: &Layout) -> Result<PathBuf> {
    let home = layout.releases().join(&release.name);
    if home.is_dir() {
        return Ok(home);
    }
    let staging = Staging::beside(&home)?;
    fs::set_permissions(&staging.0, fs::Permissions::from_mode(0o755))?;
    for name in FILES {
        let source = from.join(name);
        let target = staging.0.join(name);
        fs::copy(&source, &target).with_context(|| format!("cannot copy {}", source.display()))?;
        fs::set_permissions(&target, fs::Permissions::from_mode(0o755))?;
        File::open(&target)?.sync_all()?;
    }
    ensure!(
        sha256_of(&staging.0.join("bot"))? == release.bot_sha256,
        "{} changed while it was copied; try again",
        from.display()
    );
    fs::write(
        staging.0.join("release.json"),
        serde_json::to_vec_pretty(release)?,
    )?;
    fs::rename(&staging.0, &home).with_context(|| format!("cannot make {}", home.display()))?;
    Ok(home)
}

/// The release a link leads to.
fn behind(link: &Path) -> Option<String> {
    let place = fs::canonicalize(link).ok()?;
    Some(place.file_name()?.to_string_lossy().into_owned())
}

/// What everybody runs who has no release of their own.
pub fn current(layout: &Layout) -> Option<String> {
    behind(&layout.current())
}

/// What a partner's bot runs after its next start.
pub fn used_by(layout: &Layout, id: &str) -> Option<String> {
    behind(&layout.program_link(id))
}

/// Removes releases beyond the newest `keep` that nobody uses; their names.
pub fn prune(layout: &Layout, releases: &[Release], ids: &[String], keep: usize) -> Vec<String> {
    let mut used: Vec<String> = ids.iter().filter_map(|id| used_by(layout, id)).collect();
    used.extend(current(layout));
    let old = releases.iter().skip(keep);
    let gone = old.filter(|release| !used.contains(&release.name));
    gone.filter(|release| fs::remove_dir_all(layout.releases().join(&release.name)).is_ok())
        .map(|release| release.name.clone())
        .collect()
}
