//! What comes in: nothing a lead says is lost, nothing acts twice, nothing forged acts at all.

use std::time::Duration;

use partnerctl::sandbox::{NewUser, Options, Sandbox};
use serde_json::{Value, json};

use crate::support::{BOT, PARTNER, Rig, TOKEN, until};

#[tokio::test]
async fn process_a_word_confirmed_to_telegram_survives_a_kill() {
    let mut rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.quiet().await;
    // Nothing leaves, so the answer can only come from what was stored.
    rig.faults(&[json!({"method": "sendMessage", "kind": "refuse"})]);
    rig.says(lead, "25");
    rig.until("the update is confirmed", |world| {
        world.pending_updates(BOT) == 0
    })
    .await;
    rig.kill().await;
    rig.no_faults();
    rig.start().await;
    rig.hears(lead, "Зачем вам это?").await;
    rig.quiet().await;
    assert_eq!(answers(&rig, 1, "goal_kg").await, 1);
}

#[tokio::test]
async fn process_a_batch_that_telegram_sends_again_is_handled_once() {
    let mut rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.quiet().await;
    // The long poll that brings the word is under way; the next one, which would confirm it, never arrives.
    rig.faults(&[json!({"method": "getUpdates", "kind": "refuse"})]);
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
    until(
        || rig.log(),
        || rig.log().contains("not polling: Telegram is not to be"),
    )
    .await;
    assert_eq!(rig.world.pending_updates(BOT), 1, "not confirmed");
    rig.kill().await;
    rig.no_faults();
    rig.start().await;
    rig.quiet().await;
    assert_eq!(answers(&rig, 1, "goal_kg").await, 1);
    assert_eq!(rig.count(lead, "Напишите"), 0, "the word came once");
    rig.says(lead, "Хочу бегать");
    rig.hears(lead, "Когда начнём?").await;
}

#[tokio::test]
async fn process_an_update_repeated_within_a_batch_acts_once() {
    let mut rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    assert_eq!(rig.stop().await, 0);
    let date = rig.world.now_ms() / 1000;
    let update = json!({"update_id": 2_000_000_000, "message": {
        "message_id": 500, "date": date, "text": "25",
        "from": {"id": lead, "is_bot": false, "first_name": "Аня"},
        "chat": {"id": lead, "type": "private", "first_name": "Аня"}}});
    for _ in 0..3 {
        rig.world.update(BOT, update.clone()).unwrap();
    }
    rig.start().await;
    rig.hears(lead, "Зачем вам это?").await;
    rig.quiet().await;
    assert_eq!(answers(&rig, 1, "goal_kg").await, 1);
    assert_eq!(answers(&rig, 1, "reason").await, 0, "the word came once");
}

#[tokio::test]
async fn process_sigterm_lets_messages_arrive_and_exits_in_order() {
    let mut rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.faults(&[json!({"method": "sendMessage", "kind": "slow", "delay_ms": 300})]);
    rig.says(lead, "25");
    rig.until("the answer is under way", |world| {
        world
            .last_message(BOT, lead)
            .is_some_and(|m| m["text"] == "Зачем вам это?")
    })
    .await;
    assert_eq!(rig.stop().await, 0, "{}", rig.log());
    rig.no_faults();
    rig.start().await;
    rig.quiet().await;
    assert_eq!(rig.count(lead, "Зачем вам это?"), 1, "not sent again");
    // What was said while it was down is waiting.
    assert_eq!(rig.stop().await, 0);
    rig.says(lead, "Хочу бегать");
    rig.start().await;
    rig.hears(lead, "Когда начнём?").await;
}

/// Two polls fail in this way while a lead talks.
async fn rides_out(fault: Value) {
    let rig = Rig::running().await;
    let pid = rig.bot.as_ref().map(|bot| bot.pid());
    rig.faults(std::slice::from_ref(&fault));
    let lead = rig.person("Аня");
    // The poll that waits still brings this; those after it fail.
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
    rig.presses(lead, "Начать");
    rig.hears(lead, "Сколько килограммов?").await;
    assert!(rig.log().contains("not polling: "), "{fault}");
    assert_eq!(rig.bot.as_ref().map(|bot| bot.pid()), pid);
    assert_eq!(rig.get("/health").await["state"], "running", "{fault}");
    rig.quiet().await;
    assert_eq!(rig.count(lead, "С чего начнём?"), 1, "{fault}");
}

fn polls(kind: &str, times: u64) -> Value {
    json!({"method": "getUpdates", "kind": kind, "times": times, "retry_after": 1})
}

