//! One partner's bot. The modules in reading order, lowest first.

pub mod config;
pub mod diagnostic;
pub mod lead;
pub mod partner;
pub mod phrases;
pub mod yaml;

pub mod funnel;
