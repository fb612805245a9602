//! One lead's flood must cost the others nothing: what is too much is counted, not handled. PURE.

use crate::quick::QuickMap;
use crate::telegram::pace::Bucket;

/// Inputs a lead may send at once, and per second after that.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FloodLimit {
    pub burst: f64,
    pub per_second: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admit {
    Yes,
    /// Too much, said to the lead once.
    SlowDown,
    /// Still too much: silence.
    No,
}

pub struct Flood {
    limit: Option<FloodLimit>,
    chats: QuickMap<i64, (Bucket, bool)>,
}

const KEEP_CHATS: usize = 1_024;

impl Flood {
    /// `None` admits everything (load runs on loopback).
    pub fn new(limit: Option<FloodLimit>) -> Flood {
        Flood {
            limit,
            chats: QuickMap::default(),
        }
    }

    pub fn admit(&mut self, chat_id: i64, now: i64) -> Admit {
        let Some(limit) = self.limit else {
            return Admit::Yes;
        };
        if self.chats.len() > KEEP_CHATS {
            self.chats.retain(|_, (bucket, _)| !bucket.is_full(now));
        }
        let fresh = || (Bucket::new(limit.burst, limit.per_second, now), false);
        let (bucket, warned) = self.chats.entry(chat_id).or_insert_with(fresh);
        if bucket.ready_at(now) <= now {
            bucket.take(now);
            // Warned anew only after a real pause.
            *warned = *warned && !bucket.is_full(now + 1_000);
            return Admit::Yes;
        }
        if std::mem::replace(warned, true) {
            Admit::No
        } else {
            Admit::SlowDown
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_warned_once_and_others_do_not_notice() {
        let mut flood = Flood::new(Some(FloodLimit {
            burst: 3.0,
            per_second: 1.0,
        }));
        let admitted: Vec<Admit> = (0..6).map(|_| flood.admit(1, 0)).collect();
        assert_eq!(
            admitted,
            [
                Admit::Yes,
                Admit::Yes,
                Admit::Yes,
                Admit::SlowDown,
                Admit::No,
                Admit::No
            ]
        );
        assert_eq!(flood.admit(2, 0), Admit::Yes);
        assert_eq!(flood.admit(1, 1_000), Admit::Yes);
        assert_eq!(
            flood.admit(1, 1_000),
            Admit::No,
            "one word of warning is enough"
        );
    }
}
