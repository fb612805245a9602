//! What people do with a manager bot's link: they make a bot.

use serde_json::json;

use super::inject::Refused;
use super::world::World;

/// Ids of bots made by a link begin here.
const FIRST_MANAGED: i64 = 7_000_000_001;

impl World {
    /// Lets a bot make bots of its own by `t.me/newbot/<its name>/…`.
    pub fn may_manage(&self, bot: i64) {
        let mut state = self.lock();
        if let Some(index) = state.bot_by_id(bot) {
            state.bots[index].manages = true;
        }
    }

    /// A person follows a manager bot's link and makes a bot of this name; the new bot's id.
    pub fn make_managed_bot(
        &self,
        manager: i64,
        user: i64,
        username: &str,
        first_name: &str,
    ) -> Result<i64, Refused> {
        let mut state = self.lock();
        let index = state
            .bot_by_id(manager)
            .filter(|index| state.bots[*index].manages)
            .ok_or_else(|| Refused::Bad(format!("bot {manager} does not manage bots")))?;
        let maker = state.users.get(&user).map(|user| user.to_value());
        let maker = maker.ok_or_else(|| Refused::NotFound(format!("no user {user}")))?;
        let id = FIRST_MANAGED + i64::try_from(state.bots.len()).unwrap_or(0);
        let token = state.new_token(id);
        let made = state.register(&token, username, first_name);
        let made = made.ok_or_else(|| Refused::Bad("the new bot has no id".to_owned()))?;
        state.bots[made].manager = Some(manager);
        let body = json!({ "user": maker, "bot": state.bots[made].as_user });
        state.push_update(index, user, "managed_bot", &body.to_string());
        Ok(id)
    }
}
