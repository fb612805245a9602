//! One partner's bot. The modules in layers, lowest first; PURE ones know no channel, database or clock.

pub mod diagnostic;
pub mod dice;
pub mod lead;
mod manners;
mod memory;
pub mod partner;
pub mod phrases;
mod quick;
pub mod sequence;
pub mod yaml;

pub mod funnel;

pub mod config;

mod clock;
mod errors;
mod invite;
pub mod process;
mod store;
mod systemd;
mod telegram;

mod policy;
mod story;

pub mod simulate;

mod notify;
mod panel;

mod inbound;

mod app;
mod control;
mod worker;

pub mod cli;
#[doc(hidden)]
pub mod door;
mod logging;
