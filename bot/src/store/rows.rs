//! Many rows in one statement, and the statements of a transaction one after the other. Chunks have few sizes, so that
//! few texts are made, prepared and kept.

use std::sync::{Arc, OnceLock};

use futures_util::future::join;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};

const CHUNKS: [usize; 8] = [96, 48, 24, 12, 6, 3, 2, 1];

/// Values of one row, in column order.
pub(super) struct Binds<'a> {
    arguments: &'a mut SqliteArguments,
    recent: &'a mut Recent,
}

/// Short texts of late: ids and words come again with nearly every row, and each copy would be a piece of memory that
/// one thread makes and another frees.
struct Recent {
    texts: [Arc<str>; 8],
    next: usize,
}

impl Recent {
    const SHORT: usize = 24;

    fn new() -> Recent {
        static EMPTY: OnceLock<Arc<str>> = OnceLock::new();
        let empty = EMPTY.get_or_init(|| Arc::from(""));
        Recent {
            texts: std::array::from_fn(|_| empty.clone()),
            next: 1,
        }
    }

    fn share(&mut self, text: &str) -> Arc<str> {
        if text.len() > Self::SHORT {
            return Arc::from(text);
        }
        if let Some(known) = self.texts.iter().find(|known| ***known == *text) {
            return known.clone();
        }
        let shared: Arc<str> = Arc::from(text);
        self.texts[self.next] = shared.clone();
        // The first place stays with the empty text, the most frequent of all.
        self.next = self.next % (self.texts.len() - 1) + 1;
        shared
    }
}

impl Binds<'_> {
    pub(super) fn put<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(
        &mut self,
        value: T,
    ) -> sqlx::Result<&mut Self> {
        self.arguments.add(value).map_err(sqlx::Error::Encode)?;
        Ok(self)
    }

    /// A text that is often empty: as NULL it costs the database no memory, and the statement makes it a text again.
    pub(super) fn often_empty(&mut self, text: &str) -> sqlx::Result<&mut Self> {
        if text.is_empty() {
            return self.put(None::<i64>);
        }
        self.text(text)
    }

    /// A text, copied at most once: sqlx makes two pieces of memory of a `String` and one of this.
    pub(super) fn text(&mut self, text: &str) -> sqlx::Result<&mut Self> {
        let shared = self.recent.share(text);
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
    /// Whether rows of nothing but NULL change nothing.
    may_fill: bool,
    texts: [OnceLock<String>; CHUNKS.len()],
}

impl Statement {
    pub(super) const fn new(columns: usize, head: &'static str, tail: &'static str) -> Statement {
        Statement::make(columns, head, tail, false)
    }

    /// The same for a statement that passes over rows of nothing but NULL: what is left over after whole chunks goes
    /// in one statement filled up with them. Each statement more would wake two threads.
    pub(super) const fn filled(
        columns: usize,
        head: &'static str,
        tail: &'static str,
    ) -> Statement {
        Statement::make(columns, head, tail, true)
    }

    const fn make(
        columns: usize,
        head: &'static str,
        tail: &'static str,
        may_fill: bool,
    ) -> Statement {
        Statement {
            head,
            tail,
            columns,
            may_fill,
            texts: [const { OnceLock::new() }; CHUNKS.len()],
        }
    }

    /// Which of `CHUNKS` takes the next of so many rows.
    fn chunk(&self, rows: usize) -> usize {
        let found = if self.may_fill {
            CHUNKS.iter().rposition(|size| *size >= rows)
        } else {
            CHUNKS.iter().position(|size| *size <= rows)
        };
        found.unwrap_or(if self.may_fill { 0 } else { CHUNKS.len() - 1 })
    }

    fn text(&'static self, chunk: usize) -> &'static str {
        self.texts[chunk].get_or_init(|| {
            let row = format!("({})", vec!["?"; self.columns].join(", "));
            let rows = vec![row; CHUNKS[chunk]].join(", ");
            format!("{} (VALUES {rows}) AS v {}", self.head, self.tail)
        })
    }

    /// The statement over so many rows.
    fn step<'a, T: Sync + 'a>(
        &'static self,
        chunk: usize,
        partner: &'a Arc<str>,
        rows: Vec<&'a T>,
        bind: Bind<T>,
    ) -> Step<'a> {
        let partner_first = self.head.contains('?');
        let places = CHUNKS[chunk] * self.columns;
        Step {
            text: self.text(chunk),
            places: places + 1,
            values: Box::new(move |binds| {
                if partner_first {
                    binds.put(partner.clone())?;
                }
                for row in &rows {
                    bind(row, binds)?;
                }
                for _ in rows.len() * self.columns..places {
                    binds.put(None::<i64>)?;
                }
                if !partner_first {
                    binds.put(partner.clone())?;
                }
                Ok(())
            }),
        }
    }
}

/// Puts in the values of one row.
pub(super) type Bind<T> = fn(&T, &mut Binds<'_>) -> sqlx::Result<()>;

/// A statement whose values are not put in yet.
struct Step<'a> {
    text: &'static str,
    places: usize,
    values: Box<dyn FnOnce(&mut Binds<'_>) -> sqlx::Result<()> + Send + 'a>,
}

impl Step<'_> {
    fn bind(self, arguments: &mut SqliteArguments, recent: &mut Recent) -> sqlx::Result<()> {
        arguments.reserve(self.places, 0);
        (self.values)(&mut Binds { arguments, recent })
    }
}

