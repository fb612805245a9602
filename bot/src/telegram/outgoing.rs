//! A channel-neutral message as a Bot API method: teloxide's payload types make it, JSON carries it. It does no I/O.

use compact_str::CompactString;
use serde_json::{Value, json};
use teloxide::payloads::{SendMessage, SendMessageSetters};
use teloxide::requests::Payload;
use teloxide::types::{
    ButtonRequest, ChatId, InlineKeyboardButton, InlineKeyboardButtonKind, InlineKeyboardMarkup,
    KeyboardButton, KeyboardMarkup, KeyboardRemove, LinkPreviewOptions, ParseMode, ReplyMarkup,
};

use super::callback;
use crate::funnel::effect::{Action, Button, Keyboard, MediaKind, Message, ReplyButton};

/// A method with its JSON, ready for the outbox; `media` is added when it is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    pub method: CompactString,
    pub payload: String,
    /// JSON of `Media` when a file has to be uploaded or taken from the cache.
    pub media: String,
}

pub fn render(chat_id: i64, message: Message) -> Outgoing {
    match &message.media {
        None => text(chat_id, message),
        Some(media) => {
            let (method, media) = (method(media.kind), to_json(media));
            with_media(chat_id, message, method, media)
        }
    }
}

fn text(chat_id: i64, message: Message) -> Outgoing {
    let mut payload = SendMessage::new(ChatId(chat_id), message.text)
        .parse_mode(ParseMode::Html)
        .link_preview_options(no_preview());
    payload.reply_markup = message.keyboard.map(markup);
    Outgoing {
        method: SendMessage::NAME.into(),
        payload: to_json(&payload),
        media: String::new(),
    }
}

fn with_media(chat_id: i64, message: Message, method: &str, media: String) -> Outgoing {
    let mut payload = json!({ "chat_id": chat_id });
    if !message.text.is_empty() {
        payload["caption"] = json!(message.text);
        payload["parse_mode"] = json!("HTML");
    }
    if let Some(keyboard) = message.keyboard {
        payload["reply_markup"] = serde_json::to_value(markup(keyboard)).unwrap_or(Value::Null);
    }
    Outgoing {
        method: method.into(),
        payload: payload.to_string(),
        media,
    }
}

fn method(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Photo => "SendPhoto",
        MediaKind::Video => "SendVideo",
        MediaKind::Animation => "SendAnimation",
        MediaKind::Document => "SendDocument",
        MediaKind::Audio => "SendAudio",
        MediaKind::Voice => "SendVoice",
    }
}

/// The payload's field that names the file, also the kind in the cache.
pub fn media_field(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Photo => "photo",
        MediaKind::Video => "video",
        MediaKind::Animation => "animation",
        MediaKind::Document => "document",
        MediaKind::Audio => "audio",
        MediaKind::Voice => "voice",
    }
}

pub fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn markup(keyboard: Keyboard) -> ReplyMarkup {
    match keyboard {
        Keyboard::Inline(rows) => {
            let rows = rows
                .into_iter()
                .map(|row| row.into_iter().map(inline_button));
            ReplyMarkup::InlineKeyboard(InlineKeyboardMarkup::new(rows))
        }
        Keyboard::Reply { rows, one_time } => {
            let rows = rows
                .into_iter()
                .map(|row| row.into_iter().map(reply_button));
            let mut keyboard = KeyboardMarkup::new(rows).resize_keyboard();
            keyboard.one_time_keyboard = one_time;
            keyboard.is_persistent = !one_time;
            ReplyMarkup::Keyboard(keyboard)
        }
        Keyboard::Remove => ReplyMarkup::KeyboardRemove(KeyboardRemove::new()),
    }
}

fn inline_button(button: Button) -> InlineKeyboardButton {
    let kind = match button.action {
        Action::Press(press) => {
            InlineKeyboardButtonKind::CallbackData(callback::encode_press(&press))
        }
        Action::Url(url) => match reqwest::Url::parse(&url) {
            Ok(url) => InlineKeyboardButtonKind::Url(url),
            // The loader refuses such links; one that got here must not cost the message.
            Err(_) => InlineKeyboardButtonKind::CallbackData("p:badlink".to_owned()),
        },
    };
    InlineKeyboardButton::new(button.text, kind)
}

fn reply_button(button: ReplyButton) -> KeyboardButton {
    let plain = KeyboardButton::new(button.text);
    if button.contact {
        plain.request(ButtonRequest::Contact)
    } else {
        plain
    }
}

