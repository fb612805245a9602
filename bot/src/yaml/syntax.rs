//! The parser's complaints in an author's words. PURE.

use saphyr_parser::ScanError;

use super::places::{Places, Spot};
use crate::diagnostic::{Diagnostic, Severity};

pub(super) const BRACES: &str =
    "a text that begins with {{ must be in quotes: \"{{ lead.first_name }} …\"";

pub(super) fn explain(error: &ScanError, places: &Places) -> Diagnostic {
    let mark = error.marker();
    let spot = Spot {
        line: mark.line(),
        column: mark.col() + 1,
        width: 1,
    };
    let line = places.line(mark.line());
    let before: String = line.chars().take(mark.col()).collect();
    let message = words(error.info(), line, &before);
    places.at(spot, "", Severity::Error, message)
}

/// Whether a value starts with `{{`, as opposed to having it somewhere inside.
fn begins_with_braces(before: &str) -> bool {
    let ahead = before.find("{{").map(|at| before[..at].trim_end());
    ahead.is_some_and(|ahead| ahead.is_empty() || ahead.ends_with([':', '-', ',', '[', '{']))
}

fn words(info: &str, line: &str, before: &str) -> String {
    let has = |part: &str| info.contains(part);
    let indent: String = line.chars().take_while(|c| c.is_whitespace()).collect();
    if has("tabs disallowed") || indent.contains('\t') {
        return "a tab in the indentation; use spaces".into();
    }
    if begins_with_braces(before) {
        return BRACES.into();
    }
    if let Some(sign) = info.strip_prefix("unexpected character: `") {
        let sign = sign.trim_end_matches('\'');
        return format!("a text cannot begin with {sign}; put it in quotes");
    }
    if has("mapping values are not allowed") {
        return if before.contains(": ") {
            "\": \" inside a text; put the whole text in quotes".into()
        } else {
            "no key is due here; is a \":\" missing on the line above?".into()
        };
    }
    let known = [
        (
            "in quoted scalar",
            "the quote that opens here is never closed",
        ),
        (
            "unexpected end of stream",
            "the file ends inside a quote or bracket that was never closed",
        ),
        (
            "trailing content after",
            "text after the closing quote; a quote inside is written '' between single quotes, \\\" between double",
        ),
        (
            "unknown anchor",
            "a text cannot begin with *; put it in quotes",
        ),
        (
            "block sequence entries are not allowed",
            "a list must start on a line of its own",
        ),
        ("recursion limit", "nested too deep"),
        (
            "expected '-' indicator",
            "in the middle of a list each line of this depth starts with \"- \"",
        ),
        (
            "did not find expected key",
            "this line's indentation fits no line above it",
        ),
        (
            "illegal placement of ':'",
            "a \"[\" or \"{\" above is never closed",
        ),
        (
            "',' or ']'",
            "a \"[\" is never closed, or a comma is missing",
        ),
        (
            "',' or '}'",
            "a \"{\" is never closed, or a comma is missing",
        ),
        (
            "escape",
            "unknown \\ sequence between double quotes; write \\\\ for a \\, or use single quotes",
        ),
    ];
    known.iter().find(|(part, _)| has(part)).map_or_else(
        || format!("not valid YAML: {info}"),
        |(_, words)| (*words).into(),
    )
}
