//! Copying and forwarding.

use serde_json::{Map, Value, json};

use super::edit::message_ids;
use super::send::{deliver, known_chat, pass_flood, reply_header, writable_chat};
use crate::sandbox::api::{Answer, ApiError, Ctx};
use crate::sandbox::markup::{self, Markup};
use crate::sandbox::message::Message;

const MANY_MAX: usize = 100;

fn source(ctx: &mut Ctx<'_>, id: i64, verb: &str) -> Result<Message, ApiError> {
    let from = known_chat(ctx, "from_chat_id")?;
    let message = ctx.bot().chats.get(&from).and_then(|room| room.message(id));
    message
        .cloned()
        .ok_or_else(|| ApiError::bad(format!("message to {verb} not found")))
}

/// The id of a delivered message.
fn id_of(json: &str) -> Value {
    let message: Value = serde_json::from_str(json).unwrap_or_default();
    json!({"message_id": message["message_id"]})
}

pub fn copy(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let request = ctx.request;
    let chat = writable_chat(ctx)?;
    let message = source(ctx, ctx.int("message_id").unwrap_or(0), "copy")?;
    let markup = markup::parse(ctx.state, ctx.param("reply_markup"))?;
    let header = reply_header(ctx, chat)?;
    let mut content = message.content;
    if request.params.contains_key("caption") && !content.contains_key("text") {
        content.remove("caption");
        content.remove("caption_entities");
        let caption = ctx
            .formatted("caption", "caption_entities")?
            .require_caption()?;
        caption.write(&mut content, "caption", "caption_entities");
    }
    pass_flood(ctx, chat, 1)?;
    Ok(Answer::Value(id_of(&deliver(
        ctx, chat, header, content, markup,
    ))))
}

pub fn copy_many(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    many(ctx, "copy", |ctx, message| {
        let mut content = message.content;
        if ctx.flag("remove_caption") {
            content.remove("caption");
            content.remove("caption_entities");
        }
        (Map::new(), content)
    })
}

pub fn forward(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let chat = writable_chat(ctx)?;
    let message = source(ctx, ctx.int("message_id").unwrap_or(0), "forward")?;
    pass_flood(ctx, chat, 1)?;
    let header = forward_header(&message);
    Ok(Answer::Raw(deliver(
        ctx,
        chat,
        header,
        message.content,
        Markup::None,
    )))
}

pub fn forward_many(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    many(ctx, "forward", |_, message| {
        (forward_header(&message), message.content)
    })
}

fn forward_header(message: &Message) -> Map<String, Value> {
    let origin = message
        .header
        .get("forward_origin")
        .cloned()
        .unwrap_or_else(|| {
            let sender: Value = serde_json::from_str(message.from.get()).unwrap_or_default();
            json!({"type": "user", "date": message.date, "sender_user": sender})
        });
    Map::from_iter([("forward_origin".to_owned(), origin)])
}

/// Messages that are not there are skipped, as Telegram does.
fn many(
    ctx: &mut Ctx<'_>,
    verb: &str,
    make: impl Fn(&Ctx<'_>, Message) -> (Map<String, Value>, Map<String, Value>),
) -> Result<Answer, ApiError> {
    let chat = writable_chat(ctx)?;
    let ids = message_ids(ctx, MANY_MAX)?;
    let found: Vec<Message> = ids
        .iter()
        .filter_map(|id| source(ctx, *id, verb).ok())
        .collect();
    if found.is_empty() {
        return Err(ApiError::bad("there are no messages to send"));
    }
    pass_flood(ctx, chat, found.len())?;
    let mut sent = Vec::new();
    for message in found {
        let (header, content) = make(ctx, message);
        sent.push(id_of(&deliver(ctx, chat, header, content, Markup::None)));
    }
    Ok(Answer::Value(Value::Array(sent)))
}
