//! A step whose time has passed: said late, moved to the next fit time, or left out. PURE.

use jiff::tz::TimeZone;

use super::Rule;

/// What becomes of a step that could not be said on time.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Missed {
    /// Said at once, up to `max_late`.
    #[default]
    Late,
    /// Said at the next time its own rule allows, up to `max_late`.
    NextWindow,
    /// Left out.
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Say,
    Later(i64),
    Skip,
}

/// Less than that is on time: rounds, restarts and pace take a while.
pub const GRACE_MS: i64 = 15 * 60_000;

/// Judges a step planned for `planned_ms` at `now_ms`.
pub fn judge(
    missed: Missed,
    max_late_ms: i64,
    rule: &Rule,
    planned_ms: i64,
    now_ms: i64,
    zone: &TimeZone,
) -> Verdict {
    let late = now_ms.saturating_sub(planned_ms);
    if late <= GRACE_MS {
        return Verdict::Say;
    }
    if late > max_late_ms {
        return Verdict::Skip;
    }
    match missed {
        Missed::Late => Verdict::Say,
        Missed::Skip => Verdict::Skip,
        Missed::NextWindow => {
            let next = rule.next(now_ms.saturating_sub(GRACE_MS), zone);
            if next <= now_ms {
                Verdict::Say
            } else if next.saturating_sub(planned_ms) > max_late_ms {
                Verdict::Skip
            } else {
                Verdict::Later(next)
            }
        }
    }
}
