//! The simulated methods of the Bot API, one file per family.

mod callback;
mod chat;
mod copy;
mod edit;
mod managed;
mod media;
mod profile;
mod send;
pub mod updates;

use super::api::{Answer, ApiError, Ctx};

/// Carries out a method whose parameters fit the schema.
pub fn call(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let request = ctx.request;
    refuse_unsimulated_fields(ctx)?;
    match &*request.method {
        "sendMessage" => send::message(ctx),
        "answerCallbackQuery" => callback::answer(ctx),
        "sendChatAction" => send::chat_action(ctx),
        "sendContact" => send::contact(ctx),
        "sendPhoto" | "sendVideo" | "sendAnimation" | "sendDocument" | "sendAudio"
        | "sendVoice" | "sendSticker" => media::send(ctx),
        "sendMediaGroup" => media::group(ctx),
        "copyMessage" => copy::copy(ctx),
        "copyMessages" => copy::copy_many(ctx),
        "forwardMessage" => copy::forward(ctx),
        "forwardMessages" => copy::forward_many(ctx),
        "editMessageText" => edit::text(ctx),
        "editMessageCaption" => edit::caption(ctx),
        "editMessageReplyMarkup" => edit::markup(ctx),
        "editMessageMedia" => edit::media(ctx),
        "deleteMessage" => edit::delete(ctx),
        "deleteMessages" => edit::delete_many(ctx),
        "getFile" => chat::get_file(ctx),
        "getChat" => chat::get(ctx),
        "getChatMember" => chat::member(ctx),
        "getManagedBotToken" => managed::token(ctx),
        "replaceManagedBotToken" => managed::replace_token(ctx),
        "getMe" => profile::me(ctx),
        "setMyCommands" => profile::set_commands(ctx),
        "getMyCommands" => profile::get_commands(ctx),
        "deleteMyCommands" => profile::delete_commands(ctx),
        "setMyName" | "setMyDescription" | "setMyShortDescription" => profile::set_text(ctx),
        "getMyName" | "getMyDescription" | "getMyShortDescription" => profile::get_text(ctx),
        "setChatMenuButton" => profile::set_menu_button(ctx),
        "getChatMenuButton" => profile::get_menu_button(ctx),
        "setWebhook" => updates::set_webhook(ctx),
        "deleteWebhook" => updates::delete_webhook(ctx),
        "getWebhookInfo" => updates::webhook_info(ctx),
        "logOut" | "close" => Ok(Answer::True),
        other => Err(ApiError::not_simulated(format!(
            "method {other} is in the Bot API but not simulated"
        ))),
    }
}

/// Fields that would change the meaning of a call in a way the sandbox cannot play.
const UNSIMULATED: [&str; 8] = [
    "business_connection_id",
    "inline_message_id",
    "rich_message",
    "ephemeral_message_parameters",
    "suggested_post_parameters",
    "direct_messages_topic_id",
    "message_thread_id",
    "video_start_timestamp",
];

fn refuse_unsimulated_fields(ctx: &Ctx<'_>) -> Result<(), ApiError> {
    let found = UNSIMULATED
        .iter()
        .find(|name| ctx.request.params.contains_key(**name));
    found.map_or(Ok(()), |name| {
        Err(ApiError::not_simulated(format!(
            "field {name} of {} is not simulated",
            ctx.request.method
        )))
    })
}

/// The Bot API type of a method's result (or of its items), where the sandbox checks it.
pub fn result_type(method: &str) -> Option<&'static str> {
    match method {
        "getMe" => Some("User"),
        "getMyCommands" => Some("BotCommand"),
        "getMyName" => Some("BotName"),
        "getMyDescription" => Some("BotDescription"),
        "getMyShortDescription" => Some("BotShortDescription"),
        "getChatMenuButton" => Some("MenuButton"),
        "getWebhookInfo" => Some("WebhookInfo"),
        "getFile" => Some("File"),
        "getChat" => Some("ChatFullInfo"),
        "getChatMember" => Some("ChatMember"),
        "copyMessage" | "copyMessages" | "forwardMessages" => Some("MessageId"),
        "editMessageText"
        | "editMessageCaption"
        | "editMessageReplyMarkup"
        | "editMessageMedia" => Some("Message"),
        _ => None,
    }
}
