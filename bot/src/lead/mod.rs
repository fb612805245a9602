//! A lead: who is talking to the bot and what is known of them. PURE.

pub mod cities;
mod consent;
pub mod contact;
mod dial;
mod dialling;
mod spoken;

mod purpose;
pub mod zone;

use std::collections::BTreeSet;

pub use purpose::Purpose;
use serde::{Deserialize, Serialize};
pub use zone::{Zone, ZoneSource};

pub use consent::{Consents, Given, Matter, Refused, Stance, Word, text_version};
pub use spoken::Spoken;

/// Per-partner number of a lead, shown as `#12`.
pub type LeadId = i64;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lead {
    pub id: LeadId,
    /// The lead's address in the channel; for Telegram the chat id.
    pub chat_id: i64,
    pub first_name: String,
    pub last_name: String,
    pub username: Option<String>,
    /// Language code the lead chose, else the channel's, else empty.
    pub language: String,
    pub phone: Option<Contact>,
    pub email: Option<Contact>,
    pub tags: BTreeSet<String>,
    /// Sum of the recorded score reasons.
    pub score: i64,
    pub reach: Reach,
    /// `/stop` was said: nothing but answers to the lead's own words.
    pub opted_out: bool,
    /// What the lead allowed and refused, by purpose.
    pub consents: Consents,
    pub handoff: Handoff,
    /// Whose clock the bot goes by when it speaks first.
    pub zone: Zone,
    pub first_touch: Option<Touch>,
    pub last_touch: Option<Touch>,
    /// Unix milliseconds.
    pub created_at: i64,
}

/// A phone (E.164) or e-mail, and how it came to us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub kind: ContactKind,
    pub value: String,
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContactKind {
    Phone,
    Email,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The channel's contact button, vouched to be the lead's own.
    Shared,
    #[default]
    Typed,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reach {
    #[default]
    Active,
    /// The lead blocked the bot.
    Blocked,
    /// The account is gone.
    Deactivated,
}

/// Who answers this lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Handoff {
    #[default]
    Bot,
    /// The lead asked for a person.
    Waiting,
    Human,
    Closed,
}

/// Where a lead came from: a deep-link payload, split at the first `-`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touch {
    /// The payload's part before `-`.
    pub start: String,
    pub campaign: Option<String>,
    pub at: i64,
}
