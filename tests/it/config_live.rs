//! A change of `config.yaml` under a running bot: taken over without a restart when it can be, refused in words when not.

use std::fs;
use std::process::Command;

use partnerctl::sandbox::Call;
use serde_json::Value;
use tests::programs::program;
use tests::support::{FUNNEL, PARTNER, Rig, SECOND_PARTNER, until, until_asked};

/// Hot from the first button, one person instead of two, a digest at ten, four words at once and another phrase.
const CHANGED: &str = "display_name: Север и Юг\nlanguages: [ru]\ntimezone: Asia/Almaty\nhot: { score: 20 }\n\
    partner: { telegram_ids: [900000002], digest: \"10:00\", weekly: false, quiet_hours: \"off\" }\n\
    consent: { contact: false, advertising: false }\nlimits: { inputs_at_once: 4, inputs_per_second: 0.01 }\n\
    texts: { slow_down: Тише! }\n";

fn write(rig: &Rig, text: &str) {
    fs::write(rig.place.partner.join("config.yaml"), text).unwrap();
}

/// What `partnerctl` prints, with its exit code.
fn ctl(rig: &Rig, line: &[&str]) -> (i32, String) {
    let output = Command::new(program("partnerctl"))
        .args(line)
        .arg("--dir")
        .arg(rig.place.partner.parent().unwrap())
        .output()
        .unwrap();
    let told = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(told).unwrap(),
    )
}

