//! The one place that reads the wall clock; everybody else is handed a time.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Time for a wrong clock to be put right again.
const FREEZE_MS: i64 = 60_000;

/// The system's clock in unix milliseconds, plus an offset that the demo may move.
#[derive(Debug)]
pub struct Clock {
    /// Stands there, for tests; the system's own time otherwise.
    standing_ms: Option<i64>,
    offset_ms: AtomicI64,
    /// How long nothing is said first after a jump of the system's clock.
    pub freeze_ms: i64,
}

impl Clock {
    pub fn new(offset_ms: i64) -> Clock {
        Clock {
            standing_ms: None,
            offset_ms: AtomicI64::new(offset_ms),
            freeze_ms: FREEZE_MS,
        }
    }

    /// A clock that only moves when told.
    #[cfg(test)]
    pub fn standing(at_ms: i64) -> Clock {
        Clock {
            standing_ms: Some(at_ms),
            offset_ms: AtomicI64::new(0),
            freeze_ms: FREEZE_MS,
        }
    }

    pub fn now_ms(&self) -> i64 {
        let base = self.standing_ms.unwrap_or_else(Clock::wall_ms);
        base.saturating_add(self.offset_ms.load(Ordering::Relaxed))
    }

    /// The system's own clock, which somebody may set.
    #[expect(clippy::disallowed_methods, reason = "the clock itself")]
    pub fn wall_ms() -> i64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// A clock that nobody sets and that only counts, from the start of this process.
    pub fn steady_ms() -> i64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let since = START.get_or_init(Instant::now).elapsed();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    pub fn advance(&self, by_ms: i64) {
        self.offset_ms.fetch_add(by_ms, Ordering::Relaxed);
    }
}
