//! A Telegram in memory: what people did, what reached them, and bad luck on order.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde_json::{Value, json};

use crate::store::{Class, OutboxRow};
use crate::telegram::verdict::Answer;

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Luck {
    Good,
    /// 429, nothing done.
    Limited,
    /// 500 before anything was done.
    Failed,
    /// Done, and the answer lost.
    Unanswered,
    /// Nobody listens.
    Refused,
}

/// What a person sees in their chat.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// (text, data)
    pub buttons: Vec<(String, String)>,
}

#[derive(Default)]
struct Chat {
    shown: Vec<Shown>,
    blocked: bool,
}

/// What became of one row of the outbox, seen from here.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pub class: Option<Class>,
    pub delivered: usize,
    /// Copies that do not say they are repeated.
    pub unmarked: usize,
    /// Calls whose outcome the bot cannot know.
    pub doubts: usize,
    pub refused: usize,
}

#[derive(Default)]
pub struct Telegram {
    /// (update id, raw), unconfirmed.
    queue: VecDeque<(i64, String)>,
    next_update: i64,
    next_message: i64,
    chats: HashMap<i64, Chat>,
    pub calls: BTreeMap<i64, Calls>,
    /// Rows in the order in which they reached a chat, each time.
    pub order: HashMap<i64, Vec<i64>>,
}

impl Telegram {
    pub fn new() -> Telegram {
        Telegram {
            next_update: 1_000,
            next_message: 1,
            ..Telegram::default()
        }
    }

    fn update(&mut self, mut body: Value) -> i64 {
        let id = self.next_update;
        self.next_update += 1;
        body["update_id"] = json!(id);
        self.queue.push_back((id, body.to_string()));
        id
    }

    pub fn says(&mut self, chat: i64, text: &str, now: i64) -> i64 {
        let message = self.message(chat, text, now);
        self.update(json!({ "message": message }))
    }

    fn message(&mut self, chat: i64, text: &str, now: i64) -> Value {
        self.next_message += 1;
        let mut message = json!({
            "message_id": self.next_message, "date": now / 1_000, "text": text,
            "from": person(chat), "chat": private(chat),
        });
        if text.starts_with('/') {
            let length = text.split(' ').next().unwrap_or(text).len();
            message["entities"] = json!([{"type": "bot_command", "offset": 0, "length": length}]);
        }
        message
    }

    pub fn presses(&mut self, chat: i64, data: &str, now: i64) -> i64 {
        let mut message = self.message(chat, "…", now);
        message["from"] = json!({"id": 123_456, "is_bot": true, "first_name": "Север"});
        self.update(json!({ "callback_query": {
            "id": self.next_update.to_string(), "from": person(chat), "chat_instance": "1",
            "data": data, "message": message,
        }}))
    }

    /// The person blocks the bot or takes it back.
    pub fn blocks(&mut self, chat: i64, on: bool, now: i64) -> i64 {
        self.chats.entry(chat).or_default().blocked = on;
        let bot = json!({"id": 123_456, "is_bot": true, "first_name": "Север"});
        let status = |kicked: bool| {
            if kicked {
                json!({"user": bot, "status": "kicked", "until_date": 0})
            } else {
                json!({"user": bot, "status": "member"})
            }
        };
        self.update(json!({ "my_chat_member": {
            "chat": private(chat), "from": person(chat), "date": now / 1_000,
            "old_chat_member": status(!on), "new_chat_member": status(on),
        }}))
    }

    /// The unconfirmed updates from the first on, as getUpdates gives them.
    pub fn updates(&self, most: usize) -> Vec<(i64, String)> {
        self.queue.iter().take(most).cloned().collect()
    }

    pub fn confirm(&mut self, up_to: i64) {
        while self.queue.front().is_some_and(|(id, _)| *id <= up_to) {
            self.queue.pop_front();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub fn shown(&self, chat: i64) -> &[Shown] {
        self.chats.get(&chat).map_or(&[], |chat| &chat.shown)
    }

    pub fn is_blocked(&self, chat: i64) -> bool {
        self.chats.get(&chat).is_some_and(|chat| chat.blocked)
    }

    /// Carries a call out, or not; the answer, if it is ever given.
    pub fn call(&mut self, row: &OutboxRow, luck: Luck) -> Answer {
        let calls = self.calls.entry(row.id).or_default();
        calls.class = Some(row.class);
        let refusal = |code: u16, text: &str, parameters: Value| {
            Answer::Http {
            status: code,
            body: json!({"ok": false, "error_code": code, "description": text, "parameters": parameters})
                .to_string()
                .into_bytes(),
        }
        };
        match luck {
            Luck::Limited => {
                return refusal(
                    429,
                    "Too Many Requests: retry after 7",
                    json!({"retry_after": 7}),
                );
            }
            Luck::Failed => {
                calls.doubts += 1;
                return refusal(500, "Internal Server Error", json!({}));
            }
            Luck::Refused => return Answer::NotConnected("refused".to_owned()),
            Luck::Good | Luck::Unanswered => {}
        }
        let chat = self.chats.entry(row.chat_id).or_default();
        if chat.blocked {
            calls.refused += 1;
            return refusal(403, "Forbidden: bot was blocked by the user", json!({}));
        }
        calls.delivered += 1;
        calls.unmarked += usize::from(!row.payload.contains("Повтор"));
        self.order.entry(row.chat_id).or_default().push(row.id);
        if row.method.eq_ignore_ascii_case("sendMessage") {
            chat.shown.push(shown(&row.payload));
        }
        if luck == Luck::Unanswered {
            calls.doubts += 1;
            return Answer::Broken("reset".to_owned());
        }
        self.next_message += 1;
        let result =
            json!({"message_id": self.next_message, "date": 0, "chat": private(row.chat_id)});
        Answer::Http {
            status: 200,
            body: json!({"ok": true, "result": result})
                .to_string()
                .into_bytes(),
        }
    }

    /// The process died before it heard.
    pub fn unheard(&mut self, row: &OutboxRow) {
        self.calls.entry(row.id).or_default().doubts += 1;
    }
}

fn shown(payload: &str) -> Shown {
    let payload: Value = serde_json::from_str(payload).unwrap_or_default();
    let rows = payload["reply_markup"]["inline_keyboard"].as_array();
    let buttons = rows
        .into_iter()
        .flatten()
        .filter_map(Value::as_array)
        .flatten();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Shown {
        buttons: buttons
            .map(|button| (word(&button["text"]), word(&button["callback_data"])))
            .collect(),
    }
}

fn person(id: i64) -> Value {
    json!({"id": id, "is_bot": false, "first_name": "Аня"})
}

fn private(id: i64) -> Value {
    json!({"id": id, "type": "private", "first_name": "Аня"})
}
