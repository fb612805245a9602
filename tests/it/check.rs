//! `partnerctl check` and the other commands an operator asks with.

use std::fs;

use partnerctl::host::RecordingHost;
use serde_json::Value;

use crate::create::{Ground, NORTH};

const CHECK: [&str; 3] = ["check", "--dir", "ROOT/partners"];

async fn ground_with_north() -> (Ground, RecordingHost) {
    let ground = Ground::new();
    let host = RecordingHost::default();
    assert_eq!(ground.run(&NORTH, &host).await, 0);
    host.take_out();
    host.take_err();
    (ground, host)
}

#[tokio::test]
async fn all_problems_of_all_partners_are_listed_once_with_their_lines() {
    let (ground, host) = ground_with_north().await;
    let config = "display_name: Север\ntimzone: x\n";
    fs::write(ground.root.join("partners/north/config.yaml"), config).unwrap();
    fs::write(
        ground.root.join("funnels/weight.yaml"),
        "funnel: weight\ntitle: Вес\nfirst: hello\nsteps:\n  hello: { say: Привет, nxt: end }\n",
    )
    .unwrap();
    assert_eq!(ground.run(&CHECK, &host).await, 3);
    assert_eq!(
        ground.said(&host.take_out()),
        "ROOT/partners/north/config.yaml:2:1: timzone: unknown key \"timzone\"; did you mean \"timezone\"?
   |
 2 | timzone: x
   | ^^^^^^^

north: 1 error
"
    );
    fs::write(
        ground.root.join("partners/north/config.yaml"),
        "display_name: Север\n",
    )
    .unwrap();
    assert_eq!(ground.run(&CHECK, &host).await, 3);
    let said = host.take_out();
    assert!(
        said.contains(
            "weight.yaml:5:25: steps.hello.nxt: unknown key \"nxt\"; did you mean \"next\"?"
        ),
        "{said}"
    );
}

#[tokio::test]
async fn json_is_versioned_and_complete() {
    let (ground, host) = ground_with_north().await;
    fs::write(
        ground.root.join("partners/north/config.yaml"),
        "display_name: 1\nx: 2\n",
    )
    .unwrap();
    let line = ["check", "north", "--json", "--dir", "ROOT/partners"];
    assert_eq!(ground.run(&line, &host).await, 3);
    let document: Value = serde_json::from_str(&host.take_out()).unwrap();
    assert_eq!(document["schema"], "partnerctl/v1");
    let partner = &document["data"]["partners"][0];
    assert_eq!(
        (&partner["partner"], &partner["ok"]),
        (&"north".into(), &false.into())
    );
    assert_eq!(partner["problems"][0]["line"], 2);
    assert_eq!(partner["problems"][0]["severity"], "error");
}

#[tokio::test]
async fn an_unknown_partner_is_answered_with_a_suggestion() {
    let (ground, host) = ground_with_north().await;
    for (name, expected) in [
        (
            "nroth",
            "error: no partner \"nroth\"; did you mean \"north\"?\n",
        ),
        (
            "zzz",
            "error: no partner \"zzz\"; ROOT/partners has north; run: partnerctl list\n",
        ),
        ("./nowhere", "error: ./nowhere: no such directory\n"),
    ] {
        for line in [&["check", name][..], &["why", name, "1"], &["invite", name]] {
            let line = [line, &["--dir", "ROOT/partners"]].concat();
            assert_eq!(ground.run(&line, &host).await, 5, "{line:?}");
            assert_eq!(ground.said(&host.take_err()), expected, "{line:?}");
        }
    }
}

#[tokio::test]
async fn wrong_usage_is_told_with_a_suggestion() {
    let (ground, host) = ground_with_north().await;
    assert_eq!(ground.run(&["chekc"], &host).await, 2);
    assert!(
        host.take_err()
            .contains("a similar subcommand exists: 'check'")
    );
    assert_eq!(
        ground
            .run(&["why", "north", "Анна", "--dir", "ROOT/partners"], &host)
            .await,
        2
    );
    assert_eq!(
        host.take_err(),
        "error: \"Анна\" is not a lead's number; write it like 12\n"
    );
    assert_eq!(ground.run(&["--help"], &host).await, 0);
    assert!(host.take_out().starts_with("Examples:\n"));
}

#[tokio::test]
async fn only_a_running_bot_signs_invitations() {
    let (ground, host) = ground_with_north().await;
    assert_eq!(
        ground
            .run(&["invite", "north", "--dir", "ROOT/partners"], &host)
            .await,
        7
    );
    assert_eq!(
        ground.said(&host.take_err()),
        "error: the bot is not running, and only it can sign an invitation; run: bot run --partner ROOT/partners/north\n"
    );
}

#[tokio::test]
async fn the_schema_of_the_config_is_that_of_the_structs() {
    let (ground, host) = ground_with_north().await;
    assert_eq!(ground.run(&["config", "schema"], &host).await, 0);
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../partners/config.schema.json"
    );
    let kept = fs::read_to_string(file).unwrap_or_default();
    assert!(
        host.take_out() == kept,
        "partners/config.schema.json is old; run: partnerctl config schema > partners/config.schema.json"
    );
}

#[tokio::test]
async fn funnels_are_played_and_drawn() {
    let (ground, host) = ground_with_north().await;
    let north = ["--partner", "north", "--dir", "ROOT/partners"];
    let test = [&["funnel", "test", "--full"][..], &north].concat();
    assert_eq!(ground.run(&test, &host).await, 1);
    assert_eq!(
        host.take_out(),
        "weight: 0 of 1 steps and branches reached\n  weight.yaml:5: steps.hello is never reached\n0 passed, 0 failed\n"
    );
    let transcript = ground.root.join("funnels/weight.transcript");
    fs::write(&transcript, "## привет\n> /start\n< Привет\n").unwrap();
    assert_eq!(ground.run(&test, &host).await, 0);
    assert_eq!(
        host.take_out(),
        "weight: 1 of 1 steps and branches reached\n1 passed, 0 failed\n"
    );
    fs::write(&transcript, "## привет\n> /start\n< Пока\n").unwrap();
    assert_eq!(ground.run(&test, &host).await, 1);
    let said = ground.said(&host.take_out());
    assert!(said.starts_with("ROOT/funnels/weight.transcript:3: привет: expected\n  < Пока\nbut the bot said\n  < Привет\n"), "{said}");
    let record = [&["funnel", "test", "--record"][..], &north].concat();
    assert_eq!(ground.run(&record, &host).await, 0);
    assert_eq!(
        fs::read_to_string(&transcript).unwrap(),
        "## привет\n> /start\n< Привет\n"
    );
    host.take_out();
    let graph = [
        &["funnel", "graph", "weight", "--svg", "ROOT/weight.svg"][..],
        &north,
    ]
    .concat();
    assert_eq!(ground.run(&graph, &host).await, 0);
    assert!(
        fs::read_to_string(ground.root.join("weight.svg"))
            .unwrap()
            .starts_with("<svg")
    );
    host.take_out();
    let graph = [&["funnel", "graph", "wieght"][..], &north].concat();
    assert_eq!(ground.run(&graph, &host).await, 5);
    assert_eq!(
        host.take_err(),
        "error: no funnel \"wieght\"; did you mean \"weight\"?\n"
    );
    let graph = [&["funnel", "graph", "weight"][..], &north].concat();
    assert_eq!(ground.run(&graph, &host).await, 0);
    assert!(host.take_out().contains("flowchart"));
}
