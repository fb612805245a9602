//! Creates, checks, tries and supervises partners' bots.

pub mod audit;
mod bot_socket;
pub mod cli;
mod commands;
mod edit;
mod failure;
mod fleet;
pub mod host;
mod journal;
pub mod layout;
mod lifecycle;
mod output;
pub mod plan;
mod programs;
pub mod sandbox;
mod state;
mod systemd;
mod targets;
mod units;
