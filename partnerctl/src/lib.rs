//! Creates, checks, tries and supervises partners' bots.

mod bot_socket;
pub mod cli;
mod commands;
mod failure;
mod fleet;
pub mod host;
pub mod sandbox;
