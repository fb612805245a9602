//! The bot speaks first: what holds it, what stops it, and what becomes of doubt, on the real program.

use serde_json::{Value, json};

use tests::support::{BOT, Rig, until, until_asked};

const HOUR: i64 = 3_600_000;
const REMINDER: &str = "Вы ещё здесь?";

/// A bot with this contact policy, and a lead who fell silent at the first question.
async fn silent(policy: &str) -> (Rig, i64) {
    let mut rig = Rig::new();
    rig.set_env("BOT_MOVABLE_CLOCK", "1");
    rig.place
        .write_config(&format!("contact_policy: {{ {policy} }}\n"));
    rig.start().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.quiet().await;
    (rig, lead)
}

const OPEN: &str = "quiet_hours: none, per_day: 0, per_week: 0, min_gap: 0m";

async fn waits(rig: &Rig) -> Value {
    rig.get("/why?lead=1").await["waits"].clone()
}

/// The clock is moved, and the bot has had its chance.
async fn later(rig: &mut Rig, ms: i64) {
    rig.skip(ms).await;
    rig.get("/why?lead=1").await;
    rig.quiet().await;
}

/// Whether the metrics count this answer of the gate.
async fn is_counted(rig: &Rig, code: &str) -> bool {
    let metrics = rig.ask("GET", "/metrics").await.unwrap_or_default();
    let line = format!("bot_gate_total{{partner=\"north\",reason=\"{code}\"}} ");
    let count = metrics.lines().find_map(|text| text.strip_prefix(&line));
    count.is_some_and(|count| count != "0")
}

#[tokio::test]
async fn process_at_night_the_bot_waits_for_the_leads_morning_and_says_so() {
    // The hours around the real one are quiet, whenever this runs; the zone is Almaty's.
    let now = bot_hour();
    let quiet = format!("\"{:02}:00-{:02}:00\"", now, (now + 5) % 24);
    let policy = format!("quiet_hours: {quiet}, spread: 0m, min_gap: 0m");
    let (mut rig, lead) = silent(&policy).await;
    later(&mut rig, 2 * HOUR + 1_000).await;
    assert_eq!(rig.count(lead, REMINDER), 0);
    let told = waits(&rig).await;
    assert_eq!(told[0]["reason"], "у лида тихие часы", "{told}");
    assert_eq!(told[0]["what"], "напоминание о вопросе", "{told}");
    let due = told[0]["due_at"].as_i64().unwrap();
    assert!(
        due > told[0]["planned_at"].as_i64().unwrap() + HOUR,
        "{told}"
    );
    assert!(is_counted(&rig, "quiet_hours").await);
    // Over a restart too.
    rig.kill().await;
    rig.start().await;
    later(&mut rig, HOUR).await;
    assert_eq!(rig.count(lead, REMINDER), 0);
    rig.skip(3 * HOUR).await;
    rig.hears(lead, REMINDER).await;
    rig.quiet().await;
    assert_eq!(rig.count(lead, REMINDER), 1);
}

/// The hour of the day in Almaty, which is UTC+5.
fn bot_hour() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    (since / 3_600 + 5) % 24
}

#[tokio::test]
async fn process_a_pause_keeps_every_place_over_a_restart_and_ends_when_told() {
    let (mut rig, lead) = silent(OPEN).await;
    assert_eq!(rig.post("/pause").await["paused"], true);
    rig.kill().await;
    rig.start().await;
    assert_eq!(rig.get("/health").await["speaks_first"]["paused"], true);
    later(&mut rig, 2 * HOUR + 1_000).await;
    assert_eq!(rig.count(lead, REMINDER), 0);
    assert_eq!(waits(&rig).await[0]["reason"], "бот на паузе");
    // An answer is not the bot's own word.
    rig.says(lead, "много");
    rig.hears(lead, "число").await;
    assert_eq!(rig.post("/resume").await["paused"], false);
    later(&mut rig, 2 * HOUR + 1_000).await;
    rig.hears(lead, REMINDER).await;
}

