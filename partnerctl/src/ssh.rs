//! Other hosts by the operator's own OpenSSH: its config, agent and known hosts count, and nothing goes around them.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::host::Call;

/// A host by the name the operator's ssh knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// `ssh` with its options; `PARTNERCTL_SSH` as `GIT_SSH_COMMAND` for git.
    command: Vec<String>,
    pub host: String,
    /// How the other host calls partnerctl.
    program: String,
}

impl Ssh {
    /// `command` and `program` come from the environment, where they are wanted.
    pub fn new(host: &str, command: Option<&str>, program: Option<&str>) -> Result<Ssh> {
        // A name that begins with a dash would be an option of ssh.
        if host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace) {
            bail!("\"{host}\" is not a host's name; use one of ~/.ssh/config, or user@host");
        }
        let words = command.unwrap_or("ssh").split_whitespace();
        Ok(Ssh {
            command: words.map(str::to_owned).collect(),
            host: host.to_owned(),
            program: program.unwrap_or("partnerctl").to_owned(),
        })
    }

    pub fn of_environment(host: &str) -> Result<Ssh> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let (command, program) = (var("PARTNERCTL_SSH"), var("PARTNERCTL_REMOTE"));
        Ssh::new(host, command.as_deref(), program.as_deref())
    }

    /// partnerctl there with these arguments; never asks for a password when nobody can answer.
    pub fn call(&self, args: &[&str], interactive: bool) -> Call {
        let line = std::iter::once(quoted_program(&self.program))
            .chain(args.iter().map(|arg| quoted(arg)))
            .collect::<Vec<_>>()
            .join(" ");
        let mut words: Vec<String> = self.command[1..].to_vec();
        match interactive {
            true => words.push("-t".to_owned()),
            false => words.extend(["-o", "BatchMode=yes"].map(str::to_owned)),
        }
        words.extend(["--".to_owned(), self.host.clone(), line]);
        Call::new(&self.command[0], words)
    }

    /// Runs it there with this terminal; its exit code.
    pub fn hand_over(&self, args: &[&str], interactive: bool) -> Result<i32> {
        let call = self.call(args, interactive);
        let status = Command::new(&call.program)
            .args(&call.args)
            .status()
            .with_context(|| format!("{} cannot be started", call.program))?;
        match status.code() {
            Some(255) => bail!(
                "{} is not to be reached by ssh; try: ssh {}",
                self.host,
                self.host
            ),
            code => Ok(code.unwrap_or(1)),
        }
    }

    /// Runs it there, gives it what `feed` writes, and returns what it prints.
    pub fn send(
        &self,
        args: &[&str],
        feed: impl FnOnce(&mut dyn Write) -> Result<()>,
    ) -> Result<String> {
        let call = self.call(args, false);
        let mut child = Command::new(&call.program)
            .args(&call.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{} cannot be started", call.program))?;
        let mut stdin = child.stdin.take().context("a pipe to ssh")?;
        let fed = feed(&mut stdin);
        // The other side waits for the end.
        drop(stdin);
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().trim_start_matches("error: ");
            bail!("{}: {said}", self.host);
        }
        fed?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// One word of the other host's shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,%+".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// May carry variables before it (`PARTNERCTL_ROOT=… partnerctl`), so only the operator's own words are taken as they are.
fn quoted_program(program: &str) -> String {
    program.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_arrive_as_they_were_said() {
        let ssh = Ssh::new("almaty", Some("ssh -F cfg"), None).expect("a host");
        assert_eq!(
            ssh.call(&["logs", "--grep", "it's here"], false).args,
            [
                "-F",
                "cfg",
                "-o",
                "BatchMode=yes",
                "--",
                "almaty",
                "partnerctl logs --grep 'it'\\''s here'"
            ]
        );
        assert!(Ssh::new("-oProxyCommand=evil", None, None).is_err());
    }
}
