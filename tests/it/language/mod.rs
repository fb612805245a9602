//! The funnel language as an author sees it: every construct as a talk, every mistake as the text it is answered with.

mod answers;
mod doors;
mod edits;
mod errors;
mod globals;
mod journeys;
mod lateness;
mod pictures;
mod plans;
mod sequences;
mod storm;
mod tools;
mod wishes;

use bot::funnel::{Funnels, SourceFile, compile, transcript};
use bot::partner::Partner;

/// A partner like those of the tests' talks.
pub fn partner() -> Partner {
    Partner {
        id: "north".into(),
        display_name: "Север".into(),
        bot_username: "north_demo_bot".into(),
        languages: vec!["ru".into()],
        timezone: "Asia/Almaty".into(),
        links: [("shop".to_owned(), "https://example.com/shop".to_owned())].into(),
        phone_regions: vec!["KZ".into(), "RU".into()],
        ..Partner::default()
    }
}

/// Compiles files written one after another, each beginning with `funnel: <id>`.
pub fn loaded(yaml: &str, partner: &Partner) -> Funnels {
    let compiled = compile(&files(yaml), partner);
    let problems: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    compiled
        .funnels
        .unwrap_or_else(|| panic!("the funnels are refused:\n{}", problems.join("\n")))
}

pub fn files(yaml: &str) -> Vec<SourceFile> {
    let mut files: Vec<(String, String)> = Vec::new();
    for line in yaml.lines() {
        if let Some(id) = line.strip_prefix("sequence: ") {
            files.push((format!("sequences/{}.yaml", id.trim()), String::new()));
        }
        if let Some(id) = line.strip_prefix("funnel: ") {
            files.push((format!("{}.yaml", id.trim()), String::new()));
        }
        if let Some((_, text)) = files.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    files
        .into_iter()
        .map(|(name, text)| SourceFile::new(name, text))
        .collect()
}

/// Plays the talk; it must go exactly as written.
pub fn plays(yaml: &str, talk: &str) {
    plays_for(&partner(), yaml, talk);
}

pub fn plays_for(partner: &Partner, yaml: &str, talk: &str) {
    let funnels = loaded(yaml, partner);
    let report = transcript::run(&funnels, partner, "talk", talk);
    let failures: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(report.passed > 0, "the talk has no scenario");
}
