//! `partnerctl backup`: sealed copies of running bots.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::audit;
use crate::backup::rotation::{self, Keep};
use crate::backup::{seal, shelf, take};
use crate::bot_program::BotProgram;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::output::{OutputArgs, Table, count, json, size, span};
use crate::targets::TargetArgs;

/// Takes sealed copies of running bots: opened and counted first, then encrypted to the operator's public key
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl backup --new-key ~/backup.key        once: the secret key, to be kept off this host
  partnerctl backup --all
  partnerctl backup --all --plan                  what would be taken and what would go
  partnerctl backup north --list
  partnerctl backup --all --verify                have the files changed since?")]
pub struct BackupArgs {
    #[command(flatten)]
    targets: TargetArgs,
    /// Where backups go [default: this host's own directory]
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
    /// A file of public keys (age1…), one a line [default: backup.keys of the fleet]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Make a new pair of keys: the secret one goes into this file, the public one into backup.keys
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "verify"])]
    new_key: Option<PathBuf>,
    /// List the backups that are there, the newest first
    #[arg(long, conflicts_with = "verify")]
    list: bool,
    /// Compare the files with what was written; needs no key
    #[arg(long)]
    verify: bool,
    /// Only say what would be taken and which old ones would go; the exit code is 10
    #[arg(long, visible_alias = "dry-run", conflicts_with_all = ["list", "verify", "new_key"])]
    plan: bool,
    /// Keep this many of the newest
    #[arg(long, value_name = "N", default_value_t = Keep::default().last)]
    keep_last: usize,
    /// Keep the newest of this many days
    #[arg(long, value_name = "N", default_value_t = Keep::default().daily)]
    keep_daily: usize,
    /// Keep the newest of this many weeks
    #[arg(long, value_name = "N", default_value_t = Keep::default().weekly)]
    keep_weekly: usize,
    /// Keep the newest of this many months
    #[arg(long, value_name = "N", default_value_t = Keep::default().monthly)]
    keep_monthly: usize,
    #[command(flatten)]
    output: OutputArgs,
}

pub async fn run(args: BackupArgs, host: &dyn Host) -> Result<(), Failure> {
    if let Some(file) = &args.new_key {
        let fleet = args.targets.fleet.open(host);
        return new_key(file, &keys_file(&args, &fleet), host);
    }
    if args.list || args.verify {
        let (fleet, partners) = args.targets.or_all(host)?;
        let backups = backups_dir(&args, &fleet);
        return match args.verify {
            true => verify(&partners, &backups, &args, host),
            false => list(&partners, &backups, &args, host),
        };
    }
    let (fleet, partners) = args.targets.named("backup", host)?;
    take_all(&fleet, &partners, &args, host).await
}

fn backups_dir(args: &BackupArgs, fleet: &Fleet) -> PathBuf {
    args.to.clone().unwrap_or_else(|| fleet.layout.backups())
}

fn keys_file(args: &BackupArgs, fleet: &Fleet) -> PathBuf {
    args.keys
        .clone()
        .unwrap_or_else(|| fleet.layout.backup_keys())
}

fn new_key(file: &Path, keys: &Path, host: &dyn Host) -> Result<(), Failure> {
    let (secret, public) = seal::new_pair();
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .map_err(|error| Failure::new(Code::Conflict, format!("{}: {error}", file.display())))?;
    out.write_all(secret.as_bytes())?;
    out.sync_all()?;
    if let Some(parent) = keys.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let mut list = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .open(keys)?;
    writeln!(list, "{public}")?;
    host.out(&public);
    host.err(&format!(
        "backups are sealed to this key from now on ({}). {} opens them: move it off this host, to two places, and remove it here",
        keys.display(),
        file.display()
    ));
    Ok(())
}