#[tokio::test]
async fn process_a_suspended_bot_only_answers() {
    let (mut rig, lead) = silent("suspended: true").await;
    later(&mut rig, 3 * HOUR).await;
    assert_eq!(rig.count(lead, REMINDER), 0);
    assert_eq!(waits(&rig).await[0]["reason"], "работа бота приостановлена");
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
}

#[tokio::test]
async fn process_who_waits_for_a_person_is_not_reminded_by_a_bot() {
    let (mut rig, lead) = silent(OPEN).await;
    rig.says(lead, "/human");
    rig.hears(lead, "ответит вам лично").await;
    later(&mut rig, 3 * HOUR).await;
    assert_eq!(rig.count(lead, REMINDER), 0);
}

/// The reminder arrives, but its answer is lost: from now on its fate is unknown.
async fn in_doubt() -> (Rig, i64) {
    let (mut rig, lead) = silent(OPEN).await;
    rig.faults(&[json!({"method": "sendMessage", "kind": "lost_answer"})]);
    rig.skip(2 * HOUR + 1_000).await;
    rig.hears(lead, REMINDER).await;
    rig.no_faults();
    rig.quiet().await;
    assert_eq!(rig.get("/health").await["queue"]["unknown"], 1);
    (rig, lead)
}

async fn proven(rig: &Rig) -> Option<String> {
    rig.quiet().await;
    let health = rig.get("/health").await;
    let story = rig.story(1).await;
    let row = story.iter().find(|item| item["text"] == REMINDER)?;
    (health["queue"]["unknown"] == 0 && row["state"] == "sent")
        .then(|| row["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn process_a_reply_to_a_message_in_doubt_proves_that_it_arrived() {
    let (rig, lead) = in_doubt().await;
    rig.says(lead, "много");
    rig.hears(lead, "число").await;
    assert_eq!(proven(&rig).await, None, "words alone prove nothing");
    let messages = rig.world.messages(BOT, lead);
    let reminder = messages
        .iter()
        .find(|message| message["text"] == REMINDER)
        .unwrap();
    let number = reminder["message_id"].as_i64().unwrap();
    rig.world
        .send_reply(BOT, lead, "да, здесь", Some(number))
        .unwrap();
    let told = || rig.log();
    until(told, || rig.world.pending_updates(BOT) == 0).await;
    let reason = proven(&rig).await;
    assert!(
        reason
            .as_deref()
            .is_some_and(|reason| reason.contains("лид ответил")),
        "{reason:?}"
    );
}

#[tokio::test]
async fn process_what_a_restored_backup_remembers_is_not_said_late() {
    let (mut rig, lead) = silent(OPEN).await;
    let now = rig.get("/health").await["now_ms"].as_i64().unwrap();
    assert_eq!(rig.stop().await, 0);
    let mark = now + 3 * HOUR;
    remember_restore(&rig, mark).await;
    rig.start().await;
    rig.skip(2 * HOUR + 1_000).await;
    until_asked(
        || "the story tells of the backup".to_owned(),
        async || {
            let story = rig.story(1).await;
            assert_eq!(rig.count(lead, REMINDER), 0, "{story:?}");
            let mut texts = story.iter().filter_map(|item| item["text"].as_str());
            texts.any(|text| text.contains("резервной"))
        },
    )
    .await;
    assert_eq!(rig.count(lead, REMINDER), 0);
    // What is asked after the mark is reminded of as always.
    rig.skip(2 * HOUR).await;
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
}

/// What a restored backup leaves in the data.
async fn remember_restore(rig: &Rig, at: i64) {
    use sqlx::{Connection, SqliteConnection};
    let path = format!("sqlite://{}", rig.place.data.join("bot.db").display());
    let mut data = SqliteConnection::connect(&path).await.unwrap();
    sqlx::query("INSERT INTO facts (partner_id, name, value) VALUES ('north', 'restored_at', $1)")
        .bind(at.to_string())
        .execute(&mut data)
        .await
        .unwrap();
    data.close().await.unwrap();
}
