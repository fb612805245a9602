//! Funnels: the language (`spec`), its inputs (`event`), its outputs (`effect`), a lead's place (`session`). PURE.

pub mod effect;
pub mod event;
pub mod session;
pub mod spec;
