//! How data is shown: a table on a terminal, tab-separated lines in a pipe, JSON with a versioned schema for programs.

use clap::Args;
use serde_json::{Value, json};

use crate::host::Host;

/// The version of every JSON document; a change that breaks a reader changes it.
pub const SCHEMA: &str = "partnerctl/v1";

#[derive(Clone, Copy, Debug, Default, Args)]
pub struct OutputArgs {
    /// Machine-readable: {"schema": "partnerctl/v1", "kind", "data", "warnings"}
    #[arg(long)]
    pub json: bool,
}

/// Prints a document.
pub fn json(kind: &str, data: &Value, warnings: &[String], host: &dyn Host) {
    let document = json!({ "schema": SCHEMA, "kind": kind, "data": data, "warnings": warnings });
    host.out(&format!("{document:#}"));
}

/// Prints one line of a stream (NDJSON).
pub fn json_line(kind: &str, data: &Value, host: &dyn Host) {
    host.out(&json!({ "schema": SCHEMA, "kind": kind, "data": data }).to_string());
}

/// What a cell says about itself; colour repeats a word or a sign, it never stands alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    #[default]
    Plain,
    Good,
    Warn,
    Bad,
    Dim,
}

impl Tone {
    pub fn paint(self, text: &str) -> String {
        let code = match self {
            Tone::Plain => return text.to_owned(),
            Tone::Good => 32,
            Tone::Warn => 33,
            Tone::Bad => 31,
            Tone::Dim => 2,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    pub text: String,
    pub tone: Tone,
}

impl Cell {
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// Columns with a name; numbers stand to the right.
#[derive(Clone, Debug, Default)]
pub struct Table {
    columns: Vec<(&'static str, bool)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A name that ends with `>` is a column of numbers.
    pub fn new(columns: &[&'static str]) -> Self {
        let columns = columns.iter().map(|name| match name.strip_suffix('>') {
            Some(name) => (name, true),
            None => (*name, false),
        });
        Self {
            columns: columns.collect(),
            rows: Vec::new(),
        }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = impl Into<Cell>>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    pub fn print(&self, host: &dyn Host) {
        match host.columns() {
            Some(columns) => host.out(&self.aligned(columns, host.colour())),
            None => host.out(&self.plain()),
        }
    }

    /// Tab-separated with a line of names; an empty cell is a dash, so that `cut` and `awk` count right.
    fn plain(&self) -> String {
        let names = self.columns.iter().map(|(name, _)| (*name).to_owned());
        let mut lines = vec![names.collect::<Vec<_>>().join("\t")];
        for row in &self.rows {
            let cells = row.iter().map(|cell| match cell.text.is_empty() {
                true => "-".to_owned(),
                false => cell.text.replace(['\t', '\n'], " "),
            });
            lines.push(cells.collect::<Vec<_>>().join("\t"));
        }
        lines.join("\n")
    }

    fn aligned(&self, columns: usize, colour: bool) -> String {
        let mut widths: Vec<usize> = self.columns.iter().map(|(name, _)| width(name)).collect();
        for row in &self.rows {
            for (width_so_far, cell) in widths.iter_mut().zip(row) {
                *width_so_far = (*width_so_far).max(width(&cell.text));
            }
        }
        let names = self
            .columns
            .iter()
            .map(|(name, _)| Cell::new(*name, Tone::Dim));
        let names: Vec<Cell> = names.collect();
        let lines = std::iter::once(&names).chain(&self.rows);
        let lines = lines.map(|row| {
            let mut line = String::new();
            let mut used = 0;
            for (index, cell) in row.iter().enumerate() {
                let (_, number) = self.columns[index];
                // The last column takes what is left of the line and no more.
                let last = index + 1 == row.len();
                let room = if last {
                    columns.saturating_sub(used).max(8)
                } else {
                    widths[index]
                };
                let text = cut(&cell.text, room);
                let pad = " ".repeat(widths[index].min(room).saturating_sub(width(&text)));
                let text = if colour { cell.tone.paint(&text) } else { text };
                match (number, last) {
                    (true, _) => line.push_str(&format!("{pad}{text}")),
                    (false, true) => line.push_str(&text),
                    (false, false) => line.push_str(&format!("{text}{pad}")),
                }
                if !last {
                    line.push_str("  ");
                }
                used += widths[index] + 2;
            }
            line.trim_end().to_owned()
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Columns on a terminal; wide signs do not occur in ids and figures.
fn width(text: &str) -> usize {
    text.chars().count()
}

fn cut(text: &str, room: usize) -> String {
    let text = text.replace(['\n', '\t'], " ");
    match width(&text) > room {
        true => text
            .chars()
            .take(room.saturating_sub(1))
            .chain(['…'])
            .collect(),
        false => text,
    }
}

/// `3 partners`, `1 partner`.
pub fn count(number: usize, noun: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{s}")
}

/// A span of time as people say it: `3d 4h`, `12m`, `5s`.
pub fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}m"),
        (0, _, _) => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// Bytes as people say them: `7.4M`.
pub fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "K", "M"] {
        if value < 1_000.0 {
            return match unit {
                "B" => format!("{value:.0}B"),
                unit => format!("{value:.1}{unit}"),
            };
        }
        value /= 1_024.0;
    }
    format!("{value:.1}G")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::RecordingHost;

    fn table() -> Table {
        let mut table = Table::new(&["partner", "leads>", "why"]);
        table.row([
            Cell::from("north"),
            "12".into(),
            Cell::new("running", Tone::Good),
        ]);
        table.row(["ю", "", "a reason that is much longer than the line"]);
        table
    }

    #[test]
    fn a_terminal_gets_columns_and_a_pipe_gets_tabs() {
        let host = RecordingHost::default().wide(30);
        table().print(&host);
        assert_eq!(
            host.take_out(),
            "partner  leads  why\nnorth       12  running\nю               a reason that…\n"
        );
        let pipe = RecordingHost::default();
        table().print(&pipe);
        assert_eq!(
            pipe.take_out(),
            "partner\tleads\twhy\nnorth\t12\trunning\nю\t-\ta reason that is much longer than the line\n"
        );
    }

    #[test]
    fn spans_and_sizes_read_as_people_say_them() {
        let spans = [5_000, 720_000, 7_500_000, 273_600_000].map(span);
        assert_eq!(spans, ["5s", "12m", "2h 5m", "3d 4h"]);
        assert_eq!(
            [512, 7_759_462, 3_000_000_000].map(size),
            ["512B", "7.4M", "2.8G"]
        );
    }
}
