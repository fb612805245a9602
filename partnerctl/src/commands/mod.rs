//! One file per verb.

pub mod audit;
pub mod check;
pub mod config;
pub mod create;
pub mod demo;
pub mod funnel;
pub mod host;
pub mod invite;
pub mod list;
pub mod logs;
pub mod restart;
pub mod sandbox;
pub mod start;
pub mod status;
pub mod stop;
pub mod why;