#[tokio::test]
async fn process_trouble_with_getupdates_is_waited_out() {
    tokio::join!(
        rides_out(polls("429", 2)),
        rides_out(polls("500", 2)),
        rides_out(polls("502_html", 2)),
        rides_out(polls("truncated", 2)),
        rides_out(polls("bad_json", 2)),
        rides_out(polls("reset", 2)),
        rides_out(polls("refuse", 2)),
        waits_for_a_rival_poller(),
        waits_for_telegram_to_be_there(),
        stays_when_no_line_can_be_made(),
    );
}

async fn waits_for_a_rival_poller() {
    let mut rig = Rig::running().await;
    let url = format!("{}/bot{TOKEN}/getUpdates", rig.url());
    let rival = reqwest::Client::new()
        .post(url)
        .json(&json!({"timeout": 50}));
    let rival = tokio::time::timeout(Duration::from_secs(2), rival.send());
    let (told, _) = tokio::join!(rig.state("waiting"), rival);
    let reason = told["reason"].as_str().unwrap_or_default();
    assert!(
        reason.contains("somebody else reads this bot's updates")
            && reason.contains("stop the other program"),
        "{reason}"
    );
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
    assert_eq!(rig.get("/health").await["reason"], Value::Null);
}

async fn waits_for_telegram_to_be_there() {
    let rig = Rig::new();
    let port = rig.url().rsplit(':').next().unwrap().parse().unwrap();
    let mut rig = rig.without_telegram();
    rig.spawn();
    until(|| rig.log(), || rig.log().contains("waiting to start")).await;
    let options = Options {
        port,
        ..Options::default()
    };
    rig.with_telegram(Sandbox::start(options).unwrap());
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
}

/// No address for the name, and an address where nobody speaks TLS.
async fn stays_when_no_line_can_be_made() {
    // A part of a name has 63 letters at most, so this one is refused before anybody is asked.
    let nowhere = format!("https://{}.invalid", "a".repeat(64));
    let mut rig = Rig::new();
    let plain = rig.url().replace("http://", "https://");
    for url in [nowhere, plain] {
        rig.place
            .write_env(&format!("BOT_TOKEN={TOKEN}\nTELEGRAM_API_URL={url}\n"));
        let before = rig.log().len();
        rig.spawn();
        let waits = || rig.log()[before..].contains("waiting to start");
        until(|| format!("{url}: {}", rig.log()), waits).await;
        let health = rig.get("/health").await;
        assert!(health["pid"].is_u64(), "{url}: {health}");
        assert_eq!(rig.stop().await, 0, "{url}: {}", rig.log());
    }
    rig.place.write_env(&format!(
        "BOT_TOKEN={TOKEN}\nTELEGRAM_API_URL={}\n",
        rig.url()
    ));
    rig.start().await;
}

#[tokio::test]
async fn process_a_refused_token_ends_it_for_good_with_the_remedy() {
    let remedy = "put a new one from @BotFather into partners/north/.env as BOT_TOKEN";
    let mut rig = Rig::new();
    rig.faults(&[json!({"method": "getMe", "kind": "401"})]);
    rig.spawn();
    assert_eq!(rig.exit_code().await, 78);
    assert!(rig.log().contains(remedy), "{}", rig.log());
    for kind in ["401", "404"] {
        let mut rig = Rig::running().await;
        rig.faults(&[json!({"method": "getUpdates", "kind": kind})]);
        // Ends the poll that waits, so that the next one is refused.
        rig.opens(rig.person("Аня"), "weight");
        assert_eq!(rig.exit_code().await, 78, "{kind}");
        assert!(rig.log().contains(remedy), "{kind}: {}", rig.log());
    }
}

#[tokio::test]
async fn process_updates_it_cannot_read_are_kept_and_harm_nobody() {
    let mut rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    let person = json!({"id": lead, "is_bot": false, "first_name": "Аня"});
    let chat = json!({"id": lead, "type": "private", "first_name": "Аня"});
    let strange = [
        json!({"message": {"message_id": 1, "note": "marker-no-date"}}),
        json!({"message": "marker-not-an-object"}),
        json!({"message": {"message_id": 1, "date": 1, "chat": chat, "note": "marker-nobody"}}),
        json!({"brand_new_kind": {"note": "marker-new-kind"}}),
        json!({"callback_query": {"id": "1", "from": person, "chat_instance": "1"}}),
        json!({"callback_query": {"id": "2", "from": person, "chat_instance": "1", "data": "p:done:1",
               "message": {"message_id": 3, "date": 0, "chat": chat}}}),
        json!({"my_chat_member": {"chat": chat}}),
        json!({"message": {"message_id": 9, "date": 1, "from": person, "chat": chat, "text": null}}),
        json!({}),
    ];
    for update in strange {
        rig.world.update(BOT, update).unwrap();
    }
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
    rig.quiet().await;
    let health = rig.get("/health").await;
    assert_eq!(health["totals"]["poisoned"], 0, "{health}");
    assert_eq!(answers(&rig, 1, "goal_kg").await, 1);
    assert_eq!(rig.stop().await, 0);
    let stored = std::fs::read(rig.place.data.join("bot.db")).unwrap();
    for marker in ["marker-no-date", "marker-not-an-object", "marker-new-kind"] {
        let held = stored
            .windows(marker.len())
            .any(|window| window == marker.as_bytes());
        assert!(held, "{marker} is not kept");
    }
}

