//! Managed bots: a manager bot takes the tokens of bots that people made with its link.

use crate::sandbox::api::{Answer, ApiError, Ctx};

/// The bot that this manager was given, by its id.
fn managed(ctx: &Ctx<'_>) -> Result<usize, ApiError> {
    let wanted = ctx.int("user_id").unwrap_or(0);
    let manager = ctx.state.bots[ctx.index].id;
    let found = ctx.state.bot_by_id(wanted);
    found
        .filter(|index| ctx.state.bots[*index].manager == Some(manager))
        .ok_or_else(|| ApiError::bad("USER_ID_INVALID"))
}

pub fn token(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let index = managed(ctx)?;
    let token = ctx.state.bots[index].token.clone();
    Ok(Answer::Value(token.into()))
}

pub fn replace_token(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let index = managed(ctx)?;
    let token = ctx.state.new_token(ctx.state.bots[index].id);
    let (username, name) = {
        let bot = &ctx.state.bots[index];
        (bot.username.clone(), bot.first_name.clone())
    };
    ctx.state.register(&token, &username, &name);
    Ok(Answer::Value(token.into()))
}
