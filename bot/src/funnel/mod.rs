//! Funnels: the language (`spec`), its inputs (`event`), its outputs (`effect`), a lead's place (`session`). PURE.

mod compile;
pub mod coverage;
mod edit_plan;
pub mod effect;
mod engine;
pub mod event;
mod filters;
mod funnels;
pub mod graph;
pub mod html;
pub(crate) mod model;
mod place;
mod schema;
pub(crate) mod scope;
pub mod session;
pub mod spec;
pub mod spec_sequence;
pub(crate) mod template;
pub mod transcript;
mod wish;
pub(crate) mod words;

pub(crate) use compile::parse_duration;
pub use compile::{Compiled, MediaFiles, SourceFile, compile, load};
pub use edit_plan::{EditPlan, Report};
pub use engine::{Desk, Outcome, advance};
pub use model::Funnels;
pub use schema::{schema, sequence_schema};
pub use wish::{Beside, Wish, WishLane};
