//! One deploy at a time: who holds the lock, since when and why.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::failure::{Code, Failure};

/// What is written in the lock's file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    pub who: String,
    pub why: String,
    pub since: String,
    pub pid: u32,
}

/// Held until dropped. The kernel lets it go when the program dies, so nobody has to break one.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Takes the lock, or waits for it up to `wait`, or says who has it.
pub async fn take(path: &Path, holder: &Holder, wait: Duration) -> Result<Lock, Failure> {
    let mut waited = Duration::ZERO;
    loop {
        match try_take(path, holder)? {
            Taken::Mine(lock) => return Ok(lock),
            Taken::Others(other) if waited >= wait => return Err(held(&other)),
            Taken::Others(_) => {}
        }
        tokio::time::sleep(LOOK_EVERY).await;
        waited += LOOK_EVERY;
    }
}

enum Taken {
    Mine(Lock),
    Others(Option<Holder>),
}

fn try_take(path: &Path, holder: &Holder) -> Result<Taken> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)
            .with_context(|| format!("cannot make {}", parent.display()))?;
    }
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            return Ok(Taken::Others(serde_json::from_str(&text).ok()));
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(&serde_json::to_vec(holder)?)?;
    Ok(Taken::Mine(Lock { _file: file }))
}

fn held(other: &Option<Holder>) -> Failure {
    let message = match other {
        Some(holder) => format!(
            "locked by {} since {} (process {}): {}; wait for it with --lock-wait SECONDS, or see: partnerctl audit",
            holder.who, holder.since, holder.pid, holder.why
        ),
        None => "locked by another deploy; wait for it with --lock-wait SECONDS".to_owned(),
    };
    Failure::new(Code::Conflict, message)
}

/// The lock's place on a host.
pub fn path(state: &Path) -> PathBuf {
    state.join("deploy.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(who: &str) -> Holder {
        Holder {
            who: who.to_owned(),
            why: "release 0.2.0".to_owned(),
            since: "2026-11-27T12:00:00Z".to_owned(),
            pid: 41,
        }
    }

    #[tokio::test]
    async fn the_second_is_told_who_holds_it_and_the_third_gets_it() {
        let path = std::env::temp_dir().join(format!("deploy-lock-{}", std::process::id()));
        let first = take(&path, &holder("olga"), Duration::ZERO)
            .await
            .expect("free");
        let failure = take(&path, &holder("ivan"), Duration::ZERO)
            .await
            .expect_err("taken");
        assert_eq!(failure.code, Code::Conflict);
        let said = failure.error.expect("words").to_string();
        assert!(
            said.starts_with(
                "locked by olga since 2026-11-27T12:00:00Z (process 41): release 0.2.0; wait"
            ),
            "{said}"
        );
        drop(first);
        take(&path, &holder("ivan"), Duration::ZERO)
            .await
            .expect("free again");
        let _ = std::fs::remove_file(&path);
    }
}
