//! The least that can be called a bot: it reads, commits each poll's batch once, and answers. It checks nothing and
//! promises nothing. What it reaches is what this machine allows at this moment, so that figures of two moments or of
//! two machines can be told from figures of two programs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::fake::find;

const TABLES: [&str; 3] = [
    "CREATE TABLE leads (chat INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE states (chat INTEGER PRIMARY KEY, step INTEGER)",
    "CREATE TABLE events (id INTEGER PRIMARY KEY, chat INTEGER, step INTEGER)",
];

/// Talks to the server at `address` until it is killed; its data lies in `dir`.
pub fn run(address: &str, dir: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(talk(address, dir))
}

/// One act of a lead.
struct Turn {
    chat: i64,
    name: String,
    /// Of five.
    step: usize,
    callback: Option<String>,
}

async fn talk(address: &str, dir: &Path) -> anyhow::Result<()> {
    let mut db = SqliteConnectOptions::new()
        .filename(dir.join("bare.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // As the others of the table have it.
        .synchronous(SqliteSynchronous::Normal)
        // A text for each size of batch.
        .statement_cache_capacity(100)
        .disable_statement_logging()
        .connect()
        .await?;
    for table in TABLES {
        sqlx::query(table).execute(&mut db).await?;
    }
    let lines = Lines::new(address);
    let mut steps: HashMap<i64, usize> = HashMap::new();
    let mut offset = 0;
    loop {
        let ask = format!("{{\"offset\":{offset},\"timeout\":50}}");
        let answer: Value = serde_json::from_slice(&lines.call("getUpdates", &ask).await?)?;
        let updates = answer["result"].as_array().context("no updates")?;
        let turns: Vec<Turn> = updates
            .iter()
            .filter_map(|update| turn(update, &mut steps))
            .collect();
        if let Some(last) = updates.last() {
            offset = last["update_id"].as_i64().unwrap_or(0) + 1;
        }
        write(&mut db, &turns).await?;
        for turn in turns {
            answer_to(&lines, turn);
        }
    }
}

fn turn(update: &Value, steps: &mut HashMap<i64, usize>) -> Option<Turn> {
    let press = update.get("callback_query");
    let from = &press.or(update.get("message"))?["from"];
    let chat = from["id"].as_i64()?;
    let step = steps.entry(chat).or_insert(4);
    *step = (*step + 1) % 5;
    Some(Turn {
        chat,
        name: from["first_name"].as_str()?.to_owned(),
        step: *step,
        callback: press.and_then(|press| Some(press["id"].as_str()?.to_owned())),
    })
}

async fn write(db: &mut SqliteConnection, turns: &[Turn]) -> anyhow::Result<()> {
    if turns.is_empty() {
        return Ok(());
    }
    let places = |row: &str| vec![row; turns.len()].join(", ");
    let script = format!(
        "BEGIN;
         INSERT INTO leads VALUES {} ON CONFLICT DO UPDATE SET name = excluded.name;
         INSERT INTO states VALUES {} ON CONFLICT DO UPDATE SET step = excluded.step;
         INSERT INTO events (chat, step) VALUES {};
         COMMIT",
        places("(?, ?)"),
        places("(?, ?)"),
        places("(?, ?)")
    );
    let mut query = sqlx::query(AssertSqlSafe(script));
    for turn in turns {
        query = query.bind(turn.chat).bind(turn.name.clone());
    }
    for turn in turns.iter().chain(turns) {
        query = query.bind(turn.chat).bind(i64::try_from(turn.step)?);
    }
    query.execute(db).await?;
    Ok(())
}

fn answer_to(lines: &Arc<Lines>, turn: Turn) {
    let chat = turn.chat;
    let keyboard = match turn.step {
        0 | 1 => {
            ",\"reply_markup\":{\"inline_keyboard\":[[{\"text\":\"Дальше\",\"callback_data\":\"next\"}]]}"
        }
        _ => "",
    };
    let message = format!(
        "{{\"chat_id\":{chat},\"text\":\"Шаг {}\"{keyboard}}}",
        turn.step
    );
    lines.clone().send("sendMessage", message);
    if let Some(id) = turn.callback {
        let answer = format!("{{\"callback_query_id\":\"{id}\"}}");
        lines.clone().send("answerCallbackQuery", answer);
    }
}

/// Open lines to the server.
struct Lines {
    address: String,
    idle: Mutex<Vec<TcpStream>>,
}

impl Lines {
    fn new(address: &str) -> Arc<Lines> {
        Arc::new(Lines {
            address: address.to_owned(),
            idle: Mutex::default(),
        })
    }

    #[expect(clippy::disallowed_methods, reason = "it lives as long as the process")]
    fn send(self: Arc<Lines>, method: &'static str, body: String) {
        tokio::spawn(async move {
            // The load tells when somebody is not answered.
            let _ = self.call(method, &body).await;
        });
    }

    async fn call(&self, method: &str, body: &str) -> anyhow::Result<Vec<u8>> {
        let idle = self.idle.lock().ok().and_then(|mut idle| idle.pop());
        let mut line = match idle {
            Some(line) => line,
            None => {
                let line = TcpStream::connect(&self.address).await?;
                line.set_nodelay(true)?;
                line
            }
        };
        let request = format!(
            "POST /bot1:BARE/{method} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        line.write_all(request.as_bytes()).await?;
        let answer = read(&mut line).await?;
        if let Ok(mut idle) = self.idle.lock() {
            idle.push(line);
        }
        Ok(answer)
    }
}

/// The body of one answer.
async fn read(line: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(1_024);
    loop {
        anyhow::ensure!(line.read_buf(&mut bytes).await? > 0, "the line was closed");
        let Some(end) = find(&bytes, b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("no length")?.parse()?;
        while bytes.len() < end + 4 + length {
            anyhow::ensure!(line.read_buf(&mut bytes).await? > 0, "the answer was cut");
        }
        return Ok(bytes.split_off(end + 4));
    }
}
