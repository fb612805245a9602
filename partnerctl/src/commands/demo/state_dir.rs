//! The demo's temporary directory: a fake `.env`, the bot's data and its log. Gone with the demo.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const PREFIX: &str = "partnerctl-demo-";
/// `<dir>/data/bot.sock` must fit into a Unix socket address of 108 bytes.
const LONGEST: usize = 80;

/// A directory of mode 0700, removed when dropped.
pub struct StateDir {
    path: PathBuf,
}

impl StateDir {
    /// Also sweeps what demos that were killed have left behind.
    pub fn create() -> Result<StateDir> {
        let root = root();
        sweep(&root);
        let path = root.join(format!("{PREFIX}{}", std::process::id()));
        DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        let dir = StateDir { path };
        fs::create_dir(dir.data())?;
        Ok(dir)
    }

    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    pub fn env_file(&self) -> PathBuf {
        self.path.join("env")
    }

    pub fn log(&self) -> PathBuf {
        self.path.join("bot.log")
    }

    /// Writes the bot's secrets, readable by the owner alone.
    pub fn write_env(&self, text: &str) -> Result<()> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(self.env_file())?
            .write_all(text.as_bytes())?;
        Ok(())
    }
}

impl Drop for StateDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn root() -> PathBuf {
    let wished = std::env::temp_dir();
    let fits = wished.is_absolute() && wished.as_os_str().len() < LONGEST;
    if fits { wished } else { PathBuf::from("/tmp") }
}

fn sweep(root: &Path) {
    let Ok(entries) = fs::read_dir(root) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX));
        if pid.is_some_and(|pid| is_left_behind(pid, &entry.path())) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A directory of ours whose process is gone, or carries our own number from an earlier life.
fn is_left_behind(pid: &str, path: &Path) -> bool {
    let Ok(number) = pid.parse::<u32>() else {
        return false;
    };
    let ours =
        fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == own_user());
    ours && (number == std::process::id() || !Path::new("/proc").join(pid).exists())
}

fn own_user() -> u32 {
    // SAFETY: geteuid reads one number of the process and cannot fail.
    unsafe { libc::geteuid() }
}

/// The last lines of a file, for people; empty when there is none.
pub fn last_lines(path: &Path, count: usize) -> Vec<String> {
    let text = fs::read(path).unwrap_or_default();
    let tail = &text[text.len().saturating_sub(16 * 1024)..];
    let tail = String::from_utf8_lossy(tail);
    let lines: Vec<&str> = tail.lines().collect();
    let from = lines.len().saturating_sub(count);
    lines[from..].iter().map(ToString::to_string).collect()
}
