//! Where the bot's program is, when no release says so.

use std::path::PathBuf;

/// Beside this program; else found by the PATH.
pub fn bot() -> PathBuf {
    let beside = std::env::current_exe().map(|here| here.with_file_name("bot"));
    match beside {
        Ok(beside) if beside.is_file() => beside,
        _ => PathBuf::from("bot"),
    }
}
