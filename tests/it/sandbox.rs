//! The local Telegram behaves like Telegram: what bots rely on, table by table.

use std::time::Duration;

use partnerctl::sandbox::{NewUser, Options, Sandbox, World};
use serde_json::{Value, json};

pub const TOKEN: &str = "123456:DEMO-TEST";
pub const BOT: i64 = 123_456;

/// A sandbox with one bot and one person, and a client that speaks the Bot API raw.
pub struct Rig {
    pub sandbox: Sandbox,
    pub world: World,
    pub user: i64,
    http: reqwest::Client,
}

impl Rig {
    pub fn new() -> Rig {
        Rig::with(Options::default())
    }

    pub fn with(options: Options) -> Rig {
        let sandbox = Sandbox::start(options).unwrap();
        let world = sandbox.world();
        world.add_bot(TOKEN, "demo_bot", "Demo").unwrap();
        let user = world.add_user(NewUser {
            first_name: "Анна".to_owned(),
            ..NewUser::default()
        });
        Rig {
            sandbox,
            world,
            user,
            http: reqwest::Client::new(),
        }
    }

    /// A rig whose person has pressed Start.
    pub fn started() -> Rig {
        let rig = Rig::new();
        rig.world.start(BOT, rig.user, None).unwrap();
        rig
    }

    pub fn url(&self, method: &str) -> String {
        format!("{}/bot{TOKEN}/{method}", self.sandbox.url())
    }

    pub fn request(&self, method: &str, params: &Value) -> reqwest::RequestBuilder {
        self.http.post(self.url(method)).json(params)
    }

    /// The whole answer of a call.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        self.request(method, &params)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    /// The result of a call that must succeed.
    pub async fn ok(&self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        answer["result"].clone()
    }

    /// `<code> <description>` of a call that must fail.
    pub async fn refused(&self, method: &str, params: Value) -> String {
        let answer = self.call(method, params).await;
        assert_eq!(answer["ok"], false, "{method}: {answer}");
        format!(
            "{} {}",
            answer["error_code"],
            answer["description"].as_str().unwrap()
        )
    }

    pub async fn updates(&self, params: Value) -> Vec<Value> {
        self.ok("getUpdates", params)
            .await
            .as_array()
            .unwrap()
            .clone()
    }

    /// Sends a text and returns the message's id.
    pub async fn say(&self, text: &str) -> i64 {
        let sent = self
            .ok("sendMessage", json!({"chat_id": self.user, "text": text}))
            .await;
        sent["message_id"].as_i64().unwrap()
    }

