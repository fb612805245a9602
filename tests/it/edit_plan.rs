//! An edit of live sequences: told before it goes live, and what it does to those who wait, on the real program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use tests::programs::program;
use tests::support::{Rig, until_asked};

const FUNNEL: &str = "\
funnel: weight
title: Вход
enter: { start: [weight] }
first: hello
steps:
  hello: { say: Здравствуйте!, enroll: warm, next: end }
";

fn sequence(steps: &str) -> String {
    format!("sequence: warm\ntitle: Прогрев\npurpose: service\nsteps:\n{steps}")
}

const AT_TEN: &str = "  - { id: gift, after: 2d, at: \"10:00\", say: Подарок }\n  - { id: last, after: 2d, say: Конец }\n";
const AT_NINETEEN: &str = "  - { id: gift, after: 2d, at: \"19:00\", say: Подарок }\n  - { id: last, after: 2d, say: Конец }\n";
const ONE_AHEAD: &str = "  - { id: before, after: 1d, at: \"12:00\", say: Раньше }\n  - { id: gift, after: 1d, at: \"19:00\", say: Подарок }\n  - { id: last, after: 2d, say: Конец }\n";

fn write(dir: &Path, steps: &str) {
    fs::create_dir_all(dir.join("sequences")).unwrap();
    fs::write(dir.join("weight.yaml"), FUNNEL).unwrap();
    fs::write(dir.join("sequences/warm.yaml"), sequence(steps)).unwrap();
}

/// What `partnerctl plan` prints, with its exit code.
fn plan(rig: &Rig, edited: &Path) -> (i32, String) {
    let partners = rig.place.partner.parent().unwrap();
    let output = Command::new(program("partnerctl"))
        .args(["plan", "north", "--dir"])
        .arg(partners)
        .arg("--data-dir")
        .arg(&rig.place.data)
        .arg("--edited")
        .arg(edited)
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(told).unwrap(),
    )
}

/// When, in Almaty, the lead's waiting step is due: `step HH:MM`.
async fn waits(rig: &Rig, lead: i64) -> String {
    let why = rig.get(&format!("/why?lead={lead}")).await;
    let wait = &why["waits"][0];
    let at = wait["due_at"].as_i64().unwrap_or_default() / 60_000 + 5 * 60;
    let step = wait["what"].as_str().unwrap_or_default();
    let step = step.split(' ').nth(1).unwrap_or_default();
    format!("{step} {:02}:{:02}", at / 60 % 24, at % 60)
}

/// Waits until the files are live and everybody is planned anew.
async fn live(rig: &Rig) {
    rig.post("/reload").await;
    until_asked(
        || "everybody is planned anew".to_owned(),
        async || {
            let health = rig.get("/health").await;
            health["speaks_first"]["planning"] == Value::Bool(false)
        },
    )
    .await;
}

#[tokio::test]
async fn process_an_edit_is_told_before_it_goes_live_and_replans_those_who_wait() {
    let mut rig = Rig::new();
    write(&rig.place.funnels(), AT_TEN);
    rig.start().await;
    for name in ["Аня", "Олег", "Вера"] {
        let lead = rig.person(name);
        rig.opens(lead, "weight");
        rig.hears(lead, "Здравствуйте!").await;
    }
    rig.quiet().await;
    assert_eq!(waits(&rig, 1).await, "gift 10:00");
    let copy: PathBuf = rig.place.funnels().with_file_name("правка 1");
    write(&copy, AT_NINETEEN);
    let (code, told) = plan(&rig, &copy);
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("3 leads wait for `gift`; 3 sends move from 10:00 to 19:00"),
        "{told}"
    );
    assert_eq!(
        waits(&rig, 1).await,
        "gift 10:00",
        "telling changes nothing"
    );
    write(&rig.place.funnels(), AT_NINETEEN);
    live(&rig).await;
    for lead in 1..=3 {
        assert_eq!(waits(&rig, lead).await, "gift 19:00");
    }
    write(&copy, ONE_AHEAD);
    let (_, told) = plan(&rig, &copy);
    assert!(
        told.contains("new step `before` is ahead of 3 leads and behind 0 leads"),
        "{told}"
    );
    write(&rig.place.funnels(), ONE_AHEAD);
    live(&rig).await;
    assert_eq!(waits(&rig, 2).await, "before 12:00");
    write(
        &copy,
        "  - { id: gift, after: 2d, at: \"25:00\", say: Подарок }\n",
    );
    let (code, told) = plan(&rig, &copy);
    assert_eq!(code, 3, "{told}");
    assert!(
        told.contains("refused whole") && told.contains("warm.yaml:5"),
        "{told}"
    );
    assert_eq!(rig.stop().await, 0);
}
