//! What people do: they start, type, press, share contacts, send pictures, block.

use std::fmt;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::files::FileKind;
use super::journal::Event;
use super::message::Message;
use super::state::{CALLBACK_MS, SECOND_MS, State, User};
use super::text;
use super::world::World;

/// Why the sandbox would not do what a person was told to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No such bot, user, message or button.
    NotFound(String),
    /// It makes no sense.
    Bad(String),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::NotFound(text) | Refused::Bad(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Refused {}

/// A person to create.
#[derive(Clone, Debug, Default)]
pub struct NewUser {
    pub id: Option<i64>,
    pub first_name: String,
    pub last_name: Option<String>,
    pub username: Option<String>,
    pub language_code: Option<String>,
    pub phone: Option<String>,
}

/// What a press led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Press {
    /// `None` when the bot does not take callback queries, or when the button opens an address.
    pub update_id: Option<i64>,
    pub callback_query_id: Option<String>,
    pub url: Option<String>,
}

/// A small blue square, for photos that people send.
const PICTURE: &[u8] = b"\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x08\x00\x00\x00\x08\
    \x08\x02\x00\x00\x00\x4b\x6d\x29\xdc\x00\x00\x00\x11\x49\x44\x41\x54\x78\xda\x63\x88\xea\xb9\x83\
    \x15\x31\x0c\x2d\x09\x00\xd4\xcd\x70\x81\x40\x2a\xd4\x33\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\
    \x60\x82";

impl World {
    /// Registers a bot, or renames the one with this token's id, and returns its id.
    pub fn add_bot(&self, token: &str, username: &str, first_name: &str) -> Result<i64, Refused> {
        let mut state = self.lock();
        let index = state.register(token, username, first_name);
        let index = index.ok_or_else(|| {
            Refused::Bad("token: must look like 123456:TEXT, digits before the colon".to_owned())
        })?;
        Ok(state.bots[index].id)
    }

    /// Creates a person and returns their id.
    pub fn add_user(&self, new: NewUser) -> i64 {
        let mut state = self.lock();
        let id = new.id.unwrap_or_else(|| state.free_user_id());
        let mut profile = Map::new();
        profile.insert("first_name".to_owned(), new.first_name.into());
        let rest = [
            ("last_name", new.last_name),
            ("username", new.username),
            ("language_code", new.language_code),
        ];
        for (name, value) in rest {
            if let Some(value) = value {
                profile.insert(name.to_owned(), value.into());
            }
        }
        let phone = new
            .phone
            .unwrap_or_else(|| format!("+7999{:07}", id % 10_000_000));
        let user = User::new(id, profile, phone);
        let payload = json!({"change": "created", "profile": user.to_value()});
        state.users.insert(id, user);
        state.emit(Event::of(None, Some(id), "user", payload));
        id
    }

    /// Presses Start: `/start` or `/start <payload>`; a blocked bot is unblocked first.
    pub fn start(
        &self,
        bot: i64,
        user: i64,
        payload: Option<&str>,
    ) -> Result<Option<i64>, Refused> {
        if self.is_blocked(bot, user)? {
            self.block(bot, user, false)?;
        }
        let text = payload.map_or_else(|| "/start".to_owned(), |p| format!("/start {p}"));
        self.send(bot, user, &text)
    }

    /// Types a text. Returns the update's id, `None` when the bot does not take messages.
    pub fn send(&self, bot: i64, user: i64, text: &str) -> Result<Option<i64>, Refused> {
        self.send_reply(bot, user, text, None)
    }

