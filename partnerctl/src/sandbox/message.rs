//! A message of a chat, and how it reads as a Bot API object.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A Bot API message. Sender and chat are shared text: they are written out with every message.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: i64,
    pub date: i64,
    pub edit_date: Option<i64>,
    pub from: Arc<RawValue>,
    pub chat: Arc<RawValue>,
    /// What an edit leaves alone: `reply_to_message`, `forward_origin`, `media_group_id`.
    pub header: Map<String, Value>,
    /// What an edit may replace: `text` and `entities`, or media with its caption.
    pub content: Map<String, Value>,
    /// The inline keyboard, if any.
    pub reply_markup: Option<Value>,
    /// True when the bot sent it.
    pub out: bool,
    pub deleted: bool,
}

impl Message {
    /// The Bot API object as JSON text.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a message holds only JSON values")
    }

    /// The Bot API object.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.to_json()).expect("a message is written as valid JSON")
    }

    /// The object with the sandbox's own `out` and `deleted`, as the control API shows it.
    pub fn to_view(&self) -> Value {
        let mut view = self.to_value();
        view["out"] = Value::Bool(self.out);
        view["deleted"] = Value::Bool(self.deleted);
        view
    }

    /// The inline keyboard's buttons, row by row.
    pub fn rows(&self) -> impl Iterator<Item = &Vec<Value>> {
        let keyboard = self
            .reply_markup
            .as_ref()
            .and_then(|markup| markup.get("inline_keyboard"));
        keyboard
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_array)
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("message_id", &self.id)?;
        map.serialize_entry("from", &*self.from)?;
        map.serialize_entry("chat", &*self.chat)?;
        map.serialize_entry("date", &self.date)?;
        if let Some(date) = self.edit_date {
            map.serialize_entry("edit_date", &date)?;
        }
        for (name, value) in self.header.iter().chain(&self.content) {
            map.serialize_entry(name, value)?;
        }
        if let Some(markup) = &self.reply_markup {
            map.serialize_entry("reply_markup", markup)?;
        }
        map.end()
    }
}

/// One person's private chat with one bot.
#[derive(Debug, Default)]
pub struct Chat {
    /// In the order of their ids.
    pub messages: VecDeque<Message>,
    /// The reply keyboard that is shown now.
    pub reply_keyboard: Option<Value>,
    /// A chat action and when it ends, in clock milliseconds.
    pub action: Option<(String, i64)>,
    pub menu_button: Option<Value>,
    /// The person has written to the bot, so the bot may write.
    pub started: bool,
    /// The person has blocked the bot.
    pub blocked: bool,
}

/// How many messages of a chat are kept in quiet mode.
const QUIET_HISTORY: usize = 8;

impl Chat {
    pub fn push(&mut self, message: Message, quiet: bool) {
        self.messages.push_back(message);
        while quiet && self.messages.len() > QUIET_HISTORY {
            self.messages.pop_front();
        }
    }

    /// The message of that id, unless it was deleted.
    pub fn message(&self, id: i64) -> Option<&Message> {
        let index = self
            .messages
            .binary_search_by_key(&id, |message| message.id)
            .ok()?;
        Some(&self.messages[index]).filter(|message| !message.deleted)
    }

    pub fn message_mut(&mut self, id: i64) -> Option<&mut Message> {
        let index = self
            .messages
            .binary_search_by_key(&id, |message| message.id)
            .ok()?;
        Some(&mut self.messages[index]).filter(|message| !message.deleted)
    }
}
