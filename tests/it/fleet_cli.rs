//! The fleet's commands as plans: what they would do, as text, on a host that only records.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use partnerctl::cli;
use partnerctl::host::RecordingHost;
use serde_json::Value;

use crate::create::{Ground, NORTH};

fn token(number: u32) -> String {
    format!(
        "{}:TEST-CANARY-8f3b1c-TESTTESTTESTTEST",
        700_000_000 + number
    )
}

/// A machine whose `/` is the ground's directory, with both programs in `programs`.
fn machine(ground: &Ground, uid: u32) -> RecordingHost {
    fs::create_dir_all(ground.root.join("programs")).unwrap();
    for name in ["bot", "partnerctl"] {
        fs::write(ground.root.join("programs").join(name), "program").unwrap();
    }
    RecordingHost::default().rooted(&ground.root, uid)
}

#[tokio::test]
async fn a_host_is_set_up_by_a_plan_that_can_be_read_first() {
    let ground = Ground::new();
    let host = machine(&ground, 0);
    let setup = [
        "host",
        "setup",
        "--programs",
        "ROOT/programs",
        "--funnels",
        "ROOT/funnels",
    ];
    assert_eq!(
        ground
            .run(&[&setup[..], &["--dry-run"]].concat(), &host)
            .await,
        10
    );
    let said = ground.said(&host.take_out());
    assert!(host.take_done().is_empty(), "a dry run does nothing");
    for line in [
        "make ROOT/etc/partner-bots/partners (0700)",
        "copy ROOT/programs/bot to ROOT/opt/partner-bots/releases/0.1.0/bot",
        "link ROOT/opt/partner-bots/current -> releases/0.1.0",
        "write ROOT/etc/systemd/system/partner-bot@.service (0644)",
        "run cp -rT ROOT/funnels ROOT/etc/partner-bots/funnels",
        "run systemctl daemon-reload",
    ] {
        assert!(said.lines().any(|said| said == line), "{line}\n{said}");
    }
    assert_eq!(ground.run(&setup, &host).await, 0);
    assert_eq!(
        host.take_done().join("\n"),
        host.take_out().trim_end(),
        "what is done is what was said"
    );
    let user = machine(&ground, 1_000);
    assert_eq!(ground.run(&setup, &user).await, 4);
    assert!(user.take_err().contains("partnerctl host setup --user"));
}

#[tokio::test]
async fn a_start_links_the_program_enables_and_starts() {
    let ground = Ground::new();
    let partners = ground.root.join("etc/partner-bots/partners");
    for id in ["north", "west", "almaty-1"] {
        fs::create_dir_all(partners.join(id)).unwrap();
    }
    let show = "Id=partner-bot@north.service\nActiveState=activating\nSubState=start\n\n\
        Id=partner-bot@west.service\nActiveState=failed\nSubState=failed\nResult=exit-code\nExecMainStatus=78\n";
    let host = machine(&ground, 0)
        .program("systemctl", 0, "")
        .program("systemctl show", 0, show);
    let line = [
        "start", "no", "w*", "--system", "--pace", "0", "--wait", "0",
    ];
    assert_eq!(ground.run(&line, &host).await, 7, "{}", host.take_err());
    let done = ground.said(&host.take_done().join("\n"));
    let show = "systemctl show --timestamp=unix";
    let done: Vec<&str> = done
        .lines()
        .filter(|line| !line.starts_with(show))
        .collect();
    assert_eq!(
        done,
        [
            "link ROOT/opt/partner-bots/use/north -> ../current",
            "link ROOT/opt/partner-bots/use/west -> ../current",
            "run systemctl enable --quiet partner-bot@north.service partner-bot@west.service",
            "systemctl reset-failed partner-bot@north.service partner-bot@west.service",
            "systemctl start --no-block partner-bot@north.service partner-bot@west.service",
        ]
    );
    let said = host.take_out();
    assert!(
        said.contains("✖ failed\twest") && said.contains("partnerctl check west"),
        "{said}"
    );
    assert!(said.contains("◐ starting\tnorth"), "{said}");
    assert_eq!(
        host.take_err(),
        "error: 2 of 2 not running after start: north west; see: partnerctl status --problems\n"
    );
    let audit = fs::read_to_string(ground.root.join("var/lib/partner-bots/audit.jsonl")).unwrap();
    let audit: Value = serde_json::from_str(&audit).unwrap();
    assert_eq!(
        [&audit["who"], &audit["verb"], &audit["result"]],
        ["olga", "start", "done"]
    );
}

