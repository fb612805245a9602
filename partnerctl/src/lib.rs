//! Creates, checks, tries and supervises partners' bots.

pub mod sandbox;
