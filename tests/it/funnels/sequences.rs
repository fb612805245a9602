//! docs/sequences.md cannot rot; the sequences that come with the product are honest and every one has a way out.

use std::collections::BTreeSet;
use std::fs;

use bot::diagnostic::Severity;
use bot::funnel::{Funnels, SourceFile, compile, transcript};

use super::docs::{blocks, explained, keys_of};
use super::shipped::root;
use crate::language::{files, partner};

fn page() -> String {
    fs::read_to_string(root().join("docs/sequences.md")).unwrap()
}

fn compiled(sources: &[SourceFile]) -> Result<Funnels, String> {
    let partner = partner();
    let compiled = compile(sources, &partner);
    let errors = compiled
        .diagnostics
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    compiled.funnels.ok_or_else(|| errors.join("\n"))
}

#[test]
fn every_example_of_the_page_compiles_and_every_talk_goes_as_written() {
    let page = page();
    let mut sources: Vec<SourceFile> = Vec::new();
    let (mut wholes, mut talks) = (0, 0);
    for block in blocks(&page) {
        let place = format!("docs/sequences.md:{}", block.line);
        match block.kind.as_str() {
            "yaml" => {
                wholes += 1;
                sources.extend(files(&block.text));
            }
            "transcript" => {
                talks += 1;
                let funnels = compiled(&sources).unwrap_or_else(|e| panic!("{place}\n{e}"));
                let report = transcript::run(&funnels, &partner(), &place, &block.text);
                let failures: Vec<String> =
                    report.failures.iter().map(ToString::to_string).collect();
                assert!(failures.is_empty(), "{}", failures.join("\n"));
                assert_eq!(report.passed, 1, "{place}");
            }
            other => panic!("{place}: nothing checks a block of \"{other}\""),
        }
    }
    compiled(&sources).unwrap_or_else(|errors| panic!("{errors}"));
    assert!(wholes >= 4 && talks >= 2, "{wholes} {talks}");
}

#[test]
fn the_page_names_every_key_of_the_language() {
    let page = page();
    let schema: serde_json::Value = serde_json::from_str(&bot::funnel::sequence_schema()).unwrap();
    let mut keys = BTreeSet::new();
    keys_of(&schema, &mut keys);
    assert!(keys.len() > 30, "{keys:?}");
    let words = explained(&page);
    let missing: Vec<&String> = keys
        .iter()
        .filter(|key| !words.contains(key.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "docs/sequences.md says nothing of {missing:?}"
    );
}

#[test]
fn the_schema_beside_the_sequences_is_the_one_of_the_program() {
    let kept = fs::read_to_string(root().join("funnels/sequence.schema.json")).unwrap();
    assert_eq!(
        kept,
        bot::funnel::sequence_schema(),
        "run: partnerctl funnel schema --sequences > funnels/sequence.schema.json"
    );
}

/// The texts of the shipped files, file by file.
fn shipped() -> Vec<(String, String)> {
    let entries = fs::read_dir(root().join("funnels/sequences")).unwrap();
    let mut found: Vec<(String, String)> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn the_warm_ups_are_short_honest_and_say_that_a_bot_writes() {
    let all = shipped();
    for wanted in [
        "beauty_warmup",
        "business_warmup",
        "energy_warmup",
        "weight_warmup",
    ] {
        let (_, text) = all
            .iter()
            .find(|(name, _)| name == wanted)
            .unwrap_or_else(|| panic!("no {wanted}"));
        let steps = text.matches("\n  - id: ").count();
        assert!((6..=9).contains(&steps), "{wanted}: {steps} touches");
        let first = text.split("\n  - id: ").nth(1).unwrap();
        let first = first.to_lowercase();
        assert!(first.contains("бот-помощник"), "{wanted}: who is writing?");
        let last = text.split("\n  - id: ").last().unwrap();
        assert!(
            last.contains("/human"),
            "{wanted}: how is a person reached?"
        );
    }
    // What no text may promise, whatever its niche.
    let promises = [
        "гарантир",
        "пассивн",
        "вылеч",
        "излеч",
        "без усилий",
        "миллион",
        "100%",
        "точно похуд",
    ];
    for (name, text) in &all {
        let lower = text.to_lowercase();
        for promise in promises {
            assert!(!lower.contains(promise), "{name} says \"{promise}\"");
        }
    }
}
