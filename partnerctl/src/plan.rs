//! What a command is going to do, as data: made from what is wanted and what is seen, shown, then done in order.

use std::fmt;
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::host::{Call, Host};

/// One step; its text is what `--dry-run` prints and what tests compare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    MakeDir {
        path: PathBuf,
        mode: u32,
    },
    /// Replaces the file as a whole: a reader sees the old or the new one.
    Write {
        path: PathBuf,
        text: String,
        mode: u32,
    },
    /// Replaces the link as a whole.
    Link {
        path: PathBuf,
        to: PathBuf,
    },
    /// A copy of a program, with the right to be run.
    Install {
        from: PathBuf,
        path: PathBuf,
    },
    Mode {
        path: PathBuf,
        mode: u32,
    },
    Move {
        from: PathBuf,
        path: PathBuf,
    },
    /// A file, a link or a directory with all that is in it.
    Remove {
        path: PathBuf,
    },
    /// A program that has to end with 0.
    Run(Call),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::MakeDir { path, mode } => write!(f, "make {} ({mode:04o})", path.display()),
            Step::Write { path, mode, .. } => write!(f, "write {} ({mode:04o})", path.display()),
            Step::Link { path, to } => write!(f, "link {} -> {}", path.display(), to.display()),
            Step::Install { from, path } => {
                write!(f, "copy {} to {}", from.display(), path.display())
            }
            Step::Mode { path, mode } => write!(f, "chmod {mode:04o} {}", path.display()),
            Step::Move { from, path } => write!(f, "move {} to {}", from.display(), path.display()),
            Step::Remove { path } => write!(f, "remove {}", path.display()),
            Step::Run(call) => write!(f, "run {call}"),
        }
    }
}

/// Does the steps in order; the first that fails ends it and is named.
pub fn apply(steps: &[Step], host: &dyn Host) -> Result<()> {
    for step in steps {
        host.apply(step)
            .with_context(|| format!("could not {step}"))?;
    }
    Ok(())
}

/// The steps that are not true yet: what lies on the disk as wanted is left alone.
pub fn needed(steps: Vec<Step>) -> Vec<Step> {
    steps.into_iter().filter(|step| !is_done(step)).collect()
}

fn is_done(step: &Step) -> bool {
    let mode_of = |path: &Path| fs::metadata(path).map(|meta| meta.permissions().mode() & 0o7777);
    match step {
        Step::MakeDir { path, mode } => path.is_dir() && mode_of(path).ok() == Some(*mode),
        Step::Write { path, text, mode } => {
            fs::read(path).is_ok_and(|old| old == text.as_bytes())
                && mode_of(path).ok() == Some(*mode)
        }
        Step::Link { path, to } => fs::read_link(path).is_ok_and(|old| old == *to),
        Step::Install { from, path } => match (fs::read(from), fs::read(path)) {
            (Ok(new), Ok(old)) => new == old,
            _ => false,
        },
        Step::Mode { path, mode } => mode_of(path).ok() == Some(*mode),
        Step::Remove { path } => path.symlink_metadata().is_err(),
        Step::Move { .. } | Step::Run(_) => false,
    }
}

/// Does one step on this machine; commands go through `Host::apply`.
pub(crate) fn do_step(step: &Step, host: &dyn Host) -> Result<()> {
    match step {
        Step::MakeDir { path, mode } => {
            fs::create_dir_all(path)?;
            fs::set_permissions(path, Permissions::from_mode(*mode))?;
        }
        Step::Write { path, text, mode } => write_whole(path, text, *mode)?,
        Step::Link { path, to } => {
            let half = beside(path)?;
            let _ = fs::remove_file(&half);
            std::os::unix::fs::symlink(to, &half)?;
            fs::rename(&half, path)?;
        }
        Step::Install { from, path } => {
            let half = beside(path)?;
            fs::copy(from, &half)?;
            fs::set_permissions(&half, Permissions::from_mode(0o755))?;
            fs::rename(&half, path)?;
        }
        Step::Mode { path, mode } => fs::set_permissions(path, Permissions::from_mode(*mode))?,
        Step::Move { from, path } => fs::rename(from, path)?,
        Step::Remove { path } => match path.symlink_metadata() {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(path)?,
            Ok(_) => fs::remove_file(path)?,
            Err(_) => {}
        },
        Step::Run(call) => {
            let ran = host.run(call)?;
            if !ran.ok() {
                bail!("it ended with {}: {}", ran.code, ran.err.trim());
            }
        }
    }
    Ok(())
}

/// Writes beside and renames, so that a crash leaves the old file or the new one.
pub fn write_whole(path: &Path, text: &str, mode: u32) -> Result<()> {
    let half = beside(path)?;
    let _ = fs::remove_file(&half);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&half)?;
    // The umask may have taken some of the mode away.
    file.set_permissions(Permissions::from_mode(mode))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&half, path)?;
    Ok(())
}

fn beside(path: &Path) -> Result<PathBuf> {
    let name = path.file_name().context("a file has a name")?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    Ok(path.with_file_name(hidden))
}
