//! What the engine wants done, as data. Nothing here knows a channel, a database or a clock.

use serde::{Deserialize, Serialize};

use super::event::{Press, TimerData, TimerName};
use crate::lead::{Contact, Handoff, Zone};

/// One thing to be done for the lead. The engine has already applied it to the `Lead` and `Session` it returns.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// A message to the lead.
    Say(Message),
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
        name: String,
        value: serde_json::Value,
    },
    /// A funnel was entered (`step` is its first), a step was reached, a funnel ended.
    Entered {
        funnel: String,
        by: String,
    },
    Reached {
        funnel: String,
        step: String,
        variant: Option<String>,
    },
    Ended {
        funnel: String,
    },
    LinkOpened {
        name: String,
        url: String,
    },
    /// The partner should see the lead's card.
    Notify(Notice),
    /// Replaces the lead's timer of that name.
    Schedule {
        name: TimerName,
        after_ms: i64,
        data: TimerData,
    },
    Cancel {
        name: TimerName,
    },
    Handoff(Handoff),
    /// `/stop` (true) and the way back (false).
    OptOut(bool),
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
