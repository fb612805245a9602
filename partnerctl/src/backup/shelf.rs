//! Where a host keeps sealed backups: `<backups>/<partner>/<time>.age` with a label beside each.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::archive::{Inspection, sha256_of};

/// What may be known of a backup without its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    pub partner: String,
    pub taken_at_ms: i64,
    pub version: String,
    pub bytes: u64,
    /// Of the sealed file.
    pub sha256: String,
    pub data: Inspection,
}

#[derive(Clone, Debug)]
pub struct Shelved {
    pub file: PathBuf,
    pub label: Label,
}

/// The directory of one partner's backups.
pub fn home(backups: &Path, partner: &str) -> PathBuf {
    backups.join(partner)
}

/// The file's name: a time in UTC that sorts and needs no quoting.
pub fn stamp(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| ms.to_string(),
        |at| at.strftime("%Y%m%dT%H%M%S.%3fZ").to_string(),
    )
}

/// All backups of a partner, the newest first. One without a label is not one of ours.
pub fn list(backups: &Path, partner: &str) -> Vec<Shelved> {
    let dir = home(backups, partner);
    let entries = fs::read_dir(&dir).into_iter().flatten().flatten();
    let mut found: Vec<Shelved> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "age"))
        .filter_map(|file| {
            let label = read_label(&file).ok()?;
            Some(Shelved { file, label })
        })
        .collect();
    found.sort_by_key(|shelved| std::cmp::Reverse(shelved.label.taken_at_ms));
    found
}

/// Partners that have backups here.
pub fn partners(backups: &Path) -> Vec<String> {
    let entries = fs::read_dir(backups).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !list(backups, name).is_empty())
        .collect();
    names.sort();
    names
}

pub fn read_label(file: &Path) -> Result<Label> {
    let path = file.with_extension("json");
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{}: not a backup's label", path.display()))
}

/// Compares the sealed file with its label; needs no key.
pub fn verify(shelved: &Shelved) -> Result<()> {
    let found = sha256_of(&shelved.file)?;
    ensure!(
        found == shelved.label.sha256,
        "{}: changed since it was written; use an older one: partnerctl backup {} --list",
        shelved.file.display(),
        shelved.label.partner
    );
    Ok(())
}
