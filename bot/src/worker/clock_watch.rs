//! Notices when the wall clock jumps against the clock that only counts. PURE.

/// A smaller difference is an ordinary correction.
const JUMP_MS: i64 = 60_000;

/// Two clocks looked at together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    pub wall_ms: i64,
    pub steady_ms: i64,
}

#[derive(Debug)]
pub struct ClockWatch {
    last: Look,
    freeze_ms: i64,
    /// On the steady clock.
    frozen_until: i64,
}

impl ClockWatch {
    /// `freeze_ms`: how long nothing is said first after a jump.
    pub fn new(first: Look, freeze_ms: i64) -> ClockWatch {
        ClockWatch {
            last: first,
            freeze_ms,
            frozen_until: i64::MIN,
        }
    }

    /// By how much the wall clock has jumped since the last look, if it has.
    pub fn look(&mut self, now: Look) -> Option<i64> {
        let jump = (now.wall_ms - self.last.wall_ms) - (now.steady_ms - self.last.steady_ms);
        self.last = now;
        if jump.abs() < JUMP_MS {
            return None;
        }
        self.frozen_until = now.steady_ms + self.freeze_ms;
        Some(jump)
    }

    /// How long it stays frozen; 0 when it is not.
    pub fn frozen_for(&self) -> i64 {
        self.frozen_until.saturating_sub(self.last.steady_ms).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_either_way_freezes_for_a_minute_and_a_correction_does_not() {
        let mut watch = ClockWatch::new(
            Look {
                wall_ms: 1_000_000,
                steady_ms: 0,
            },
            60_000,
        );
        let mut at = |wall_ms, steady_ms| {
            let jump = watch.look(Look { wall_ms, steady_ms });
            (jump, watch.frozen_for())
        };
        assert_eq!(at(1_030_000, 30_000), (None, 0));
        assert_eq!(at(1_061_500, 60_000), (None, 0), "a correction");
        assert_eq!(at(4_661_500, 60_000), (Some(3_600_000), 60_000));
        assert_eq!(at(4_691_500, 90_000), (None, 30_000));
        assert_eq!(
            at(1_091_500, 90_000),
            (Some(-3_600_000), 60_000),
            "put right: frozen anew"
        );
        assert_eq!(at(1_151_500, 150_000), (None, 0));
    }
}
