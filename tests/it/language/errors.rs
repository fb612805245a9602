//! Every mistake an author can make, as the text they read: the cases stand in errors.txt.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use bot::funnel::{SourceFile, compile};

use super::{files, partner};

fn cases_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("it/language/errors.txt")
}

/// `=== title`, the files, `---`, what is said.
struct Case<'a> {
    title: &'a str,
    yaml: &'a str,
    said: &'a str,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases = Vec::new();
    for block in text.split("\n=== ").skip(1) {
        let (title, rest) = block.split_once('\n').expect("a title is a line");
        let (yaml, said) = rest.split_once("---\n").expect("a case has two parts");
        cases.push(Case {
            title,
            yaml,
            said: said.trim_end(),
        });
    }
    cases
}

fn problems(yaml: &str) -> String {
    let mut partner = partner();
    if let Some(rest) = yaml.strip_prefix("default: ") {
        partner.default_funnel = rest.lines().next().unwrap_or_default().to_owned();
    }
    let compiled = compile(&files(yaml), &partner);
    let problems = compiled.diagnostics.iter().map(ToString::to_string);
    let mut said = problems.collect::<Vec<_>>().join("\n");
    if compiled.funnels.is_some() {
        said.push_str("\n(loaded)");
    }
    said.trim().to_owned()
}

/// `UPDATE_EXPECTED=1 cargo test language` writes what is said now; read the difference before you commit it.
#[test]
fn every_mistake_is_answered_with_place_and_remedy() {
    let text = std::fs::read_to_string(cases_file()).unwrap();
    let cases = cases(&text);
    assert!(cases.len() > 60, "the table of mistakes is gone");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let mut out = text.split("\n=== ").next().unwrap_or_default().to_owned();
        for case in &cases {
            let said = problems(case.yaml);
            write!(out, "\n=== {}\n{}---\n{said}\n", case.title, case.yaml).unwrap();
        }
        std::fs::write(cases_file(), out.trim_end().to_owned() + "\n").unwrap();
        return;
    }
    let wrong = cases.iter().filter_map(|case| {
        let said = problems(case.yaml);
        (said != case.said).then(|| {
            format!(
                "=== {}\nexpected:\n{}\nsaid:\n{said}\n",
                case.title, case.said
            )
        })
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_is_named_like_its_funnel() {
    let text = "funnel: gift\ntitle: Подарок\nenter: { start: [gift] }\nfirst: a\nsteps:\n  a: { say: Вот, next: end }\n";
    let compiled = compile(&[SourceFile::new("funnels/present.yaml", text)], &partner());
    assert_eq!(
        compiled.diagnostics[0].to_string(),
        "funnels/present.yaml:1:9: funnel: the file is named present.yaml; write \"funnel: present\" or rename the file\n   |\n 1 | funnel: gift\n   |         ^^^^"
    );
    assert!(compiled.funnels.is_none());
}
