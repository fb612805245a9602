//! `partnerctl completions` and `man`: what shells and `man` know of the commands.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::host::Host;

/// Prints the completion script of a shell
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl completions bash > /etc/bash_completion.d/partnerctl
  partnerctl completions zsh > ~/.zfunc/_partnerctl")]
pub struct CompletionsArgs {
    shell: Shell,
}

/// Prints the manual page, or writes one page per command
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl man | man -l -
  partnerctl man --dir /usr/local/share/man/man1")]
pub struct ManArgs {
    /// Write a page per command into this directory
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub fn completions(
    args: &CompletionsArgs,
    mut command: Command,
    host: &dyn Host,
) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "partnerctl", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if args.shell == Shell::Bash {
        script.push_str(BASH_PARTNERS);
    }
    host.out(script.trim_end());
    Ok(())
}

/// Where a partner is meant, the partners of the fleet are offered beside the options.
const BASH_PARTNERS: &str = r#"
_partnerctl_with_partners() {
    _partnerctl "$@"
    local word="${COMP_WORDS[COMP_CWORD]}"
    if [ "$COMP_CWORD" -ge 2 ] && [[ "$word" != -* ]]; then
        COMPREPLY+=($(compgen -W "$(partnerctl list 2>/dev/null | awk 'NR > 1 { print $1 }')" -- "$word"))
    fi
}
complete -F _partnerctl_with_partners -o bashdefault -o default partnerctl
"#;

pub fn man(args: &ManArgs, command: Command, host: &dyn Host) -> Result<(), Failure> {
    match &args.dir {
        Some(dir) => {
            std::fs::create_dir_all(dir)?;
            clap_mangen::generate_to(command, dir)?;
            host.err(&format!("written to {}", dir.display()));
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            host.out(String::from_utf8_lossy(&page).trim_end());
        }
    }
    Ok(())
}
