//! One file per verb.

pub mod audit;
pub mod check;
pub mod completions;
pub mod config;
pub mod create;
pub mod demo;
pub mod doctor;
pub mod funnel;
pub mod host;
pub mod import;
pub mod invite;
pub mod list;
pub mod logs;
pub mod metrics;
pub mod remove;
pub mod restart;
pub mod run;
pub mod sandbox;
pub mod secret;
pub mod start;
pub mod status;
pub mod stop;
pub mod top;
pub mod why;