#[tokio::test]
async fn process_a_press_sent_again_under_a_new_number_acts_once() {
    let rig = Rig::running().await;
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
    for _ in 0..3 {
        rig.presses(lead, "Начать");
    }
    rig.until("every press is answered", |world| {
        world.calls("answerCallbackQuery").len() == 3
    })
    .await;
    rig.quiet().await;
    assert_eq!(rig.count(lead, "Сколько килограммов?"), 1);
    let story = rig.story(1).await;
    let scored = story
        .iter()
        .filter(|item| item["text"] == "+20 баллов: хочет начать");
    assert_eq!(scored.count(), 1, "{story:?}");
}

#[tokio::test]
async fn process_forged_presses_and_commands_of_others_do_nothing() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Аня").await;
    let other = rig.lead_at_goal("Олег").await;
    let message = rig.world.last_message(BOT, lead).unwrap();
    let id = message["message_id"].as_i64().unwrap();
    // Data of the panel, of steps the lead never saw, and of nothing at all.
    let forged = [
        "p:done:2",
        "p:undo:2",
        "p:stats:all",
        "p:card:2",
        "1:weight:phone:skip:1",
        "1:weight:when:today:1",
        "1:::::",
        "\u{0}",
        "1:weight:hello:go:zzzzzzz",
    ];
    for data in forged {
        rig.world.press(BOT, lead, id, data, true).unwrap();
    }
    // A stranger presses in this lead's chat, as no app can.
    let press = json!({"callback_query": {
        "id": "77", "from": {"id": other, "is_bot": false, "first_name": "Олег"}, "chat_instance": "1",
        "data": "1:weight:hello:go:1", "message": message_without(&message)}});
    rig.world.update(BOT, press).unwrap();
    for command in ["/my_stats", "/hot_leads", "/panel"] {
        rig.says(lead, command);
        rig.hears(lead, "Такой команды я не знаю").await;
    }
    rig.quiet().await;
    let mine = rig.heard(lead).join("\n");
    assert!(!mine.contains("Лид") && !mine.contains("Олег"), "{mine}");
    let why = rig.get("/why?lead=2").await;
    assert_eq!(why["handled_by"], "", "{why}");
    assert_eq!(why["lead"]["score"], 20);
    assert_eq!(
        rig.get("/why?lead=1").await["place"],
        json!({"funnel": "weight", "step": "goal"})
    );
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
}

/// A message as an update carries it.
fn message_without(message: &Value) -> Value {
    let mut message = message.clone();
    for key in ["out", "deleted"] {
        message.as_object_mut().unwrap().remove(key);
    }
    message
}

#[tokio::test]
async fn process_only_the_leads_own_contact_is_taken() {
    let rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    let friend = rig.person("Олег");
    rig.says(lead, "25");
    rig.hears(lead, "Зачем").await;
    rig.says(lead, "Бегать");
    rig.hears(lead, "Когда").await;
    rig.presses(lead, "Завтра");
    rig.hears(lead, "Оставьте телефон.").await;
    let share = |owner, forwarded| {
        rig.world
            .contact(BOT, lead, Some("+77011234567"), owner, forwarded)
            .unwrap();
    };
    for (owner, forwarded) in [
        (Some(Some(friend)), false),
        (Some(None), false),
        (None, true),
    ] {
        let before = rig.count(lead, "Это контакт другого человека");
        share(owner, forwarded);
        let told = || format!("{owner:?} {forwarded} {:?}", rig.heard(lead));
        until(told, || {
            rig.count(lead, "Это контакт другого человека") == before + 1
        })
        .await;
    }
    share(None, false);
    rig.hears(lead, "Спасибо!").await;
    let why = rig.get("/why?lead=1").await;
    assert_eq!(why["lead"]["phone"]["value"], "+77011234567");
    assert_eq!(why["lead"]["phone"]["origin"], "shared");
}

