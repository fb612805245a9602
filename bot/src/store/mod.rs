//! The only SQL. One store holds one partner's data: it is opened for that partner and refuses another's file.
//!
//! What differs between databases is listed here: how the file is opened (`open`), `BEGIN IMMEDIATE`, bare places (`?`)
//! in many-row statements (`rows`), `INDEXED BY` (`stats`), and the migrations folder. Every other statement is common SQL.

mod batch;
mod cases;
mod chain;
mod commit;
mod copy;
mod digest;
mod erase;
mod export;
pub mod fates;
mod inbox;
mod intents;
mod lists;
mod open;
pub mod outbox;
mod restored;
mod rows;
mod stats;
mod story;
mod team;
mod timers;

use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;

pub use batch::*;
pub use copy::{copy_to, inspect};
pub use digest::{DigestRow, News, Week};
pub use erase::{Forgotten, GOODBYE, remember_erased};
pub use intents::{Doubtful, Wish};
pub use lists::LeadFilter;
pub use open::{OpenError, open, open_read_only, schema_version};
pub use restored::RESTORED;
pub use stats::{HotLead, Stats, StatsWindow};
pub use story::StoryItem;
pub use timers::{FIRST_LANES, NextTimers, OWN_LANES, lane_of};

/// One partner's data. `&mut` because there is one writer and it is a connection, not a pool.
pub struct Store {
    partner_id: Arc<str>,
    connection: SqliteConnection,
    /// Held for the life of the process: a second owner is refused.
    _lock: Option<std::fs::File>,
}

/// SQLite's kinds of error: the low byte of a code, the rest says which.
const SQLITE_FULL: u32 = 13;
const SQLITE_CONSTRAINT: u32 = 19;
/// The file shared with readers cannot grow: said of a full disk too, by its whole code.
const SQLITE_IOERR_SHMSIZE: u32 = 4_874;

/// Whether the database refused the rows themselves (a constraint), and not the writing.
pub fn refuses_rows(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code & 0xff == SQLITE_CONSTRAINT)
}

/// Whether there is no room on the disk.
pub fn is_full(error: &sqlx::Error) -> bool {
    code(error).is_some_and(|code| code & 0xff == SQLITE_FULL || code == SQLITE_IOERR_SHMSIZE)
}

fn code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// The numbers the program hands out itself, continued after a restart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub lead: i64,
    pub event: i64,
    pub outbox: i64,
    /// The highest update id ever stored.
    pub update: i64,
}

impl Store {
    /// Reads where the numbering stands.
    pub async fn counters(&mut self) -> sqlx::Result<Counters> {
        let row: (i64, i64, i64, i64) = sqlx::query_as(
            "SELECT (SELECT COALESCE(MAX(id), 0) FROM leads WHERE partner_id = $1),
                    (SELECT COALESCE(MAX(id), 0) FROM events WHERE partner_id = $1),
                    (SELECT COALESCE(MAX(id), 0) FROM outbox WHERE partner_id = $1),
                    (SELECT COALESCE(MAX(update_id), 0) FROM inbox WHERE partner_id = $1)",
        )
        .bind(&*self.partner_id)
        .fetch_one(&mut self.connection)
        .await?;
        let numbered = self
            .fact("last_lead")
            .await?
            .and_then(|text| text.parse().ok())
            .unwrap_or(0);
        Ok(Counters {
            lead: row.0.max(numbered),
            event: row.1,
            outbox: row.2,
            update: row.3,
        })
    }

    /// A named value of this partner: `clean_stop`, `commands_hash`, …
    pub async fn fact(&mut self, name: &str) -> sqlx::Result<Option<String>> {
        sqlx::query_scalar("SELECT value FROM facts WHERE partner_id = $1 AND name = $2")
            .bind(&*self.partner_id)
            .bind(name)
            .fetch_optional(&mut self.connection)
            .await
    }

    /// Moves the write-ahead log into the file; on stop and by housekeeping.
    pub async fn checkpoint(&mut self) -> sqlx::Result<()> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut self.connection)
            .await
            .map(drop)
    }

    /// Gives back pages and prepared statements; both come again with use.
    pub async fn rest(&mut self) -> sqlx::Result<()> {
        use sqlx::Connection;
        self.connection.clear_cached_statements().await?;
        self.say("PRAGMA shrink_memory").await?;
        // A statement's progress is the one moment when something of ours runs on the connection's own thread.
        let mut is_done = false;
        let at_progress = move || {
            if !std::mem::replace(&mut is_done, true) {
                crate::memory::empty_thread_cache();
            }
            true
        };
        let mut handle = self.connection.lock_handle().await?;
        handle.set_progress_handler(1, at_progress);
        drop(handle);
        let said = self.say("SELECT COUNT(*) FROM facts").await;
        let mut handle = self.connection.lock_handle().await?;
        handle.remove_progress_handler();
        drop(handle);
        said
    }

    async fn say(&mut self, statement: &'static str) -> sqlx::Result<()> {
        let said = sqlx::query(statement).persistent(false);
        said.execute(&mut self.connection).await.map(drop)
    }

    pub async fn close(self) -> sqlx::Result<()> {
        use sqlx::Connection;
        self.connection.close().await
    }
}
