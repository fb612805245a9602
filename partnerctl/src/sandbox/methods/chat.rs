//! Looking at chats and files.

use serde_json::{Value, json};

use super::send::known_chat;
use crate::sandbox::api::{Answer, ApiError, Ctx};

pub fn get_file(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    const DOWNLOAD_MAX: u64 = 20 << 20;
    let id = ctx.text("file_id").unwrap_or("").to_owned();
    if id.is_empty() {
        return Err(ApiError::bad("file_id not specified"));
    }
    let file = ctx
        .bot()
        .files
        .get(&id)
        .ok_or_else(|| ApiError::bad("invalid file_id"))?;
    let object = if file.object.is_array() {
        &file.object[0]
    } else {
        &file.object
    };
    let mut view =
        json!({"file_id": id, "file_unique_id": object["file_unique_id"], "file_path": file.path});
    if let Some(size) = object["file_size"].as_u64() {
        if size > DOWNLOAD_MAX {
            return Err(ApiError::bad("file is too big"));
        }
        view["file_size"] = size.into();
    }
    Ok(Answer::Value(view))
}

pub fn get(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let id = contacted_chat(ctx)?;
    let user = &ctx.state.users[&id];
    let mut chat: Value = serde_json::from_str(user.as_chat.get()).unwrap_or_default();
    chat["accent_color_id"] = 0.into();
    chat["max_reaction_count"] = 11.into();
    chat["accepted_gift_types"] = json!({
        "unlimited_gifts": true, "limited_gifts": true, "unique_gifts": true, "premium_subscription": true,
        "gifts_from_channels": true,
    });
    if let Some(username) = user.profile.get("username") {
        chat["active_usernames"] = json!([username]);
    }
    Ok(Answer::Value(chat))
}

/// A person who has written to this bot; others are unknown to it.
fn contacted_chat(ctx: &mut Ctx<'_>) -> Result<i64, ApiError> {
    let id = known_chat(ctx, "chat_id")?;
    let met = ctx.bot().chats.get(&id).is_some_and(|chat| chat.started);
    if met {
        Ok(id)
    } else {
        Err(ApiError::bad("chat not found"))
    }
}

pub fn member(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let chat = contacted_chat(ctx)?;
    let asked = ctx.int("user_id").unwrap_or(0);
    let bot = ctx.bot();
    let user: Value = if asked == bot.id {
        serde_json::from_str(bot.as_user.get()).unwrap_or_default()
    } else if asked == chat {
        ctx.state.users[&chat].to_value()
    } else {
        return Err(ApiError::bad("member not found"));
    };
    Ok(Answer::Value(json!({"status": "member", "user": user})))
}
