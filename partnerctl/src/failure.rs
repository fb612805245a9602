//! Why a command ended badly, as a text for people and a code for scripts.

use std::fmt::Display;

use anyhow::anyhow;

/// The exit codes, the same for every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    General = 1,
    /// Bad arguments; clap uses the same.
    Usage = 2,
    InvalidConfig = 3,
    Credentials = 4,
    NotFound = 5,
    /// Taken, or held by somebody else.
    Conflict = 6,
    /// Not running, or not answering.
    Unhealthy = 7,
    /// What was asked for differs from what is.
    Changes = 10,
}

#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    /// `None` when the command has said everything already.
    pub error: Option<anyhow::Error>,
}

impl Failure {
    pub fn new(code: Code, message: impl Display) -> Self {
        Self {
            code,
            error: Some(anyhow!("{message}")),
        }
    }

    pub fn said(code: Code) -> Self {
        Self { code, error: None }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            code: Code::General,
            error: Some(error.into()),
        }
    }
}
