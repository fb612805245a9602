//! `partnerctl plan`: what an edit of funnels and sequences would mean for whom, before it goes live.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::Value;

use super::why::socket_of;
use crate::failure::{Code, Failure};
use crate::fleet::FleetArgs;
use crate::host::Host;
use crate::output::{self, OutputArgs};

/// Tells what an edit of funnels and sequences would mean for the leads inside, before it goes live
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl plan north --edited ../drafts/funnels
  partnerctl plan north --edited ../drafts/funnels --json")]
pub struct PlanArgs {
    /// The partner, by id or by the beginning of an id
    partner: String,
    /// The edited copy of the funnels directory [default: the files on disk, which are live once saved]
    #[arg(long, value_name = "DIR")]
    edited: Option<PathBuf>,
    #[command(flatten)]
    output: OutputArgs,
    /// Where the bot keeps its data [default: data in the partner's directory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(args: PlanArgs, host: &dyn Host) -> Result<(), Failure> {
    let partner = args.fleet.open(host).one(&args.partner)?;
    let Some(socket) = socket_of(&partner, args.data_dir.as_deref())? else {
        let message = format!(
            "the bot is not running, and only it knows who waits for what; run: bot run --partner {}",
            partner.dir.display()
        );
        return Err(Failure::new(Code::Unhealthy, message));
    };
    let path = match &args.edited {
        None => "/plan".to_owned(),
        Some(edited) => format!("/plan?dir={}", whole(edited)?),
    };
    let told = socket
        .get(&path)
        .await
        .map_err(|error| Failure::new(Code::Unhealthy, format!("{error:#}")))?;
    if args.output.json {
        output::json("plan", &told, &[], host);
    }
    if let Some(problems) = told["problems"].as_array() {
        if !args.output.json {
            for problem in problems.iter().filter_map(|problem| problem.as_str()) {
                host.err(problem);
            }
        }
        let message = "the files are refused whole; nothing would change".to_owned();
        return Err(Failure::new(Code::InvalidConfig, message));
    }
    if args.output.json {
        return Ok(());
    }
    if told["live"] == true {
        host.out("these files are live already");
    }
    for line in told["lines"].as_array().into_iter().flatten() {
        host.out(line.as_str().unwrap_or_default());
    }
    tell_config(&told["config"], host);
    Ok(())
}

/// What of config.yaml is not live, and what it takes to bring it there.
fn tell_config(config: &Value, host: &dyn Host) {
    let means = [
        ("reload", "changed on disk, and a reload takes it over"),
        (
            "restart",
            "changed on disk, and only a restart takes it over",
        ),
    ];
    for (how, meaning) in means {
        let keys = config[how].as_array().into_iter().flatten();
        let keys: Vec<&str> = keys.filter_map(Value::as_str).collect();
        if !keys.is_empty() {
            host.out(&format!("config: {}: {meaning}", keys.join(", ")));
        }
    }
}

/// The directory's full path as a query takes it: the bot runs elsewhere.
fn whole(dir: &Path) -> Result<String, Failure> {
    let missing = |error| {
        let message = format!(
            "{}: {error}; name the directory of the edited copy",
            dir.display()
        );
        Failure::new(Code::Usage, message)
    };
    let path = dir.canonicalize().map_err(missing)?;
    let bytes = path.as_os_str().as_encoded_bytes();
    Ok(form_urlencoded::byte_serialize(bytes)
        .collect::<String>()
        .replace('+', "%20"))
}
