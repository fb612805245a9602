//! Puts an archive back: into a directory of its own first, opened and counted there, then moved to its place whole.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, Permissions};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::archive::{self, Manifest};
use super::take::write_private;
use crate::bot_program::BotProgram;
use crate::fleet::Partner;
use crate::layout::Layout;

/// A directory that is gone when dropped, unless what is in it was moved away.
pub struct Staging(pub PathBuf);

impl Staging {
    /// Beside `near`, so that a rename can take it there; only its owner sees into it.
    pub fn beside(near: &Path) -> Result<Staging> {
        let parent = near.parent().context("a path with a parent")?;
        fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
        let path = parent.join(format!(".new-{:016x}", u64::from_ne_bytes(random)));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Staging(path))
    }
}

/// On the data's file system where that may be; a working copy keeps data inside the partner's directory, which
/// must not be there yet.
pub fn staging_for(partner: &Partner) -> Result<Staging> {
    match partner.data.starts_with(&partner.dir) {
        true => Staging::beside(&partner.dir),
        false => Staging::beside(&partner.data),
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Unpacks, opens, counts and compares; the staging then holds `partner/` and `data/`.
pub async fn unpack_checked(
    input: impl Read,
    staging: &Staging,
    program: &BotProgram,
) -> Result<Manifest> {
    let manifest = archive::unpack(input, &staging.0)?;
    let found = program.inspect(&staging.0.join(archive::DATA)).await?;
    ensure!(
        found == manifest.data,
        "the data does not count as when it was copied: {} rows in {}, ledger {}; then {} rows, ledger {}",
        found.rows.values().sum::<i64>(),
        found.partner,
        &found.ledger[..12.min(found.ledger.len())],
        manifest.data.rows.values().sum::<i64>(),
        &manifest.data.ledger[..12.min(manifest.data.ledger.len())],
    );
    Ok(manifest)
}

/// What the bot does with the data when it starts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Out of a backup: what waited to be sent may have been sent long ago.
    Restored { copied_at: i64, restored_at: i64 },
    /// Straight from the bot's last home: everything goes on.
    Moved,
}

/// Moves data (and, where there is none, the partner's directory) to their places.
/// What was there before must have been set aside.
pub fn publish(
    staging: &Staging,
    partner: &Partner,
    erased_beside: &[PathBuf],
    arrival: Arrival,
) -> Result<()> {
    let data = staging.0.join("data");
    fs::set_permissions(&data, Permissions::from_mode(0o700))?;
    merge_erased(&data.join("erased.list"), erased_beside)?;
    if let Arrival::Restored {
        copied_at,
        restored_at,
    } = arrival
    {
        let mark = json!({ "copied_at": copied_at, "restored_at": restored_at });
        write_private(&data.join("restored.json"), mark.to_string().as_bytes())?;
    }
    if !partner.dir.exists() {
        rename_dir(&staging.0.join("partner"), &partner.dir)?;
    }
    // `systemd` may have made the directory, or made it a link into its private one.
    let place = fs::canonicalize(&partner.data).unwrap_or_else(|_| partner.data.clone());
    if place.is_dir() {
        return fill(&data, &place);
    }
    rename_dir(&data, &place)
}

/// The marks first, the data last: a bot that starts in between finds no data and no old log of any.
fn fill(data: &Path, place: &Path) -> Result<()> {
    ensure!(
        !has_data(place),
        "{}: there is data already",
        place.display()
    );
    let mut names: Vec<_> = fs::read_dir(data)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<std::io::Result<_>>()?;
    names.sort_by_key(|name| name == "bot.db");
    // systemd looks at the directory's owner only: what is put into it must be its owner's too.
    let owner = fs::metadata(place)?;
    for name in names {
        let (from, to) = (data.join(&name), place.join(&name));
        chown(&from, Some(owner.uid()), Some(owner.gid()))?;
        if fs::rename(&from, &to).is_err() {
            let half = to.with_extension("half");
            fs::copy(&from, &half).with_context(|| format!("cannot fill {}", place.display()))?;
            chown(&half, Some(owner.uid()), Some(owner.gid()))?;
            fs::File::open(&half)?.sync_all()?;
            fs::rename(&half, &to)?;
        }
    }
    Ok(fs::File::open(place)?.sync_all()?)
}

/// A data file, or the log of one.
pub fn has_data(data: &Path) -> bool {
    ["bot.db", "bot.db-wal", "bot.db-shm"]
        .iter()
        .any(|name| data.join(name).exists())
}

fn rename_dir(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().context("a path with a parent")?;
    fs::create_dir_all(parent)?;
    if fs::rename(from, to).is_err() {
        // Another file system: copied under a name nobody looks at, then renamed there.
        let half = parent.join(format!(
            ".half-{}",
            to.file_name().unwrap_or_default().to_string_lossy()
        ));
        let _ = fs::remove_dir_all(&half);
        copy_dir(from, &half)?;
        fs::rename(&half, to).with_context(|| format!("cannot make {}", to.display()))?;
    }
    fs::File::open(parent)?.sync_all()?;
    Ok(())
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_dir(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::File::open(&target)?.sync_all()?;
        }
    }
    Ok(())
}

/// Everybody who is on any of the lists stays erased.
fn merge_erased(list: &Path, others: &[PathBuf]) -> Result<()> {
    let mut lines = BTreeSet::new();
    for path in others.iter().map(PathBuf::as_path).chain([list]) {
        let text = fs::read_to_string(path).unwrap_or_default();
        lines.extend(
            text.lines()
                .filter(|line| !line.is_empty())
                .map(str::to_owned),
        );
    }
    if lines.is_empty() {
        return Ok(());
    }
    let text = lines.into_iter().collect::<Vec<_>>().join("\n") + "\n";
    write_private(list, text.as_bytes())
}

/// Moves a bot's data out of the way, never away: where it lies now, if there was any.
pub fn set_aside(partner: &Partner, aside: &Path) -> Result<Option<PathBuf>> {
    let data = fs::canonicalize(&partner.data).unwrap_or_else(|_| partner.data.clone());
    if !has_data(&data) {
        return Ok(None);
    }
    if let Some(parent) = aside.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    rename_dir_contents(&data, aside)?;
    Ok(Some(aside.to_owned()))
}

/// The directory itself stays: it may be systemd's.
fn rename_dir_contents(from: &Path, to: &Path) -> Result<()> {
    DirBuilder::new()
        .mode(0o700)
        .create(to)
        .with_context(|| format!("cannot make {}", to.display()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if fs::rename(entry.path(), &target).is_err() && entry.file_type()?.is_file() {
            fs::copy(entry.path(), &target)?;
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// A partner's directory out of the way, whole.
pub fn set_dir_aside(dir: &Path, aside: &Path) -> Result<()> {
    if let Some(parent) = aside.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(parent)?;
    }
    rename_dir(dir, aside)
}

/// A service with a user of its own must be able to read what is no secret.
pub fn open_for_service(partner: &Partner, layout: &Layout) -> Result<()> {
    let (dir_mode, file_mode) = layout.partner_modes();
    let mut open = vec![partner.dir.clone()];
    while let Some(path) = open.pop() {
        let secret = path.file_name().is_some_and(|name| name == ".env");
        if path.is_dir() {
            fs::set_permissions(&path, Permissions::from_mode(dir_mode))?;
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else if !secret {
            fs::set_permissions(&path, Permissions::from_mode(file_mode))?;
        }
    }
    Ok(())
}
