//! Many rows in one statement. Chunks have few sizes so that few statements are prepared and kept.

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};

const CHUNKS: [usize; 3] = [32, 8, 1];

/// Values of one row, in column order; `partner_id` is `$1` and shared by all rows.
pub(super) struct Binds<'a>(&'a mut SqliteArguments);

impl Binds<'_> {
    pub(super) fn put<'q, T: Encode<'q, Sqlite> + Type<Sqlite>>(
        &mut self,
        value: T,
    ) -> sqlx::Result<&mut Self> {
        self.0.add(value).map_err(sqlx::Error::Encode)?;
        Ok(self)
    }
}

/// The text around the rows; `(VALUES …)` is put between `head` and `tail`.
pub(super) struct Statement {
    pub head: &'static str,
    pub tail: &'static str,
    /// Columns of a row, `partner_id` not counted.
    pub columns: usize,
    /// Whether each row starts with `$1`, the partner's id.
    pub partner_first: bool,
}

impl Statement {
    fn text(&self, rows: usize) -> String {
        let mut sql =
            String::with_capacity(self.head.len() + self.tail.len() + rows * self.columns * 6);
        sql.push_str(self.head);
        let mut next = 2;
        for row in 0..rows {
            sql.push_str(if row == 0 { " VALUES (" } else { ", (" });
            if self.partner_first {
                sql.push_str("$1, ");
            }
            for column in 0..self.columns {
                if column > 0 {
                    sql.push_str(", ");
                }
                sql.push('$');
                sql.push_str(&next.to_string());
                next += 1;
            }
            sql.push(')');
        }
        sql.push(' ');
        sql.push_str(self.tail);
        sql
    }

    /// Runs the statement over all rows.
    pub(super) async fn run<T>(
        &self,
        connection: &mut SqliteConnection,
        partner_id: &str,
        mut rows: &[T],
        bind: impl Fn(&T, &mut Binds<'_>) -> sqlx::Result<()>,
    ) -> sqlx::Result<()> {
        while !rows.is_empty() {
            let size = CHUNKS
                .into_iter()
                .find(|size| *size <= rows.len())
                .unwrap_or(1);
            let (chunk, rest) = rows.split_at(size);
            let mut arguments = SqliteArguments::default();
            arguments.add(partner_id).map_err(sqlx::Error::Encode)?;
            for row in chunk {
                bind(row, &mut Binds(&mut arguments))?;
            }
            // The text is made of constants and numbered places only.
            sqlx::query_with(AssertSqlSafe(self.text(size)), arguments)
                .execute(&mut *connection)
                .await?;
            rows = rest;
        }
        Ok(())
    }
}
