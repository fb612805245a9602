//! Whole copies of a partner's file: made beside its owner, opened and counted before anybody relies on them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::TryStreamExt;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

/// What a copy holds. Two copies with the same ledger hold the same rows.
#[derive(Debug, Serialize)]
pub struct Inspection {
    pub partner: String,
    /// The number of the last migration.
    pub schema: i64,
    pub rows: BTreeMap<String, i64>,
    /// SHA-256 over every row of every table, in the order of their keys.
    pub ledger: String,
}

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("{path}: {source}", path = .path.display())]
    Database { path: PathBuf, source: sqlx::Error },
    #[error("{path}: damaged ({found}); take another copy", path = .path.display())]
    Damaged { path: PathBuf, found: String },
    #[error("{path}: not a bot's data file; name a copy of bot.db", path = .path.display())]
    Foreign { path: PathBuf },
}

/// Writes a whole, consistent copy of `<data_dir>/bot.db` to `target`; the bot goes on writing meanwhile.
pub async fn copy_to(data_dir: &Path, target: &Path) -> Result<(), CopyError> {
    let path = data_dir.join("bot.db");
    let failed = |source| CopyError::Database {
        path: path.clone(),
        source,
    };
    let options = SqliteConnectOptions::new()
        .filename(&path)
        .read_only(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cache_size", "-1024")
        .disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(failed)?;
    let _ = std::fs::remove_file(target);
    let copied = sqlx::query("VACUUM INTO $1")
        .bind(target.display().to_string())
        .execute(&mut connection)
        .await;
    if copied.is_err() {
        // Half a copy must never be taken for one.
        let _ = std::fs::remove_file(target);
    }
    copied.map_err(failed)?;
    connection.close().await.map_err(failed)
}

/// Opens a copy that nobody writes to, checks its pages and counts its rows.
pub async fn inspect(path: &Path) -> Result<Inspection, CopyError> {
    let failed = |source| CopyError::Database {
        path: path.to_owned(),
        source,
    };
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true)
        .disable_statement_logging();
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(failed)?;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(5)")
        .fetch_all(&mut connection)
        .await
        .map_err(failed)?;
    if found != ["ok"] {
        return Err(CopyError::Damaged {
            path: path.to_owned(),
            found: found.join("; "),
        });
    }
    let facts: Option<String> =
        sqlx::query_scalar("SELECT value FROM facts WHERE name = 'partner_id'")
            .fetch_optional(&mut connection)
            .await
            .ok()
            .flatten();
    let Some(partner) = facts else {
        return Err(CopyError::Foreign {
            path: path.to_owned(),
        });
    };
    let schema = sqlx::query_scalar("SELECT MAX(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    let mut ledger = Sha256::new();
    let mut rows = BTreeMap::new();
    for table in tables(&mut connection).await.map_err(failed)? {
        ledger.update(table.as_bytes());
        let count = read_table(&mut connection, &table, &mut ledger)
            .await
            .map_err(failed)?;
        rows.insert(table, count);
    }
    connection.close().await.map_err(failed)?;
    Ok(Inspection {
        partner,
        schema,
        rows,
        ledger: hex(&ledger.finalize()),
    })
}

async fn tables(connection: &mut SqliteConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY name",
    )
    .fetch_all(connection)
    .await
}

/// Feeds every row to the ledger as SQLite itself quotes it; the number of rows.
async fn read_table(
    connection: &mut SqliteConnection,
    table: &str,
    ledger: &mut Sha256,
) -> sqlx::Result<i64> {
    let columns: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, pk FROM pragma_table_info($1) ORDER BY cid")
            .bind(table)
            .fetch_all(&mut *connection)
            .await?;
    let values: Vec<String> = columns
        .iter()
        .map(|(name, _)| format!("quote(\"{name}\")"))
        .collect();
    let mut keys: Vec<&(String, i64)> = columns.iter().filter(|(_, pk)| *pk > 0).collect();
    keys.sort_by_key(|(_, pk)| *pk);
    let order = match keys.is_empty() {
        true => "1".to_owned(),
        false => keys
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let text = format!(
        "SELECT {} FROM \"{table}\" ORDER BY {order}",
        values.join(" || ',' || ")
    );
    let mut stream = sqlx::query(AssertSqlSafe(text)).fetch(connection);
    let mut count = 0;
    while let Some(row) = stream.try_next().await? {
        ledger.update(row.try_get::<&str, _>(0)?.as_bytes());
        ledger.update(b"\n");
        count += 1;
    }
    Ok(count)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