/// The statements of a transaction in their order.
pub(super) struct Script<'a> {
    partner: &'a Arc<str>,
    /// Whether they go to the database together. Each journey there and back wakes two threads, which is most of what a
    /// single turn waits for; for hundreds of turns it is nothing, and their scripts would be too many to keep.
    is_one: bool,
    steps: Vec<Step<'a>>,
    recent: Recent,
}

impl<'a> Script<'a> {
    pub(super) fn new(partner: &'a Arc<str>, is_one: bool) -> Script<'a> {
        Script {
            partner,
            is_one,
            steps: Vec::new(),
            recent: Recent::new(),
        }
    }

    /// Adds a statement without values.
    pub(super) fn say(&mut self, text: &'static str) {
        self.steps.push(Step {
            text,
            places: 0,
            values: Box::new(|_| Ok(())),
        });
    }

    /// Adds the statement over all rows.
    pub(super) fn add<T: Sync + 'a>(
        &mut self,
        statement: &'static Statement,
        rows: impl IntoIterator<Item = &'a T>,
        bind: Bind<T>,
    ) {
        let mut rows: Vec<&T> = rows.into_iter().collect();
        while !rows.is_empty() {
            let chunk = statement.chunk(rows.len());
            let later = rows.split_off(CHUNKS[chunk].min(rows.len()));
            let step = statement.step(chunk, self.partner, rows, bind);
            self.steps.push(step);
            rows = later;
        }
    }

    /// Runs what was added.
    pub(super) async fn run(&mut self, connection: &mut SqliteConnection) -> sqlx::Result<()> {
        let steps = std::mem::take(&mut self.steps);
        if self.is_one {
            self.run_as_one(steps, connection).await
        } else {
            self.run_each(steps, connection).await
        }
    }

    async fn run_as_one(
        &mut self,
        steps: Vec<Step<'a>>,
        connection: &mut SqliteConnection,
    ) -> sqlx::Result<()> {
        let mut text = String::new();
        let mut arguments = SqliteArguments::default();
        for step in steps {
            text.push_str(step.text);
            text.push_str(";\n");
            step.bind(&mut arguments, &mut self.recent)?;
        }
        // The text is made of constants and places only.
        let script = sqlx::query_with(AssertSqlSafe(text), arguments);
        script.execute(connection).await.map(drop)
    }

    /// The values of the next are put in while the database is at work on the one before.
    async fn run_each(
        &mut self,
        steps: Vec<Step<'a>>,
        connection: &mut SqliteConnection,
    ) -> sqlx::Result<()> {
        let mut steps = steps.into_iter();
        let mut next = || {
            let step = steps.next()?;
            let (text, mut arguments) = (step.text, SqliteArguments::default());
            let bound = step.bind(&mut arguments, &mut self.recent);
            Some(bound.map(|()| sqlx::query_with(text, arguments)))
        };
        let mut coming = next();
        while let Some(statement) = coming {
            let at_work = statement?.execute(&mut *connection);
            let (done, following) = join(at_work, async { next() }).await;
            done?;
            coming = following;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use compact_str::format_compact;

    use super::*;
    use crate::store::{Batch, EventRow};

    #[tokio::test]
    async fn every_number_of_rows_is_written_whole() {
        let dir = std::env::temp_dir().join(format!("bot-rows-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a directory");
        let mut store = crate::store::open(&dir, "north").await.expect("a store");
        let mut last = 0;
        for rows in 1..=130 {
            let events = (last + 1..=last + rows).map(|id| EventRow {
                id,
                lead_id: 7,
                kind: "reached",
                value: format_compact!("{id}"),
                ..EventRow::default()
            });
            let batch = Batch {
                events: events.collect(),
                ..Batch::default()
            };
            store.commit(&batch).await.expect("room");
            last += rows;
            let seen: (i64, i64, i64) = sqlx::query_as(
                "SELECT COUNT(*), MAX(id), COUNT(CASE WHEN value = CAST(id AS TEXT) THEN 1 END) FROM events",
            )
            .fetch_one(&mut store.connection)
            .await
            .expect("a count");
            assert_eq!(seen, (last, last, last), "after {rows} rows");
        }
        std::fs::remove_dir_all(&dir).expect("it is there");
    }

    #[test]
    fn what_is_left_over_goes_in_one_statement() {
        let filled = Statement::filled(1, "", "");
        let exact = Statement::new(1, "", "");
        let size = |statement: &Statement, rows| CHUNKS[statement.chunk(rows)];
        for (rows, filled_size, exact_size) in [
            (1, 1, 1),
            (2, 2, 2),
            (4, 6, 3),
            (13, 24, 12),
            (95, 96, 48),
            (200, 96, 96),
        ] {
            assert_eq!(size(&filled, rows), filled_size, "{rows}");
            assert_eq!(size(&exact, rows), exact_size, "{rows}");
        }
    }
}
