//! How fast one may speak: Telegram's published limits as token buckets. PURE.
//!
//! About 1 message a second to a chat with short bursts, 20 a minute to a group, 30 a second in bulk
//! (core.telegram.org/bots/faq); replies to people are not under the bulk limit.

/// Limits of one bot; `off` is for a Telegram on this machine only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    pub chat_burst: f64,
    pub chat_per_second: f64,
    pub group_burst: f64,
    pub group_per_minute: f64,
    pub bulk_per_second: f64,
    /// Calls under way at once.
    pub in_flight: usize,
    pub off: bool,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            chat_burst: 8.0,
            chat_per_second: 1.0,
            group_burst: 4.0,
            group_per_minute: 20.0,
            bulk_per_second: 25.0,
            in_flight: 256,
            off: false,
        }
    }
}

/// A token bucket over milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Bucket {
    capacity: f64,
    per_ms: f64,
    level: f64,
    at: i64,
}

impl Bucket {
    pub fn new(capacity: f64, per_second: f64, now: i64) -> Bucket {
        Bucket {
            capacity,
            per_ms: per_second / 1_000.0,
            level: capacity,
            at: now,
        }
    }

    /// When the next token is there; `now` or earlier means at once.
    pub fn ready_at(&mut self, now: i64) -> i64 {
        self.refill(now);
        if self.level >= 1.0 {
            return now;
        }
        let missing = (1.0 - self.level) / self.per_ms;
        now.saturating_add(missing.ceil() as i64)
    }

    pub fn take(&mut self, now: i64) {
        self.refill(now);
        self.level -= 1.0;
    }

    /// Another rate from now on; what has been used up stays so.
    pub fn change(&mut self, per_second: f64, now: i64) {
        self.refill(now);
        self.per_ms = per_second / 1_000.0;
    }

    pub fn is_full(&self, now: i64) -> bool {
        self.level + (now - self.at).max(0) as f64 * self.per_ms >= self.capacity
    }

    fn refill(&mut self, now: i64) {
        // A clock that went back must not stop the bucket until it catches up.
        let passed = (now - self.at).max(0) as f64;
        self.level = (self.level + passed * self.per_ms).min(self.capacity);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate_holds() {
        let mut bucket = Bucket::new(3.0, 1.0, 0);
        for _ in 0..3 {
            assert_eq!(bucket.ready_at(0), 0);
            bucket.take(0);
        }
        assert_eq!(bucket.ready_at(0), 1_000);
        assert_eq!(bucket.ready_at(400), 1_000);
        assert_eq!(bucket.ready_at(1_000), 1_000);
    }

    #[test]
    fn a_clock_that_goes_back_does_not_stop_it() {
        let mut bucket = Bucket::new(1.0, 1.0, 10_000);
        bucket.take(10_000);
        assert_eq!(bucket.ready_at(0), 1_000);
        assert_eq!(bucket.ready_at(1_000), 1_000);
    }
}
