//! A partner by a link: no token is copied by anybody.

use std::time::Duration;

use partnerctl::sandbox::{NewUser, Options, Sandbox};
use tests::programs::program;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

const MANAGER: &str = "555000111:TEST-CANARY-8f3b1c-manager-00000000";

#[tokio::test]
async fn process_whoever_follows_the_link_makes_the_bot_and_its_token_arrives_by_itself() {
    let telegram = Sandbox::start(Options::default()).unwrap();
    let world = telegram.world();
    let manager = world
        .add_bot(MANAGER, "fleet_manager_bot", "Менеджер")
        .unwrap();
    let root = std::env::temp_dir().join(format!("by-link-{}", std::process::id()));
    std::fs::create_dir_all(root.join("funnels")).unwrap();
    std::fs::write(
        root.join("funnels/hello.yaml"),
        "funnel: hello\ntitle: Привет\nfirst: hello\nsteps:\n  hello: { say: Привет, next: end }\n",
    )
    .unwrap();
    std::fs::write(root.join("manager.txt"), MANAGER).unwrap();
    let create = || {
        let mut command = Command::new(program("partnerctl"));
        command
            .args([
                "create",
                "north",
                "--name",
                "Север",
                "--by-link",
                "--manager-token-file",
                "manager.txt",
            ])
            .args([
                "--api-url",
                &telegram.url(),
                "--dir",
                "partners",
                "--wait",
                "60",
            ])
            .current_dir(&root)
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true);
        command
    };
    let refused = create().output().await.unwrap();
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(4), "{said}");
    assert!(said.contains("does not manage bots"), "{said}");
    world.may_manage(manager);
    let mut child = create().spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let link = loop {
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await;
        let line = line.expect("a link in time").unwrap().expect("a link");
        if let Some((_, link)) = line.split_once("https://t.me/newbot/fleet_manager_bot/") {
            break link.to_owned();
        }
    };
    let (username, query) = link.split_once('?').unwrap();
    assert!(
        username.starts_with("north_") && username.ends_with("_bot"),
        "{link}"
    );
    assert_eq!(query, "name=%D0%A1%D0%B5%D0%B2%D0%B5%D1%80");
    let person = world.add_user(NewUser {
        first_name: "Пётр".to_owned(),
        ..NewUser::default()
    });
    world
        .make_managed_bot(manager, person, username, "Север")
        .unwrap();
    let mut out = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut out)
        .await
        .unwrap();
    let status = child.wait().await.unwrap();
    assert!(status.success(), "{out}");
    assert!(out.contains(&format!("for @{username}")), "{out}");
    let env = std::fs::read_to_string(root.join("partners/north/.env")).unwrap();
    assert!(
        env.contains("BOT_TOKEN=7000000002:TEST-MANAGED-"),
        "it is the new bot's token"
    );
    assert!(!out.contains("TEST-MANAGED"), "and it was never shown");
    let violations = world.violations();
    assert!(violations.is_empty(), "{violations:?}");
    crate::support::clear(&root);
}
