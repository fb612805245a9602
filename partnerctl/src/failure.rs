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
    /// By the person: ctrl-c, or no to a question.
    Interrupted = 130,
}

#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    /// `None` when the command has said everything already.
    pub error: Option<anyhow::Error>,
    /// Telegram asked to wait so many seconds; 0 when it did not.
    pub wait_s: u64,
}

impl Failure {
    pub fn new(code: Code, message: impl Display) -> Self {
        Self {
            code,
            error: Some(anyhow!("{message}")),
            wait_s: 0,
        }
    }

    pub fn said(code: Code) -> Self {
        Self {
            code,
            error: None,
            wait_s: 0,
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            code: Code::General,
            error: Some(error.into()),
            wait_s: 0,
        }
    }
}
