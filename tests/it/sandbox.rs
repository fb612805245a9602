//! The local Telegram behaves like Telegram: what bots rely on, table by table.

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