fn words(list: &Value) -> Vec<&str> {
    list.as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

#[tokio::test]
async fn a_saved_config_goes_live_by_itself_and_is_obeyed() {
    let mut rig = Rig::running().await;
    rig.partners_are_there().await;
    let pid = rig.get("/health").await["pid"].clone();
    assert_eq!(rig.get("/config").await["hot"]["score"], 40);
    write(&rig, CHANGED);
    until_asked(
        || format!("the new score is live: {}", rig.log()),
        async || rig.get("/config").await["hot"]["score"] == 20,
    )
    .await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.until("a hot card to the one who stayed", |_| {
        rig.count(SECOND_PARTNER, "Аня") > 0
    })
    .await;
    assert_eq!(
        rig.count(PARTNER, "Аня"),
        0,
        "who left is told nothing more"
    );
    rig.until("their menu goes with them", |world| {
        let calls = world.calls("deleteMyCommands");
        let is_theirs = |call: &Call| call.params["scope"]["chat_id"] == PARTNER;
        matches!(&calls[..], [call] if is_theirs(call) && call.code == Some(200))
    })
    .await;
    for word in ["много", "очень", "совсем"] {
        rig.says(lead, word);
    }
    rig.hears(lead, "Тише!").await;
    let status = rig.get("/status").await;
    let next = status["next_digest_at"].as_i64().unwrap();
    assert_eq!(next / 3_600_000 % 24, 5, "ten o'clock in Almaty: {status}");
    let health = rig.state("running").await;
    assert_eq!(health["pid"], pid, "without a restart");
    assert!(health["config"]["restart"].as_array().unwrap().is_empty());
    // A directory of one's own is followed from the moment it is there.
    let own = rig.place.partner.join("funnels");
    fs::create_dir_all(&own).unwrap();
    for word in ["Салем", "Привет"] {
        let before = rig.get("/health").await["funnels"]["hash"].clone();
        let text = FUNNEL.replace("    media: { photo: media/gift.png }\n", "");
        let half = own.join("half");
        fs::write(&half, text.replace("Здравствуйте", word)).unwrap();
        fs::rename(&half, own.join("weight.yaml")).unwrap();
        until_asked(
            || format!("{word} is live: {}", rig.log()),
            async || rig.get("/health").await["funnels"]["hash"] != before,
        )
        .await;
    }
    let lead = rig.person("Борис");
    rig.opens(lead, "weight");
    rig.hears(lead, "Привет, Борис").await;
    rig.stop().await;
    rig.start().await;
    let last = rig.get("/status").await["last_update_at"].as_i64().unwrap();
    let now = rig.get("/health").await["now_ms"].as_i64().unwrap();
    assert!(
        now - last < 3_600_000,
        "the last update is of the life before"
    );
}

#[tokio::test]
async fn what_cannot_go_live_is_said_and_what_was_live_stays() {
    let rig = Rig::running().await;
    let live = rig.get("/config").await;
    write(&rig, &CHANGED.replace("score: 20", "score: many"));
    let health = rig.post("/reload").await;
    assert_eq!(health["config"]["problems"][0]["line"], 4, "{health}");
    write(&rig, &format!("{CHANGED}default_funnel: height\n"));
    let health = rig.post("/reload").await;
    let waiting = words(&health["config"]["waiting"]);
    for key in ["default_funnel", "hot.score", "texts.slow_down.ru"] {
        assert!(waiting.contains(&key), "{key}: {health}");
    }
    assert_eq!(rig.get("/config").await, live, "nothing of it is live");
    // The way to Telegram takes a restart; all else of the same change does not wait for it.
    write(&rig, CHANGED);
    let env = fs::read_to_string(rig.place.partner.join(".env")).unwrap();
    rig.place
        .write_env(&format!("{env}TELEGRAM_PROXY=socks5://127.0.0.1:9\n"));
    let health = rig.post("/reload").await;
    assert_eq!(words(&health["config"]["restart"]), ["TELEGRAM_PROXY"]);
    let now = rig.get("/config").await;
    assert_eq!(now["hot"]["score"], 20);
    assert_eq!(now["telegram"], live["telegram"]);
    assert!(
        rig.log()
            .contains("only a restart does that: TELEGRAM_PROXY")
    );
}

#[tokio::test]
async fn broken_funnels_do_not_hold_up_a_sound_config() {
    let rig = Rig::running().await;
    fs::write(rig.place.funnels().join("weight.yaml"), "funnel: [").unwrap();
    write(&rig, CHANGED);
    let health = rig.post("/reload").await;
    assert!(!health["funnels"]["problems"].as_array().unwrap().is_empty());
    assert_eq!(rig.get("/config").await["hot"]["score"], 20, "{health}");
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
}

#[tokio::test]
async fn the_operator_changes_a_value_and_sees_what_it_takes() {
    let rig = Rig::running().await;
    std::os::unix::fs::symlink(&rig.place.data, rig.place.partner.join("data")).unwrap();
    let (code, said) = ctl(&rig, &["config", "diff", "north"]);
    assert_eq!(
        (code, said.as_str()),
        (0, "running and on disk are the same\n")
    );
    let (code, said) = ctl(&rig, &["config", "set", "north", "hot.score", "60"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.ends_with("live now, without a restart\n"), "{said}");
    assert_eq!(rig.get("/config").await["hot"]["score"], 60);
    let env = fs::read_to_string(rig.place.partner.join(".env")).unwrap();
    rig.place
        .write_env(&format!("{env}TELEGRAM_PROXY=socks5://127.0.0.1:9\n"));
    let (code, said) = ctl(&rig, &["config", "diff", "north"]);
    assert_eq!(code, 10, "{said}");
    assert!(said.contains("telegram.proxy\t-\tset\trestart"), "{said}");
    let (code, said) = ctl(&rig, &["plan", "north"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("TELEGRAM_PROXY: changed on disk, and only a restart takes it over"),
        "{said}"
    );
    let (code, said) = ctl(&rig, &["config", "set", "north", "hot.score", "70"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("only a restart takes over TELEGRAM_PROXY"),
        "{said}"
    );
    // By SIGHUP too, the old way.
    write(&rig, CHANGED);
    let pid = rig.get("/health").await["pid"].as_i64().unwrap();
    // SAFETY: kill takes two numbers and touches no memory.
    unsafe { libc::kill(i32::try_from(pid).unwrap(), libc::SIGHUP) };
    until(
        || "live by SIGHUP".to_owned(),
        || rig.log().contains("config.yaml is live"),
    )
    .await;
}