pub fn to_json(payload: &impl serde::Serialize) -> String {
    // Most fit: a text that grows is copied again and again.
    let mut json = Vec::with_capacity(512);
    // Payload structs of teloxide have string keys and no fallible parts.
    match serde_json::to_writer(&mut json, payload) {
        Ok(()) => String::from_utf8(json).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

/// The same message without markup: for words Telegram could not parse.
pub fn as_plain(payload: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(payload).ok()?;
    let object = value.as_object_mut()?;
    object.remove("parse_mode")?;
    for field in ["text", "caption"] {
        if let Some(Value::String(html)) = object.get_mut(field) {
            *html = strip_tags(html);
        }
    }
    Some(value.to_string())
}

/// The same message without buttons that open a person's profile.
pub fn without_profiles(payload: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(payload).ok()?;
    let rows = value
        .get_mut("reply_markup")?
        .get_mut("inline_keyboard")?
        .as_array_mut()?;
    for row in rows.iter_mut() {
        let row = row.as_array_mut()?;
        row.retain(|button| {
            !button["url"]
                .as_str()
                .is_some_and(|url| url.starts_with("tg://user"))
        });
    }
    rows.retain(|row| row.as_array().is_some_and(|row| !row.is_empty()));
    Some(value.to_string())
}

/// The caption as a message of its own; `None` when there were no words.
pub fn without_media(payload: &str) -> Option<String> {
    let mut value: Value = serde_json::from_str(payload).ok()?;
    let object = value.as_object_mut()?;
    let caption = object.remove("caption")?;
    object.insert("text".to_owned(), caption);
    Some(value.to_string())
}

pub fn strip_tags(html: &str) -> String {
    let mut text = String::with_capacity(html.len());
    let mut in_tag = false;
    for c in html.chars() {
        match c {
            '<' => in_tag = true,
            '>' if in_tag => in_tag = false,
            _ if in_tag => {}
            _ => text.push(c),
        }
    }
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&amp;", "&")
}

/// The same message to another chat.
pub fn with_chat(payload: &str, chat_id: i64) -> Option<String> {
    let mut value: Value = serde_json::from_str(payload).ok()?;
    value["chat_id"] = Value::from(chat_id);
    Some(value.to_string())
}

const REPEATED: &str = "🔁 Повтор: ";

/// The partner must see that a card may be the second copy of one.
pub fn mark_repeated(payload: &mut String) {
    let Ok(mut value) = serde_json::from_str::<Value>(payload) else {
        return;
    };
    if let Some(Value::String(text)) = value.get_mut("text")
        && !text.starts_with(REPEATED)
    {
        text.insert_str(0, REPEATED);
        *payload = value.to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::funnel::event::Press;

    #[test]
    fn a_message_with_buttons_becomes_sendmessage() {
        let press = Press {
            funnel: "weight".into(),
            step: "goal".into(),
            visit: 37,
            button: "yes".into(),
        };
        let message = Message {
            text: "Привет, <b>Аня</b>".into(),
            media: None,
            keyboard: Some(Keyboard::Inline(vec![vec![Button {
                text: "Да".into(),
                action: Action::Press(press),
            }]])),
        };
        let outgoing = render(5, message);
        let payload: Value = serde_json::from_str(&outgoing.payload).unwrap();
        assert_eq!(outgoing.method, "SendMessage");
        assert_eq!(payload["chat_id"], 5);
        assert_eq!(payload["parse_mode"], "HTML");
        assert_eq!(
            payload["reply_markup"]["inline_keyboard"][0][0]["callback_data"],
            "1:weight:goal:yes:11"
        );
    }

    #[test]
    fn words_telegram_cannot_parse_are_sent_bare() {
        let plain =
            as_plain(r#"{"chat_id":1,"text":"<b>1 &lt; 2</b> &amp; so","parse_mode":"HTML"}"#)
                .unwrap();
        let value: Value = serde_json::from_str(&plain).unwrap();
        assert_eq!(value, json!({ "chat_id": 1, "text": "1 < 2 & so" }));
        assert_eq!(
            as_plain(r#"{"chat_id":1,"text":"x"}"#),
            None,
            "plain already: there is no second way"
        );
    }

    #[test]
    fn profile_buttons_can_be_taken_off() {
        let payload = r#"{"reply_markup":{"inline_keyboard":[[{"text":"a","url":"tg://user?id=1"}],[{"text":"b","callback_data":"x"}]]}}"#;
        let value: Value = serde_json::from_str(&without_profiles(payload).unwrap()).unwrap();
        assert_eq!(
            value["reply_markup"]["inline_keyboard"],
            json!([[{ "text": "b", "callback_data": "x" }]])
        );
    }
}
