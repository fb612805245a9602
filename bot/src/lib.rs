//! One partner's bot. The modules in reading order, lowest first; PURE ones know no channel, database or clock.

pub mod diagnostic;
pub mod lead;
pub mod partner;
pub mod phrases;
pub mod yaml;

pub mod config;
pub mod funnel;
mod invite;
mod policy;

mod clock;
mod notify;
mod panel;
mod store;
mod story;
mod telegram;

mod app;
mod control;
mod inbound;
mod worker;

pub mod cli;
mod logging;
