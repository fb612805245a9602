//! `partnerctl remove`: stops a bot for good and puts its files and data into an archive.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::audit;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::{Call, Host};
use crate::plan::{self, Step};
use crate::systemd::Manager;

/// Stops a bot for good and archives its files and data
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl remove north                 asks for the name again
  partnerctl remove north --confirm north
  partnerctl remove north --dry-run")]
pub struct RemoveArgs {
    /// The partner, by its whole id
    partner: String,
    /// The id once more, instead of being asked
    #[arg(long, value_name = "ID")]
    confirm: Option<String>,
    /// Print what would be done
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub fn run(args: &RemoveArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let partner = fleet.one(&args.partner)?;
    // A beginning is enough to look at a bot, not to end it.
    if partner.id != args.partner {
        let message = format!("write the whole id: partnerctl remove {}", partner.id);
        return Err(Failure::new(Code::Usage, message));
    }
    let stamp = host.now().strftime("%Y%m%d-%H%M%S");
    let archive = fleet
        .layout
        .archive()
        .join(format!("{}-{stamp}.tar.gz", partner.id));
    let steps = plan(&fleet, &partner, archive.clone());
    if args.dry_run {
        steps.iter().for_each(|step| host.out(&step.to_string()));
        return Ok(());
    }
    confirm(args, &partner, host)?;
    refuse_running(&fleet, &partner)?;
    let done = plan::apply(&steps, host);
    let told = audit::told(&done);
    let what = archive.display().to_string();
    audit::record(
        &fleet.layout,
        host,
        "remove",
        std::slice::from_ref(&partner.id),
        &what,
        &told,
    );
    done?;
    host.out(&format!(
        "{} is removed; its files, data and token are in {}",
        partner.id,
        archive.display()
    ));
    host.err("the bot still exists at Telegram: end it with /deletebot at @BotFather");
    Ok(())
}

fn confirm(args: &RemoveArgs, partner: &Partner, host: &dyn Host) -> Result<(), Failure> {
    let said = match &args.confirm {
        Some(said) => said.clone(),
        None if host.interactive() => host.ask(&format!(
            "this ends the bot of {0} and moves its leads into an archive; type {0} to go on",
            partner.id
        ))?,
        None => {
            return Err(Failure::new(
                Code::Usage,
                format!("--confirm {} is missing", partner.id),
            ));
        }
    };
    match said == partner.id {
        true => Ok(()),
        false => Err(Failure::new(
            Code::Interrupted,
            "not removed: that is not its id",
        )),
    }
}

/// Where no systemd could stop it, a bot that runs is stopped by whoever runs it.
fn refuse_running(fleet: &Fleet, partner: &Partner) -> Result<(), Failure> {
    let runs = std::os::unix::net::UnixStream::connect(partner.socket()).is_ok();
    match runs && Manager::of(fleet.layout.mode).is_none() {
        true => Err(Failure::new(
            Code::Conflict,
            format!("the bot of {} runs; end it first", partner.id),
        )),
        false => Ok(()),
    }
}

/// Stop, pack, and only then delete.
fn plan(fleet: &Fleet, partner: &Partner, archive: PathBuf) -> Vec<Step> {
    let layout = &fleet.layout;
    let id = &partner.id;
    let mut steps = Vec::new();
    if let Some(manager) = Manager::of(layout.mode) {
        let ids = std::slice::from_ref(id);
        steps.push(Step::Run(
            manager.units(&["disable", "--quiet", "--now"], ids),
        ));
    }
    steps.push(Step::MakeDir {
        path: layout.archive(),
        mode: 0o700,
    });
    let dir = real(&partner.dir);
    // Behind a service's own user the data's place is a link into a private directory.
    let data = real(&partner.data);
    let apart = !data.starts_with(&dir) && data.exists();
    // Paths from the root, so that `tar -xzf … -C /` puts everything back.
    let from_root = |path: &Path| path.strip_prefix("/").unwrap_or(path).display().to_string();
    let mut words = vec![
        "-czf".to_owned(),
        archive.display().to_string(),
        "--exclude=bot.sock".to_owned(),
        "-C".to_owned(),
        "/".to_owned(),
        from_root(&dir),
    ];
    words.extend(apart.then(|| from_root(&data)));
    steps.push(Step::Run(Call::new("tar", words)));
    steps.push(Step::Mode {
        path: archive,
        mode: 0o600,
    });
    steps.push(Step::Remove {
        path: partner.dir.clone(),
    });
    if apart {
        steps.push(Step::Remove { path: data });
        steps.push(Step::Remove {
            path: partner.data.clone(),
        });
    }
    steps.push(Step::Remove {
        path: layout.program_link(id),
    });
    steps
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
