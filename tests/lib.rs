//! What the tests of real programs share, and the proofs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

pub mod browser;
#[path = "box/mod.rs"]
pub mod machine;
pub mod programs;
pub mod proofs;
pub mod support;
