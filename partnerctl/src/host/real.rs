//! The terminal, or the pipe, this program was started from, and the machine it runs on.

use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::Stdio;

use bot::config::Environment;
use jiff::Timestamp;

use super::{Call, Followed, Host, Machine, Ran};
use crate::plan::{self, Step};

pub struct RealHost {
    interactive: bool,
    colour: bool,
    columns: Option<usize>,
    machine: Machine,
}

impl RealHost {
    #[expect(clippy::new_without_default, reason = "it looks at the terminal")]
    pub fn new() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = io::stdout().is_terminal();
        Self {
            interactive: io::stdin().is_terminal() && io::stderr().is_terminal(),
            colour: terminal && !set("NO_COLOR") && !dumb || set("CLICOLOR_FORCE"),
            columns: terminal.then(columns),
            machine: machine(),
        }
    }
}

/// The terminal's width; what does not tell it is taken for 80 columns.
fn columns() -> usize {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the call fills the structure it is given and keeps no pointer to it.
    let told = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    match (told, size.ws_col) {
        (0, columns) if columns > 0 => columns.into(),
        _ => 80,
    }
}

fn machine() -> Machine {
    let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    // SAFETY: geteuid takes nothing, cannot fail and touches no memory.
    let uid = unsafe { libc::geteuid() };
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    Machine {
        name: name.trim().to_owned(),
        root: var("PARTNERCTL_ROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from),
        home: var("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from),
        uid,
        user: var("SUDO_USER")
            .or_else(|| var("USER"))
            .or_else(|| var("LOGNAME"))
            .or_else(|| var("INVOCATION_ID").map(|_| "systemd".to_owned()))
            .unwrap_or_else(|| format!("uid {uid}")),
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

    fn columns(&self) -> Option<usize> {
        self.columns
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
        rpassword::prompt_password(format!("{question}: ")).map_err(|error| {
            let why = format!(
                "{question}: it cannot be asked for without being shown, /dev/tty: {error}; give it in a file or on standard input, see --help"
            );
            io::Error::new(error.kind(), why)
        })
    }

    fn environment(&self) -> Environment {
        Environment::of_process()
    }

    #[expect(clippy::disallowed_methods, reason = "the clock itself")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn machine(&self) -> &Machine {
        &self.machine
    }

    fn run(&self, call: &Call) -> io::Result<Ran> {
        let output = std::process::Command::new(&call.program)
            .args(&call.args)
            .stdin(Stdio::null())
            .output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let signal = output.status.signal().map(|signal| 128 + signal);
        Ok(Ran {
            code: output.status.code().or(signal).unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        })
    }

    fn follow(&self, call: &Call) -> io::Result<Followed> {
        let mut child = tokio::process::Command::new(&call.program)
            .args(&call.args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdout = child
            .stdout
            .take()
            .ok_or_else(|| io::Error::other("no standard output"))?;
        Ok(Followed::new(Box::new(stdout), Some(child)))
    }

    fn apply(&self, step: &Step) -> anyhow::Result<()> {
        plan::do_step(step, self)
    }
}
