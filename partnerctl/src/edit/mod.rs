//! Changes of a partner's files that keep what a person wrote in them. PURE.

pub mod env;
pub mod yaml;
