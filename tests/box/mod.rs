//! A machine with a real systemd that is thrown away: `tests/box/box`, one per test.

pub mod crowd;
pub mod fleet;

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::programs;
use crate::support::bot_program;

pub struct Machine {
    name: String,
}

impl Machine {
    /// A machine that runs, or why there can be none here.
    pub fn boot(name: &str) -> Result<Self, String> {
        // SAFETY: geteuid takes nothing, cannot fail and touches no memory.
        if unsafe { libc::geteuid() } != 0 {
            return Err("a box needs root".to_owned());
        }
        let may = Command::new("unshare").args(["-mpfiuC", "true"]).output();
        if !may.is_ok_and(|output| output.status.success()) {
            return Err("this kernel or container allows no namespaces of one's own".to_owned());
        }
        let machine = Self {
            name: format!("{name}-{}", std::process::id()),
        };
        machine.up("running", "basic.target")?;
        if let Ok(level) = std::env::var("RUST_LOG") {
            machine.run(&["systemctl", "set-environment", &format!("RUST_LOG={level}")]);
        }
        Ok(machine)
    }

    /// Boots, again after a cut, into this target.
    pub fn up(&self, may_be: &str, target: &str) -> Result<(), String> {
        let output = self
            .script()
            .arg("up")
            .env("BOX_MAY_BE", may_be)
            .env("BOX_TARGET", target)
            .output();
        let output = output.map_err(|error| error.to_string())?;
        match output.status.success() {
            true => Ok(()),
            false => Err(format!("the box does not boot: {}", text(&output.stderr))),
        }
    }

    /// Everything in it dies at once; its files stay.
    pub fn cut(&self) {
        let cut = self.script().arg("cut").status();
        assert!(
            cut.is_ok_and(|status| status.success()),
            "the box cannot be cut off"
        );
    }

    pub fn command(&self, line: &[&str]) -> Command {
        let mut command = self.script();
        command
            .arg("run")
            .args(["env", "-i", "HOME=/var/empty", "USER=olga", "LANG=C.UTF-8"]);
        command
            .arg("PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .args(line);
        command
    }

    pub fn output(&self, line: &[&str]) -> Output {
        self.command(line)
            .stdin(Stdio::null())
            .output()
            .expect("the box's script can be started")
    }

    /// What a program that ends well writes.
    pub fn run(&self, line: &[&str]) -> String {
        let output = self.output(line);
        assert!(
            output.status.success(),
            "{line:?} ended with {:?}: {}{}",
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    pub fn shell(&self, script: &str) -> String {
        self.run(&["sh", "-ec", script])
    }

    fn script(&self) -> Command {
        let mut command = Command::new(script());
        command.env("BOX", &self.name);
        command.envs(bot_program().parent().map(|dir| ("BOX_SHARE", dir)));
        command
    }
}

impl Machine {
    /// Its journal and all files that were written in it, beside what other tests leave.
    fn keep(&self) {
        let place = std::env::temp_dir().join(&self.name);
        let _ = std::fs::create_dir_all(&place);
        let journal = self.output(&["journalctl", "--no-pager", "-o", "export"]);
        let _ = std::fs::write(place.join("journal"), journal.stdout);
        let up = format!("/run/{}/up", self.name);
        let _ = Command::new("cp").arg("-a").arg(up).arg(&place).status();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::env::var_os("TESTS_KEEP").is_some() {
            self.keep();
        }
        // A box that will not go is the next test's failure to boot.
        let _ = self.script().arg("down").status();
    }
}

fn script() -> PathBuf {
    programs::root().join("tests/box/box")
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
