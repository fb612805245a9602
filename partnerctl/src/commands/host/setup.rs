//! `partnerctl host setup`: directories, programs, units. Done again, it changes only what differs.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::audit;
use crate::failure::{Code, Failure};
use crate::host::{Call, Host};
use crate::layout::{BOOT, Layout};
use crate::lifecycle;
use crate::output;
use crate::plan::{self, Step};
use crate::systemd::Manager;
use crate::units;

/// Makes this machine ready: directories, programs, systemd units; says what it changes
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl host setup --dry-run
  partnerctl host setup
  partnerctl host setup --user --funnels ./funnels")]
pub struct SetupArgs {
    /// Under your own systemd, without root
    #[arg(long)]
    user: bool,
    /// Print what would be done and exit 10 when that is something
    #[arg(long)]
    dry_run: bool,
    /// Shared funnels to begin with [default: ./funnels when this host has none]
    #[arg(long, value_name = "DIR")]
    funnels: Option<PathBuf>,
    /// New bots a minute, after the first so many, at a boot and by `start`; 0: all at once, for a Bot API server of your own
    #[arg(long, value_name = "N")]
    pace: Option<u32>,
    /// The directory with the programs bot and partnerctl [default: where this program is]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
}

pub fn run(args: &SetupArgs, host: &dyn Host) -> Result<(), Failure> {
    let machine = host.machine();
    if !args.user && machine.uid != 0 {
        let message = "the machine's systemd belongs to root; run: sudo partnerctl host setup, or keep the bots under your own: partnerctl host setup --user";
        return Err(Failure::new(Code::Credentials, message));
    }
    let layout = match args.user {
        true => Layout::user(&machine.home),
        false => Layout::system(&machine.root),
    };
    let programs = match &args.programs {
        Some(dir) => dir.clone(),
        None => std::env::current_exe()?
            .parent()
            .unwrap_or(Path::new("."))
            .to_owned(),
    };
    let funnels = args.funnels.clone().or_else(|| {
        let here = PathBuf::from("funnels");
        (here.is_dir() && !layout.funnels.is_dir()).then_some(here)
    });
    let pace = args.pace.unwrap_or_else(|| lifecycle::pace(&layout));
    let steps = with_systemd(
        plan::needed(plan(&layout, &programs, funnels.as_deref(), pace)?),
        &layout,
    );
    if steps.is_empty() {
        host.out("this host is set up; nothing to change");
        return Ok(());
    }
    for step in &steps {
        host.out(&step.to_string());
    }
    if args.dry_run {
        return Err(Failure::said(Code::Changes));
    }
    let done = plan::apply(&steps, host);
    let told = audit::told(&done);
    let what = format!(
        "{}, {}",
        layout.mode.name(),
        output::count(steps.len(), "step")
    );
    audit::record(&layout, host, "host setup", &[], &what, &told);
    done?;
    host.err("next: partnerctl create, then partnerctl start");
    if args.user {
        host.err(&format!(
            "to keep the bots running while you are logged out: sudo loginctl enable-linger {}",
            machine.user
        ));
    }
    Ok(())
}

/// Everything a host needs, whether it is there or not.
fn plan(
    layout: &Layout,
    programs: &Path,
    funnels: Option<&Path>,
    pace: u32,
) -> Result<Vec<Step>, Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let release = layout.releases().join(version);
    let bot = programs.join("bot");
    if !bot.is_file() {
        let message = format!(
            "{} is not there; name the directory of both programs: --programs target/release",
            bot.display()
        );
        return Err(Failure::new(Code::NotFound, message));
    }
    // A service's own user passes through the open ones; `partners` keeps everybody else out.
    let open = |path: PathBuf| Step::MakeDir { path, mode: 0o755 };
    let closed = |path: PathBuf| Step::MakeDir { path, mode: 0o700 };
    let fleet = layout.partners.parent().unwrap_or(&layout.partners);
    let mut steps = vec![
        open(layout.programs.clone()),
        open(layout.releases()),
        open(release.clone()),
        open(fleet.to_owned()),
        open(layout.programs.join("use")),
        closed(layout.partners.clone()),
        closed(layout.state.clone()),
        open(layout.units.clone()),
    ];
    if layout.mode == crate::layout::Mode::User {
        steps.push(closed(layout.data.clone()));
        steps.push(open(layout.bin.clone()));
    }
    for name in ["bot", "partnerctl"] {
        steps.push(Step::Install {
            from: programs.join(name),
            path: release.join(name),
        });
    }
    if layout.current().symlink_metadata().is_err() {
        steps.push(Step::Link {
            path: layout.current(),
            to: PathBuf::from("releases").join(version),
        });
    }
    steps.push(Step::Link {
        path: layout.bin.join("partnerctl"),
        to: layout.current().join("partnerctl"),
    });
    match funnels {
        Some(from) => {
            let words = [
                "-rT".to_owned(),
                from.display().to_string(),
                layout.funnels.display().to_string(),
            ];
            steps.push(Step::Run(Call::new("cp", words)));
            // Whatever the umask of the one who copied: every bot reads them.
            let words = [
                "-R".to_owned(),
                "a+rX".to_owned(),
                layout.funnels.display().to_string(),
            ];
            steps.push(Step::Run(Call::new("chmod", words)));
        }
        None => steps.push(open(layout.funnels.clone())),
    }
    steps.extend(units::steps(layout));
    steps.extend(layout.sysctl().map(|path| Step::Write {
        path,
        text: units::sysctl(),
        mode: 0o644,
    }));
    steps.push(Step::Write {
        path: layout.marker.clone(),
        text: format!(
            "{{ \"mode\": \"{}\", \"pace\": {pace} }}\n",
            layout.mode.name()
        ),
        mode: 0o644,
    });
    Ok(steps)
}

/// A container may not set it and lives without; doctor tells what that means.
fn load_sysctl(path: &Path) -> Call {
    let script = format!("sysctl --quiet --load={} || true", path.display());
    Call::new("sh", ["-c", &script])
}

/// systemd reads its files again when one of them is new, and starts the bots by itself at a boot.
fn with_systemd(mut steps: Vec<Step>, layout: &Layout) -> Vec<Step> {
    let is_unit =
        |step: &Step| matches!(step, Step::Write { path, .. } if path.starts_with(&layout.units));
    let Some(manager) = Manager::of(layout.mode) else {
        return steps;
    };
    if steps.iter().any(is_unit) {
        steps.push(Step::Run(manager.daemon_reload()));
    }
    let sysctl = layout.sysctl();
    let is_sysctl =
        |step: &Step| matches!(step, Step::Write { path, .. } if Some(path) == sysctl.as_ref());
    if let Some(path) = sysctl.as_ref().filter(|_| steps.iter().any(is_sysctl)) {
        steps.push(Step::Run(load_sysctl(path)));
    }
    if !layout.starts_at_boot() {
        steps.push(Step::Run(manager.enable(BOOT)));
    }
    steps
}
