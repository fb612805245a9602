//! The control API keeps to docs/sandbox.md.

use partnerctl::sandbox::Options;
use serde_json::{Value, json};

use crate::sandbox::{BOT, Rig, until};
use crate::sandbox_texts::control_post;

async fn control_get(rig: &Rig, path: &str) -> Value {
    let url = format!("{}/control/{path}", rig.sandbox.url());
    reqwest::get(url).await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_whole_talk_over_http() {
    let rig = Rig::with(Options {
        start_ms: Some(1_795_000_000_000),
        ..Options::default()
    });
    let made = control_post(
        &rig,
        "bot",
        json!({"token": "42:SECOND-TEST", "username": "second_bot", "first_name": "Second"}),
    )
    .await;
    assert_eq!(made["bot"]["id"], 42);
    let made = control_post(
        &rig,
        "user",
        json!({"first_name": "Олег", "language_code": "ru", "phone": "+79990001122"}),
    )
    .await;
    let user = made["user"]["id"].as_i64().unwrap();
    assert!(user > 1_000_000_000);
    let pair = |extra: Value| {
        let mut body = json!({"bot": BOT, "user": user});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    let update = control_post(&rig, "start", pair(json!({"payload": "x"}))).await;
    let keyboard = json!({"keyboard": [[{"text": "Мой номер", "request_contact": true}]], "one_time_keyboard": true});
    rig.ok(
        "sendMessage",
        json!({"chat_id": user, "text": "Номер?", "reply_markup": keyboard}),
    )
    .await;
    let chat = control_get(&rig, &format!("chat?bot={BOT}&user={user}")).await;
    assert_eq!(
        chat["reply_keyboard"]["keyboard"][0][0]["text"],
        "Мой номер"
    );
    assert_eq!(
        (chat["started"].as_bool(), chat["blocked"].as_bool()),
        (Some(true), Some(false))
    );
    control_post(&rig, "contact", pair(json!({}))).await;
    control_post(&rig, "photo", pair(json!({"caption": "вот"}))).await;
    control_post(&rig, "sticker", pair(json!({}))).await;
    control_post(
        &rig,
        "update",
        json!({"bot": BOT, "update": {"poll_answer": {"odd": true}}}),
    )
    .await;
    let updates = rig.updates(json!({"offset": update["update_id"]})).await;
    assert_eq!(updates[1]["message"]["contact"]["user_id"], user);
    assert_eq!(
        updates[1]["message"]["contact"]["phone_number"],
        "+79990001122"
    );
    assert_eq!(updates[2]["message"]["caption"], "вот");
    assert_eq!(updates[4]["poll_answer"]["odd"], true);
    let photo = updates[2]["message"]["photo"][0]["file_id"]
        .as_str()
        .unwrap();
    let url = format!(
        "{}/control/file?bot={BOT}&file_id={photo}",
        rig.sandbox.url()
    );
    let file = reqwest::get(url).await.unwrap();
    assert_eq!(file.headers()["content-type"], "image/png");
    rig.assert_strict();
}

#[tokio::test]
async fn buttons_are_pressed_by_data_or_place() {
    let rig = Rig::started();
    let markup = json!({"inline_keyboard": [[{"text": "A", "callback_data": "a"}, {"text": "Сайт", "url": "https://a.ru"}]]});
    let sent = rig
        .ok(
            "sendMessage",
            json!({"chat_id": rig.user, "text": "?", "reply_markup": markup}),
        )
        .await;
    let id = sent["message_id"].as_i64().unwrap();
    let press = |extra: Value| {
        let mut body = json!({"bot": BOT, "user": rig.user, "message_id": id});
        body.as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        body
    };
    for extra in [
        json!({"data": "a"}),
        json!({"row": 0, "column": 0}),
        json!({"data": "old", "forged": true}),
    ] {
        let pressed = control_post(&rig, "press", press(extra)).await;
        assert!(
            pressed["update_id"].is_i64() && pressed["callback_query_id"].is_string(),
            "{pressed}"
        );
    }
    let opened = control_post(&rig, "press", press(json!({"row": 0, "column": 1}))).await;
    assert_eq!(
        opened,
        json!({"update_id": null, "callback_query_id": null, "url": "https://a.ru"})
    );
    for (body, status) in [
        (press(json!({"data": "b"})), 404),
        (press(json!({"row": 3, "column": 0})), 404),
        (press(json!({})), 400),
        (
            json!({"bot": 1, "user": rig.user, "message_id": id, "data": "a"}),
            404,
        ),
        (press(json!({"data": "a", "typo": 1})), 400),
    ] {
        let request = reqwest::Client::new()
            .post(format!("{}/control/press", rig.sandbox.url()))
            .json(&body);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{body}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string());
    }
}

#[tokio::test]
async fn events_tell_the_story_and_wait_for_more() {
    let rig = Rig::started();
    rig.say("привет").await;
    rig.ok(
        "sendChatAction",
        json!({"chat_id": rig.user, "action": "typing"}),
    )
    .await;
    let story = control_get(&rig, "events?after=0&timeout=0").await;
    let kinds: Vec<&str> = story["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["kind"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "bot", "user", "message", "update", "message", "call", "action", "call"
        ]
    );
    assert_eq!(story["events"][4]["message"]["text"], "привет");
    let next = story["next"].as_u64().unwrap();
    assert_eq!(
        control_get(&rig, "events?after=-1").await,
        json!({"events": [], "next": next})
    );
    let path = format!("events?after={next}&timeout=20");
    let (more, ()) = tokio::join!(control_get(&rig, &path), async {
        control_post(&rig, "clock", json!({"advance_ms": 86_400_000})).await;
    });
    assert_eq!(more["events"][0]["kind"], "clock");
    assert_eq!(more["next"], next + 1);
}

