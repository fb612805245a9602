//! The only door to YAML: a file becomes a typed value, or every problem at once with its place. PURE.
//!
//! serde_yaml is archived upstream, reports one problem at a time and lets duplicate keys pass (research: tech D);
//! here a walk over the events of saphyr-parser keeps the places, the JSON schema of the target type finds all
//! shape problems, and serde_yaml turns the checked tree into the type.

mod places;
mod shape;
mod syntax;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::diagnostic::{Diagnostic, Severity};
pub use places::Places;
pub use words::{mask_tokens, suggest};

/// Files larger than this are refused unread.
pub const MAX_BYTES: usize = 1024 * 1024;
/// More problems than this are counted, not listed.
const MAX_PROBLEMS: usize = 100;

/// Reads one document into `T`. The value is there when no diagnostic is an error; the places serve the
/// checks of meaning that follow.
pub fn read<T: DeserializeOwned + JsonSchema>(
    file: &str,
    text: &str,
) -> (Option<T>, Vec<Diagnostic>, Places) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut places = Places::new(file, text);
    if let Err(message) = check_text(text) {
        let problem = places.of_file(Severity::Error, message);
        return (None, vec![problem], places);
    }
    let (node, mut problems) = tree::grow(text, &mut places);
    let Some(node) = node else {
        return (None, capped(problems, &places), places);
    };
    let schema = schemars::schema_for!(T).to_value();
    let (value, shape_problems) = shape::check(&node, &schema, &places);
    problems.extend(shape_problems);
    problems.sort_by_key(|problem| (problem.line, problem.column));
    if problems.iter().any(|p| p.severity == Severity::Error) {
        return (None, capped(problems, &places), places);
    }
    match serde_yaml::from_value(value) {
        Ok(value) => (Some(value), capped(problems, &places), places),
        Err(error) => {
            // The schema is generated from the same type, so only what it cannot say arrives here.
            problems.push(places.of_file(Severity::Error, error.to_string()));
            (None, problems, places)
        }
    }
}

/// The JSON schema of `T`, which gives editors completion and `read` its rules.
pub fn schema_text<T: JsonSchema>() -> String {
    let schema = schemars::schema_for!(T).to_value();
    let mut text = format!("{schema:#}");
    text.push('\n');
    text
}

/// Decodes a file's bytes; `file` is its name in the message.
pub fn text_of(file: &str, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    let problem = |message: String| Places::new(file, "").of_file(Severity::Error, message);
    if bytes.len() > MAX_BYTES {
        return Err(problem(too_large(bytes.len())));
    }
    match String::from_utf8(bytes) {
        Ok(text) if text.contains('\0') => Err(problem(NOT_TEXT.into())),
        Ok(text) => Ok(text),
        Err(error) if error.as_bytes().contains(&0) => Err(problem(NOT_TEXT.into())),
        Err(error) => {
            let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
            Err(problem(format!(
                "line {line} is not UTF-8; save the file in the UTF-8 encoding"
            )))
        }
    }
}

const NOT_TEXT: &str = "not a text file; write YAML in UTF-8";

fn too_large(bytes: usize) -> String {
    format!("the file has {bytes} bytes; the limit is {MAX_BYTES}, split it into several files")
}

fn check_text(text: &str) -> Result<(), String> {
    if text.len() > MAX_BYTES {
        return Err(too_large(text.len()));
    }
    if text.contains('\0') {
        return Err(NOT_TEXT.into());
    }
    Ok(())
}

fn capped(mut problems: Vec<Diagnostic>, places: &Places) -> Vec<Diagnostic> {
    if problems.len() > MAX_PROBLEMS {
        let more = problems.len() - MAX_PROBLEMS;
        // Errors first, so that a flood of warnings hides none.
        problems.sort_by_key(|problem| problem.severity);
        problems.truncate(MAX_PROBLEMS);
        problems.push(places.of_file(Severity::Error, format!("and {more} more problems")));
    }
    problems
}