#[tokio::test]
async fn after_a_boot_whoever_is_to_run_and_does_not_is_started_and_nobody_else() {
    let ground = Ground::new();
    let root = ground.root.join("etc");
    for id in ["north", "south", "west", "east"] {
        fs::create_dir_all(root.join("partner-bots/partners").join(id)).unwrap();
    }
    let wants = root.join("systemd/system/partner-bots.target.wants");
    fs::create_dir_all(&wants).unwrap();
    for id in ["north", "west", "east"] {
        std::os::unix::fs::symlink("x", wants.join(format!("partner-bot@{id}.service"))).unwrap();
    }
    // East runs already; south was stopped for good.
    let show = "Id=partner-bot@east.service\nActiveState=active\nSubState=running\n";
    let host = machine(&ground, 0)
        .program("systemctl", 0, "")
        .program("systemctl show", 0, show);
    let line = ["host", "boot", "--system"];
    assert_eq!(ground.run(&line, &host).await, 0, "{}", host.take_err());
    let done = host.take_done();
    assert_eq!(
        done.last().unwrap(),
        "systemctl start --no-block partner-bot@north.service partner-bot@west.service"
    );
    assert_eq!(done.len(), 2, "{done:?}");
    assert_eq!(host.take_err(), "started 2 bots\n");
}

#[tokio::test]
async fn targets_are_names_beginnings_patterns_and_tags_and_nobody_is_meant_by_silence() {
    let ground = Ground::new();
    let host = RecordingHost::default();
    for (id, tags) in [
        ("north", "tags: { city: almaty }"),
        ("west", ""),
        ("west-2", "tags: { city: astana }"),
    ] {
        let dir = ground.root.join("partners").join(id);
        fs::create_dir_all(&dir).unwrap();
        fs::write(
            dir.join("config.yaml"),
            format!("display_name: {id}\n{tags}\n"),
        )
        .unwrap();
    }
    for (line, code, found) in [
        (&["list", "n", "west"][..], 0, "north west"),
        (&["list", "w*"][..], 0, "west west-2"),
        (&["list", "--tag", "city"][..], 0, "north west-2"),
        (&["list", "--tag", "city=astana"][..], 0, "west-2"),
        (
            &["list", "w"][..],
            5,
            "begins several partners: west, west-2",
        ),
        (&["list", "nroth"][..], 5, "did you mean \"north\"?"),
        (
            &["list", "--tag", "town"][..],
            5,
            "no partner has the tag town",
        ),
        (
            &["remove", "nor", "--confirm", "nor"][..],
            2,
            "write the whole id",
        ),
        (&["stop"][..], 2, "say --all"),
        (&["stop", "north"][..], 2, "partnerctl host setup"),
    ] {
        let line = [line, &["--dir", "ROOT/partners"]].concat();
        assert_eq!(ground.run(&line, &host).await, code, "{line:?}");
        let rows = host.take_out();
        let names: Vec<&str> = rows
            .lines()
            .skip(1)
            .filter_map(|row| row.split('\t').next())
            .collect();
        let said = format!("{} {}", names.join(" "), host.take_err());
        assert!(said.contains(found), "{line:?}: {said}");
    }
}

