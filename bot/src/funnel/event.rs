//! What a channel tells the engine: input with everything of the channel taken off.

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
}

/// Which button of which message: enough to know whether it is still meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Press {
    pub funnel: String,
    pub step: String,
    /// The lead's visit number in which the button was shown; see `Session::visit`.
    pub visit: u32,
    pub button: String,
}

/// A lead has at most one timer of each name.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum TimerName {
    Silence,
    Collect,
}

/// What the engine wants to know again when the timer is due; a stale `visit` is ignored.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TimerData {
    pub visit: u32,
    /// For silence: which branch.
    pub branch: u16,
}
