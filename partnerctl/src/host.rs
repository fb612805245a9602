//! The person and the machine a command works for: one real, one recording.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use bot::config::Environment;

pub trait Host {
    /// Data, a line on standard output.
    fn out(&self, text: &str);
    /// Messages, a line on standard error.
    fn err(&self, text: &str);
    /// Whether somebody is there to answer questions.
    fn interactive(&self) -> bool;
    fn colour(&self) -> bool;
    /// All of standard input.
    fn input(&self) -> io::Result<String>;
    fn ask(&self, question: &str) -> io::Result<String>;
    /// Asked without showing what is typed.
    fn ask_secret(&self, question: &str) -> io::Result<String>;
    fn environment(&self) -> Environment;
}

/// The terminal, or the pipe, this program was started from.
pub struct RealHost {
    interactive: bool,
    colour: bool,
}

impl RealHost {
    #[expect(clippy::new_without_default, reason = "it looks at the terminal")]
    pub fn new() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let wanted = io::stdout().is_terminal() && !set("NO_COLOR") && !dumb;
        Self {
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            colour: wanted || set("CLICOLOR_FORCE"),
        }
    }
}

impl Host for RealHost {
    fn out(&self, text: &str) {
        // The reader may be gone (`partnerctl check | head`): then there is nobody to tell.
        let _ = writeln!(io::stdout(), "{text}");
    }

    fn err(&self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    fn interactive(&self) -> bool {
        self.interactive
    }

    fn colour(&self) -> bool {
        self.colour
    }

    fn input(&self) -> io::Result<String> {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        Ok(text)
    }

    fn ask(&self, question: &str) -> io::Result<String> {
        let _ = write!(io::stderr(), "{question}: ");
        let mut line = String::new();
        if io::stdin().lock().read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim().to_owned())
    }

    fn ask_secret(&self, question: &str) -> io::Result<String> {
        rpassword::prompt_password(format!("{question}: "))
    }

    fn environment(&self) -> Environment {
        Environment::of_process()
    }
}

/// Keeps what was said and answers from a list; for tests.
#[derive(Default)]
pub struct RecordingHost {
    out: RefCell<String>,
    err: RefCell<String>,
    answers: RefCell<VecDeque<String>>,
    interactive: bool,
    input: String,
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
}
