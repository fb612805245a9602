//! Sending into a chat: who may be written to, how a message is put there, and texts.

use serde_json::{Map, Value, json};

use crate::sandbox::api::{Answer, ApiError, Ctx, chat_number};
use crate::sandbox::markup::{self, Markup};
use crate::sandbox::message::Message;
use crate::sandbox::state::SECOND_MS;
use crate::sandbox::world::Arrival;

const ACTION_MS: i64 = 5000;
const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// The private chat a call is for, if the bot may write there.
pub fn writable_chat(ctx: &mut Ctx<'_>) -> Result<i64, ApiError> {
    let id = known_chat(ctx, "chat_id")?;
    if ctx.state.bot_by_id(id).is_some() {
        return Err(ApiError::forbidden(
            "the bot can't send messages to the bot",
        ));
    }
    if ctx
        .state
        .users
        .get(&id)
        .is_some_and(|user| user.deactivated)
    {
        return Err(ApiError::forbidden("user is deactivated"));
    }
    match ctx.bot().chats.get(&id) {
        Some(chat) if chat.blocked => Err(ApiError::forbidden("bot was blocked by the user")),
        Some(chat) if chat.started => Ok(id),
        _ => Err(ApiError::forbidden(
            "bot can't initiate conversation with a user",
        )),
    }
}

/// The id in the field, if such a person or bot exists.
pub fn known_chat(ctx: &Ctx<'_>, field: &str) -> Result<i64, ApiError> {
    let given = ctx
        .param(field)
        .ok_or_else(|| ApiError::bad(format!("{field} is empty")))?;
    if given.as_str() == Some("") {
        return Err(ApiError::bad(format!("{field} is empty")));
    }
    chat_number(given)
        .filter(|id| ctx.state.users.contains_key(id) || ctx.state.bot_by_id(*id).is_some())
        .ok_or_else(|| ApiError::bad("chat not found"))
}

/// Takes `messages` from the flood limits, when they are on.
pub fn pass_flood(ctx: &mut Ctx<'_>, chat: i64, messages: usize) -> Result<(), ApiError> {
    if !ctx.state.flood {
        return Ok(());
    }
    let now = ctx.state.now_ms();
    ctx.bot()
        .flood
        .take(chat, messages, now)
        .map_err(ApiError::too_many)
}

/// `reply_to_message` for the message, as `reply_parameters` ask.
pub fn reply_header(ctx: &mut Ctx<'_>, chat: i64) -> Result<Map<String, Value>, ApiError> {
    let Some(reply) = ctx.request.params.get("reply_parameters") else {
        return Ok(Map::new());
    };
    let id = reply.get("message_id").and_then(Value::as_i64).unwrap_or(0);
    let found = ctx.bot().chats.get(&chat).and_then(|chat| chat.message(id));
    match found {
        Some(message) => {
            let mut replied = message.clone();
            replied.header.remove("reply_to_message");
            Ok(Map::from_iter([(
                "reply_to_message".to_owned(),
                replied.to_value(),
            )]))
        }
        None if reply["allow_sending_without_reply"] == true => Ok(Map::new()),
        None => Err(ApiError::bad("message to be replied not found")),
    }
}

/// Puts the bot's message into the chat and returns it as JSON.
pub fn deliver(
    ctx: &mut Ctx<'_>,
    chat: i64,
    header: Map<String, Value>,
    content: Map<String, Value>,
    markup: Markup,
) -> String {
    let date = ctx.state.now_ms() / SECOND_MS;
    let as_chat = ctx.state.users[&chat].as_chat.clone();
    let bot = ctx.bot();
    let (bot_id, id, from) = (bot.id, bot.take_message_id(), bot.as_user.clone());
    let room = bot.chats.entry(chat).or_default();
    room.action = None;
    let reply_markup = match markup {
        Markup::Inline(markup) => Some(markup),
        Markup::Keyboard(keyboard) => {
            room.reply_keyboard = Some(keyboard);
            None
        }
        Markup::Remove => {
            room.reply_keyboard = None;
            None
        }
        Markup::None | Markup::ForceReply => None,
    };
    let message = Message {
        id,
        date,
        edit_date: None,
        from,
        chat: as_chat,
        header,
        content,
        reply_markup,
        out: true,
        deleted: false,
    };
    let json = ctx.state.add_message(ctx.index, chat, message);
    ctx.arrivals.push(Arrival::Message {
        bot: bot_id,
        chat,
        message_id: id,
    });
    json
}

pub fn message(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let chat = writable_chat(ctx)?;
    if ctx.text("text") == Some("") {
        return Err(ApiError::bad("message text is empty"));
    }
    let formatted = ctx.formatted("text", "entities")?.require_text()?;
    let markup = markup::parse(ctx.state, ctx.param("reply_markup"))?;
    let header = reply_header(ctx, chat)?;
    pass_flood(ctx, chat, 1)?;
    let mut content = Map::new();
    formatted.write(&mut content, "text", "entities");
    if let Some(options) = ctx.param("link_preview_options") {
        content.insert("link_preview_options".to_owned(), options.clone());
    }
    Ok(Answer::Raw(deliver(ctx, chat, header, content, markup)))
}

pub fn contact(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let chat = writable_chat(ctx)?;
    let markup = markup::parse(ctx.state, ctx.param("reply_markup"))?;
    let header = reply_header(ctx, chat)?;
    let mut contact = Map::new();
    for name in ["phone_number", "first_name", "last_name", "vcard"] {
        if let Some(value) = ctx.param(name) {
            contact.insert(name.to_owned(), value.clone());
        }
    }
    if contact["phone_number"] == "" || contact["first_name"] == "" {
        return Err(ApiError::bad("wrong phone number specified"));
    }
    pass_flood(ctx, chat, 1)?;
    let content = Map::from_iter([("contact".to_owned(), Value::Object(contact))]);
    Ok(Answer::Raw(deliver(ctx, chat, header, content, markup)))
}

pub fn chat_action(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let chat = writable_chat(ctx)?;
    let action = ctx.text("action").unwrap_or("").to_owned();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(ApiError::bad("wrong parameter action in request"));
    }
    let until = ctx.state.now_ms() + ACTION_MS;
    if let Some(room) = ctx.bot().chats.get_mut(&chat) {
        room.action = Some((action.clone(), until));
    }
    ctx.emit(Some(chat), "action", || json!({"action": action}));
    Ok(Answer::True)
}
