//! Answers to pressed buttons.

use serde_json::json;

use crate::sandbox::api::{Answer, ApiError, Ctx};
use crate::sandbox::state::CALLBACK_MS;
use crate::sandbox::world::Arrival;

const TOAST_MAX: usize = 200;
const TOO_OLD: &str = "query is too old and response timeout expired or query ID is invalid";

pub fn answer(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let id = ctx.text("callback_query_id").unwrap_or("").to_owned();
    let text = ctx.text("text").unwrap_or("").to_owned();
    let url = ctx.text("url").map(str::to_owned);
    let show_alert = ctx.flag("show_alert");
    if text.chars().count() > TOAST_MAX {
        return Err(ApiError::bad("MESSAGE_TOO_LONG"));
    }
    let now = ctx.state.now_ms();
    let bot = ctx.bot();
    let bot_id = bot.id;
    let (user, _) = bot
        .callbacks
        .remove(&id)
        .filter(|(_, made_at)| *made_at + CALLBACK_MS > now)
        .ok_or_else(|| ApiError::bad(TOO_OLD))?;
    ctx.emit(Some(user), "toast", || {
        let text = (!text.is_empty()).then_some(text);
        json!({"callback_query_id": id, "text": text, "show_alert": show_alert, "url": url})
    });
    ctx.arrivals.push(Arrival::Toast {
        bot: bot_id,
        user,
        callback_query_id: id,
    });
    Ok(Answer::True)
}
