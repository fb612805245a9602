//! Many rows in one statement, and the statements of a small round in one script. Chunks have few sizes, so that few
//! texts are made, prepared and kept.

use std::sync::{Arc, OnceLock};

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};

const CHUNKS: [usize; 4] = [48, 12, 3, 1];

/// Values of one row, in column order.
pub(super) struct Binds<'a>(&'a mut SqliteArguments);

impl Binds<'_> {
    pub(super) fn put<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(
        &mut self,
        value: T,
    ) -> sqlx::Result<&mut Self> {
        self.0.add(value).map_err(sqlx::Error::Encode)?;
        Ok(self)
    }

    /// A text, copied once: sqlx makes two pieces of memory of a `String` and one of this.
    pub(super) fn text(&mut self, text: &str) -> sqlx::Result<&mut Self> {
        static EMPTY: OnceLock<Arc<str>> = OnceLock::new();
        let shared = if text.is_empty() {
            EMPTY.get_or_init(|| Arc::from("")).clone()
        } else {
            Arc::from(text)
        };
        self.put(shared)
    }
}

/// The text around the rows: `head (VALUES …) AS v tail`, where the columns of `v` are `column1`, `column2` …
/// The partner's id is the only place (`?`) outside of the rows: once in `head` or once in `tail`.
/// Places are bare `?`: SQLite looks numbered ones up by name, one after the other, for every value.
pub(super) struct Statement {
    head: &'static str,
    tail: &'static str,
    /// Columns of a row, `partner_id` not counted.
    columns: usize,
    texts: [OnceLock<String>; CHUNKS.len()],
}

impl Statement {
    pub(super) const fn new(columns: usize, head: &'static str, tail: &'static str) -> Statement {
        Statement {
            head,
            tail,
            columns,
            texts: [const { OnceLock::new() }; CHUNKS.len()],
        }
    }

    fn text(&'static self, chunk: usize) -> &'static str {
        self.texts[chunk].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(", "));
            let rows = vec![row; CHUNKS[chunk]].join(", ");
            format!("{} (VALUES {rows}) AS v {}", self.head, self.tail)
        })
    }

    /// Runs the statement over all rows, now or with the rest of the script.
    pub(super) async fn run<T>(
        &'static self,
        script: &mut Script<'_>,
        partner: &Arc<str>,
        mut rows: &[T],
        bind: impl Fn(&T, &mut Binds<'_>) -> sqlx::Result<()>,
    ) -> sqlx::Result<()> {
        let partner_first = self.head.contains('?');
        while !rows.is_empty() {
            let chunk = CHUNKS.iter().position(|size| *size <= rows.len());
            let chunk = chunk.unwrap_or(CHUNKS.len() - 1);
            let (now, later) = rows.split_at(CHUNKS[chunk]);
            let places = now.len() * self.columns + 1;
            script.arguments.reserve(places, 0);
            let mut binds = Binds(&mut script.arguments);
            if partner_first {
                binds.put(partner.clone())?;
            }
            for row in now {
                bind(row, &mut binds)?;
            }
            if !partner_first {
                binds.put(partner.clone())?;
            }
            script.say(self.text(chunk)).await?;
            rows = later;
        }
        Ok(())
    }
}

/// The statements of a transaction in their order.
pub(super) struct Script<'c> {
    connection: &'c mut SqliteConnection,
    /// Whether they go to the database together. Each journey there and back wakes two threads, which is most of what a
    /// single turn waits for; for hundreds of turns it is nothing, and their scripts would be too many to keep.
    is_one: bool,
    text: String,
    arguments: SqliteArguments,
}

impl<'c> Script<'c> {
    pub(super) fn new(connection: &'c mut SqliteConnection, is_one: bool) -> Script<'c> {
        Script {
            connection,
            is_one,
            text: String::new(),
            arguments: SqliteArguments::default(),
        }
    }

    /// Adds a statement whose arguments are there already.
    pub(super) async fn say(&mut self, statement: &'static str) -> sqlx::Result<()> {
        if self.is_one {
            self.text.push_str(statement);
            self.text.push_str(";\n");
            return Ok(());
        }
        let arguments = std::mem::take(&mut self.arguments);
        sqlx::query_with(statement, arguments)
            .execute(&mut *self.connection)
            .await
            .map(drop)
    }

    /// Runs what was gathered; the connection is for statements of other shapes.
    pub(super) async fn now(&mut self) -> sqlx::Result<&mut SqliteConnection> {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            let arguments = std::mem::take(&mut self.arguments);
            // The text is made of constants and places only.
            sqlx::query_with(AssertSqlSafe(text), arguments)
                .execute(&mut *self.connection)
                .await?;
        }
        Ok(&mut *self.connection)
    }
}