#[tokio::test]
async fn process_a_flood_of_one_lead_costs_another_nothing() {
    let rig = Rig::running().await;
    let flooder = rig.lead_at_goal("Флуд").await;
    let other = rig.lead_at_goal("Олег").await;
    for number in 0..300 {
        rig.says(flooder, &format!("слово {number}"));
    }
    rig.finishes(other, "+77011234567").await;
    rig.until("all of it is taken in", |world| {
        world.pending_updates(BOT) == 0
    })
    .await;
    rig.hears(flooder, "").await;
    let why = rig.get("/why?lead=1").await;
    let sends = why["items"].as_array().unwrap().iter();
    let sends: Vec<_> = sends.filter(|item| item["kind"] == "send").collect();
    assert!(sends.len() < 60, "{} answers to a flood", sends.len());
    let warned = sends
        .iter()
        .filter(|item| item["reason"].as_str().unwrap().contains("слишком много"));
    assert_eq!(warned.count(), 1, "warned once");
}

#[tokio::test]
async fn process_any_start_payload_opens_the_door_and_none_opens_another() {
    let rig = Rig::running().await;
    let long = "a".repeat(64);
    for payload in [
        "other_partner_funnel",
        "../../etc/passwd",
        "%00%ff",
        "<b>",
        long.as_str(),
        "weight-vk_july",
        "-",
    ] {
        let lead = rig.person("Аня");
        rig.opens(lead, payload);
        rig.hears(lead, "С чего начнём?").await;
    }
    for forged in [
        "pi_",
        "pi_AAAA",
        "pi_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let stranger = rig.person("Ева");
        rig.opens(stranger, forged);
        rig.hears(stranger, "Эта ссылка не подходит").await;
        rig.says(stranger, "/my_stats");
        rig.hears(stranger, "Такой команды я не знаю").await;
    }
    let first = rig.get("/why?lead=6").await;
    assert_eq!(first["lead"]["first_touch"]["start"], "weight");
    assert_eq!(first["lead"]["first_touch"]["campaign"], "vk_july");
}

#[tokio::test]
async fn process_names_of_all_kinds_are_shown_as_they_are() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    let names = [
        ("<b>Аня</b> & \"co\"", "<b>Аня</b> & \"co\""),
        ("\u{202E}еьлО\u{2066}", "еьлО"),
        ("{{ partner.token }}", "{{ partner.token }}"),
        ("Ж".repeat(4096).leak(), "ЖЖЖЖЖЖЖЖЖЖ"),
    ];
    for (name, shown) in names {
        let lead = rig.world.add_user(NewUser {
            first_name: name.to_owned(),
            ..NewUser::default()
        });
        rig.opens(lead, "weight");
        rig.hears(lead, "С чего начнём?").await;
        rig.presses(lead, "Начать");
        rig.hears(lead, "Сколько килограммов?").await;
        rig.finishes(lead, "+77011234567").await;
        let told = || format!("{shown:?} in {:?}", rig.heard(PARTNER).last());
        until(told, || {
            rig.heard(PARTNER)
                .iter()
                .any(|card| card.contains("Оставил(а) контакт") && card.contains(shown))
        })
        .await;
    }
}

/// How often this answer was counted.
async fn answers(rig: &Rig, lead_number: i64, name: &str) -> usize {
    let start = format!("ответ {name}: ");
    let story = rig.story(lead_number).await;
    story
        .iter()
        .filter(|item| item["text"].as_str().is_some_and(|t| t.starts_with(&start)))
        .count()
}

#[tokio::test]
async fn process_rows_the_store_refuses_cost_only_their_update() {
    use sqlx::Connection;
    let mut rig = Rig::running().await;
    rig.stop().await;
    let file = format!("sqlite://{}", rig.place.data.join("bot.db").display());
    let mut store = sqlx::SqliteConnection::connect(&file).await.unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON leads WHEN NEW.first_name = 'Бум'
                  BEGIN SELECT RAISE(ABORT, 'refused'); END";
    sqlx::raw_sql(refuse).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
    let (bad, good) = (rig.person("Бум"), rig.person("Аня"));
    rig.opens(bad, "weight");
    rig.opens(good, "weight");
    rig.start().await;
    rig.hears(good, "Здравствуйте").await;
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while rig.get("/health").await["queue"]["inbox_dead"] != 1 {
        assert!(std::time::Instant::now() < until, "{}", rig.log());
    }
    assert_eq!(rig.heard(bad).len(), 0);
    rig.says(good, "/help");
    rig.until("the others are served", |_| rig.heard(good).len() >= 2)
        .await;
}
