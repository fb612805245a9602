//! What the tests of real programs share.

pub mod browser;
#[path = "box/mod.rs"]
pub mod machine;
pub mod programs;
