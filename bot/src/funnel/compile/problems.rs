//! Collects what is wrong in one file. PURE.

use crate::diagnostic::{Diagnostic, Severity};
use crate::yaml::{Places, suggest};

pub(super) struct Problems<'a> {
    places: &'a Places,
    pub list: Vec<Diagnostic>,
}

impl<'a> Problems<'a> {
    pub fn new(places: &'a Places) -> Self {
        Self {
            places,
            list: Vec::new(),
        }
    }

    /// The line of the key at `path`.
    pub fn line(&self, path: &str) -> usize {
        self.places.key_diagnostic(path, Severity::Warning, "").line
    }

    /// The value at `path` is wrong.
    pub fn error(&mut self, path: &str, message: impl Into<String>) {
        self.list
            .push(self.places.diagnostic(path, Severity::Error, message));
    }

    /// The key at `path` is wrong, or what stands under it as a whole.
    pub fn key_error(&mut self, path: &str, message: impl Into<String>) {
        self.list
            .push(self.places.key_diagnostic(path, Severity::Error, message));
    }

    pub fn warning(&mut self, path: &str, message: impl Into<String>) {
        self.list
            .push(self.places.key_diagnostic(path, Severity::Warning, message));
    }
}

/// `; did you mean "address"?`, or `otherwise` when nothing is near.
pub(super) fn hint<'a>(
    word: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: &str,
) -> String {
    match suggest(word, known) {
        Some(near) => format!("; did you mean \"{near}\"?"),
        None => otherwise.to_owned(),
    }
}

/// `a`, `a and b`, `a, b and c`
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// `[a-z][a-z0-9_]*`, at most `limit` characters.
pub(super) fn is_id(text: &str, limit: usize) -> bool {
    text.len() <= limit
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
