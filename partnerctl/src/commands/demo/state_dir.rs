//! The demo's temporary directory: a fake `.env`, the bot's data and its log. Gone with the demo.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

const PREFIX: &str = "partnerctl-demo-";
/// `<dir>/data/bot.sock` must fit into a Unix socket address of 108 bytes.
const LONGEST: usize = 80;

/// Held locked as long as the demo runs, so that a later one knows what was left behind.
const LOCK: &str = "lock";

/// A directory of mode 0700, removed when dropped.
pub struct StateDir {
    path: PathBuf,
    _lock: File,
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
        let lock = File::create(path.join(LOCK))?;
        lock.lock()?;
        let dir = StateDir { path, _lock: lock };
        fs::create_dir(dir.data())?;
        Ok(dir)
    }

    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// The bot's private socket, once it runs.
    pub fn socket(&self) -> PathBuf {
        self.data().join("bot.sock")
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
        let demo = name.to_str().is_some_and(|name| name.starts_with(PREFIX));
        if demo && is_left_behind(&entry.path()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// A directory of ours whose lock nobody holds; one without a lock is still being made.
fn is_left_behind(path: &Path) -> bool {
    let ours =
        fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir() && meta.uid() == own_user());
    ours && File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok())
}

fn own_user() -> u32 {
    // SAFETY: geteuid reads one number of the process and cannot fail.
    unsafe { libc::geteuid() }
}
