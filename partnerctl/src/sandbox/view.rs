//! What the control API shows of the world.

use serde_json::{Value, json};

use super::inject::{Refused, find_bot, find_user};
use super::state::{Bot, State};

pub fn state(state: &State) -> Value {
    let now = state.now_ms();
    json!({
        "now_ms": now, "quiet": state.quiet, "flood": state.flood, "violations": state.journal.violation_count(),
        "bots": state.bots.iter().map(|b| bot(b, now)).collect::<Vec<_>>(),
        "users": state.users.values().map(|user| user.to_value()).collect::<Vec<_>>(),
        "faults": state.faults.views(),
    })
}

pub fn bot(bot: &Bot, now_ms: i64) -> Value {
    let text = |field: &'static str, unset: &str| {
        let found = bot.profile.texts.get(&(field, String::new()));
        Value::from(found.map_or(unset, String::as_str))
    };
    let commands = bot
        .profile
        .commands
        .iter()
        .map(|((scope, language), commands)| {
            let scope: Value = serde_json::from_str(scope).unwrap_or_default();
            json!({"scope": scope, "language_code": language, "commands": commands})
        });
    json!({
        "id": bot.id, "username": bot.username, "first_name": bot.first_name,
        "name": text("name", &bot.first_name), "description": text("description", ""),
        "short_description": text("short_description", ""), "polling": bot.queue.polling(now_ms),
        "webhook": !bot.webhook.is_empty(), "pending_updates": bot.queue.pending(now_ms),
        "commands": commands.collect::<Vec<_>>(),
    })
}

/// One person's chat with one bot, as their phone would show it.
pub fn chat(state: &State, bot: i64, user: i64) -> Result<Value, Refused> {
    let bot = &state.bots[find_bot(state, bot)?];
    let language = find_user(state, user)?.language();
    let now = state.now_ms();
    let chat = bot.chats.get(&user);
    let messages = chat.map_or_else(Vec::new, |chat| {
        chat.messages.iter().map(|m| m.to_view()).collect()
    });
    let action = chat
        .and_then(|chat| chat.action.as_ref())
        .filter(|(_, until)| *until > now);
    let own_button = chat.and_then(|chat| chat.menu_button.clone());
    let menu_button = own_button.or_else(|| bot.profile.menu_button.clone());
    Ok(json!({
        "messages": messages,
        "reply_keyboard": chat.and_then(|chat| chat.reply_keyboard.clone()),
        "action": action.map(|(action, _)| action),
        "commands": bot.commands_for(user, language),
        "menu_button": menu_button.unwrap_or_else(|| json!({"type": "commands"})),
        "blocked": chat.is_some_and(|chat| chat.blocked),
        "started": chat.is_some_and(|chat| chat.started),
    }))
}
