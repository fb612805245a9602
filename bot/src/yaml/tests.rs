use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::*;
use crate::funnel::spec::{FunnelSpec, Text};

/// Every kind of node once.
#[derive(Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Doc {
    name: String,
    text: Option<Text>,
    count: Option<u8>,
    ratio: Option<f64>,
    on: Option<bool>,
    list: Vec<String>,
    any: serde_json::Value,
    map: BTreeMap<String, String>,
    inner: Option<Box<Doc>>,
}

fn read_doc(text: &str) -> (Option<Doc>, Vec<String>) {
    let (value, problems, _) = read::<Doc>("a.yaml", text);
    (value, problems.iter().map(first_line).collect())
}

fn first_line(problem: &Diagnostic) -> String {
    problem
        .to_string()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn problems(text: &str) -> String {
    read_doc(text).1.join("\n")
}

fn value(text: &str) -> Doc {
    let (value, problems) = read_doc(text);
    assert_eq!(problems, Vec::<String>::new(), "{text}");
    value.expect("a document without problems has a value")
}

#[test]
fn a_good_document_becomes_its_type() {
    let doc = value(
        "name: а\ncount: 5\nratio: 2\non: true\nlist: [a, b]\nany: {x: [1]}\ninner: {name: b}\n",
    );
    assert_eq!(doc.name, "а");
    assert_eq!(
        (doc.count, doc.ratio, doc.on),
        (Some(5), Some(2.0), Some(true))
    );
    assert_eq!(doc.any, serde_json::json!({"x": [1]}));
    assert_eq!(doc.inner.map(|inner| inner.name), Some("b".into()));
}

#[test]
fn where_a_text_is_due_numbers_and_times_are_the_text_that_was_written() {
    let doc = value(
        "name: 0.10\ntext: 18\nlist: [yes, no, on, 10:00, 2026-11-21, +77011234567, 1e3, 007]\nmap: {1: 2}\n",
    );
    assert_eq!(doc.name, "0.10");
    assert_eq!(doc.text, Some(Text::Plain("18".into())));
    let words = [
        "yes",
        "no",
        "on",
        "10:00",
        "2026-11-21",
        "+77011234567",
        "1e3",
        "007",
    ];
    assert_eq!(doc.list, words);
    assert_eq!(doc.map["1"], "2");
}

#[test]
fn true_and_nothing_are_no_texts() {
    assert_eq!(
        problems("name: true\ntext: ~\nlist: [null, False]\n"),
        "a.yaml:1:7: name: true without quotes is a yes or no; put it in quotes: \"true\"\n\
         a.yaml:3:8: list[0]: empty; write a text or remove the key\n\
         a.yaml:3:14: list[1]: False without quotes is a yes or no; put it in quotes: \"False\""
    );
    assert_eq!(
        problems("name:\n"),
        "a.yaml:1:1: name: empty; write a text or remove the key"
    );
}

#[test]
fn scalars_mean_what_serde_yaml_says() {
    let words = "1 -1 +1 0x1f 0o17 0b11 1.5 -1.5e3 .5 1. 00 007 -0 ~ null NULL Null true True TRUE false yes \
                 10:00 1_000 0x 0xg 1e400 .inf -.inf +.inf inf nan NaN 2026-11-21 a";
    for word in words.split_whitespace() {
        let text = format!("any: {word}\n");
        let places = &mut Places::new("a.yaml", &text);
        let (node, _) = tree::grow(&text, places);
        let ours = node.expect("a tree").to_value();
        let theirs: serde_yaml::Value = serde_yaml::from_str(&text).expect("valid YAML");
        assert_eq!(ours, theirs, "{word}");
    }
}

#[test]
fn every_problem_of_shape_is_reported_at_once() {
    let text = "funnel: buy
title: { ru: Покупка, kk: [] }
first: hello
colour: red
enter: { then: replce, start: weight }
steps:
  hello:
    tag: { a: b }
    columns: 300
    buttons:
      - { lable: x, score: 1.5 }
    silent:
      after: 1h
    buttons: []
  ask:
    expect: phnoe
    again: { times: \"3\" }
    next: [{ wen: x, to: y }, z]
    media: photo.jpg
";
    let (value, problems, _) = read::<FunnelSpec>("buy.yaml", text);
    assert!(value.is_none());
    let lines: Vec<String> = problems.iter().map(first_line).collect();
    assert_eq!(
        lines.join("\n"),
        "buy.yaml:2:23: title.kk: expected a text, found a list
buy.yaml:4:1: colour: unknown key \"colour\"; known here: enter, first, funnel, languages, moved_to, silent, steps, title
buy.yaml:5:16: enter.then: expected one of replace, back, found \"replce\"; did you mean \"replace\"?
buy.yaml:5:31: enter.start: expected a list, found \"weight\"
buy.yaml:8:5: steps.hello.tag: expected a text or a list, found a section; begin each item with \"- \"
buy.yaml:9:14: steps.hello.columns: 300 is out of range; from 0 to 255
buy.yaml:11:11: steps.hello.buttons[0].lable: unknown key \"lable\"; did you mean \"label\"?
buy.yaml:11:11: steps.hello.buttons[0]: missing key \"text\"
buy.yaml:11:28: steps.hello.buttons[0].score: expected a whole number or a section of \"key: value\" lines, found 1.5
buy.yaml:12:5: steps.hello.silent: expected a list, found a section; begin each item with \"- \"
buy.yaml:14:5: steps.hello: duplicate key \"buttons\"; the first is on line 10
buy.yaml:16:13: steps.ask.expect: expected one of number, email, date, photo, text, choice, phone, found \"phnoe\"; did you mean \"phone\"?
buy.yaml:17:5: steps.ask.again: missing key \"text\"
buy.yaml:17:21: steps.ask.again.times: expected a whole number, found \"3\"
buy.yaml:18:14: steps.ask.next[0].wen: unknown key \"wen\"; did you mean \"when\"?
buy.yaml:18:31: steps.ask.next[1]: expected a section of \"key: value\" lines, found \"z\"
buy.yaml:19:12: steps.ask.media: expected a section of \"key: value\" lines, found \"photo.jpg\""
            .replace("; did you mean \"label\"?", "; known here: consent, enroll, id, leave, link, notify, refuse, score, tag, text, to, untag, value, when")
    );
}

#[test]
fn a_problem_shows_its_line_with_a_caret_under_the_words() {
    let (_, problems, _) = read::<Doc>("a.yaml", "name: а\non: \"да\"\n");
    assert_eq!(
        problems[0].to_string(),
        "a.yaml:2:5: on: expected true or false, found \"да\"\n   |\n 2 | on: \"да\"\n   |     ^^^^"
    );
}

#[test]
fn syntax_errors_are_told_in_plain_words() {
    let table = [
        (
            "name: {{ x }}\n",
            "a.yaml:1:7: name: a text that begins with {{ must be in quotes: \"{{ lead.first_name }} …\"",
        ),
        (
            "name: {{ x }}, hi\n",
            "a.yaml:1:7: name: a text that begins with {{ must be in quotes: \"{{ lead.first_name }} …\"",
        ),
        (
            "name: hi {{ x }}: b\n",
            "a.yaml:1:17: \": \" inside a text; put the whole text in quotes",
        ),
        (
            "name: a: b\n",
            "a.yaml:1:8: \": \" inside a text; put the whole text in quotes",
        ),
        (
            "name\non: 1\n",
            "a.yaml:2:3: no key is due here; is a \":\" missing on the line above?",
        ),
        (
            "name:a\n",
            "a.yaml:1:1: expected a section of \"key: value\" lines; is a space missing after \":\"?",
        ),
        (
            "name: @x\n",
            "a.yaml:1:7: a text cannot begin with @; put it in quotes",
        ),
        (
            "name: *bold*\n",
            "a.yaml:1:7: a text cannot begin with *; put it in quotes",
        ),
        (
            "inner:\n\tname: x\n",
            "a.yaml:2:2: a tab in the indentation; use spaces",
        ),
        (
            "name: \"a\non: true\n",
            "a.yaml:1:7: the quote that opens here is never closed",
        ),
        (
            "name: 'it's'\n",
            "a.yaml:1:11: text after the closing quote; a quote inside is written '' between single quotes, \\\" between double",
        ),
        (
            "inner:\n  name: x\n on: true\n",
            "a.yaml:3:2: this line's indentation fits no line above it",
        ),
        (
            "list: [a, b\non: true\n",
            "a.yaml:2:3: a \"[\" or \"{\" above is never closed",
        ),
        (
            "list: - a\n",
            "a.yaml:1:7: a list must start on a line of its own",
        ),
        (
            "- a\non: true\n",
            "a.yaml:2:1: in the middle of a list each line of this depth starts with \"- \"",
        ),
        (
            "name: \"\\q\"\n",
            "a.yaml:1:7: unknown \\ sequence between double quotes; write \\\\ for a \\, or use single quotes",
        ),
        ("", "a.yaml: the file is empty"),
        ("# nothing\n", "a.yaml: the file is empty"),
    ];
    for (text, expected) in table {
        assert_eq!(problems(text), expected, "{text}");
    }
}

#[test]
fn what_the_language_does_not_need_is_refused() {
    let table = [
        (
            "name: &a x\n",
            "a.yaml:1:7: name: anchors (&name) are not supported; put the text in quotes if \"&\" belongs to it",
        ),
        (
            "name: !x y\n",
            "a.yaml:1:7: name: tags (!name) are not supported; put the text in quotes if \"!\" belongs to it",
        ),
        (
            "name: !!str 5\n",
            "a.yaml:1:7: name: tags (!name) are not supported; put the text in quotes if \"!\" belongs to it",
        ),
        (
            "<<: {name: x}\n",
            "a.yaml:1:1: merge keys (<<) are not supported; write the keys out",
        ),
        (
            "name: x\n---\nname: y\n",
            "a.yaml:2:1: a second document; one file holds one, remove the line \"---\" or \"...\"",
        ),
        (
            "name: x\nname: y\n",
            "a.yaml:2:1: duplicate key \"name\"; the first is on line 1",
        ),
        ("? [a]\n: b\n", "a.yaml:1:1: a key must be a plain word"),
    ];
    for (text, expected) in table {
        assert_eq!(problems(text), expected, "{text}");
    }
}

#[test]
fn a_hash_that_cuts_a_text_is_pointed_out() {
    assert_eq!(
        read_doc("name: Скидка #1\n").1,
        [
            "a.yaml:1:14: warning: name: from \"#\" on this is a comment; put the whole text in quotes if it belongs to the text"
        ]
    );
    assert_eq!(problems("name: Скидка # вот так\n"), "");
    assert_eq!(problems("name: \"Скидка\" #1\n"), "");
}

#[test]
fn hostile_files_cost_little_and_are_refused() {
    let bomb = "inner: {".repeat(100_000);
    assert_eq!(
        problems(&bomb),
        "a.yaml:1:256: inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner.inner: nested deeper than 32 levels"
    );
    let brackets = "[".repeat(100_000);
    assert_eq!(problems(&brackets), "a.yaml:1:256: nested too deep");
    let laughs = "any: [&a [x, x]]\nlist: [*a, *a]\n";
    assert!(problems(laughs).contains("anchors (&name) are not supported"));
    let long = format!("name: {}\n", "x".repeat(MAX_BYTES));
    assert_eq!(
        problems(&long),
        "a.yaml: the file has 1048583 bytes; the limit is 1048576, split it into several files"
    );
    let flood: String = (0..15_000).map(|n| format!("k{n}: 1\n")).collect();
    let (_, found) = read_doc(&flood);
    assert_eq!(found.len(), 101);
    assert_eq!(found[100], "a.yaml: and 14900 more problems");
    let many = format!("any: [{}]\n", "1,".repeat(30_000));
    assert_eq!(
        problems(&many),
        "a.yaml:1:40003: any[19998]: more than 20000 values; split the file"
    );
    let key = format!("{}: x\n", "k".repeat(65));
    assert_eq!(
        problems(&key),
        "a.yaml:1:1: a key longer than 64 characters"
    );
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let said = |bytes: &[u8]| {
        text_of("a.yaml", bytes.to_vec())
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        said(b"\x7fELF\0\xff"),
        "a.yaml: not a text file; write YAML in UTF-8"
    );
    assert_eq!(
        said(b"a: \0"),
        "a.yaml: not a text file; write YAML in UTF-8"
    );
    let cp1251 = b"a: 1\nb: \xcf\xf0\xe8\xe2\xe5\xf2\n";
    assert_eq!(
        said(cp1251),
        "a.yaml: line 2 is not UTF-8; save the file in the UTF-8 encoding"
    );
    assert_eq!(value("\u{feff}name: a\r\non: true\r\n").name, "a");
}

#[test]
fn a_token_in_the_wrong_file_is_never_shown() {
    let token = "123456789:TESTTESTTESTTESTTESTTESTTESTTEST";
    for text in [
        format!("bot_token: {token}\n"),
        format!("on: {token}\n"),
        format!("name: x\n{token}: y\n"),
        format!("name: a: b {token}\n"),
    ] {
        let (_, problems, _) = read::<Doc>("a.yaml", &text);
        assert!(!problems.is_empty(), "{text}");
        for problem in problems {
            let json = serde_json::to_string(&problem).unwrap();
            assert!(!json.contains("TESTTEST"), "{json}");
        }
    }
}

#[test]
fn places_find_values_keys_and_the_nearest_parent() {
    let text = "name: a\ninner:\n  list:\n    - x\n    - yy\n";
    let (_, _, places) = read::<Doc>("a.yaml", text);
    let at = |path: &str| {
        let found = places.diagnostic(path, Severity::Error, "m");
        (found.line, found.column, found.width)
    };
    assert_eq!(at("name"), (1, 7, 1));
    assert_eq!(at("inner.list[1]"), (5, 7, 2));
    assert_eq!(at("inner.list"), (3, 3, 4));
    assert_eq!(at("inner.list[7].to"), (3, 3, 4));
    assert_eq!(at("nowhere"), (1, 1, 4));
    let key = places.key_diagnostic("name", Severity::Warning, "m");
    assert_eq!((key.line, key.column, key.width), (1, 1, 4));
}

#[test]
fn no_cut_and_no_swap_of_a_file_panics() {
    let text = "funnel: a\ntitle: {ru: \"б\", kk: 'в'}\nsteps:\n  a:\n    say: |\n      x\n    buttons:\n      - { text: y, to: z }\n";
    let chars: Vec<char> = text.chars().collect();
    for at in 0..chars.len() {
        let cut: String = chars[..at].iter().collect();
        let _ = read::<FunnelSpec>("a.yaml", &cut);
        for sign in [
            '{', '"', '\t', ':', '\n', '&', '*', '-', '#', ' ', '\u{2028}',
        ] {
            let mut swapped = chars.clone();
            swapped[at] = sign;
            let _ = read::<FunnelSpec>("a.yaml", &swapped.iter().collect::<String>());
        }
    }
}

#[test]
fn suggestions_are_near_or_absent() {
    let known = ["address", "phone", "gift"];
    assert_eq!(suggest("adress", &known), Some("address"));
    assert_eq!(suggest("Phone", &known), Some("phone"));
    assert_eq!(suggest("gfit", &known), Some("gift"));
    assert_eq!(suggest("hello", &known), None);
    assert_eq!(suggest("x", &["y"]), None);
}
