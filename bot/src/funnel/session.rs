//! A lead's place in the funnels, kept between events as JSON in the lead's row.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

use crate::lead::Contact;

/// Everything the engine remembers of a conversation. Unknown fields of older versions are ignored, missing ones defaulted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Session {
    /// Where the lead stands; `None` before the first funnel and after the last.
    pub place: Option<Place>,
    /// Counts step entries; a button of an earlier visit is an old button.
    pub visit: u32,
    /// Answers by name, over all funnels. Shared, because every turn hands them on and few change them.
    #[serde(skip_serializing_if = "is_empty")]
    pub answers: Arc<Answers>,
    /// Where to return when a called funnel ends, innermost last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<Frame>,
    /// Steps before this one in the same funnel, for `back`; the newest last, at most 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<CompactString>,
    /// Wrong answers given to the current question.
    pub misses: u8,
    /// The press that ended the previous visit: the same press again is a repeat, not an old button.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_press: Option<(u32, CompactString)>,
    /// Experiment (`funnel.step`) to variant name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variants: BTreeMap<String, String>,
    /// Score reasons already counted (`funnel.step` or `funnel.step.button`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scored: Vec<CompactString>,
    /// The step whose reply keyboard is on the lead's screen, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyboard: Option<Place>,
    /// The contact button of a phone question is on the lead's screen.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub contact_keyboard: bool,
    /// Parts of an answer that is being collected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collecting: Option<Collecting>,
    /// Given before the consent to keep it; gone with a no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_contact: Option<Contact>,
    /// The question about useful letters waits for a quiet moment, or was asked.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub offers_due: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub offers_asked: bool,
    /// Waiting for "yes" to `/forget_me`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forgetting: bool,
    /// Counts the times the bot began to wait for a silent lead: makes the intents of its follow-ups unique.
    #[serde(skip_serializing_if = "is_zero")]
    pub silences: u32,
    /// Sequences the lead is or was in, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub enrollments: BTreeMap<String, Enrollment>,
    /// Content already said to the lead, whatever said it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub seen: BTreeSet<String>,
    /// Sequences keep quiet until then, in unix milliseconds; 0: they do not.
    #[serde(skip_serializing_if = "is_nought")]
    pub paused_until_ms: i64,
    /// When the lead last did something, in unix milliseconds: a column of its own.
    #[serde(skip)]
    pub last_seen_at: i64,
}

pub type Answers = BTreeMap<CompactString, serde_json::Value>;

fn is_empty(answers: &Arc<Answers>) -> bool {
    answers.is_empty()
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_nought(number: &i64) -> bool {
    *number == 0
}

/// A lead's place in one sequence. What they wait for follows from it and the file; the timer row says when.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Enrollment {
    /// How many times the lead has entered, this one included.
    pub entry: u32,
    /// Unix milliseconds.
    pub joined_ms: i64,
    /// From when the delay of the step ahead counts.
    pub anchor_ms: i64,
    /// Steps behind the lead, said or not, in the order they were passed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passed: Vec<String>,
    /// When the lead came out; `None` while inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
}

impl Enrollment {
    pub fn is_inside(&self) -> bool {
        self.ended_ms.is_none()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    pub funnel: CompactString,
    pub step: CompactString,
}

/// A return address: the step to come back to when the funnel above it ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub funnel: CompactString,
    pub step: CompactString,
    pub then: Return,
    /// The caller's `Session::trail`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trail: Vec<CompactString>,
}

/// What happens on coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Return {
    /// A `call`: on to the step's `next`.
    Next,
    /// A trigger with `then: back`: the step is shown again.
    Show,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collecting {
    pub parts: Vec<String>,
    /// Unix milliseconds of the first part.
    pub since_ms: i64,
}
