//! What lies beside a data file and says what happened to it: `moved.json` (it lives elsewhere now) and
//! `restored.json` (it came out of a backup, so part of what it holds as due may have been sent already).

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use sqlx::Connection;

use super::Store;

const MOVED: &str = "moved.json";
const RESTORED_MARK: &str = "restored.json";

/// The reason of what waited in a copy.
pub const RESTORED: &str = "restored from a backup";

/// Numbers skipped after a restore: the partner may hold cards of leads the backup never saw.
const SKIPPED: i64 = 1_000;

/// Where the partner lives now, when this data was left behind.
pub fn moved_to(data_dir: &Path) -> Option<String> {
    let text = match fs::read_to_string(data_dir.join(MOVED)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return None,
        // A fence that cannot be read is still a fence.
        read => read.unwrap_or_default(),
    };
    let mark: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Some(mark["to"].as_str().unwrap_or("another host").to_owned())
}

/// When the data was copied, and when the copy was put back.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Mark {
    copied_at: i64,
    restored_at: i64,
}

/// Takes the mark of a restore into the store, once: nothing that was waiting in the copy is sent any more.
pub async fn apply(store: &mut Store, data_dir: &Path) -> sqlx::Result<()> {
    let path = data_dir.join(RESTORED_MARK);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        // Without it, what waits in the copy would be sent a second time.
        read => read.map_err(sqlx::Error::Io)?,
    };
    let mark: Mark =
        serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let known = store.fact("restored_at").await?;
    if known != Some(mark.restored_at.to_string()) {
        settle(store, mark).await?;
    }
    fs::remove_file(&path).map_err(sqlx::Error::Io)
}

async fn settle(store: &mut Store, mark: Mark) -> sqlx::Result<()> {
    let counters = store.counters().await?;
    let partner = store.partner_id.clone();
    let mut transaction = store.connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query(
        "UPDATE outbox SET state = CASE state WHEN 'sending' THEN 'unknown' ELSE 'dropped' END,
           reason = $3, settled_at = $2
         WHERE partner_id = $1 AND state IN ('due', 'sending')",
    )
    .bind(&partner)
    .bind(mark.restored_at)
    .bind(RESTORED)
    .execute(&mut *transaction)
    .await?;
    let facts = [
        ("restored_copied_at", mark.copied_at),
        ("restored_at", mark.restored_at),
        ("last_lead", counters.lead + SKIPPED),
    ];
    for (name, value) in facts {
        sqlx::query(
            "INSERT INTO facts (partner_id, name, value) VALUES ($1, $2, $3)
             ON CONFLICT (partner_id, name) DO UPDATE SET value = excluded.value",
        )
        .bind(&partner)
        .bind(name)
        .bind(value.to_string())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_that_cannot_be_read_is_still_a_fence() {
        let dir = std::env::temp_dir().join(format!("bot-fence-{}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        assert_eq!(moved_to(&dir), None);
        fs::write(dir.join(MOVED), r#"{ "to": "beta" }"#).expect("a fence");
        assert_eq!(moved_to(&dir).as_deref(), Some("beta"));
        fs::remove_file(dir.join(MOVED)).expect("no fence");
        // A directory is as unreadable as another user's file.
        fs::create_dir(dir.join(MOVED)).expect("an unreadable fence");
        assert_eq!(moved_to(&dir).as_deref(), Some("another host"));
        fs::remove_dir_all(&dir).expect("cleared");
    }
}
