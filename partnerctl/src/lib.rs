//! Creates, checks, tries and supervises partners' bots.

mod bot_socket;
pub mod cli;
mod commands;
pub mod sandbox;
