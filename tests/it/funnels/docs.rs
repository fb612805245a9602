//! docs/funnels.md cannot rot: its funnels compile, its talks are played, its error is what one gets, and no key is left out.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bot::diagnostic::Severity;
use bot::funnel::{Funnels, SourceFile, compile, transcript};
use bot::partner::Partner;

use crate::language::files;

/// A fenced block: what stands after the fence, its text, and its first line's number.
pub struct Block {
    pub kind: String,
    pub text: String,
    pub line: usize,
}

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/funnels.md")).unwrap()
}

pub fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (at, line) in page.lines().enumerate() {
        match line.strip_prefix("```") {
            Some(_) if open => open = false,
            Some(kind) => {
                open = true;
                found.push(Block {
                    kind: kind.into(),
                    text: String::new(),
                    line: at + 2,
                });
            }
            None if open => {
                let text = &mut found.last_mut().unwrap().text;
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    assert!(!open, "a block is never closed");
    found
}

fn partner(default_funnel: &str) -> Partner {
    Partner {
        default_funnel: default_funnel.into(),
        ..crate::language::partner()
    }
}

fn problems(files: &[SourceFile]) -> (Option<Funnels>, Vec<String>) {
    let compiled = compile(files, &partner(""));
    let errors = compiled
        .diagnostics
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    (compiled.funnels, errors.map(ToString::to_string).collect())
}

/// Steps the fragments lead to, and answers they speak of.
const AROUND: &str = "
  plan: { say: План, set: { city: Алматы, goal_kg: 5 }, next: end }
  phone: { say: Телефон, next: end }
  thanks: { say: Спасибо, next: end }
  gift: { say: Подарок, next: end }
";

/// A whole file around a piece of one: keys of the file as they are, anything else is taken for steps.
fn wrapped(piece: &str) -> String {
    let keys = |text: &str| -> BTreeSet<String> {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with([' ', '#', '-']));
        let keys = lines.filter_map(|line| line.split_once(':'));
        keys.map(|(key, _)| key.to_owned()).collect()
    };
    let here = keys(piece);
    let of_file = ["enter", "moved_to", "languages", "steps"];
    let mut out = "funnel: piece\ntitle: Пример\n".to_owned();
    if of_file.iter().any(|key| here.contains(*key)) {
        out.push_str(piece);
        if !here.contains("steps") {
            out.push_str("first: plan\nsteps:");
            out.push_str(AROUND);
        }
        return out;
    }
    let first = here.iter().next().unwrap();
    out.push_str(&format!(
        "enter: {{ start: [piece] }}\nfirst: {first}\nsteps:\n"
    ));
    for line in piece.lines() {
        out.push_str(&format!("  {line}\n"));
    }
    for line in AROUND.lines().filter(|line| !line.is_empty()) {
        let id = line.trim().split(':').next().unwrap();
        if !here.contains(id) {
            out.push_str(&format!("{line}\n"));
        }
    }
    if here.contains("plan") {
        out.push_str("  known: { say: Известно, set: { city: Алматы, goal_kg: 5 }, next: end }\n");
    }
    out
}

#[test]
fn every_example_of_the_page_compiles_and_every_talk_goes_as_written() {
    let page = page();
    let mut last: Option<Funnels> = None;
    let mut first_id = String::new();
    let (mut wholes, mut pieces, mut talks) = (0, 0, 0);
    for block in blocks(&page) {
        let place = format!("docs/funnels.md:{}", block.line);
        match block.kind.as_str() {
            "yaml" => {
                let whole = block.text.starts_with("funnel:");
                let text = if whole {
                    wholes += 1;
                    block.text.clone()
                } else {
                    pieces += 1;
                    wrapped(&block.text)
                };
                let files = files(&text);
                let (funnels, errors) = problems(&files);
                assert!(errors.is_empty(), "{place}\n{text}\n{}", errors.join("\n"));
                if whole {
                    first_id = block.text.lines().next().unwrap()[7..].trim().to_owned();
                    last = funnels;
                }
            }
            "transcript" => {
                talks += 1;
                let funnels = last.as_ref().unwrap();
                let report = transcript::run(funnels, &partner(&first_id), &place, &block.text);
                let failures: Vec<String> =
                    report.failures.iter().map(ToString::to_string).collect();
                assert!(failures.is_empty(), "{}", failures.join("\n"));
                assert_eq!(report.passed, 1, "{place}");
            }
            "yaml wrong" | "text" | "sh" => {}
            other => panic!("{place}: nothing checks a block of \"{other}\""),
        }
    }
    assert!(
        wholes >= 5 && pieces >= 10 && talks >= 5,
        "{wholes} {pieces} {talks}"
    );
}

#[test]
fn the_errors_of_the_page_are_those_one_gets() {
    let page = page();
    let blocks = blocks(&page);
    let at = blocks
        .iter()
        .position(|block| block.kind == "yaml wrong")
        .unwrap();
    let (_, errors) = problems(&files(&blocks[at].text));
    let expected = blocks[at + 1].text.trim();
    assert_eq!(errors.join("\n\n"), expected);
}

#[test]
fn the_page_names_every_key_of_the_language() {
    let page = page();
    let schema: serde_json::Value = serde_json::from_str(&bot::funnel::schema()).unwrap();
    let mut keys = BTreeSet::new();
    keys_of(&schema, &mut keys);
    assert!(keys.len() > 40, "{keys:?}");
    let words = explained(&page);
    let missing: Vec<&String> = keys
        .iter()
        .filter(|key| !words.contains(key.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/funnels.md says nothing of {missing:?}"
    );
}

/// Words in `code` of the prose and tables, outside of the examples.
pub fn explained(page: &str) -> BTreeSet<&str> {
    let mut open = false;
    let prose = page.lines().filter(|line| {
        let fence = line.starts_with("```");
        open ^= fence;
        !open && !fence
    });
    let code = prose.flat_map(|line| line.split('`').skip(1).step_by(2));
    code.flat_map(|code| code.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .collect()
}

/// Names of all properties in a JSON schema.
pub fn keys_of(schema: &serde_json::Value, out: &mut BTreeSet<String>) {
    match schema {
        serde_json::Value::Object(fields) => {
            if let Some(serde_json::Value::Object(properties)) = fields.get("properties") {
                out.extend(properties.keys().cloned());
            }
            fields.values().for_each(|inner| keys_of(inner, out));
        }
        serde_json::Value::Array(items) => items.iter().for_each(|inner| keys_of(inner, out)),
        _ => {}
    }
}
