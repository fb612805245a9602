//! What the tests of real programs share.

pub mod browser;
pub mod programs;
