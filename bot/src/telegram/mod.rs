//! All that knows Telegram: updates in, methods out, what answers mean, how fast one may speak.

pub mod api;
pub mod callback;
mod http;
pub mod incoming;
pub mod outgoing;
pub mod pace;
pub mod verdict;
mod wire;

pub use api::{CallError, Client};