#[tokio::test]
async fn the_journal_keeps_calls_with_their_answers() {
    let rig = Rig::started();
    rig.say("раз").await;
    rig.refused("sendMessage", json!({"chat_id": 5, "text": "два"}))
        .await;
    rig.ok("getMe", json!({})).await;
    let journal = control_get(&rig, "journal?method=SENDMESSAGE").await;
    let calls = journal["calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        (
            calls[0]["params"]["text"].as_str(),
            calls[0]["code"].as_i64()
        ),
        (Some("раз"), Some(200))
    );
    assert_eq!(calls[1]["description"], "Bad Request: chat not found");
    let rest = control_get(&rig, &format!("journal?after={}", calls[1]["seq"])).await;
    assert_eq!(rest["calls"][0]["method"], "getMe");
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "the poll runs alone, so that it can be cut off"
)]
async fn state_shows_who_polls() {
    let rig = Rig::started();
    assert_eq!(
        control_get(&rig, "state").await["bots"][0]["polling"],
        false
    );
    rig.world.pending_updates(BOT);
    rig.updates(json!({"offset": -1})).await;
    let last = rig.updates(json!({})).await[0]["update_id"]
        .as_i64()
        .unwrap();
    let poll = json!({"timeout": 30, "offset": last + 1});
    let waiting = tokio::spawn(rig.request("getUpdates", &poll).send());
    until(|| rig.world.calls("getUpdates").len() == 3).await;
    let state = control_get(&rig, "state").await;
    assert_eq!(
        (
            state["bots"][0]["polling"].as_bool(),
            state["bots"][0]["pending_updates"].as_i64()
        ),
        (Some(true), Some(0))
    );
    waiting.abort();
    let after = control_get(&rig, "events?after=-1").await["next"].clone();
    let gone = |events: Value| {
        let events = events["events"].as_array().unwrap().clone();
        events
            .iter()
            .any(|event| event["change"] == "polling" && event["polling"] == false)
    };
    let seen = gone(control_get(&rig, "events?after=0&timeout=0").await)
        || gone(control_get(&rig, &format!("events?after={after}&timeout=10")).await);
    assert!(seen, "a poller that hangs up is noticed");
}

#[tokio::test]
async fn quiet_keeps_no_records_and_reset_forgets() {
    let rig = Rig::started();
    control_post(&rig, "quiet", json!({"on": true})).await;
    for n in 0..30 {
        rig.say(&n.to_string()).await;
    }
    assert_eq!(rig.world.calls("sendMessage").len(), 0);
    assert_eq!(rig.world.messages(BOT, rig.user).len(), 8);
    control_post(&rig, "reset", json!({})).await;
    let state = control_get(&rig, "state").await;
    assert_eq!(
        (
            state["users"].as_array().unwrap().len(),
            state["bots"][0]["id"].as_i64()
        ),
        (0, Some(BOT))
    );
    assert_eq!(rig.ok("getMe", json!({})).await["username"], "demo_bot");
}

#[tokio::test]
async fn a_test_can_wait_for_the_next_message() {
    let rig = Rig::started();
    let within = std::time::Duration::from_secs(10);
    let first = rig.say("раз").await;
    let (next, _) = tokio::join!(
        rig.world.message_after(BOT, rig.user, first, within),
        rig.say("два")
    );
    assert_eq!(next.unwrap()["text"], "два");
    let none = rig
        .world
        .message_after(BOT, rig.user, first + 1, std::time::Duration::ZERO)
        .await;
    assert_eq!(none, None);
}

#[tokio::test]
async fn hooks_hear_what_arrives_and_may_answer() {
    let rig = Rig::started();
    let world = rig.world.clone();
    rig.world.on_arrival(move |arrival| {
        if let partnerctl::sandbox::Arrival::Message {
            bot,
            chat,
            message_id: 2,
        } = arrival
        {
            world.send(*bot, *chat, "ещё").unwrap();
        }
    });
    rig.say("привет").await;
    let texts: Vec<Value> = rig
        .world
        .messages(BOT, rig.user)
        .iter()
        .map(|m| m["text"].clone())
        .collect();
    assert_eq!(texts, ["/start", "привет", "ещё"]);
}
