//! When the bot spoke first to a lead of late: what frequency caps and gaps are counted from. PURE.

use serde::{Deserialize, Serialize};

const KEEP_MS: i64 = 8 * 24 * 3_600_000;
const KEEP: usize = 64;

/// Times with a short name of what was said, oldest first. One utterance may be several messages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Spoken(Vec<(i64, u32)>);

impl Spoken {
    /// Counts an utterance from now on; one that was planned before is counted at its new time.
    pub fn note(&mut self, intent: &str, at: i64) {
        let name = short(intent);
        self.0
            .retain(|(then, other)| *other != name && *then > at - KEEP_MS);
        if self.0.len() >= KEEP {
            self.0.remove(0);
        }
        self.0.push((at, name));
        self.0.sort_unstable();
    }

    /// It was not said after all.
    pub fn take_back(&mut self, intent: &str) {
        let name = short(intent);
        self.0.retain(|(_, other)| *other != name);
    }

    /// The times of everything but this utterance, oldest first.
    pub fn beside(&self, intent: &str) -> impl DoubleEndedIterator<Item = i64> {
        let name = short(intent);
        let others = self.0.iter().filter(move |(_, other)| *other != name);
        others.map(|(at, _)| *at)
    }
}

/// The messages of one utterance are told apart by what follows a `+`.
fn short(intent: &str) -> u32 {
    let utterance = intent.split('+').next().unwrap_or_default();
    let mut hash: u32 = 0x811c_9dc5;
    for byte in utterance.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_utterance_counts_once_and_old_ones_not_at_all() {
        let mut spoken = Spoken::default();
        spoken.note("seq:warm:1:a", 0);
        spoken.note("fu:weight:3:0+0", 10);
        spoken.note("fu:weight:3:0+1", 20);
        let seen = |spoken: &Spoken, but: &str| spoken.beside(but).collect::<Vec<_>>();
        assert_eq!(seen(&spoken, ""), [0, 20]);
        assert_eq!(seen(&spoken, "fu:weight:3:0+7"), [0]);
        spoken.take_back("fu:weight:3:0+0");
        spoken.note("seq:warm:1:b", KEEP_MS + 1);
        assert_eq!(seen(&spoken, ""), [KEEP_MS + 1]);
    }
}
