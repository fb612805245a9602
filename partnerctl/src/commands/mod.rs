//! One file per verb.

pub mod check;
pub mod config;
pub mod create;
pub mod demo;
pub mod funnel;
pub mod invite;
pub mod sandbox;
pub mod why;
