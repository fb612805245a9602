//! `partnerctl receive`: the other end of `move` and of a deploy to another host. Called over ssh, not by people.

use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::audit;
use crate::backup::put_back::{self, Arrival, Staging};
use crate::backup::shelf;
use crate::bot_program::BotProgram;
use crate::deploy::{funnels, release};
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::Host;
use crate::layout::Mode;
use crate::lifecycle;
use crate::output::OutputArgs;
use crate::output::json;

/// Takes in what another host sends
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl move north --to almaty        calls this on the host almaty")]
pub struct ReceiveArgs {
    /// The partner that comes
    partner: Option<String>,
    /// Only say whether there is room for the partner
    #[arg(long, group = "what")]
    check: bool,
    /// Read the partner's archive from standard input
    #[arg(long, group = "what")]
    archive: bool,
    /// Start the bot that came, and wait until it is well
    #[arg(long, group = "what")]
    start: bool,
    /// Throw away what came
    #[arg(long, group = "what")]
    undo: bool,
    /// Read a release's programs from standard input
    #[arg(long, group = "what")]
    release: bool,
    /// Read shared funnels from standard input
    #[arg(long, group = "what")]
    shared_funnels: bool,
    /// Read partners' own files from standard input
    #[arg(long, group = "what")]
    partner_files: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(args: ReceiveArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    if args.release {
        return take_release(&fleet, host).await;
    }
    if args.shared_funnels {
        return take_funnels(&fleet, host);
    }
    if args.partner_files {
        return take_own(&fleet, host);
    }
    let Some(id) = args.partner.clone() else {
        return Err(Failure::new(Code::Usage, "name the partner that comes"));
    };
    let partner = fleet.partner(&id);
    if args.check {
        let about = BotProgram::of_host().about().await?;
        refuse_taken(&partner)?;
        let told = json!({ "partner": id, "version": about.version, "schema": about.schema, "mode": fleet.layout.mode.name() });
        json("receive-check", &told, &[], host);
        return Ok(());
    }
    let ended = if args.archive {
        take_archive(&partner, &fleet, host).await
    } else if args.start {
        start(&fleet, &partner, host).await
    } else {
        throw_away(&partner, &fleet, host)
    };
    let step = match (args.archive, args.start) {
        (true, _) => "arrived",
        (_, true) => "started after its move",
        _ => "sent back",
    };
    let result = ended.as_ref().map(|_| ()).map_err(|failure| {
        failure
            .error
            .as_ref()
            .map_or_else(String::new, |error| format!("{error:#}"))
    });
    audit::record(&fleet.layout, host, "move", &[id], step, &result);
    ended
}

/// A place that a partner has left may be taken again; any other may not.
fn refuse_taken(partner: &Partner) -> Result<(), Failure> {
    let left = partner.data.join("moved.json").is_file();
    if put_back::has_data(&partner.data) && !left {
        let message = format!("{} has data already", partner.data.display());
        return Err(Failure::new(Code::Conflict, message));
    }
    if partner.dir.exists() && !left {
        let message = format!("{} exists already", partner.dir.display());
        return Err(Failure::new(Code::Conflict, message));
    }
    Ok(())
}

async fn take_archive(partner: &Partner, fleet: &Fleet, host: &dyn Host) -> Result<(), Failure> {
    refuse_taken(partner)?;
    let staging = put_back::staging_for(partner)?;
    let manifest =
        put_back::unpack_checked(io::stdin().lock(), &staging, &BotProgram::of_host()).await?;
    if manifest.partner != partner.id {
        let message = format!("this is \"{}\", not \"{}\"", manifest.partner, partner.id);
        return Err(Failure::new(Code::Conflict, message));
    }
    let stamp = shelf::stamp(host.now().as_millisecond());
    let aside = fleet
        .layout
        .archive()
        .join(format!("{}-{stamp}-left", partner.id));
    if partner.dir.exists() {
        put_back::set_dir_aside(&partner.dir, &aside.join("partner"))?;
    }
    put_back::set_aside(partner, &aside.join("data"))?;
    put_back::publish(&staging, partner, &[], Arrival::Moved)?;
    put_back::open_for_service(partner, &fleet.layout)?;
    json("receive", &serde_json::to_value(&manifest.data)?, &[], host);
    Ok(())
}

fn throw_away(partner: &Partner, fleet: &Fleet, host: &dyn Host) -> Result<(), Failure> {
    if std::os::unix::net::UnixStream::connect(partner.socket()).is_ok() {
        let message = format!("the bot of {} runs here already", partner.id);
        return Err(Failure::new(Code::Conflict, message));
    }
    let stamp = shelf::stamp(host.now().as_millisecond());
    let aside = fleet
        .layout
        .archive()
        .join(format!("{}-{stamp}-undone", partner.id));
    if partner.dir.exists() {
        put_back::set_dir_aside(&partner.dir, &aside.join("partner"))?;
    }
    put_back::set_aside(partner, &aside.join("data"))?;
    Ok(())
}

/// Where no systemd keeps bots, somebody else starts it.
async fn start(fleet: &Fleet, partner: &Partner, host: &dyn Host) -> Result<(), Failure> {
    if fleet.layout.mode == Mode::Here {
        host.err(&format!(
            "start it: bot run --partner {}",
            partner.dir.display()
        ));
        return Ok(());
    }
    let partners = std::slice::from_ref(partner);
    let rise = lifecycle::Rise {
        verb: "start",
        pace: 0,
        wait: Duration::from_secs(60),
    };
    lifecycle::bring_up(&rise, fleet, partners, &OutputArgs::default(), host).await
}

async fn take_release(fleet: &Fleet, host: &dyn Host) -> Result<(), Failure> {
    let staging = Staging::beside(&fleet.layout.releases().join("new"))?;
    unpack_plain(io::stdin().lock(), &staging.0)?;
    let release = release::describe(&staging.0, host.now().as_millisecond()).await?;
    release::add(&staging.0, &release, &fleet.layout)?;
    host.out(&release.name);
    Ok(())
}

fn take_funnels(fleet: &Fleet, host: &dyn Host) -> Result<(), Failure> {
    let link = &fleet.layout.funnels;
    let staging = Staging::beside(&funnels::versions_dir(link).join("new"))?;
    unpack_plain(io::stdin().lock(), &staging.0)?;
    let (name, _) = funnels::add(&staging.0, link)?;
    host.out(&name);
    Ok(())
}

/// They lie where only the next deploy looks, until the next ones come.
fn take_own(fleet: &Fleet, host: &dyn Host) -> Result<(), Failure> {
    let home = fleet.layout.state.join("sent/partner-files");
    let staging = Staging::beside(&home)?;
    unpack_plain(io::stdin().lock(), &staging.0)?;
    if home.is_dir() {
        std::fs::remove_dir_all(&home)?;
    }
    std::fs::rename(&staging.0, &home)?;
    host.out(&home.display().to_string());
    Ok(())
}

/// A tar of plain files; `tar` itself keeps them inside the directory.
fn unpack_plain(input: impl Read, dir: &Path) -> anyhow::Result<()> {
    let mut tar = tar::Archive::new(input);
    tar.set_preserve_permissions(true);
    tar.unpack(dir)?;
    Ok(())
}
