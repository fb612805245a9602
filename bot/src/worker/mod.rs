//! The moving parts: the poller reads, the desk decides and writes, the sender speaks, housekeeping tidies.
//!
//! Everything that changes the partner's data goes through the desk, one round at a time, one commit a round.

mod ask;
pub mod beat;
mod behalf;
mod clock_watch;
#[cfg(test)]
mod course;
pub mod desk;
mod died;
mod digest;
mod erase;
mod evidence;
mod flight;
mod gate;
mod handle;
pub mod housekeeping;
mod intake;
mod live;
#[cfg(test)]
mod model;
mod partner;
pub mod plan;
pub mod poller;
pub mod queue;
mod raster;
pub mod reload;
mod replan;
mod rescue;
mod rest;
pub mod round;
pub mod sender;
pub mod setup;
mod timers;
pub mod turn;
pub mod uploads;

use std::sync::Arc;

use tokio::sync::oneshot;

pub use gate::{GateMeter, MayGo};

use crate::app::Live;
use crate::control::Question;
use crate::funnel::Funnels;
use crate::lead::Reach;
use crate::store::{MediaRow, OutboxRow, Settled};
use crate::telegram::pace::Limits;

/// An update as Telegram sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawUpdate {
    pub update_id: i64,
    pub raw: String,
}

/// What reaches the desk.
pub enum DeskInput {
    /// A batch; `stored` is told once it is committed, and only then is the next offset sent.
    Updates {
        raws: Vec<RawUpdate>,
        stored: oneshot::Sender<()>,
    },
    /// The fate of a message.
    Report(Report),
    /// The bot wants to speak first, or to tell the partner: is it still right? Answered after the answer is durable.
    Claim {
        row: Box<OutboxRow>,
        may_go: oneshot::Sender<MayGo>,
    },
    Ask {
        question: Question,
        reply: oneshot::Sender<String>,
    },
    /// Another configuration, other funnels, or both; they were checked together.
    Reloaded {
        funnels: Arc<Funnels>,
        live: Arc<Live>,
    },
    /// The funnels that are live.
    Live(oneshot::Sender<Arc<Funnels>>),
    /// Look at the timers again: the clock was moved, or housekeeping is due.
    Wake,
    /// Finish the round, close the store, end.
    Stop,
}

/// The fate of one message, and what it teaches about the lead.
pub struct Report {
    pub settled: Settled,
    pub chat_id: i64,
    pub news: News,
    /// Its place among the noted fates (`store::fates`); 0 when it is not noted and must not wait.
    pub noted: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    None,
    Unreachable(Reach),
    File(MediaRow),
}

/// What the desk gives the sender after a commit.
pub enum SenderInput {
    Rows(Vec<OutboxRow>),
    Asides(Vec<Aside>),
    /// The configuration changed.
    Limits(Limits),
    /// Leads who have answered what was said last.
    Answered(Vec<Sign>),
    /// Rows that need not go again: (chat, row).
    Withdrawn(Vec<(i64, i64)>),
}

/// A lead has answered what their chat was asked last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    pub chat_id: i64,
    /// Telegram's clock.
    pub sent_at: i64,
    /// By a button, not by words.
    pub pressed: bool,
}

/// The answer to a button press: not stored, because it is worthless a moment later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aside {
    pub callback_id: String,
    pub text: Option<String>,
}