#[tokio::test]
async fn a_form_is_imported_row_by_row_and_again_without_harm() {
    let ground = Ground::new();
    let host = RecordingHost::default();
    let form = format!(
        "id,name,token,timezone,tags\nanna,Анна,{},Asia/Almaty,city=almaty\n,Борис,{},,\nanna,Вера,{},,\nvera,,12:CANARY-8f3b1c,Mars,\n",
        token(1),
        token(2),
        token(3)
    );
    fs::write(ground.root.join("form.csv"), form).unwrap();
    let line = [
        "import",
        "ROOT/form.csv",
        "--skip-token-check",
        "--dir",
        "ROOT/partners",
    ];
    assert_eq!(
        ground
            .run(&[&line[..], &["--dry-run"]].concat(), &host)
            .await,
        3
    );
    assert!(!ground.root.join("partners/anna").exists());
    host.take_out();
    assert_eq!(
        ground.run(&line, &host).await,
        2,
        "nobody is there to be asked"
    );
    host.take_out();
    host.take_err();
    assert_eq!(
        ground.run(&[&line[..], &["--yes"]].concat(), &host).await,
        3
    );
    let said = host.take_out();
    let faults = [
        "4\tfaulty\t-\tid: \"anna\" is taken by row 2",
        "5\tfaulty\t-\tname: is empty",
        "5\tfaulty\t-\ttoken:",
        "5\tfaulty\t-\ttimezone:",
    ];
    for fault in faults {
        assert!(said.contains(fault), "{fault}\n{said}");
    }
    assert!(said.ends_with("created anna\ncreated boris\n"), "{said}");
    assert!(!said.contains("12:CANARY-8f3b1c") && !host.take_err().contains("12:CANARY-8f3b1c"));
    let config = fs::read_to_string(ground.root.join("partners/anna/config.yaml")).unwrap();
    assert!(
        config.contains("tags: { \"city\": \"almaty\" }"),
        "{config}"
    );
    ground.run(&[&line[..], &["--yes"]].concat(), &host).await;
    assert!(
        host.take_out().contains("2\tthere\t"),
        "what is there is left alone"
    );
}

#[tokio::test]
async fn a_thousand_rows_cost_a_thousand_steps() {
    let ground = Ground::new();
    let host = RecordingHost::default();
    let took = async |rows: u32| {
        let mut form = "id,name,token\n".to_owned();
        for number in 0..rows {
            form.push_str(&format!(
                "p{rows}-{number},Имя,{}\n",
                token(rows * 10 + number)
            ));
        }
        fs::write(ground.root.join("form.csv"), form).unwrap();
        let dir = format!("ROOT/partners-{rows}");
        let line = [
            "import",
            "ROOT/form.csv",
            "--skip-token-check",
            "--yes",
            "--dir",
            &dir,
        ];
        let began = std::time::Instant::now();
        assert_eq!(ground.run(&line, &host).await, 0, "{}", host.take_err());
        began.elapsed()
    };
    let (few, many) = (took(40).await, took(320).await);
    // Eight times the rows: eight times the time, not sixty-four.
    assert!(many < few * 32, "{few:?} for 40 rows, {many:?} for 320");
}

#[tokio::test]
async fn a_value_is_changed_in_place_and_a_broken_change_is_refused() {
    let ground = Ground::new();
    let host = RecordingHost::default();
    assert_eq!(ground.run(&NORTH, &host).await, 0);
    host.take_out();
    host.take_err();
    let at = ["--dir", "ROOT/partners"];
    let run = async |line: &[&str]| ground.run(&[line, &at].concat(), &host).await;
    let path = ground.root.join("partners/north/config.yaml");
    let before = fs::read_to_string(&path).unwrap();
    assert_eq!(
        run(&["config", "set", "north", "hot.score", "many"]).await,
        3
    );
    assert_eq!(
        run(&["config", "set", "north", "hot.scores", "60"]).await,
        3
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), before);
    let refused = host.take_err();
    assert!(
        refused.contains("north/config.yaml") && refused.contains("did you mean \"score\""),
        "{refused}"
    );
    assert!(!refused.contains(".check-"), "{refused}");
    assert_eq!(run(&["config", "set", "north", "hot.score", "60"]).await, 0);
    assert_eq!(
        host.take_out(),
        "- hot: { score: 50, cooldown: 24h }\n+ hot: { score: 60, cooldown: 24h }\n"
    );
    assert_eq!(run(&["config", "get", "north", "hot.score"]).await, 0);
    assert_eq!(host.take_out(), "60\n");
    assert_eq!(run(&["config", "get", "north", "hot.skore"]).await, 5);
    let entries = fs::read_dir(ground.root.join("partners/north")).unwrap();
    assert_eq!(entries.count(), 2, "nothing half made remains");
}

