//! The local Telegram: a Bot API server on loopback, strict by the schema in both directions,
//! with a control API that plays the people. `docs/sandbox.md` is its reference.

mod answer;
mod api;
mod check;
mod clock;
mod control;
mod faults;
mod files;
mod flood;
mod html;
mod inject;
mod journal;
mod managed;
mod markup;
mod message;
mod methods;
mod multipart;
pub mod page;
mod queue;
mod request;
mod schema;
mod server;
mod state;
mod text;
mod view;
mod world;

pub use check::check_object;
pub use faults::{FaultKind, FaultRule};
pub use html::parse_html;
pub use inject::{NewUser, Press, Refused};
pub use journal::Call;
pub use server::{Options, Sandbox};
pub use world::{Arrival, Called, World};
