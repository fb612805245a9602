//! `--host`: the same words on another host. What a deploy names here is sent there first.

use std::path::Path;

use anyhow::Context;

use crate::deploy::own;
use crate::failure::Failure;
use crate::host::Host;
use crate::ssh::Ssh;

/// Runs these arguments (without the program's name) on the other host; its exit code.
pub fn run(there: &str, args: Vec<String>, host: &dyn Host) -> Result<u8, Failure> {
    let ssh = Ssh::of_environment(there)?;
    let mut args = without_host(args);
    if args.first().is_some_and(|verb| verb == "deploy") {
        args = send_sources(&ssh, args, host)?;
    }
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let code = ssh.hand_over(&words, host.interactive())?;
    Ok(u8::try_from(code).unwrap_or(1))
}

/// The same arguments without `--host HOST`. PURE.
fn without_host(args: Vec<String>) -> Vec<String> {
    let mut rest = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if arg == "--host" {
            args.next();
        } else if !arg.starts_with("--host=") {
            rest.push(arg);
        }
    }
    rest
}

/// Directories of this host become names of the other.
fn send_sources(ssh: &Ssh, args: Vec<String>, host: &dyn Host) -> Result<Vec<String>, Failure> {
    let mut told = Vec::new();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let (name, value) = match arg.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (arg.clone(), None),
        };
        let what = match name.as_str() {
            "--release" => "--release",
            "--shared-funnels" => "--shared-funnels",
            "--partner-files" => "--partner-files",
            _ => {
                told.push(arg);
                continue;
            }
        };
        let value = value.or_else(|| args.next()).unwrap_or_default();
        told.push(name);
        told.push(match Path::new(&value).is_dir() {
            true => send(ssh, what, Path::new(&value), host)?,
            false => value,
        });
    }
    Ok(told)
}

fn send(ssh: &Ssh, what: &str, dir: &Path, host: &dyn Host) -> Result<String, Failure> {
    host.err(&format!("sending {} to {}", dir.display(), ssh.host));
    let name = ssh.send(&["receive", what], |out| {
        let mut tar = tar::Builder::new(out);
        match what {
            "--release" => {
                for program in ["bot", "partnerctl"] {
                    let path = dir.join(program);
                    tar.append_path_with_name(&path, program)
                        .with_context(|| format!("cannot send {}", path.display()))?;
                }
            }
            // Never a token among them.
            "--partner-files" => {
                for (name, path) in own::all_of(dir)? {
                    tar.append_path_with_name(&path, &name)
                        .with_context(|| format!("cannot send {}", path.display()))?;
                }
            }
            _ => tar.append_dir_all(".", dir)?,
        }
        Ok(tar.finish()?)
    })?;
    Ok(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_host_gets_the_same_words() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for said in [
            "--host almaty logs north -f",
            "logs --host=almaty north -f",
            "logs north -f --host almaty",
        ] {
            assert_eq!(without_host(words(said)), words("logs north -f"));
        }
    }
}