    pub fn assert_strict(&self) {
        assert_eq!(self.world.violations(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_person_starts_a_bot_and_is_answered() {
    let rig = Rig::new();
    rig.world.start(BOT, rig.user, Some("weight")).unwrap();
    let updates = rig.updates(json!({"timeout": 5})).await;
    assert_eq!(updates.len(), 1);
    assert_eq!(updates[0]["message"]["text"], "/start weight");
    assert_eq!(
        updates[0]["message"]["entities"],
        json!([{"type": "bot_command", "offset": 0, "length": 6}])
    );
    rig.say("Здравствуйте!").await;
    let messages = rig.world.messages(BOT, rig.user);
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[1]["text"], "Здравствуйте!");
    assert_eq!(messages[1]["out"], true);
    rig.assert_strict();
}

#[tokio::test]
async fn the_offset_confirms_and_nothing_else_does() {
    let rig = Rig::new();
    let first = rig.world.start(BOT, rig.user, None).unwrap().unwrap();
    rig.world.send(BOT, rig.user, "два").unwrap();
    rig.world.send(BOT, rig.user, "три").unwrap();
    let ids = |updates: Vec<Value>| -> Vec<i64> {
        updates
            .iter()
            .map(|update| update["update_id"].as_i64().unwrap() - first)
            .collect()
    };
    assert_eq!(ids(rig.updates(json!({})).await), [0, 1, 2]);
    assert_eq!(ids(rig.updates(json!({"offset": 0})).await), [0, 1, 2]);
    assert_eq!(ids(rig.updates(json!({"limit": 1})).await), [0]);
    assert_eq!(ids(rig.updates(json!({"offset": first + 1})).await), [1, 2]);
    assert_eq!(
        ids(rig.updates(json!({})).await),
        [1, 2],
        "what was confirmed is gone"
    );
    assert_eq!(
        ids(rig.updates(json!({"offset": first + 1000})).await),
        [1, 2],
        "far beyond the end"
    );
    assert_eq!(
        ids(rig.updates(json!({"offset": -1})).await),
        [2],
        "the last one"
    );
    assert_eq!(ids(rig.updates(json!({})).await), [2]);
    assert_eq!(
        ids(rig.updates(json!({"offset": first + 3})).await),
        [] as [i64; 0]
    );
    assert_eq!(rig.world.pending_updates(BOT), 0);
    rig.assert_strict();
}

#[tokio::test]
async fn a_long_poll_ends_with_the_first_update() {
    let rig = Rig::new();
    let world = rig.world.clone();
    let user = rig.user;
    let poll = rig.request("getUpdates", &json!({"timeout": 30})).send();
    let (answer, _) = tokio::join!(poll, async {
        until(|| !rig.world.calls("getUpdates").is_empty()).await;
        world.send(BOT, user, "привет").unwrap();
    });
    let answer: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(answer["result"][0]["message"]["text"], "привет");
    assert_eq!(rig.world.calls("getUpdates")[0].code, Some(200));
}

#[tokio::test]
async fn a_second_poller_ends_the_first_with_409() {
    let rig = Rig::new();
    let older = rig.request("getUpdates", &json!({"timeout": 30})).send();
    let (older, newer) = tokio::join!(older, async {
        until(|| !rig.world.calls("getUpdates").is_empty()).await;
        rig.updates(json!({"timeout": 1})).await
    });
    assert_eq!(newer, Vec::<Value>::new());
    let older = older.unwrap();
    assert_eq!(older.status(), 409);
    let answer: Value = older.json().await.unwrap();
    let text = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    assert_eq!(answer["description"], text);
}

#[tokio::test]
async fn a_webhook_and_polling_exclude_each_other() {
    let rig = Rig::new();
    rig.ok("setWebhook", json!({"url": "https://example.org/hook"}))
        .await;
    let text = "409 Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
    assert_eq!(rig.refused("getUpdates", json!({})).await, text);
    assert_eq!(
        rig.ok("getWebhookInfo", json!({})).await["url"],
        "https://example.org/hook"
    );
    rig.ok("deleteWebhook", json!({})).await;
    rig.updates(json!({})).await;
    rig.assert_strict();
}

#[tokio::test]
async fn allowed_updates_are_remembered_and_rule_what_is_made() {
    let rig = Rig::started();
    rig.updates(json!({"allowed_updates": ["message"]})).await;
    assert_eq!(rig.world.block(BOT, rig.user, true).unwrap(), None);
    rig.updates(json!({})).await;
    assert_eq!(
        rig.world.block(BOT, rig.user, false).unwrap(),
        None,
        "still only messages"
    );
    rig.updates(json!({"allowed_updates": []})).await;
    assert!(
        rig.world.block(BOT, rig.user, true).unwrap().is_some(),
        "the default again"
    );
    let refused = rig
        .refused("getUpdates", json!({"allowed_updates": ["mesage"]}))
        .await;
    assert!(refused.contains("mesage"), "{refused}");
}

#[tokio::test]
async fn updates_expire_a_day_after_and_presses_after_150_seconds() {
    let rig = Rig::started();
    let markup = json!({"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]});
    rig.ok(
        "sendMessage",
        json!({"chat_id": rig.user, "text": "?", "reply_markup": markup}),
    )
    .await;
    let press = rig.world.press_text(BOT, rig.user, "Да").unwrap();
    let press = press.update_id.unwrap();
    assert_eq!(rig.updates(json!({})).await.len(), 2);
    assert!(!rig.world.is_expired(BOT, press));
    rig.world.advance(Duration::from_secs(151));
    assert_eq!(
        rig.updates(json!({})).await.len(),
        1,
        "the press is lost, the message is kept"
    );
    assert!(rig.world.is_expired(BOT, press), "a test can tell");
    rig.world.advance(Duration::from_secs(86_400));
    assert_eq!(rig.updates(json!({})).await.len(), 0);
}

#[tokio::test]
async fn a_press_is_answered_once_and_in_time() {
    let rig = Rig::started();
    let markup = json!({"inline_keyboard": [[{"text": "Да", "callback_data": "yes"}]]});
    rig.ok(
        "sendMessage",
        json!({"chat_id": rig.user, "text": "?", "reply_markup": markup}),
    )
    .await;
    let too_old =
        "400 Bad Request: query is too old and response timeout expired or query ID is invalid";
    let press = || {
        rig.world
            .press_text(BOT, rig.user, "Да")
            .unwrap()
            .callback_query_id
            .unwrap()
    };
    let id = press();
    rig.ok(
        "answerCallbackQuery",
        json!({"callback_query_id": id, "text": "Записано"}),
    )
    .await;
    assert_eq!(
        rig.refused("answerCallbackQuery", json!({"callback_query_id": id}))
            .await,
        too_old
    );
    assert_eq!(
        rig.refused("answerCallbackQuery", json!({"callback_query_id": "1"}))
            .await,
        too_old
    );
    let late = press();
    rig.world.advance(Duration::from_secs(151));
    assert_eq!(
        rig.refused("answerCallbackQuery", json!({"callback_query_id": late}))
            .await,
        too_old
    );
    let long = json!({"callback_query_id": press(), "text": "я".repeat(201)});
    assert_eq!(
        rig.refused("answerCallbackQuery", long).await,
        "400 Bad Request: MESSAGE_TOO_LONG"
    );
    rig.assert_strict();
}

#[tokio::test]
async fn tokens_are_unknown_until_registered_or_welcome_when_asked() {
    let rig = Rig::new();
    let url = format!("{}/bot777:OTHER-TEST/getMe", rig.sandbox.url());
    let answer = reqwest::get(url).await.unwrap();
    assert_eq!(answer.status(), 401);
    assert_eq!(
        answer.json::<Value>().await.unwrap()["description"],
        "Unauthorized"
    );
    rig.world
        .add_bot("123456:NEW-TEST", "demo_bot", "Demo")
        .unwrap();
    assert_eq!(
        rig.refused("getMe", json!({})).await,
        "401 Unauthorized",
        "the old token is revoked"
    );
    let open = Rig::with(Options {
        accept_any_token: true,
        ..Options::default()
    });
    let url = format!("{}/bot777:OTHER-TEST/getMe", open.sandbox.url());
    let answer: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(answer["result"]["id"], 777);
}

#[tokio::test]
async fn bots_share_people_but_nothing_else() {
    let rig = Rig::started();
    let other = rig
        .world
        .add_bot("654321:OTHER-TEST", "other_bot", "Other")
        .unwrap();
    assert_eq!(rig.world.pending_updates(other), 0);
    let url = format!("{}/bot654321:OTHER-TEST/sendMessage", rig.sandbox.url());
    let request = reqwest::Client::new()
        .post(url)
        .json(&json!({"chat_id": rig.user, "text": "?"}));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        answer["description"],
        "Forbidden: bot can't initiate conversation with a user"
    );
}

#[tokio::test]
async fn nothing_answers_after_the_stop() {
    let rig = Rig::new();
    let url = rig.url("getMe");
    assert!(reqwest::get(&url).await.is_ok());
    rig.sandbox.stop();
    assert!(reqwest::get(&url).await.unwrap_err().is_connect());
}

/// Waits for another task of this process.
pub async fn until(done: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "it did not happen within 10 s"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
