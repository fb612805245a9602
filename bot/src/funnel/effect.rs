//! What the engine wants done, as data. Nothing here knows a channel, a database or a clock.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use super::event::{Press, TimerData, TimerName};
use crate::lead::{Contact, Handoff, Matter, Purpose, Zone};

/// One thing to be done for the lead. The engine has already applied it to the `Lead` and `Session` it returns.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A message that answers the lead's own word.
    Say(Message),
    /// A message in which the bot speaks first.
    Speak(Proactive),
    /// The short answer to a button press, shown over the chat.
    Toast(String),
    Tag {
        tag: String,
        on: bool,
    },
    /// Points with the reason the partner will read.
    Score {
        points: i32,
        reason: String,
    },
    /// A phone or e-mail was given.
    Contact(Contact),
    Answer {
        name: CompactString,
        value: serde_json::Value,
    },
    /// A funnel was entered (`step` is its first), a step was reached, a funnel ended.
    Entered {
        funnel: CompactString,
        by: CompactString,
    },
    Reached {
        funnel: CompactString,
        step: CompactString,
        variant: Option<CompactString>,
    },
    Ended {
        funnel: CompactString,
    },
    LinkOpened {
        name: String,
        url: String,
    },
    /// The partner should see the lead's card.
    Notify(Notice),
    /// Replaces the lead's timer of that name; due then, in unix milliseconds.
    Schedule {
        name: TimerName,
        at_ms: i64,
        data: TimerData,
    },
    Cancel {
        name: TimerName,
    },
    Handoff(Handoff),
    /// `/stop` (true) and the way back (false).
    OptOut(bool),
    /// The lead entered a sequence, for the `entry`-th time.
    Enrolled {
        sequence: String,
        entry: u32,
        by: String,
    },
    /// The lead did not get into a sequence.
    NotEnrolled {
        sequence: String,
        why: String,
    },
    /// A step of a sequence is behind the lead and was not said.
    Passed {
        sequence: String,
        step: String,
        why: String,
    },
    /// The lead is out of a sequence: it was over, something stopped it, or they left.
    Left {
        sequence: String,
        why: String,
    },
    /// The lead allowed it, refused it, or took it back.
    Consent {
        matter: Matter,
        yes: bool,
        /// Which words were answered; empty where none were shown.
        version: String,
        source: String,
    },
    Language(String),
    /// The lead's time zone is another now: what waits by their clock is planned anew.
    Zone(Zone),
    /// `/forget_me`, confirmed.
    Forget,
    /// For the story of the lead: an input that changed nothing, and why.
    Ignored {
        why: &'static str,
    },
}

/// Words nobody asked for just now. What may be said when is not the engine's to decide: the gate looks at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proactive {
    pub message: Message,
    pub purpose: Purpose,
    pub origin: Origin,
    /// Unique per lead: the same intent is never sent twice.
    pub intent: String,
    /// Not worth saying after that, in unix milliseconds.
    pub stale_at_ms: i64,
}

/// What made the bot speak.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    FollowUp {
        funnel: String,
        step: String,
        kind: FollowUpKind,
    },
    Sequence {
        sequence: String,
        step: String,
        entry: u32,
        /// Of its A/B texts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        variant: Option<String>,
    },
}

/// What a follow-up to silence does.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FollowUpKind {
    /// Says that a question is open.
    #[default]
    Reminder,
    /// Gives something useful.
    Value,
    /// Shows that it worked for somebody.
    Proof,
    /// Says goodbye.
    Final,
}

/// Why the partner is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notice {
    Contact,
    Link,
    Hot,
    Human,
    Text(String),
}

/// A message in no channel's terms; `text` is the HTML subset of docs/funnels.md, values already escaped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Message {
    pub text: String,
    pub media: Option<Media>,
    pub keyboard: Option<Keyboard>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Media {
    pub kind: MediaKind,
    pub source: MediaSource,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaKind {
    Photo,
    Video,
    Animation,
    Document,
    Audio,
    Voice,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediaSource {
    /// A file, as an absolute path.
    File(std::path::PathBuf),
    Url(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keyboard {
    /// Under the message.
    Inline(Vec<Vec<Button>>),
    /// In place of the letters.
    Reply {
        rows: Vec<Vec<ReplyButton>>,
        one_time: bool,
    },
    Remove,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Button {
    pub text: String,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Press(Press),
    Url(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplyButton {
    pub text: String,
    /// Shares the lead's own phone number.
    pub contact: bool,
}
