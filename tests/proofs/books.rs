//! A bot's data file read beside it: what a crash left behind.

use std::collections::HashMap;
use std::path::Path;

use sqlx::{Connection, SqliteConnection};

/// What the file holds.
#[derive(Debug, Default)]
pub struct Books {
    /// What SQLite says of the file: `ok`.
    pub integrity: String,
    /// Updates that are stored, in whatever state.
    pub updates: u64,
    /// Messages that were written for each chat.
    pub messages: HashMap<i64, u64>,
}

impl Books {
    /// Reads a copy, so that the bot itself meets the file as the crash left it. A file that is not there yet holds
    /// nothing, soundly.
    pub async fn read(data: &Path) -> Books {
        let copy = data.with_extension("copy");
        let _ = std::fs::remove_dir_all(&copy);
        std::fs::create_dir_all(&copy).unwrap();
        for name in ["bot.db", "bot.db-wal"] {
            let from = data.join(name);
            if from.exists() {
                std::fs::copy(from, copy.join(name)).unwrap();
            }
        }
        let mut books = Books {
            integrity: "ok".to_owned(),
            ..Books::default()
        };
        let file = copy.join("bot.db");
        if std::fs::metadata(&file).is_ok_and(|file| file.len() > 0)
            && let Err(error) = books.fill(&file).await
        {
            books.integrity = error.to_string();
        }
        std::fs::remove_dir_all(&copy).unwrap();
        books
    }

    async fn fill(&mut self, file: &Path) -> sqlx::Result<()> {
        let mut store = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await?;
        self.integrity = sqlx::query_scalar("PRAGMA integrity_check")
            .fetch_one(&mut store)
            .await?;
        let tables: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM sqlite_schema WHERE name IN ('inbox', 'outbox')",
        )
        .fetch_one(&mut store)
        .await?;
        if tables == 2 {
            let updates: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM inbox")
                .fetch_one(&mut store)
                .await?;
            self.updates = updates.unsigned_abs();
            let rows: Vec<(i64, i64)> =
                sqlx::query_as("SELECT chat_id, COUNT(*) FROM outbox GROUP BY chat_id")
                    .fetch_all(&mut store)
                    .await?;
            let rows = rows
                .into_iter()
                .map(|(chat, count)| (chat, count.unsigned_abs()));
            self.messages = rows.collect();
        }
        store.close().await
    }
}
