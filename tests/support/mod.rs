//! A real `bot` process on a partner directory of its own, talking to a local Telegram in this process.

pub mod leak;
mod place;
mod process;
mod rig;
mod tap;

pub use place::{FUNNEL, Place, clear, set_mode};
pub use process::{Bot, bot_program};
pub use rig::{BOT, PARTNER, PARTNERS, Rig, SECOND_PARTNER, TOKEN, until, until_asked};
pub use tap::Tap;
