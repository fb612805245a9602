//! Everything one round wants written, as data; `Store::commit` writes it in one transaction or not at all.

use std::sync::Arc;

use compact_str::CompactString;

use super::{DigestRow, Forgotten, Wish};
use crate::funnel::event::{TimerData, TimerName};
use crate::funnel::session::Session;
use crate::lead::{Lead, LeadId, Spoken};

/// A lead with everything the bot keeps of them in one row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// Shared: a turn that changes it makes a copy, the others hand it on.
    pub lead: Arc<Lead>,
    pub session: Session,
    /// One of the partner's own people: talks like a lead, is not counted as one.
    pub insider: bool,
    pub handled_at: i64,
    pub handled_by: String,
    /// When the partner was last told that this lead is hot; 0 for never.
    pub hot_at: i64,
    /// When the bot spoke first of late: what caps and gaps are counted from.
    pub spoken: Spoken,
    pub chains: Chains,
}

impl Case {
    /// Whether nothing differs from `before`, the stored case, but where the lead stands, the chains and when they were
    /// seen last: that is one small update instead of a row of texts, and touches no index.
    pub fn has_only_moved(&self, before: &Case) -> bool {
        // All fields by name, so that a new one is not forgotten.
        let Case {
            lead,
            session: _,
            insider,
            handled_at,
            handled_by,
            hot_at,
            spoken,
            chains: _,
        } = self;
        (Arc::ptr_eq(&before.lead, lead) || before.lead == *lead)
            && before.insider == *insider
            && before.handled_at == *handled_at
            && before.handled_by == *handled_by
            && before.hot_at == *hot_at
            && before.spoken == *spoken
    }
}

/// The newest rows of a lead, from which the older ones are reached; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chains {
    pub event: i64,
    pub outbox: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxState {
    Pending,
    Done,
    /// A kind of update this version does not know.
    Kept,
    /// Failed three times; set aside with its text.
    Dead,
}

/// How an inbox row stands after the round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InboxRow {
    pub update_id: i64,
    pub state: InboxState,
    pub tries: i64,
    pub chat_id: i64,
    /// Empty once handled.
    pub raw: String,
    pub error: String,
    pub received_at: i64,
}

/// One line of a lead's story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventRow {
    pub id: i64,
    pub lead_id: LeadId,
    /// The lead's event before this one; set when the round is sealed.
    pub prev: i64,
    pub at: i64,
    pub kind: &'static str,
    pub funnel: CompactString,
    pub step: CompactString,
    pub name: CompactString,
    pub value: CompactString,
    pub points: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimerRow {
    pub lead_id: LeadId,
    pub name: TimerName,
    pub due_at: i64,
    pub data: TimerData,
    /// Why it is due later than it was meant; empty when it is not.
    pub held: String,
}

/// What may be done when it is unknown whether a message arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Answers the lead's own word: at least once.
    Reply,
    /// To the partner: at least once, marked when repeated.
    Notification,
    /// The bot speaks first: at most once.
    Proactive,
    /// The partner's digest: at most once, the next tells what this one may not have told.
    Digest,
    /// Changes a message in place: repeating is harmless.
    Edit,
}

/// Who goes first; replies outrank everything.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    Reply = 0,
    Notification = 1,
    FollowUp = 2,
    Sequence = 3,
    Broadcast = 4,
    Edit = 5,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxRow {
    pub id: i64,
    pub lead_id: LeadId,
    /// The lead's message before this one; set when the round is sealed.
    pub prev: i64,
    pub chat_id: i64,
    pub lane: Lane,
    pub class: Class,
    pub cause: CompactString,
    pub method: CompactString,
    pub payload: String,
    /// JSON of `funnel::effect::Media`, or empty.
    pub media: String,
    pub card: LeadId,
    /// Of a message in which the bot speaks first: what the gate is asked again, right before the call.
    pub wish: Option<Box<Wish>>,
    pub tries: i64,
    pub not_before: i64,
    pub created_at: i64,
    /// In memory only: what a former process left is never taken for answered.
    pub answered_by: AnsweredBy,
}

/// What a lead does in answer to a message. Once they did, its question is settled: nothing need wait for it, and it
/// need not be said again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum AnsweredBy {
    /// It is not what the lead was asked last.
    #[default]
    Nothing,
    /// It tells something worth having beside the question; but a button is on it, so a press proves that it arrived.
    Press,
    /// A bare question: words that answer it leave nothing in it to be missed.
    Words,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutboxState {
    Due,
    Sending,
    Sent,
    Failed,
    Unknown,
    Dropped,
}

/// The outcome of one outbox row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub id: i64,
    pub state: OutboxState,
    pub reason: String,
    pub tries: i64,
    pub not_before: i64,
    pub message_id: i64,
    pub at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRow {
    pub sha256: String,
    pub kind: &'static str,
    /// Empty: forget it.
    pub file_id: String,
    pub at: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    pub user_id: i64,
    pub name: String,
    pub invite: String,
    pub bound_at: i64,
}

/// One round's writes.
#[derive(Debug, Default)]
pub struct Batch {
    pub inbox: Vec<InboxRow>,
    /// Leads written whole.
    pub cases: Vec<Case>,
    /// Leads of whom only the place and its like is written: `Case::has_only_moved`.
    pub moved: Vec<Case>,
    pub events: Vec<EventRow>,
    pub outbox: Vec<OutboxRow>,
    pub settled: Vec<Settled>,
    pub timers: Vec<TimerRow>,
    pub cancelled: Vec<(LeadId, TimerName)>,
    pub media: Vec<MediaRow>,
    pub members: Vec<Member>,
    pub facts: Vec<(&'static str, String)>,
    pub digests: Vec<DigestRow>,
    /// Leads whose every row goes.
    pub forgotten: Vec<Forgotten>,
}

impl Batch {
    pub fn is_empty(&self) -> bool {
        self.inbox.is_empty()
            && self.cases.is_empty()
            && self.moved.is_empty()
            && self.events.is_empty()
            && self.outbox.is_empty()
            && self.settled.is_empty()
            && self.timers.is_empty()
            && self.cancelled.is_empty()
            && self.media.is_empty()
            && self.members.is_empty()
            && self.facts.is_empty()
            && self.digests.is_empty()
            && self.forgotten.is_empty()
    }

    /// Whether there is something that few rounds have.
    pub fn has_seldom(&self) -> bool {
        !self.media.is_empty() || !self.members.is_empty() || !self.digests.is_empty()
    }

    /// How many there are to write, as far as they come many at a time.
    pub fn rows(&self) -> usize {
        self.inbox.len()
            + self.cases.len()
            + self.moved.len()
            + self.events.len()
            + self.outbox.len()
            + self.settled.len()
            + self.timers.len()
            + self.cancelled.len()
            + self.facts.len()
    }
}
