//! Changing and deleting messages.

use serde_json::{Map, Value, json};

use super::media::input_media;
use super::send::{known_chat, writable_chat};
use crate::sandbox::api::{Answer, ApiError, Ctx};
use crate::sandbox::markup;
use crate::sandbox::message::Message;
use crate::sandbox::state::SECOND_MS;
use crate::sandbox::world::Arrival;

const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";
const DELETE_MS: i64 = 48 * 3600 * SECOND_MS;
const DELETE_MAX: usize = 100;

/// The chat and the bot's own message that an edit is for.
fn target(ctx: &mut Ctx<'_>) -> Result<(i64, Message), ApiError> {
    for name in ["chat_id", "message_id"] {
        if ctx.param(name).is_none() {
            return Err(ApiError::bad(format!("{} is not specified", title(name))));
        }
    }
    let chat = writable_chat(ctx)?;
    let id = ctx.int("message_id").unwrap_or(0);
    let message = ctx.bot().chats.get(&chat).and_then(|room| room.message(id));
    let message = message.ok_or_else(|| ApiError::bad("message to edit not found"))?;
    if !message.out || message.header.contains_key("forward_origin") {
        return Err(ApiError::bad("message can't be edited"));
    }
    Ok((chat, message.clone()))
}

fn title(name: &str) -> &'static str {
    if name == "chat_id" {
        "chat identifier"
    } else {
        "message identifier"
    }
}

/// Puts the edited message in place of the old one and answers with it.
fn replace(ctx: &mut Ctx<'_>, chat: i64, mut new: Message) -> Result<Answer, ApiError> {
    let date = ctx.state.now_ms() / SECOND_MS;
    let id = new.id;
    let (bot_id, method) = (ctx.bot().id, ctx.request.method.clone());
    let old = ctx
        .bot()
        .chats
        .get_mut(&chat)
        .and_then(|room| room.message_mut(id));
    let old = old.ok_or_else(|| ApiError::bad("message to edit not found"))?;
    if old.content == new.content && old.reply_markup == new.reply_markup {
        return Err(ApiError::bad(NOT_MODIFIED));
    }
    new.edit_date = Some(date);
    let json = new.to_json();
    let view = new.clone();
    *old = new;
    ctx.emit(
        Some(chat),
        "edited",
        || json!({"message": view.to_view(), "method": method}),
    );
    ctx.arrivals.push(Arrival::Edited {
        bot: bot_id,
        chat,
        message_id: id,
    });
    Ok(Answer::Raw(json))
}

fn new_markup(ctx: &Ctx<'_>) -> Result<Option<Value>, ApiError> {
    markup::parse_inline(ctx.state, ctx.param("reply_markup"))
}

pub fn text(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let (chat, mut message) = target(ctx)?;
    if ctx.text("text").unwrap_or("").is_empty() {
        return Err(ApiError::bad("message text is empty"));
    }
    if !message.content.contains_key("text") {
        return Err(ApiError::bad("there is no text in the message to edit"));
    }
    let formatted = ctx.formatted("text", "entities")?.require_text()?;
    message.content = Map::new();
    formatted.write(&mut message.content, "text", "entities");
    if let Some(options) = ctx.param("link_preview_options") {
        message
            .content
            .insert("link_preview_options".to_owned(), options.clone());
    }
    message.reply_markup = new_markup(ctx)?;
    replace(ctx, chat, message)
}

pub fn caption(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let (chat, mut message) = target(ctx)?;
    let media = ["photo", "video", "animation", "document", "audio", "voice"];
    if !media.iter().any(|name| message.content.contains_key(*name)) {
        return Err(ApiError::bad("there is no caption in the message to edit"));
    }
    let formatted = ctx
        .formatted("caption", "caption_entities")?
        .require_caption()?;
    for name in ["caption", "caption_entities", "show_caption_above_media"] {
        message.content.remove(name);
    }
    formatted.write(&mut message.content, "caption", "caption_entities");
    if ctx.flag("show_caption_above_media") {
        message
            .content
            .insert("show_caption_above_media".to_owned(), true.into());
    }
    message.reply_markup = new_markup(ctx)?;
    replace(ctx, chat, message)
}

pub fn markup(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let (chat, mut message) = target(ctx)?;
    message.reply_markup = new_markup(ctx)?;
    replace(ctx, chat, message)
}

pub fn media(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let request = ctx.request;
    let (chat, mut message) = target(ctx)?;
    let (_, content) = input_media(ctx, &request.params["media"])?;
    message.content = content;
    message.reply_markup = new_markup(ctx)?;
    replace(ctx, chat, message)
}

pub fn delete(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let chat = known_chat(ctx, "chat_id")?;
    let id = ctx.int("message_id").unwrap_or(0);
    let now = ctx.state.now_ms();
    let message = ctx.bot().chats.get(&chat).and_then(|room| room.message(id));
    let message = message.ok_or_else(|| ApiError::bad("message to delete not found"))?;
    if message.date * SECOND_MS + DELETE_MS < now {
        return Err(ApiError::bad("message can't be deleted for everyone"));
    }
    remove(ctx, chat, id);
    Ok(Answer::True)
}

pub fn delete_many(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let chat = known_chat(ctx, "chat_id")?;
    let ids = message_ids(ctx, DELETE_MAX)?;
    for id in ids {
        remove(ctx, chat, id);
    }
    Ok(Answer::True)
}

/// The `message_ids` of a call.
pub fn message_ids(ctx: &Ctx<'_>, max: usize) -> Result<Vec<i64>, ApiError> {
    let ids = ctx.param("message_ids").and_then(Value::as_array);
    let ids: Vec<i64> = ids
        .into_iter()
        .flatten()
        .filter_map(Value::as_i64)
        .collect();
    match ids.len() {
        0 => Err(ApiError::bad("message identifiers are not specified")),
        count if count > max => Err(ApiError::bad("too many message identifiers specified")),
        _ => Ok(ids),
    }
}

fn remove(ctx: &mut Ctx<'_>, chat: i64, id: i64) {
    let message = ctx
        .bot()
        .chats
        .get_mut(&chat)
        .and_then(|room| room.message_mut(id));
    if let Some(message) = message {
        message.deleted = true;
        ctx.emit(Some(chat), "deleted", || json!({"message_id": id}));
    }
}
