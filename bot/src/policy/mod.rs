//! The gate every message passes, what doubt means, and floods. PURE.

pub mod flood;
pub mod gate;
#[cfg(test)]
mod hours;
pub mod reason;
#[cfg(test)]
mod table;

use crate::store::Class;
pub use gate::{Decision, Facts, House, may_send};
pub use reason::Reason;

/// What becomes of a message when it is unknown whether it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    Again,
    /// Counted and shown, never silently dropped.
    Unknown,
}

/// Why a reply in doubt need not go again.
pub const WENT_ON: &str = "the lead went on";
/// Why a reply that has not arrived need not go again: it would stand behind newer words.
pub const ANSWERED_BEFORE: &str = "the lead had answered it already";

const YOUNG_MS: i64 = 10 * 60_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// After a timeout, a reset or a 5xx in this process; `tries` counts the calls already made.
pub fn after_doubt(class: Class, tries: i64, age_ms: i64) -> Doubt {
    match class {
        Class::Reply if tries <= 1 && age_ms < YOUNG_MS => Doubt::Again,
        Class::Notification if age_ms < DAY_MS => Doubt::Again,
        Class::Edit if tries < 5 => Doubt::Again,
        Class::Reply | Class::Notification | Class::Edit | Class::Digest | Class::Proactive => {
            Doubt::Unknown
        }
    }
}

/// After a crash, of a message whose call may have been under way; `calls` counts the calls in doubt so far.
pub fn after_crash(class: Class, calls: i64, age_ms: i64) -> Doubt {
    match class {
        Class::Proactive | Class::Digest => Doubt::Unknown,
        // A reply may never have left; silence is worse than one repetition, but not for ever.
        Class::Reply | Class::Notification | Class::Edit if calls < 5 && age_ms < DAY_MS => {
            Doubt::Again
        }
        Class::Reply | Class::Notification | Class::Edit => Doubt::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubt_is_settled_by_class() {
        assert_eq!(after_doubt(Class::Reply, 1, 0), Doubt::Again);
        assert_eq!(after_doubt(Class::Reply, 2, 0), Doubt::Unknown);
        assert_eq!(after_doubt(Class::Reply, 1, YOUNG_MS), Doubt::Unknown);
        assert_eq!(after_doubt(Class::Proactive, 1, 0), Doubt::Unknown);
        assert_eq!(after_doubt(Class::Notification, 9, 0), Doubt::Again);
        assert_eq!(after_crash(Class::Proactive, 0, 0), Doubt::Unknown);
        assert_eq!(after_crash(Class::Reply, 0, 3_600_000), Doubt::Again);
        assert_eq!(after_crash(Class::Reply, 5, 0), Doubt::Unknown);
    }
}