async fn take_all(
    fleet: &Fleet,
    partners: &[Partner],
    args: &BackupArgs,
    host: &dyn Host,
) -> Result<(), Failure> {
    let file = keys_file(args, fleet);
    let name = file.display().to_string();
    let text = std::fs::read_to_string(&file).map_err(|error| {
        let message = format!("{name}: {error}; make a key with: partnerctl backup --new-key FILE");
        Failure::new(Code::Credentials, message)
    })?;
    let keys = seal::recipients(&text, &name)?;
    let keep = Keep {
        last: args.keep_last,
        daily: args.keep_daily,
        weekly: args.keep_weekly,
        monthly: args.keep_monthly,
    };
    let backups = backups_dir(args, fleet);
    if args.plan {
        let now = host.now().as_millisecond();
        for partner in partners {
            let runs = std::os::unix::net::UnixStream::connect(partner.socket()).is_ok();
            let times = shelf::list(&backups, &partner.id);
            let times: Vec<i64> = times.iter().map(|one| one.label.taken_at_ms).collect();
            host.out(&plan(&partner.id, runs, keys.len(), &times, now, keep));
        }
        return Err(Failure::said(Code::Changes));
    }
    let program = BotProgram::of_host();
    let mut table = Table::new(&["partner", "rows>", "size>", "removed>", "file"]);
    let mut done = Vec::new();
    let mut failed = 0;
    for partner in partners {
        let now = host.now().as_millisecond();
        let taken = async {
            let shelved = take::take(partner, &program, &keys, &backups, now).await?;
            let gone = take::rotate(&backups, &partner.id, keep)?;
            anyhow::Ok((shelved, gone.len()))
        };
        let ended = taken.await.map_err(|error| format!("{error:#}"));
        let what = ended.as_ref().map_or_else(
            |_| String::new(),
            |(shelved, _)| shelved.file.display().to_string(),
        );
        let result = ended.as_ref().map(|_| ()).map_err(Clone::clone);
        let ids = [partner.id.clone()];
        audit::record(&fleet.layout, host, "backup", &ids, &what, &result);
        match ended {
            Ok((shelved, gone)) => {
                let rows: i64 = shelved.label.data.rows.values().sum();
                table.row([
                    partner.id.clone(),
                    rows.to_string(),
                    size(shelved.label.bytes),
                    gone.to_string(),
                    what,
                ]);
                done.push(json!({ "file": shelved.file, "label": shelved.label }));
            }
            Err(why) => {
                failed += 1;
                host.err(&format!("{}: no backup: {why}", partner.id));
            }
        }
    }
    match args.output.json {
        true => json("backup", &json!({ "backups": done }), &[], host),
        false if !done.is_empty() => table.print(host),
        false => {}
    }
    match failed {
        0 => Ok(()),
        _ => Err(Failure::said(Code::General)),
    }
}

/// What a backup of one partner would do, in words. PURE.
fn plan(id: &str, runs: bool, keys: usize, there: &[i64], now: i64, keep: Keep) -> String {
    let how = match runs {
        true => "copied while it runs",
        false => "copied as it was left",
    };
    let all: Vec<i64> = there.iter().copied().chain([now]).collect();
    let gone: Vec<String> = rotation::outdated(&all, keep)
        .into_iter()
        .map(shelf::stamp)
        .collect();
    let after = all.len() - gone.len();
    let mut line = format!(
        "{id}: {how}, sealed to {}; {} afterwards",
        count(keys, "key"),
        count(after, "backup")
    );
    if !gone.is_empty() {
        line.push_str(&format!("; goes: {}", gone.join(", ")));
    }
    line
}

fn list(
    partners: &[Partner],
    backups: &Path,
    args: &BackupArgs,
    host: &dyn Host,
) -> Result<(), Failure> {
    let now = host.now().as_millisecond();
    let mut table = Table::new(&["partner", "age>", "rows>", "size>", "version", "file"]);
    let mut all = Vec::new();
    for shelved in partners
        .iter()
        .flat_map(|partner| shelf::list(backups, &partner.id))
    {
        let label = &shelved.label;
        table.row([
            label.partner.clone(),
            span(now - label.taken_at_ms),
            label.data.rows.values().sum::<i64>().to_string(),
            size(label.bytes),
            label.version.clone(),
            shelved.file.display().to_string(),
        ]);
        all.push(json!({ "file": shelved.file, "label": label }));
    }
    if args.output.json {
        json("backups", &json!({ "backups": all }), &[], host);
    } else if all.is_empty() {
        host.err("no backups; take one with: partnerctl backup --all");
    } else {
        table.print(host);
    }
    Ok(())
}

fn verify(
    partners: &[Partner],
    backups: &Path,
    args: &BackupArgs,
    host: &dyn Host,
) -> Result<(), Failure> {
    let mut checked = Vec::new();
    let mut bad = 0;
    for shelved in partners
        .iter()
        .flat_map(|partner| shelf::list(backups, &partner.id))
    {
        let problem = shelf::verify(&shelved)
            .err()
            .map(|error| format!("{error:#}"));
        bad += usize::from(problem.is_some());
        if !args.output.json {
            match &problem {
                Some(problem) => host.err(problem),
                None => host.out(&format!("{}: unchanged", shelved.file.display())),
            }
        }
        checked.push(json!({ "file": shelved.file, "ok": problem.is_none(), "problem": problem }));
    }
    if args.output.json {
        json("backup-verify", &json!({ "backups": checked }), &[], host);
    }
    match bad {
        0 => Ok(()),
        _ => Err(Failure::said(Code::General)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_says_which_old_ones_go() {
        const HOUR: i64 = 3_600_000;
        let keep = Keep {
            last: 2,
            daily: 1,
            weekly: 0,
            monthly: 0,
        };
        assert_eq!(
            plan("north", true, 1, &[], HOUR, keep),
            "north: copied while it runs, sealed to 1 key; 1 backup afterwards"
        );
        assert_eq!(
            plan(
                "north",
                false,
                2,
                &[3 * HOUR, 2 * HOUR, HOUR],
                4 * HOUR,
                keep
            ),
            "north: copied as it was left, sealed to 2 keys; 2 backups afterwards; \
             goes: 19700101T020000.000Z, 19700101T010000.000Z"
        );
    }
}
