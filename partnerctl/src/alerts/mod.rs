//! Tells the operator what is wrong with the fleet, once, and when it is over.

pub mod figures;
pub mod judge;
pub mod notice;
pub mod tell;
