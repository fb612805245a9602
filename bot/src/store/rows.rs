//! Many rows in one statement. Chunks have few sizes so that few statements are prepared and kept.

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, AssertSqlSafe, Encode, Sqlite, Type};

const CHUNKS: [usize; 4] = [32, 8, 2, 1];

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
}

/// The text around the rows; `VALUES …` is put between `head` and `tail`.
pub(super) struct Statement {
    pub head: &'static str,
    pub tail: &'static str,
    /// Columns of a row, `partner_id` not counted.
    pub columns: usize,
    pub partner: PartnerPlace,
}

/// Where the partner's id goes: before every row, or once in the tail.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum PartnerPlace {
    EachRow,
    Tail,
}

impl Statement {
    /// Places are bare `?`: SQLite looks numbered ones up by name, one after the other, for every value.
    fn text(&self, rows: usize) -> String {
        let places = self.columns + usize::from(self.partner == PartnerPlace::EachRow);
        let mut row = String::with_capacity(places * 3 + 3);
        row.push('(');
        for place in 0..places {
            row.push_str(if place == 0 { "?" } else { ", ?" });
        }
        row.push(')');
        let mut sql =
            String::with_capacity(self.head.len() + self.tail.len() + rows * (row.len() + 2) + 16);
        sql.push_str(self.head);
        sql.push_str(" VALUES ");
        for index in 0..rows {
            if index > 0 {
                sql.push_str(", ");
            }
            sql.push_str(&row);
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
            for row in chunk {
                let mut binds = Binds(&mut arguments);
                if self.partner == PartnerPlace::EachRow {
                    binds.put(partner_id)?;
                }
                bind(row, &mut binds)?;
            }
            if self.partner == PartnerPlace::Tail {
                Binds(&mut arguments).put(partner_id)?;
            }
            // The text is made of constants and places only.
            let sql = AssertSqlSafe(self.text(size));
            sqlx::query_with(sql, arguments)
                .execute(&mut *connection)
                .await?;
            rows = rest;
        }
        Ok(())
    }
}
