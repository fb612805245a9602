//! Which faults were over whom and when, so that an answer that was hit can be told from one that was just slow.

use std::collections::HashMap;
use std::time::Duration;

use partnerctl::sandbox::{Called, FaultKind};
use tokio::time::Instant;

/// What a bot may still need after a fault is over: a second try, its own pause with jitter.
const AFTERMATH: Duration = Duration::from_secs(4);
/// A bot that is limited in two chats within seconds stops as a whole; a second more than it takes itself.
const BOT_WIDE: Duration = Duration::from_secs(4);

#[derive(Default)]
pub struct Weather {
    /// Since when a bot's polls go wrong.
    polls: HashMap<i64, Instant>,
    /// When they last went well again.
    cleared: HashMap<i64, Instant>,
    /// Until when a chat suffers.
    chats: HashMap<(i64, i64), Instant>,
    limited: HashMap<i64, (Instant, i64)>,
    frozen: HashMap<i64, Instant>,
    pub faults: usize,
}

impl Weather {
    pub fn called(&mut self, called: &Called, now: Instant) {
        let bot = called.bot;
        let Some((kind, lasts_ms)) = called.fault else {
            if called.polls && self.polls.remove(&bot).is_some() {
                self.cleared.insert(bot, now);
            }
            return;
        };
        self.faults += 1;
        if called.polls {
            self.polls.entry(bot).or_insert(now);
            return;
        }
        let Some(chat) = called.chat else { return };
        let until = now + Duration::from_millis(lasts_ms) + AFTERMATH;
        let over = self.chats.entry((bot, chat)).or_insert(until);
        *over = until.max(*over);
        if kind == FaultKind::Status(429) {
            self.limit(bot, chat, until, now);
        }
    }

    fn limit(&mut self, bot: i64, chat: i64, until: Instant, now: Instant) {
        let last = self.limited.insert(bot, (now, chat));
        if last.is_some_and(|(at, other)| other != chat && now < at + BOT_WIDE) {
            let over = self.frozen.entry(bot).or_insert(until);
            *over = until.max(*over);
        }
    }

    /// No fault hit the chat's calls or the bot's polls, and none was waited out, between the two moments.
    pub fn was_clear(&self, bot: i64, chat: i64, since: Instant, until: Instant) -> bool {
        let poll = self.polls.get(&bot).is_none_or(|at| *at > until)
            && self.cleared.get(&bot).is_none_or(|at| *at < since);
        let over = |at: Option<&Instant>| at.is_none_or(|at| *at < since);
        poll && over(self.chats.get(&(bot, chat))) && over(self.frozen.get(&bot))
    }
}
