//! A funnel as a picture, and as a schema for editors.

use std::path::{Path, PathBuf};

use bot::funnel::{graph, schema};

use super::{loaded, partner};

pub const SMALL: &str = "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello:
    ask: Здравствуйте, {{ lead.first_name }}! <b>Начнём?</b>
    buttons: [{ text: \"Да & точка\", to: kg }, { text: Нет, to: end }]
  kg:
    ask: Сколько?
    expect: number
    save: kg
    silent: [{ after: 2h, to: hello }]
    again: { text: Число, then: human }
    next: [{ when: answers.kg > 20, to: \"@gift\" }, { to: end }]
funnel: gift
title: Подарок
first: a
steps:
  a: { say: Вот, next: end }
";

#[test]
fn a_funnel_is_drawn_as_mermaid_text() {
    let funnels = loaded(SMALL, &partner());
    assert_eq!(
        graph::mermaid(&funnels, "main").as_deref(),
        Some(
            r#"---
title: "Главная (main)"
---
flowchart TD
  n0{{"<b>hello</b><br>Здравствуйте, …! Начнём?"}}
  n1{{"<b>kg</b><br>Сколько?"}}
  n2(["конец"])
  n3(["@gift"])
  n4(["конец"])
  n5(["человек"])
  n0 -->|"Да &amp; точка"| n1
  n0 -->|"Нет"| n2
  n1 -->|"answers.kg &gt; 20"| n3
  n1 -->|"иначе"| n4
  n1 -.->|"молчит 2 ч"| n0
  n1 -.->|"не понял ×3"| n5
"#
        )
    );
    assert_eq!(graph::mermaid(&funnels, "nothing"), None);
}

#[test]
fn a_sequence_is_drawn_under_its_own_name_with_words_for_whoever_is_unknown() {
    let letters = "sequence: letters
title: Письма
steps:
  - { id: one, after: 1d, say: \"{% if lead.first_name %}{{ lead.first_name }}, это{% else %}Это{% endif %} бот.\" }
";
    let funnels = loaded(&format!("{SMALL}{letters}"), &partner());
    let drawn = graph::mermaid(&funnels, "~letters").unwrap();
    assert!(drawn.contains("title: \"Письма (letters)\""), "{drawn}");
    assert!(drawn.contains("<b>one</b><br>Это бот.\""), "{drawn}");
}

#[test]
fn a_funnel_is_drawn_as_a_picture_with_every_step_and_button() {
    let funnels = loaded(SMALL, &partner());
    let picture = graph::svg(&funnels, "main").expect("the funnel is there");
    for text in [
        "hello",
        "Сколько?",
        "Да &amp; точка",
        "молчит 2 ч",
        "@gift",
        "иначе",
    ] {
        assert!(picture.contains(&format!(">{text}<")), "{text}");
    }
    assert_eq!(picture.matches("<rect").count(), 7);
    assert_eq!(picture.matches("<path class=\"way").count(), 6);
}

fn schema_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../funnels/funnel.schema.json")
}

/// `UPDATE_EXPECTED=1 cargo test language` writes it.
#[test]
fn the_schema_for_editors_is_that_of_the_language() {
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(schema_file(), schema()).unwrap();
    }
    let written = std::fs::read_to_string(schema_file()).unwrap_or_default();
    assert!(
        written == schema(),
        "funnels/funnel.schema.json is of another version; run `partnerctl funnel schema > funnels/funnel.schema.json`"
    );
}