#[tokio::test]
async fn a_secret_is_set_from_a_pipe_and_only_its_name_is_listed() {
    let ground = Ground::new();
    let host = RecordingHost::piping("socks5://user:TEST-CANARY@127.0.0.1:9\n");
    let create = RecordingHost::default();
    assert_eq!(ground.run(&NORTH, &create).await, 0);
    let at = ["--dir", "ROOT/partners"];
    let run = async |line: &[&str]| ground.run(&[line, &at].concat(), &host).await;
    assert_eq!(
        run(&["secret", "set", "north", "TELEGRAM_PROXY", "--file", "-"]).await,
        0
    );
    assert_eq!(run(&["secret", "list", "north"]).await, 0);
    assert_eq!(
        run(&["secret", "set", "north", "BOT_TOKN", "--file", "-"]).await,
        2
    );
    let audit = fs::read_to_string(ground.root.join(".partnerctl/audit.jsonl")).unwrap();
    let said = host.take_out() + &host.take_err() + &audit;
    assert!(
        said.contains("BOT_TOKEN\nTELEGRAM_API_URL\nTELEGRAM_PROXY\n"),
        "{said}"
    );
    assert!(!said.contains("CANARY"), "{said}");
    let env = ground.root.join("partners/north/.env");
    assert!(
        fs::read_to_string(&env).unwrap().contains("TEST-CANARY"),
        "the control finds it where it belongs"
    );
    assert_eq!(
        fs::metadata(&env).unwrap().permissions().mode() & 0o777,
        0o600
    );
    fs::write(ground.root.join("wrong.txt"), token(9)).unwrap();
    assert_eq!(
        run(&["secret", "rotate", "north", "--file", "ROOT/wrong.txt"]).await,
        6
    );
    assert!(host.take_err().contains("another bot"));
}

#[tokio::test]
async fn a_bot_is_removed_only_by_its_whole_name_and_into_an_archive() {
    let ground = Ground::new();
    let dir = ground.root.join("etc/partner-bots/partners/north");
    fs::create_dir_all(&dir).unwrap();
    fs::create_dir_all(ground.root.join("var/lib/partner-bot/north")).unwrap();
    fs::create_dir_all(ground.root.join("opt/partner-bots/use")).unwrap();
    let host = machine(&ground, 0).program("systemctl", 0, "");
    let line = ["remove", "north", "--system"];
    assert_eq!(
        ground
            .run(&[&line[..], &["--confirm", "west"]].concat(), &host)
            .await,
        130
    );
    assert!(host.take_done().is_empty());
    assert_eq!(
        ground
            .run(&[&line[..], &["--confirm", "north"]].concat(), &host)
            .await,
        0
    );
    let done = ground.said(&host.take_done().join("\n"));
    let root = "ROOT".to_owned();
    assert!(
        done.starts_with("run systemctl disable --quiet --now partner-bot@north.service\nmake"),
        "{done}"
    );
    let tar = done.find("run tar -czf").unwrap();
    let gone = done
        .find(&format!("remove {root}/etc/partner-bots/partners/north"))
        .unwrap();
    assert!(tar < gone, "packed before it is deleted: {done}");
    assert!(done.contains("var/lib/partner-bot/north"), "{done}");
}

#[tokio::test]
async fn doctor_names_what_is_wrong_and_mends_what_is_safe() {
    let ground = Ground::new();
    let host = RecordingHost::default();
    assert_eq!(ground.run(&NORTH, &host).await, 0);
    let env = ground.root.join("partners/north/.env");
    fs::set_permissions(&env, fs::Permissions::from_mode(0o644)).unwrap();
    let line = ["doctor", "--offline", "--dir", "ROOT/partners"];
    host.take_out();
    assert_eq!(ground.run(&line, &host).await, 4);
    let said = ground.said(&host.take_out());
    assert!(
        said.contains(
            "FAILED   files (north): modes are wrong\n         chmod 0600 ROOT/partners/north/.env"
        ),
        "{said}"
    );
    assert!(said.contains("WARNING  clock (host)"), "{said}");
    host.take_done();
    ground.run(&[&line[..], &["--fix"]].concat(), &host).await;
    let done = ground.said(&host.take_done().join("\n"));
    assert!(
        done.contains("chmod 0600 ROOT/partners/north/.env"),
        "{done}"
    );
    fs::set_permissions(&env, fs::Permissions::from_mode(0o600)).unwrap();
    host.take_out();
    assert_eq!(ground.run(&line, &host).await, 0, "{}", host.take_out());
}

#[tokio::test]
async fn shells_and_man_know_every_verb() {
    let host = RecordingHost::default();
    for line in [
        &["partnerctl", "completions", "bash"][..],
        &["partnerctl", "man"],
    ] {
        let args = line.iter().map(Into::into);
        assert_eq!(cli::code_of(args, &host).await, 0);
        let said = host.take_out();
        for verb in ["status", "doctor", "import", "secret"] {
            assert!(said.contains(verb), "{line:?} lacks {verb}");
        }
    }
}
