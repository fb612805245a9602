//! What a channel tells the engine: input with everything of the channel taken off.

use std::fmt;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::lead::Zone;

/// One input of one lead.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The bot was opened, perhaps through a deep link.
    Start {
        payload: Option<String>,
    },
    /// A command without its slash, lower case.
    Command {
        name: String,
        args: String,
    },
    Text(String),
    Press(Press),
    /// A shared contact card; `own` only when the channel vouches that it is the sender's.
    Contact {
        phone: String,
        own: bool,
    },
    Photo {
        file: String,
    },
    /// Something the language has no question for: a sticker, a voice message, a place.
    Other {
        kind: String,
    },
    /// A timer set by `Effect::Schedule` came due.
    Timer {
        name: TimerName,
        data: TimerData,
    },
    /// The gate refused for good what the timer would have said: the place moves on without words.
    Unsaid {
        name: TimerName,
        data: TimerData,
        reason: String,
        /// The refusal holds for all that would follow as well.
        lasting: bool,
    },
    /// Someone other than the lead puts the lead into a sequence, or takes them out.
    Enroll {
        sequence: String,
        by: String,
    },
    Leave {
        sequence: String,
        by: String,
    },
    /// Sequences keep quiet until then (`i64::MAX`: until told otherwise); 0 ends the pause. Places are kept.
    Pause {
        until_ms: i64,
    },
    /// The lead's clock stands elsewhere: what waits is planned anew.
    Zone(Zone),
}

impl Event {
    /// Whether the lead did something, as opposed to a clock or another person.
    pub fn is_lead(&self) -> bool {
        match self {
            Self::Start { .. }
            | Self::Command { .. }
            | Self::Text(_)
            | Self::Press(_)
            | Self::Contact { .. }
            | Self::Photo { .. }
            | Self::Other { .. } => true,
            Self::Timer { .. }
            | Self::Unsaid { .. }
            | Self::Enroll { .. }
            | Self::Leave { .. }
            | Self::Pause { .. }
            | Self::Zone(_) => false,
        }
    }
}

/// Which button of which message: enough to know whether it is still meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Press {
    pub funnel: CompactString,
    pub step: CompactString,
    /// The lead's visit number in which the button was shown; see `Session::visit`.
    pub visit: u32,
    pub button: CompactString,
}

/// A lead has at most one timer of each name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TimerName {
    Silence,
    Collect,
    /// The lead's place in the sequence of that id.
    Sequence(String),
}

const SEQUENCE: &str = "seq:";

impl TimerName {
    /// The name as it is stored.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "silence" => Some(Self::Silence),
            "collect" => Some(Self::Collect),
            other => other
                .strip_prefix(SEQUENCE)
                .map(|id| Self::Sequence(id.to_owned())),
        }
    }
}

/// `silence`, `collect`, `seq:weight_warmup`
impl fmt::Display for TimerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence => f.write_str("silence"),
            Self::Collect => f.write_str("collect"),
            Self::Sequence(id) => write!(f, "{SEQUENCE}{id}"),
        }
    }
}

/// What the engine wants to know again when the timer is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TimerData {
    Talk(Talk),
    Sequence(Waiting),
}

/// Of `Silence` and `Collect`; a stale `visit` is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Talk {
    pub visit: u32,
    /// For silence: which branch.
    pub branch: u16,
    /// Unix milliseconds; the row's due time may be later.
    #[serde(default)]
    pub planned_ms: i64,
}

/// Of `Sequence`: what a lead waits for, with all that is needed to plan it anew without the lead's row.
/// The instant is a consequence: step (its rule in the file) + anchor + zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub step: String,
    /// How many times the lead has entered, this one included.
    pub entry: u32,
    /// The steps behind the lead, as in `Enrollment::passed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<String>,
    /// From when the step's delay counts: when the step before was planned, or when the lead joined. Unix milliseconds.
    pub anchor_ms: i64,
    /// When the step is meant; the row's due time may be later (the gate, a talk under way), never the meaning.
    pub planned_ms: i64,
    /// IANA zone the instant was computed in.
    pub zone: String,
}
