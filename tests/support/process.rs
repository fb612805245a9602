//! The `bot` program as a child process.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::process::{Child, Command};

use super::Tap;
use crate::programs;

/// Built once per test run, so that no test ever drives yesterday's program.
pub fn bot_program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| programs::program("bot"))
}

/// One running bot. It dies with the test.
pub struct Bot {
    child: Child,
}

impl Bot {
    /// `command` is the program and its arguments, perhaps behind another program that starts it. A tap reads every
    /// line of the log as it is written.
    pub fn spawn(
        command: &[String],
        env: &[(String, String)],
        log: &Path,
        tap: Option<&Arc<Tap>>,
    ) -> Bot {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .unwrap();
        let (program, args) = command.split_first().expect("a program");
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            // How talkative all bots of a run are.
            .envs(std::env::var_os("RUST_LOG").map(|level| ("RUST_LOG", level)))
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(match tap {
                Some(_) => Stdio::piped(),
                None => log.try_clone().unwrap().into(),
            })
            .kill_on_drop(true);
        die_with_parent(&mut command);
        let mut child = command.spawn().unwrap();
        if let (Some(tap), Some(lines)) = (tap, child.stderr.take()) {
            let pid = child.id().expect("just started");
            tap.watch(pid, lines.into_owned_fd().unwrap(), log);
        }
        Bot { child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the bot still runs")
    }

    /// Looks whether it has ended, without waiting.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// SIGKILL, and waits until the process is gone.
    pub async fn kill(mut self) {
        // Something else may have killed it already.
        let _ = self.child.start_kill();
        self.child.wait().await.unwrap();
    }

    pub fn terminate(&self) {
        self.signal(libc::SIGTERM);
    }

    pub fn signal(&self, signal: i32) {
        let pid = libc::pid_t::try_from(self.pid()).unwrap();
        // SAFETY: the child was not waited for, so its number cannot belong to another process.
        let sent = unsafe { libc::kill(pid, signal) };
        assert_eq!(sent, 0, "the bot cannot be signalled");
    }

    /// The exit code; a signal counts as 128 and its number.
    pub async fn exit_code(mut self, within: Duration) -> i32 {
        let status = tokio::time::timeout(within, self.child.wait()).await;
        let status = status.expect("the bot did not end in time").unwrap();
        code(status)
    }
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .or(status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1)
}

/// The kernel kills the child when the test's thread ends, however it ends.
fn die_with_parent(command: &mut Command) {
    let arm = || {
        // SAFETY: prctl is async-signal-safe and touches no memory of the parent.
        let armed = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if armed == 0 {
            Ok(())
        } else {
            Err(std::io::Error::last_os_error())
        }
    };
    // SAFETY: the closure makes one system call and allocates nothing.
    unsafe {
        command.pre_exec(arm);
    }
}
