//! The person and the machine a command works for: one real, one recording. The only door to other programs.

mod real;
mod recording;

use std::fmt;
use std::io;
use std::path::PathBuf;

use bot::config::Environment;
use jiff::Timestamp;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};

use crate::plan::Step;
pub use real::RealHost;
pub use recording::RecordingHost;

pub trait Host {
    /// Data, a line on standard output.
    fn out(&self, text: &str);
    /// Messages, a line on standard error.
    fn err(&self, text: &str);
    /// Whether somebody is there to answer questions.
    fn interactive(&self) -> bool;
    fn colour(&self) -> bool;
    /// Columns of the terminal that data goes to; `None` for a pipe or a file.
    fn columns(&self) -> Option<usize>;
    /// All of standard input.
    fn input(&self) -> io::Result<String>;
    fn ask(&self, question: &str) -> io::Result<String>;
    /// Asked without showing what is typed.
    fn ask_secret(&self, question: &str) -> io::Result<String>;
    fn environment(&self) -> Environment;
    fn now(&self) -> Timestamp;
    fn machine(&self) -> &Machine;
    /// Runs a program to its end.
    fn run(&self, call: &Call) -> io::Result<Ran>;
    /// Starts a program and reads its lines as they come; it ends when this is dropped.
    fn follow(&self, call: &Call) -> io::Result<Followed>;
    /// Does one step of a plan.
    fn apply(&self, step: &Step) -> anyhow::Result<()>;
}

/// Whose machine this is. `root` is `/` but in tests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    pub name: String,
    pub root: PathBuf,
    pub home: PathBuf,
    pub uid: u32,
    /// Who works here: behind sudo, the person and not root.
    pub user: String,
}

/// A program and its arguments; shown as one would type it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub program: String,
    pub args: Vec<String>,
}

impl Call {
    pub fn new(program: &str, args: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            program: program.to_owned(),
            args: args.into_iter().map(Into::into).collect(),
        }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.program)?;
        for arg in &self.args {
            let plain = |c: char| c.is_alphanumeric() || "-_./:=@,%+".contains(c);
            match !arg.is_empty() && arg.chars().all(plain) {
                true => write!(f, " {arg}")?,
                false => write!(f, " '{}'", arg.replace('\'', "'\\''"))?,
            }
        }
        Ok(())
    }
}

/// How a program ended; a signal counts as 128 and its number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn ok(&self) -> bool {
        self.code == 0
    }
}

/// The lines of a running program.
pub struct Followed {
    lines: Lines<BufReader<Box<dyn AsyncRead + Unpin>>>,
    /// Dropped with the lines, and the program with it.
    _child: Option<tokio::process::Child>,
}

impl Followed {
    pub fn new(stream: Box<dyn AsyncRead + Unpin>, child: Option<tokio::process::Child>) -> Self {
        Self {
            lines: BufReader::new(stream).lines(),
            _child: child,
        }
    }

    pub async fn line(&mut self) -> io::Result<Option<String>> {
        self.lines.next_line().await
    }
}