    /// Types a text, as a reply when `reply_to` names a message.
    pub fn send_reply(
        &self,
        bot: i64,
        user: i64,
        text: &str,
        reply_to: Option<i64>,
    ) -> Result<Option<i64>, Refused> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > text::TEXT_MAX {
            return Err(Refused::Bad("text: must have 1 to 4096 letters".to_owned()));
        }
        let mut state = self.lock();
        let mut content = Map::new();
        text::Formatted::plain(text).write(&mut content, "text", "entities");
        let header = reply_header(&state, bot, user, reply_to)?;
        hide_one_time_keyboard(&mut state, bot, user, text);
        person_message(&mut state, bot, user, header, content)
    }

    /// Shares a contact: one's own by default.
    pub fn contact(
        &self,
        bot: i64,
        user: i64,
        phone: Option<&str>,
        contact_user_id: Option<Option<i64>>,
        forwarded: bool,
    ) -> Result<Option<i64>, Refused> {
        let mut state = self.lock();
        let owner_id = contact_user_id.unwrap_or(Some(user));
        let sender = find_user(&state, user)?;
        let owner = owner_id
            .and_then(|id| state.users.get(&id))
            .unwrap_or(sender);
        let phone = phone.unwrap_or(&owner.phone);
        let mut contact = json!({"phone_number": phone, "first_name": owner.profile["first_name"]});
        if let Some(last) = owner.profile.get("last_name") {
            contact["last_name"] = last.clone();
        }
        if let Some(id) = owner_id {
            contact["user_id"] = id.into();
        }
        let mut header = Map::new();
        if forwarded {
            let date = state.now_ms() / SECOND_MS - 60;
            let origin = json!({"type": "user", "date": date, "sender_user": owner.to_value()});
            header.insert("forward_origin".to_owned(), origin);
        }
        let content = Map::from_iter([("contact".to_owned(), contact)]);
        person_message(&mut state, bot, user, header, content)
    }

    /// Sends a small picture.
    pub fn photo(
        &self,
        bot: i64,
        user: i64,
        caption: Option<&str>,
    ) -> Result<Option<i64>, Refused> {
        let mut state = self.lock();
        let index = find_bot(&state, bot)?;
        let bytes = Some(Bytes::from_static(PICTURE));
        let photo =
            state.bots[index]
                .files
                .add(FileKind::Photo, "photo.png", Some("image/png"), bytes);
        let mut content = Map::from_iter([("photo".to_owned(), photo)]);
        if let Some(caption) = caption.filter(|caption| !caption.is_empty()) {
            text::Formatted::plain(caption).write(&mut content, "caption", "caption_entities");
        }
        person_message(&mut state, bot, user, Map::new(), content)
    }

    /// Sends a sticker.
    pub fn sticker(&self, bot: i64, user: i64) -> Result<Option<i64>, Refused> {
        let mut state = self.lock();
        let index = find_bot(&state, bot)?;
        let sticker = state.bots[index]
            .files
            .add(FileKind::Sticker, "sticker.webp", None, None);
        let content = Map::from_iter([("sticker".to_owned(), sticker)]);
        person_message(&mut state, bot, user, Map::new(), content)
    }

    /// Presses the callback button with this data. With `forged` the message need not carry it.
    pub fn press(
        &self,
        bot: i64,
        user: i64,
        message_id: i64,
        data: &str,
        forged: bool,
    ) -> Result<Press, Refused> {
        let mut state = self.lock();
        let message = find_message(&state, bot, user, message_id)?;
        let is_it =
            |button: &&Value| button.get("callback_data").and_then(Value::as_str) == Some(data);
        if !forged && !message.rows().flatten().any(|button| is_it(&button)) {
            let text = format!("message {message_id}: no button with the data {data:?}");
            return Err(Refused::NotFound(text));
        }
        push_press(&mut state, bot, user, message_id, data)
    }

    /// Presses the button at this place, counted from 0.
    pub fn press_at(
        &self,
        bot: i64,
        user: i64,
        message_id: i64,
        row: usize,
        column: usize,
    ) -> Result<Press, Refused> {
        let mut state = self.lock();
        let message = find_message(&state, bot, user, message_id)?;
        let button = message
            .rows()
            .nth(row)
            .and_then(|row| row.get(column))
            .cloned();
        let missing = || format!("message {message_id}: no button at row {row}, column {column}");
        press_button(
            &mut state,
            bot,
            user,
            message_id,
            &button.ok_or_else(|| Refused::NotFound(missing()))?,
        )
    }

    /// Presses the newest button of the chat that shows this text.
    pub fn press_text(&self, bot: i64, user: i64, text: &str) -> Result<Press, Refused> {
        let mut state = self.lock();
        let index = find_bot(&state, bot)?;
        let chat = state.bots[index].chats.get(&user);
        let messages = chat.into_iter().flat_map(|chat| chat.messages.iter().rev());
        let found = messages.filter(|m| !m.deleted).find_map(|message| {
            let button = message
                .rows()
                .flatten()
                .find(|button| button["text"] == text)?;
            Some((message.id, button.clone()))
        });
        let missing = || Refused::NotFound(format!("no button shows {text:?}"));
        let (message_id, button) = found.ok_or_else(missing)?;
        press_button(&mut state, bot, user, message_id, &button)
    }

    /// Blocks or unblocks the bot; `None` when nothing changed.
    pub fn block(&self, bot: i64, user: i64, blocked: bool) -> Result<Option<i64>, Refused> {
        let mut state = self.lock();
        let index = find_bot(&state, bot)?;
        let person = find_user(&state, user)?;
        let (from, chat) = (person.as_user.clone(), person.as_chat.clone());
        let known = state.bots[index].chats.entry(user).or_default();
        if known.blocked == blocked {
            return Ok(None);
        }
        known.blocked = blocked;
        let member = format!(
            r#"{{"status":"member","user":{}}}"#,
            state.bots[index].as_user
        );
        let kicked = format!(
            r#"{{"status":"kicked","user":{},"until_date":0}}"#,
            state.bots[index].as_user
        );
        let (old, new) = if blocked {
            (member, kicked)
        } else {
            (kicked, member)
        };
        let date = state.now_ms() / SECOND_MS;
        let body = format!(
            r#"{{"chat":{chat},"from":{from},"date":{date},"old_chat_member":{old},"new_chat_member":{new}}}"#
        );
        let change = if blocked { "blocked" } else { "unblocked" };
        let payload = json!({"change": change, "profile": state.users[&user].to_value()});
        state.emit(Event::of(Some(bot), Some(user), "user", payload));
        Ok(state.push_update(index, user, "my_chat_member", &body))
    }

    /// Queues a raw update, with the next id unless it carries one.
    pub fn update(&self, bot: i64, update: Value) -> Result<i64, Refused> {
        let Value::Object(mut update) = update else {
            return Err(Refused::Bad("update: must be an object".to_owned()));
        };
        let mut state = self.lock();
        let index = find_bot(&state, bot)?;
        let now = state.now_ms();
        let queue = &mut state.bots[index].queue;
        let id = update
            .get("update_id")
            .and_then(Value::as_i64)
            .unwrap_or(queue.next_id());
        update.insert("update_id".to_owned(), id.into());
        let kind = update
            .keys()
            .find(|key| *key != "update_id")
            .cloned()
            .unwrap_or_default();
        queue.push_raw(Value::Object(update).to_string(), id, now + 86_400_000, now);
        let payload = json!({"update_id": id, "type": kind});
        state.emit(Event::of(Some(bot), None, "update", payload));
        Ok(id)
    }

    fn is_blocked(&self, bot: i64, user: i64) -> Result<bool, Refused> {
        let state = self.lock();
        let index = find_bot(&state, bot)?;
        Ok(state.bots[index]
            .chats
            .get(&user)
            .is_some_and(|chat| chat.blocked))
    }
}

