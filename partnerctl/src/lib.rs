//! Creates, checks, tries and supervises partners' bots.

pub mod alerts;
pub mod audit;
pub mod backup;
mod bot_api;
pub mod bot_program;
mod bot_socket;
pub mod cli;
mod commands;
pub mod deploy;
mod edit;
mod elsewhere;
pub mod failure;
pub mod fleet;
pub mod host;
mod journal;
pub mod layout;
mod lifecycle;
mod output;
pub mod plan;
mod programs;
pub mod sandbox;
mod ssh;
mod state;
mod systemd;
mod targets;
mod units;
