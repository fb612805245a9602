//! The gate every message passes: may this be said to this lead now, and why. PURE.

pub mod flood;

use crate::lead::{Lead, Reach};
use crate::store::Class;

/// The gate's answer; the reason is stored on the outbox row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Send { reason: &'static str },
    Drop { reason: &'static str },
}

/// Asked when a message is written, and again right before one leaves in which the bot speaks first.
pub fn may_send(lead: &Lead, class: Class) -> Decision {
    match (class, lead.reach) {
        // Telegram lets a blocked bot's words fall; a reply is tried, since the lead has just spoken.
        (Class::Reply, _) => Decision::Send {
            reason: "answers the lead's own word",
        },
        (Class::Notification, _) => Decision::Send {
            reason: "tells the partner",
        },
        (Class::Edit, _) => Decision::Send {
            reason: "keeps a message true",
        },
        (Class::Proactive, Reach::Blocked) => Decision::Drop {
            reason: "the lead blocked the bot",
        },
        (Class::Proactive, Reach::Deactivated) => Decision::Drop {
            reason: "the account is gone",
        },
        (Class::Proactive, Reach::Active) if lead.opted_out => Decision::Drop {
            reason: "the lead said stop",
        },
        (Class::Proactive, Reach::Active) => Decision::Send {
            reason: "the lead went silent at a question",
        },
    }
}

/// What becomes of a message when it is unknown whether it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    Again,
    /// Counted and shown, never silently dropped.
    Unknown,
}

const YOUNG_MS: i64 = 10 * 60_000;
const DAY_MS: i64 = 24 * 3_600_000;

/// After a timeout, a reset or a 5xx in this process; `tries` counts the calls already made.
pub fn after_doubt(class: Class, tries: i64, age_ms: i64) -> Doubt {
    match class {
        Class::Reply if tries <= 1 && age_ms < YOUNG_MS => Doubt::Again,
        Class::Notification if age_ms < DAY_MS => Doubt::Again,
        Class::Edit if tries < 5 => Doubt::Again,
        Class::Reply | Class::Notification | Class::Edit | Class::Proactive => Doubt::Unknown,
    }
}

/// After a crash, of a message whose call may have been under way; `calls` counts the calls in doubt so far.
pub fn after_crash(class: Class, calls: i64, age_ms: i64) -> Doubt {
    match class {
        Class::Proactive => Doubt::Unknown,
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
    fn a_proactive_message_needs_a_lead_who_can_and_will_hear() {
        let drop = |lead: &Lead| matches!(may_send(lead, Class::Proactive), Decision::Drop { .. });
        assert!(!drop(&Lead::default()));
        assert!(drop(&Lead {
            opted_out: true,
            ..Lead::default()
        }));
        assert!(drop(&Lead {
            reach: Reach::Blocked,
            ..Lead::default()
        }));
        assert!(drop(&Lead {
            reach: Reach::Deactivated,
            ..Lead::default()
        }));
        let stopped = Lead {
            opted_out: true,
            ..Lead::default()
        };
        assert!(
            matches!(may_send(&stopped, Class::Reply), Decision::Send { .. }),
            "an answer is not pestering"
        );
    }

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