pub(super) fn find_bot(state: &State, bot: i64) -> Result<usize, Refused> {
    state
        .bot_by_id(bot)
        .ok_or_else(|| Refused::NotFound(format!("no bot {bot}; register it first")))
}

pub(super) fn find_user(state: &State, user: i64) -> Result<&User, Refused> {
    state
        .users
        .get(&user)
        .ok_or_else(|| Refused::NotFound(format!("no user {user}; create it first")))
}

fn find_message(state: &State, bot: i64, user: i64, id: i64) -> Result<&Message, Refused> {
    let index = find_bot(state, bot)?;
    let message = state.bots[index]
        .chats
        .get(&user)
        .and_then(|chat| chat.message(id));
    message.ok_or_else(|| Refused::NotFound(format!("no message {id} in this chat")))
}

fn reply_header(
    state: &State,
    bot: i64,
    user: i64,
    reply_to: Option<i64>,
) -> Result<Map<String, Value>, Refused> {
    let Some(id) = reply_to else {
        return Ok(Map::new());
    };
    let mut replied = find_message(state, bot, user, id)?.clone();
    replied.header.remove("reply_to_message");
    Ok(Map::from_iter([(
        "reply_to_message".to_owned(),
        replied.to_value(),
    )]))
}

fn hide_one_time_keyboard(state: &mut State, bot: i64, user: i64, text: &str) {
    let chat = state
        .bot_by_id(bot)
        .and_then(|index| state.bots[index].chats.get_mut(&user));
    let Some(chat) = chat else {
        return;
    };
    let pressed = |keyboard: &mut Value| {
        let rows = keyboard["keyboard"].as_array().into_iter().flatten();
        let mut buttons = rows.filter_map(Value::as_array).flatten();
        keyboard["one_time_keyboard"] == true && buttons.any(|button| button["text"] == text)
    };
    chat.reply_keyboard.take_if(pressed);
}

