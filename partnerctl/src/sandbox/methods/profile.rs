//! What a bot says about itself: getMe, commands, names, menu button.

use serde_json::{Value, json};

use crate::sandbox::api::{Answer, ApiError, Ctx, chat_number};

const COMMANDS_MAX: usize = 100;

pub fn me(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let bot = ctx.bot();
    Ok(Answer::Value(json!({
        "id": bot.id, "is_bot": true, "first_name": bot.first_name, "username": bot.username,
        "can_join_groups": true, "can_read_all_group_messages": false, "supports_inline_queries": false,
        "can_connect_to_business": false, "has_main_web_app": false, "can_manage_bots": bot.manages,
    })))
}

/// The scope as a key: its JSON, with the chat id as a number.
fn scope_key(ctx: &Ctx<'_>) -> Result<(String, String), ApiError> {
    let mut scope = ctx
        .param("scope")
        .cloned()
        .unwrap_or_else(|| json!({"type": "default"}));
    if let Some(chat) = scope.get("chat_id") {
        let id = chat_number(chat).filter(|id| ctx.state.users.contains_key(id));
        scope["chat_id"] = id.ok_or_else(|| ApiError::bad("chat not found"))?.into();
    }
    let language = ctx.text("language_code").unwrap_or("").to_owned();
    if !matches!(language.len(), 0 | 2) {
        return Err(ApiError::bad("invalid language code specified"));
    }
    Ok((scope.to_string(), language))
}

pub fn set_commands(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let key = scope_key(ctx)?;
    let mut commands = ctx
        .param("commands")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    if commands.len() > COMMANDS_MAX {
        return Err(ApiError::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    for command in &mut commands {
        check_command(command)?;
    }
    if commands.is_empty() {
        return delete_commands(ctx);
    }
    ctx.bot()
        .profile
        .commands
        .insert(key, Value::Array(commands));
    ctx.emit(None, "bot", || json!({"change": "commands"}));
    Ok(Answer::True)
}

fn check_command(command: &mut Value) -> Result<(), ApiError> {
    let text = |key: &str| command[key].as_str().unwrap_or("").trim().to_owned();
    let (name, description) = (text("command"), text("description"));
    let name = name.strip_prefix('/').unwrap_or(&name).to_owned();
    if name.is_empty() {
        return Err(ApiError::bad("command must be non-empty"));
    }
    if name.chars().count() > 32 {
        return Err(ApiError::bad("command length must not exceed 32"));
    }
    if !name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    {
        return Err(ApiError::bad("BOT_COMMAND_INVALID"));
    }
    if description.is_empty() {
        return Err(ApiError::bad("command description must be non-empty"));
    }
    if description.chars().count() > 256 {
        return Err(ApiError::bad(
            "command description length must not exceed 256",
        ));
    }
    command["command"] = name.into();
    command["description"] = description.into();
    Ok(())
}

pub fn get_commands(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let key = scope_key(ctx)?;
    Ok(Answer::Value(
        ctx.bot()
            .profile
            .commands
            .get(&key)
            .cloned()
            .unwrap_or_else(|| json!([])),
    ))
}

pub fn delete_commands(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let key = scope_key(ctx)?;
    ctx.bot().profile.commands.remove(&key);
    ctx.emit(None, "bot", || json!({"change": "commands"}));
    Ok(Answer::True)
}

/// The field that a set… or get… method is about, and its longest value.
fn text_field(method: &str) -> (&'static str, usize) {
    match &method[3..] {
        "MyName" => ("name", 64),
        "MyDescription" => ("description", 512),
        _ => ("short_description", 120),
    }
}

pub fn set_text(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let (field, max) = text_field(&ctx.request.method);
    let value = ctx.text(field).unwrap_or("").trim().to_owned();
    let language = ctx.text("language_code").unwrap_or("").to_owned();
    if value.chars().count() > max {
        let title = field.replace('_', " ");
        return Err(ApiError::bad(format!(
            "the bot {title} is too long; at most {max} characters are allowed"
        )));
    }
    let texts = &mut ctx.bot().profile.texts;
    if value.is_empty() {
        texts.remove(&(field, language));
    } else {
        texts.insert((field, language), value);
    }
    ctx.emit(None, "bot", || json!({"change": "profile"}));
    Ok(Answer::True)
}

pub fn get_text(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let (field, _) = text_field(&ctx.request.method);
    let language = ctx.text("language_code").unwrap_or("").to_owned();
    let bot = ctx.bot();
    let texts = &bot.profile.texts;
    let found = texts
        .get(&(field, language))
        .or_else(|| texts.get(&(field, String::new())));
    let unset = if field == "name" {
        bot.first_name.as_str()
    } else {
        ""
    };
    let value = found.map_or(unset, String::as_str);
    Ok(Answer::Value(json!({field: value})))
}

pub fn set_menu_button(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let button = ctx
        .param("menu_button")
        .filter(|button| button["type"] != "default")
        .cloned();
    match ctx.int("chat_id") {
        None => ctx.bot().profile.menu_button = button,
        Some(chat) => {
            let known = ctx.bot().chats.get_mut(&chat);
            known
                .ok_or_else(|| ApiError::bad("chat not found"))?
                .menu_button = button;
        }
    }
    ctx.emit(None, "bot", || json!({"change": "menu"}));
    Ok(Answer::True)
}

pub fn get_menu_button(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let chat = ctx.int("chat_id");
    let bot = ctx.bot();
    let own = chat.and_then(|chat| bot.chats.get(&chat)?.menu_button.clone());
    let button = own.or_else(|| bot.profile.menu_button.clone());
    Ok(Answer::Value(
        button.unwrap_or_else(|| json!({"type": "commands"})),
    ))
}
