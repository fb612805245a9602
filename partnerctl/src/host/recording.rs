//! Keeps what was said and done, and answers from a list; for tests.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;

use bot::config::Environment;
use jiff::Timestamp;

use super::{Call, Followed, Host, Machine, Ran};
use crate::plan::Step;

pub struct RecordingHost {
    out: RefCell<String>,
    err: RefCell<String>,
    answers: RefCell<VecDeque<String>>,
    interactive: bool,
    input: String,
    columns: Option<usize>,
    now: Timestamp,
    machine: Machine,
    /// What programs answer: by the beginning of their line, the longest that fits.
    programs: BTreeMap<String, Ran>,
    done: RefCell<Vec<String>>,
}

impl Default for RecordingHost {
    /// A pipe on a machine where no fleet is set up, on 2026-11-27 at noon.
    fn default() -> Self {
        Self {
            out: RefCell::default(),
            err: RefCell::default(),
            answers: RefCell::default(),
            interactive: false,
            input: String::new(),
            columns: None,
            now: Timestamp::constant(1_795_780_800, 0),
            machine: Machine {
                name: "test".to_owned(),
                root: PathBuf::from("/nonexistent"),
                home: PathBuf::from("/nonexistent/home"),
                uid: 0,
                user: "olga".to_owned(),
            },
            programs: BTreeMap::new(),
            done: RefCell::default(),
        }
    }
}

impl RecordingHost {
    /// Somebody who answers these, in order.
    pub fn answering(answers: &[&str]) -> Self {
        Self {
            interactive: true,
            answers: RefCell::new(answers.iter().map(ToString::to_string).collect()),
            ..Self::default()
        }
    }

    /// A pipe with this text in it.
    pub fn piping(input: &str) -> Self {
        Self {
            input: input.to_owned(),
            ..Self::default()
        }
    }

    /// A terminal this wide.
    #[must_use]
    pub fn wide(mut self, columns: usize) -> Self {
        self.columns = Some(columns);
        self
    }

    /// A machine whose `/` is this directory.
    #[must_use]
    pub fn rooted(mut self, root: impl Into<PathBuf>, uid: u32) -> Self {
        self.machine.root = root.into();
        self.machine.uid = uid;
        self
    }

    /// What a program answers whose line begins so.
    #[must_use]
    pub fn program(mut self, begins: &str, code: i32, out: &str) -> Self {
        let ran = Ran {
            code,
            out: out.to_owned(),
            err: String::new(),
        };
        self.programs.insert(begins.to_owned(), ran);
        self
    }

    /// The steps and the programs since the last call, one a line.
    pub fn take_done(&self) -> Vec<String> {
        self.done.take()
    }

    fn answer(&self, call: &Call) -> io::Result<Ran> {
        let line = call.to_string();
        let known = self.programs.iter().rev();
        let ran = known
            .into_iter()
            .find(|(begins, _)| line.starts_with(begins.as_str()));
        self.done.borrow_mut().push(line.clone());
        match ran {
            Some((_, ran)) => Ok(ran.clone()),
            None => Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no program answers: {line}"),
            )),
        }
    }

    /// What was written to standard output since the last call.
    pub fn take_out(&self) -> String {
        self.out.take()
    }

    pub fn take_err(&self) -> String {
        self.err.take()
    }
}

impl Host for RecordingHost {
    fn out(&self, text: &str) {
        self.out.borrow_mut().push_str(&format!("{text}\n"));
    }

    fn err(&self, text: &str) {
        self.err.borrow_mut().push_str(&format!("{text}\n"));
    }

    fn interactive(&self) -> bool {
        self.interactive
    }

    fn colour(&self) -> bool {
        false
    }

    fn columns(&self) -> Option<usize> {
        self.columns
    }

    fn input(&self) -> io::Result<String> {
        Ok(self.input.clone())
    }

    fn ask(&self, question: &str) -> io::Result<String> {
        self.err(question);
        let answer = self.answers.borrow_mut().pop_front();
        answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn ask_secret(&self, question: &str) -> io::Result<String> {
        self.ask(question)
    }

    fn environment(&self) -> Environment {
        Environment::default()
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn run(&self, call: &Call) -> io::Result<Ran> {
        self.answer(call)
    }

    fn follow(&self, call: &Call) -> io::Result<Followed> {
        let ran = self.answer(call)?;
        Ok(Followed::new(
            Box::new(io::Cursor::new(ran.out.into_bytes())),
            None,
        ))
    }

    fn apply(&self, step: &Step) -> anyhow::Result<()> {
        self.done.borrow_mut().push(step.to_string());
        Ok(())
    }
}
