//! `partnerctl deploy` and `rollback`: a release, shared funnels or partners' own files, one partner first, then the
//! rest in waves.

mod doing;
mod sources;
mod versions;

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::deploy::lock::{self, Holder};
use crate::deploy::plan::{self, Plan};
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::output::{OutputArgs, json};
use crate::targets::TargetArgs;
use doing::Doing;
use sources::{look, sources};

/// Brings a release, shared funnels or partners' own files to bots: checked by the release itself, one bot first, the rest in waves
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl deploy --all --release target/release --plan       what changes, for whom
  partnerctl deploy --all --release target/release
  partnerctl deploy --all --shared-funnels funnels              without a restart
  partnerctl deploy --all --partner-files git/partners          config.yaml and own funnels, without a restart
  partnerctl deploy north --release 0.2.0-1a2b3c4d              one partner stays on it")]
pub struct DeployArgs {
    #[command(flatten)]
    targets: TargetArgs,
    /// A directory with a built bot and partnerctl, or the name of a release that is here
    #[arg(long, value_name = "DIR|NAME")]
    pub release: Option<String>,
    /// A directory of shared funnels, or the name of a version that is here
    #[arg(long = "shared-funnels", value_name = "DIR|NAME")]
    pub shared: Option<String>,
    /// A directory with <partner>/config.yaml and <partner>/funnels; secrets stay where they are
    #[arg(long = "partner-files", value_name = "DIR")]
    pub own: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

/// Takes bots back to a release, to shared funnels or to files of their own that ran before; without a name, lists them
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl rollback                             what there is to go back to
  partnerctl rollback --all --release 0.1.0-9f8e7d6c
  partnerctl rollback --all --shared-funnels 4c3b2a10")]
pub struct RollbackArgs {
    #[command(flatten)]
    targets: TargetArgs,
    /// The release
    #[arg(long, value_name = "NAME")]
    release: Option<String>,
    /// The version of the shared funnels
    #[arg(long = "shared-funnels", value_name = "NAME")]
    shared: Option<String>,
    /// The partners' own files
    #[arg(long = "partner-files", value_name = "NAME")]
    own: Option<String>,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Args)]
pub struct HowArgs {
    /// Only say what would change; the exit code is 10 when something would
    #[arg(long, visible_alias = "dry-run")]
    plan: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Why, for the lock and the audit log
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
    /// Who goes first [default: the first that is well]
    #[arg(long, value_name = "PARTNER")]
    canary: Option<String>,
    /// How many go together after the first [default: 10; 50 when nobody restarts]
    #[arg(long, value_name = "N")]
    wave: Option<usize>,
    /// Seconds a bot is watched after a change, the first one twice as long [default: 5; 1 when nobody restarts]
    #[arg(long, value_name = "SECONDS")]
    watch: Option<u64>,
    /// Seconds a bot may take to start
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    start: u64,
    /// Seconds to wait for another deploy to end
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    lock_wait: u64,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: DeployArgs, host: &dyn Host) -> Result<(), Failure> {
    if args.release.is_none() && args.shared.is_none() && args.own.is_none() {
        return Err(Failure::new(
            Code::Usage,
            "say what: --release DIR for programs, --shared-funnels DIR for texts, --partner-files DIR for what each has of their own",
        ));
    }
    let (fleet, partners) = args.targets.named("deploy", host)?;
    let wish = Wish {
        verb: "deploy",
        release: args.release.as_deref(),
        shared: args.shared.as_deref(),
        own: args.own.as_deref(),
    };
    carry_out(&fleet, &partners, &wish, &args.how, host).await
}

pub async fn rollback(args: RollbackArgs, host: &dyn Host) -> Result<(), Failure> {
    if args.release.is_none() && args.shared.is_none() && args.own.is_none() {
        let fleet = args.targets.fleet.open(host);
        return versions::list(&fleet, &args.how, host).await;
    }
    let (fleet, partners) = args.targets.named("rollback", host)?;
    let wish = Wish {
        verb: "rollback",
        release: args.release.as_deref(),
        shared: args.shared.as_deref(),
        own: args.own.as_deref(),
    };
    carry_out(&fleet, &partners, &wish, &args.how, host).await
}

struct Wish<'a> {
    verb: &'static str,
    release: Option<&'a str>,
    shared: Option<&'a str>,
    own: Option<&'a str>,
}

async fn carry_out(
    fleet: &Fleet,
    partners: &[Partner],
    wish: &Wish<'_>,
    how: &HowArgs,
    host: &dyn Host,
) -> Result<(), Failure> {
    let _lock = take_lock(fleet, wish, how, host).await?;
    let sources = sources(fleet, partners, wish, host).await?;
    let seen = look(fleet, partners, &sources, host).await?;
    let plan = plan::plan(&sources.target, &seen);
    show(&plan, how, host);
    if !plan.broken.is_empty() {
        let message = "nothing is deployed while the target's own check finds errors; mend them and try again";
        return Err(Failure::new(Code::InvalidConfig, message));
    }
    if let Some(refused) = &plan.refused {
        return Err(Failure::new(Code::Conflict, refused));
    }
    if plan.is_empty() {
        host.err("nothing to change");
        return Ok(());
    }
    if how.plan {
        return Err(Failure::said(Code::Changes));
    }
    confirm(how, host)?;
    let doing = Doing {
        fleet,
        partners,
        sources: &sources,
        plan: &plan,
        how,
        verb: wish.verb,
        host,
    };
    doing.all().await
}

async fn take_lock(
    fleet: &Fleet,
    wish: &Wish<'_>,
    how: &HowArgs,
    host: &dyn Host,
) -> Result<lock::Lock, Failure> {
    let what = [wish.release, wish.shared, wish.own];
    let what: Vec<&str> = what.into_iter().flatten().collect();
    let why = match how.reason.as_str() {
        "" => format!("{} {}", wish.verb, what.join(" ")),
        reason => reason.to_owned(),
    };
    let holder = Holder {
        who: host.machine().user.clone(),
        why,
        since: host.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        pid: std::process::id(),
    };
    let path = lock::path(&fleet.layout.state);
    lock::take(&path, &holder, Duration::from_secs(how.lock_wait)).await
}

fn show(plan: &Plan, how: &HowArgs, host: &dyn Host) {
    if how.output.json {
        let changes: Vec<_> = plan
            .changes
            .iter()
            .map(|change| json!({ "partner": change.id, "act": format!("{:?}", change.act).to_lowercase(), "words": change.words }))
            .collect();
        let data = json!({ "head": plan.head, "changes": changes, "broken": plan.broken, "refused": plan.refused });
        return json("deploy-plan", &data, &[], host);
    }
    for line in plan.lines() {
        host.out(&line);
    }
}

fn confirm(how: &HowArgs, host: &dyn Host) -> Result<(), Failure> {
    if how.yes {
        return Ok(());
    }
    if !host.interactive() {
        return Err(Failure::new(
            Code::Usage,
            "say --yes to go on without being asked, or --plan to only look",
        ));
    }
    match host.ask("go on? [y/N]")?.to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Code::Interrupted, "nothing was changed")),
    }
}
