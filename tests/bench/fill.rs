//! Fills a stopped bot's store with leads: copies of one that walked the funnel, each with an event and a message.

use std::path::Path;

use anyhow::Context;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};

use crate::leads::FIRST;

/// Makes it so many; whoever is there already is replaced.
pub fn fill(data: &Path, leads: u64) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime
        .block_on(write(data, leads))
        .context("filling the store")
}

async fn write(data: &Path, leads: u64) -> anyhow::Result<()> {
    let mut db = SqliteConnectOptions::new()
        .filename(data.join("bot.db"))
        .disable_statement_logging()
        .connect()
        .await?;
    // Nothing here has to survive a power cut.
    run(&mut db, "PRAGMA synchronous = OFF").await?;
    run(&mut db, "BEGIN").await?;
    for table in ["leads", "events", "outbox"] {
        // One that came to the end of the walk is the pattern.
        run(
            &mut db,
            &format!(
                "CREATE TEMP TABLE {table}_pattern AS SELECT * FROM {table} WHERE {} LIMIT 1",
                match table {
                    "leads" => "phone <> '' AND first_name LIKE 'Lead%'",
                    _ => "lead_id <> 0",
                }
            ),
        )
        .await?;
        run(&mut db, &format!("DELETE FROM {table}")).await?;
    }
    run(&mut db, "DELETE FROM timers").await?;
    run(&mut db, "DELETE FROM inbox").await?;
    let numbers = format!(
        "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {leads})"
    );
    for table in ["leads", "events", "outbox"] {
        let columns = columns(&mut db, table).await?;
        let values: Vec<String> = columns
            .iter()
            .map(|column| match (table, column.as_str()) {
                (_, "id") | (_, "lead_id") | ("leads", "last_event" | "last_outbox") => {
                    "n.n".to_owned()
                }
                (_, "chat_id") => format!("n.n + {}", FIRST - 1),
                ("events" | "outbox", "prev") => "0".to_owned(),
                ("outbox", "state") => "'sent'".to_owned(),
                (_, column) => format!("p.{column}"),
            })
            .collect();
        let sql = format!(
            "{numbers} INSERT INTO {table} ({}) SELECT {} FROM n, {table}_pattern p",
            columns.join(", "),
            values.join(", ")
        );
        run(&mut db, &sql).await?;
    }
    run(&mut db, "COMMIT").await?;
    run(&mut db, "PRAGMA wal_checkpoint(TRUNCATE)").await?;
    db.close().await?;
    Ok(())
}

async fn columns(db: &mut SqliteConnection, table: &str) -> anyhow::Result<Vec<String>> {
    let rows = sqlx::query(AssertSqlSafe(format!("PRAGMA table_info({table})")))
        .fetch_all(db)
        .await?;
    rows.iter().map(|row| Ok(row.try_get("name")?)).collect()
}

async fn run(db: &mut SqliteConnection, sql: &str) -> anyhow::Result<()> {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .execute(db)
        .await
        .with_context(|| sql.to_owned())?;
    Ok(())
}
