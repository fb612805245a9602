//! The sandbox clock (real time plus a movable offset) and its seeded random numbers.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970: real time, moved by whoever holds the control API.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    offset_ms: i64,
}

impl Clock {
    pub fn starting_at(start_ms: Option<i64>) -> Clock {
        let mut clock = Clock::default();
        if let Some(ms) = start_ms {
            clock.set(ms);
        }
        clock
    }

    pub fn now_ms(self) -> i64 {
        real_ms() + self.offset_ms
    }

    pub fn advance(&mut self, ms: i64) {
        self.offset_ms = self.offset_ms.saturating_add(ms);
    }

    pub fn set(&mut self, ms: i64) {
        self.offset_ms = ms.saturating_sub(real_ms());
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place where the sandbox reads the wall clock"
)]
fn real_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A small seeded generator (SplitMix64): good enough for faults and ids, and the same on every run.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
