//! Where every key and value of a document stands. PURE.

use std::collections::HashMap;

use super::words::short;
use crate::diagnostic::{Diagnostic, Severity};

/// Lines longer than this are cut in messages.
const MAX_LINE: usize = 300;

/// Line and column from 1, in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spot {
    pub line: usize,
    pub column: usize,
    pub width: usize,
}

#[derive(Clone, Copy, Debug)]
struct Spots {
    key: Option<Spot>,
    value: Spot,
}

/// The places of one file by dotted path: `steps.phone.buttons[1].to`.
#[derive(Clone, Debug, Default)]
pub struct Places {
    file: String,
    lines: Vec<String>,
    spots: HashMap<String, Spots>,
}

impl Places {
    pub(super) fn new(file: &str, text: &str) -> Self {
        Self {
            file: file.to_owned(),
            lines: text.lines().map(|line| short(line, MAX_LINE)).collect(),
            spots: HashMap::new(),
        }
    }

    /// The file as it was named to `read`.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// A problem of the value at `path`; of its nearest existing parent when it does not exist.
    pub fn diagnostic(
        &self,
        path: &str,
        severity: Severity,
        message: impl Into<String>,
    ) -> Diagnostic {
        let spot = self.nearest(path).map(|spots| spots.value);
        self.at(spot.unwrap_or_default(), path, severity, message)
    }

    /// A problem of the key at `path` rather than of its value.
    pub fn key_diagnostic(
        &self,
        path: &str,
        severity: Severity,
        message: impl Into<String>,
    ) -> Diagnostic {
        let spot = self
            .nearest(path)
            .map(|spots| spots.key.unwrap_or(spots.value));
        self.at(spot.unwrap_or_default(), path, severity, message)
    }

    /// A problem of the file as a whole.
    pub fn of_file(&self, severity: Severity, message: impl Into<String>) -> Diagnostic {
        self.at(Spot::default(), "", severity, message)
    }

    pub(super) fn at(
        &self,
        spot: Spot,
        path: &str,
        severity: Severity,
        message: impl Into<String>,
    ) -> Diagnostic {
        let source = self.line(spot.line);
        let length = source.chars().count();
        // A caret far beyond a cut line would point at nothing.
        let visible = spot.column <= length + 1;
        let room = (length + 1).saturating_sub(spot.column).max(1);
        Diagnostic {
            severity,
            file: self.file.clone(),
            line: spot.line,
            column: spot.column,
            path: path.to_owned(),
            message: message.into(),
            source: if visible {
                source.to_owned()
            } else {
                String::new()
            },
            width: spot.width.clamp(1, room),
        }
    }

    pub(super) fn line(&self, line: usize) -> &str {
        line.checked_sub(1)
            .and_then(|index| self.lines.get(index))
            .map_or("", String::as_str)
    }

    /// The first record of a path stays: a duplicate key must not move it.
    pub(super) fn record(&mut self, path: &str, key: Option<Spot>, value: Spot) {
        self.spots
            .entry(path.to_owned())
            .or_insert(Spots { key, value });
    }

    fn nearest(&self, path: &str) -> Option<Spots> {
        let mut path = path;
        loop {
            if let Some(spots) = self.spots.get(path) {
                return Some(*spots);
            }
            if path.is_empty() {
                return None;
            }
            path = &path[..path.rfind(['.', '[']).unwrap_or(0)];
        }
    }
}
