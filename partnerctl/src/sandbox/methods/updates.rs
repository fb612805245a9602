//! getUpdates and the webhook methods.

use serde_json::{Value, json};

use crate::sandbox::api::{Answer, ApiError, Ctx, Outcome};
use crate::sandbox::queue::Poll;

const WEBHOOK_ACTIVE: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
const TIMEOUT_MAX: i64 = 50;

/// getUpdates: an answer at once, or a poll to wait for.
pub fn get(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.bot().webhook.is_empty() {
        return Outcome::Done(Err(ApiError::new(409, WEBHOOK_ACTIVE)));
    }
    if let Err(error) = remember_allowed(ctx) {
        return Outcome::Done(Err(error));
    }
    let offset = ctx.int("offset").unwrap_or(0);
    let limit = usize::try_from(ctx.int("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
    let timeout = ctx.int("timeout").unwrap_or(0).clamp(0, TIMEOUT_MAX);
    let now = ctx.state.now_ms();
    let was_polling = ctx.bot().queue.polling(now);
    if !was_polling {
        ctx.emit(
            None,
            "bot",
            || json!({"change": "polling", "polling": true}),
        );
    }
    match ctx.bot().queue.poll(offset, limit, timeout > 0, now) {
        Poll::Ready(json) => Outcome::Done(Ok(Answer::Raw(json))),
        poll @ Poll::Wait { .. } => Outcome::Wait {
            poll,
            timeout_s: timeout.unsigned_abs(),
            call: 0,
        },
    }
}

fn remember_allowed(ctx: &mut Ctx<'_>) -> Result<(), ApiError> {
    let request = ctx.request;
    let Some(Value::Array(kinds)) = request.params.get("allowed_updates") else {
        return Ok(());
    };
    let unknown = |kind| {
        ApiError::strict(format!(
            "field \"allowed_updates\" has {kind:?}, no kind of update"
        ))
    };
    ctx.bot()
        .queue
        .set_allowed(kinds.iter().filter_map(Value::as_str))
        .map_err(unknown)
}

pub fn set_webhook(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let url = ctx.text("url").unwrap_or("").to_owned();
    if url.is_empty() {
        return delete_webhook(ctx);
    }
    if !url.starts_with("https://") {
        return Err(ApiError::bad(
            "bad webhook: An HTTPS URL must be provided for webhook",
        ));
    }
    remember_allowed(ctx)?;
    if ctx.flag("drop_pending_updates") {
        ctx.bot().queue.clear();
    }
    ctx.bot().webhook = url;
    ctx.bot().queue.end_for_webhook();
    Ok(Answer::True)
}

pub fn delete_webhook(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    if ctx.flag("drop_pending_updates") {
        ctx.bot().queue.clear();
    }
    ctx.bot().webhook.clear();
    Ok(Answer::True)
}

pub fn webhook_info(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let now = ctx.state.now_ms();
    let bot = ctx.bot();
    Ok(Answer::Value(json!({
        "url": bot.webhook, "has_custom_certificate": false,
        "pending_update_count": bot.queue.pending(now), "allowed_updates": bot.queue.allowed(),
    })))
}
