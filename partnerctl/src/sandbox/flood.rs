//! Telegram's sending limits, as far as they are published: per chat and per bot.

use std::collections::HashMap;

const CHAT_BURST: f64 = 5.0;
const CHAT_PER_SECOND: f64 = 1.0;
const BOT_BURST: f64 = 30.0;
const BOT_PER_SECOND: f64 = 30.0;

/// Token buckets of one bot.
#[derive(Default)]
pub struct Flood {
    all: Option<Bucket>,
    chats: HashMap<i64, Bucket>,
}

struct Bucket {
    tokens: f64,
    at_ms: i64,
}

impl Flood {
    /// Takes `messages` from both buckets, or says after how many seconds to try again.
    pub fn take(&mut self, chat: i64, messages: usize, now_ms: i64) -> Result<(), u64> {
        let full = |burst| Bucket {
            tokens: burst,
            at_ms: now_ms,
        };
        let all = self.all.get_or_insert_with(|| full(BOT_BURST));
        let chat = self.chats.entry(chat).or_insert_with(|| full(CHAT_BURST));
        all.refill(BOT_PER_SECOND, BOT_BURST, now_ms);
        chat.refill(CHAT_PER_SECOND, CHAT_BURST, now_ms);
        let wanted = messages as f64;
        let wait = chat
            .wait(wanted, CHAT_PER_SECOND)
            .max(all.wait(wanted, BOT_PER_SECOND));
        if wait > 0.0 {
            return Err(wait.ceil() as u64);
        }
        all.tokens -= wanted;
        chat.tokens -= wanted;
        Ok(())
    }
}

impl Bucket {
    fn refill(&mut self, per_second: f64, burst: f64, now_ms: i64) {
        let passed = (now_ms - self.at_ms).max(0) as f64 / 1000.0;
        self.tokens = (self.tokens + passed * per_second).min(burst);
        self.at_ms = now_ms;
    }

    /// Seconds until at least one token is there; an album may overdraw.
    fn wait(&self, wanted: f64, per_second: f64) -> f64 {
        (wanted.min(1.0) - self.tokens).max(0.0) / per_second
    }
}
