//! Reads a bot's log line by line as it is written, and kills the bot right after a chosen line.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the tap waits for.
struct Aim {
    /// Words of the line.
    words: String,
    /// Lines with these words that may still pass.
    pass: u64,
}

#[derive(Default)]
struct Held {
    aim: Option<Aim>,
    hits: u64,
    lines: u64,
    /// The process that runs now; what a former one said last is of no concern.
    pid: u32,
}

/// One tap serves every process of a rig, one after the other.
#[derive(Default)]
pub struct Tap(Mutex<Held>);

impl Tap {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the process right after it logs a line with these words, letting some pass.
    pub fn aim(&self, words: &str, pass: u64) {
        let words = words.to_owned();
        self.held().aim = Some(Aim { words, pass });
    }

    pub fn rest(&self) {
        self.held().aim = None;
    }

    /// How often a line was followed by a kill.
    pub fn hits(&self) -> u64 {
        self.held().hits
    }

    /// Lines seen of all processes.
    pub fn lines(&self) -> u64 {
        self.held().lines
    }

    /// A thread of its own, ended by the end of the log: no runtime stands between the line and the kill.
    pub(super) fn watch(self: &Arc<Tap>, pid: u32, lines: OwnedFd, mut log: File) {
        self.held().pid = pid;
        let tap = self.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(File::from(lines)).split(b'\n') {
                let Ok(line) = line else { break };
                tap.see(pid, &line);
                // Traces are for the aim only; a long run would fill the disk with them.
                if !contains(&line, br#""level":"TRACE""#) {
                    let _ = log.write_all(&[&line[..], b"\n"].concat());
                }
            }
        });
    }

    fn see(&self, pid: u32, line: &[u8]) {
        let mut held = self.held();
        held.lines += 1;
        if held.pid != pid {
            return;
        }
        let Some(aim) = &mut held.aim else { return };
        if !contains(line, aim.words.as_bytes()) {
            return;
        }
        if aim.pass > 0 {
            aim.pass -= 1;
            return;
        }
        held.aim = None;
        held.hits += 1;
        let pid = libc::pid_t::try_from(pid).unwrap_or(0);
        if pid > 0 {
            // SAFETY: its log is still open and nobody has waited for it, so the number is that of our child.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

fn contains(line: &[u8], words: &[u8]) -> bool {
    line.windows(words.len()).any(|window| window == words)
}
