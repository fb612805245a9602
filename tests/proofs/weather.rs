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
    asking: HashMap<i64, Asking>,
    late: Vec<String>,
    pub faults: usize,
}

/// How one bot asks for updates.
struct Asking {
    last: Instant,
    /// The longest it may be until it asks again.
    most: Duration,
    /// Polls in a row that met a fault, and since when.
    failures: u32,
    unheard_since: Option<Instant>,
    /// The longest time in which every poll met a fault.
    longest_unheard: Duration,
}

impl Asking {
    /// The answer to a poll with nothing to tell.
    const LONGEST_POLL: Duration = Duration::from_secs(50);
    /// For a machine that does other things too.
    const SLACK: Duration = Duration::from_secs(10);

    /// The bot's promise: at once after an answer, after what a 429 says, else after 1, 2, 4 … 30 s; up to three
    /// tenths more of each, so that a fleet does not come back all at once.
    fn most(fault: Option<(FaultKind, u64)>, failures: u32) -> Duration {
        let backoff =
            Duration::from_secs(30).min(Duration::from_secs(1 << (failures.clamp(1, 6) - 1)));
        Self::SLACK
            + match fault {
                None => Self::LONGEST_POLL,
                Some((FaultKind::Slow, ms)) => Self::LONGEST_POLL + Duration::from_millis(ms),
                Some((FaultKind::Status(429), ms)) => Duration::from_millis(ms).mul_f64(1.3),
                Some((FaultKind::Status(_), _)) => backoff.mul_f64(1.3),
                Some(_) => Self::LONGEST_POLL + backoff.mul_f64(1.3),
            }
    }

    fn is_late(&self, now: Instant) -> bool {
        now > self.last + self.most
    }
}

impl Weather {
    pub fn called(&mut self, called: &Called, now: Instant) {
        let bot = called.bot;
        if called.polls {
            self.asked(bot, called.fault, now);
        }
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

    fn asked(&mut self, bot: i64, fault: Option<(FaultKind, u64)>, now: Instant) {
        let asking = self.asking.entry(bot).or_insert_with(|| Asking {
            last: now,
            most: Asking::most(None, 0),
            failures: 0,
            unheard_since: None,
            longest_unheard: Duration::ZERO,
        });
        if asking.is_late(now) {
            let (waited, most) = (now - asking.last, asking.most);
            self.late.push(format!(
                "bot {bot} asked after {waited:.0?}, {most:.0?} at most were due, {} faults before it",
                asking.failures
            ));
        }
        let heard = fault.is_none_or(|(kind, _)| kind == FaultKind::Slow);
        if heard {
            let since = asking.unheard_since.take().unwrap_or(now);
            asking.longest_unheard = asking.longest_unheard.max(now - since);
            asking.failures = 0;
        } else {
            asking.unheard_since.get_or_insert(now);
            asking.failures += 1;
        }
        asking.most = Asking::most(fault, asking.failures);
        asking.last = now;
    }

    /// The longest time in which every poll of this bot met a fault.
    pub fn unheard(&self, bot: i64) -> Duration {
        let asking = self.asking.get(&bot);
        asking.map_or(Duration::ZERO, |asking| asking.longest_unheard)
    }

    pub fn longest_unheard(&self) -> Duration {
        let all = self.asking.values().map(|asking| asking.longest_unheard);
        all.max().unwrap_or_default()
    }

    /// Bots that asked for updates later than they promise, or have stopped asking.
    pub fn late(&self, now: Instant) -> Vec<String> {
        let silent = self.asking.iter().filter(|(_, asking)| asking.is_late(now));
        let silent = silent.map(|(bot, _)| format!("bot {bot} asks no more"));
        self.late.iter().cloned().chain(silent).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_that_waits_longer_than_it_promises_is_seen() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let polls = |faults: &[(u64, Option<(FaultKind, u64)>)]| {
            let mut weather = Weather::default();
            for (seconds, fault) in faults {
                let called = Called {
                    bot: 1,
                    chat: None,
                    polls: true,
                    fault: *fault,
                };
                weather.called(&called, at(*seconds));
            }
            weather
        };
        let limited = Some((FaultKind::Status(429), 30_000));
        let broken = Some((FaultKind::Status(500), 0));
        let patient = polls(&[
            (0, None),
            (50, limited),
            (88, broken),
            (92, broken),
            (95, None),
        ]);
        assert_eq!(patient.late(at(150)), Vec::<String>::new());
        assert_eq!(patient.longest_unheard(), Duration::from_secs(45));
        assert_eq!(patient.late(at(156)).len(), 1, "it asks no more");
        let late = polls(&[(0, None), (50, limited), (100, None)]);
        assert_eq!(late.late(at(100)).len(), 1, "{:?}", late.late(at(100)));
        let late = polls(&[(0, broken), (13, None)]);
        assert_eq!(late.late(at(13)).len(), 1, "{:?}", late.late(at(13)));
    }
}