/// Puts a person's message into the chat and queues its update.
fn person_message(
    state: &mut State,
    bot: i64,
    user: i64,
    header: Map<String, Value>,
    content: Map<String, Value>,
) -> Result<Option<i64>, Refused> {
    let index = find_bot(state, bot)?;
    let person = find_user(state, user)?;
    let (from, chat) = (person.as_user.clone(), person.as_chat.clone());
    let date = state.now_ms() / SECOND_MS;
    let known = state.bots[index].chats.entry(user).or_default();
    if known.blocked {
        return Err(Refused::Bad(
            "this person has blocked the bot; unblock or start it first".to_owned(),
        ));
    }
    known.started = true;
    let id = state.bots[index].take_message_id();
    let message = Message {
        id,
        date,
        edit_date: None,
        from,
        chat,
        header,
        content,
        reply_markup: None,
        out: false,
        deleted: false,
    };
    let json = state.add_message(index, user, message);
    Ok(state.push_update(index, user, "message", &json))
}

fn press_button(
    state: &mut State,
    bot: i64,
    user: i64,
    message_id: i64,
    button: &Value,
) -> Result<Press, Refused> {
    if let Some(data) = button.get("callback_data").and_then(Value::as_str) {
        return push_press(state, bot, user, message_id, data);
    }
    match button.get("url").and_then(Value::as_str) {
        Some(url) => Ok(Press {
            update_id: None,
            callback_query_id: None,
            url: Some(url.to_owned()),
        }),
        None => Err(Refused::Bad(
            "this kind of button is not simulated".to_owned(),
        )),
    }
}

fn push_press(
    state: &mut State,
    bot: i64,
    user: i64,
    message_id: i64,
    data: &str,
) -> Result<Press, Refused> {
    let index = find_bot(state, bot)?;
    let person = find_user(state, user)?;
    let from = person.as_user.clone();
    let message = find_message(state, bot, user, message_id)?.to_json();
    let id = (state.dice.next() >> 1).to_string();
    let data = Value::from(data);
    let chat_instance = (user.unsigned_abs() ^ bot.unsigned_abs() << 20).to_string();
    let body = format!(
        r#"{{"id":"{id}","from":{from},"message":{message},"chat_instance":"{chat_instance}","data":{data}}}"#
    );
    let now = state.now_ms();
    let callbacks = &mut state.bots[index].callbacks;
    if callbacks.len() % 4096 == 4095 {
        callbacks.retain(|_, (_, at)| *at + CALLBACK_MS > now);
    }
    callbacks.insert(id.clone(), (user, now));
    let update_id = state.push_update(index, user, "callback_query", &body);
    Ok(Press {
        update_id,
        callback_query_id: Some(id),
        url: None,
    })
}
