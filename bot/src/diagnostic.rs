//! One problem in a file, with its place and what to do about it. PURE.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// A problem found while loading; all of them are reported at once.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The file as the operator named it.
    pub file: String,
    /// From 1; 0 when the problem has no line (a missing file).
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The place in the document: `steps.phone.buttons[1].to`; empty for the whole file.
    pub path: String,
    /// Lower case, no full stop, with the next step: `no step "adress"; did you mean "address"?`
    pub message: String,
    /// The line itself, for the caret.
    pub source: String,
    /// Characters to underline.
    pub width: usize,
}

impl Diagnostic {
    /// `file:line:column`, or the file alone.
    pub fn place(&self) -> String {
        match self.line {
            0 => self.file.clone(),
            line => format!("{}:{line}:{}", self.file, self.column),
        }
    }
}

/// `file:line:column: path: message`, then the source line with a caret under the place.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place())?;
        if self.severity == Severity::Warning {
            write!(f, "warning: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        write!(f, "{}", self.message)?;
        if self.line > 0 && !self.source.is_empty() {
            let gutter = self.line.to_string();
            let pad = " ".repeat(gutter.len());
            let indent = " ".repeat(self.column.saturating_sub(1));
            let caret = "^".repeat(self.width.max(1));
            write!(
                f,
                "\n {pad} |\n {gutter} | {}\n {pad} | {indent}{caret}",
                self.source
            )?;
        }
        Ok(())
    }
}
