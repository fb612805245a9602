//! `partnerctl restore`: puts a backup back, or proves that it could be.

use std::fs;
use std::path::{Path, PathBuf};

use age::x25519::Identity;
use anyhow::Context;
use bot::config::{self, LoadOptions};
use clap::Args;

use crate::audit;
use crate::backup::archive::Manifest;
use crate::backup::put_back::{self, Arrival, Staging};
use crate::backup::seal;
use crate::backup::shelf::{self, Shelved};
use crate::bot_program::BotProgram;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs, Partner};
use crate::host::Host;
use crate::output::{Table, size, span};

/// Puts a partner's backup back; the bot then sends nothing that had been waiting in it
#[derive(Debug, Args)]
#[command(before_help = "Examples:
  partnerctl restore north --identity /media/stick/backup.key
  partnerctl restore north --identity backup.key --plan
  partnerctl restore north --identity backup.key --from north-20261127.age --replace
  partnerctl restore --rehearse --identity backup.key      prove that every newest backup restores")]
pub struct RestoreArgs {
    /// The partner, by its id; nobody with --rehearse means all
    partner: Option<String>,
    /// The file with the secret key of age that opens the backup
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// The backup [default: the partner's newest]
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Where backups are [default: this host's own directory]
    #[arg(long, value_name = "DIR")]
    backups: Option<PathBuf>,
    /// Set aside the data that is there; nothing is deleted
    #[arg(long)]
    replace: bool,
    /// Only prove it: unpack aside, open, count, compare, bring up to date, and throw away
    #[arg(long, conflicts_with = "replace")]
    rehearse: bool,
    /// Only say what would be done; the exit code is 10
    #[arg(long, visible_alias = "dry-run", conflicts_with = "rehearse")]
    plan: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    fleet: FleetArgs,
}

pub async fn run(args: RestoreArgs, host: &dyn Host) -> Result<(), Failure> {
    let fleet = args.fleet.open(host);
    let keys = identities(&args.identity)?;
    let backups = args
        .backups
        .clone()
        .unwrap_or_else(|| fleet.layout.backups());
    if args.rehearse {
        return rehearse(&args, &fleet, &keys, &backups, host).await;
    }
    let Some(id) = &args.partner else {
        return Err(Failure::new(
            Code::Usage,
            "name the partner: partnerctl restore north --identity FILE",
        ));
    };
    let file = chosen(&args, &backups, id)?;
    let partner = fleet.partner(id);
    let in_the_way = put_back::has_data(&partner.data);
    if args.plan {
        let wish = Wish {
            id,
            file: file.display().to_string(),
            data: in_the_way.then(|| fleet.layout.archive().display().to_string()),
            files_too: !partner.dir.exists(),
            runs: runs(&partner),
        };
        plan(&wish).iter().for_each(|line| host.out(line));
        return Err(Failure::said(Code::Changes));
    }
    refuse_running(&partner)?;
    if in_the_way && !args.replace {
        let message = format!(
            "{} has data; say --replace to set it aside and put the backup in its place",
            partner.data.display()
        );
        return Err(Failure::new(Code::Conflict, message));
    }
    if in_the_way && !args.yes {
        confirm(id, host)?;
    }
    let ended = restore(&partner, &file, &keys, &fleet, host).await;
    let result = ended
        .as_ref()
        .map(|_| ())
        .map_err(|error| format!("{error:#}"));
    let what = file.display().to_string();
    let ids = [id.clone()];
    audit::record(&fleet.layout, host, "restore", &ids, &what, &result);
    let (manifest, aside) = ended?;
    say(&partner, &manifest, aside.as_deref(), &fleet, host);
    Ok(())
}

fn identities(file: &Path) -> Result<Vec<Identity>, Failure> {
    let name = file.display().to_string();
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::new(Code::Credentials, format!("{name}: {error}")))?;
    seal::identities(&text, &name)
}

fn chosen(args: &RestoreArgs, backups: &Path, id: &str) -> Result<PathBuf, Failure> {
    if let Some(file) = &args.from {
        return Ok(file.clone());
    }
    match shelf::list(backups, id).into_iter().next() {
        Some(newest) => Ok(newest.file),
        None => {
            let has = shelf::partners(backups).join(", ");
            let message = format!(
                "no backup of \"{id}\" in {}; there are backups of: {}",
                backups.display(),
                if has.is_empty() { "nobody" } else { &has }
            );
            Err(Failure::new(Code::NotFound, message))
        }
    }
}

/// What a restore would find.
struct Wish<'a> {
    id: &'a str,
    file: String,
    /// Where data that are in the way would be set aside.
    data: Option<String>,
    /// The partner's directory is gone as well.
    files_too: bool,
    runs: bool,
}

/// What is done, in words and in order. PURE.
fn plan(wish: &Wish) -> Vec<String> {
    let id = wish.id;
    let mut lines = Vec::new();
    if wish.runs {
        lines.push(format!(
            "first: partnerctl stop {id}; a running bot's data are not replaced"
        ));
    }
    let mut steps = vec![format!(
        "open {} with your key, unpack it aside, count it and compare it with what was copied",
        wish.file
    )];
    if let Some(archive) = &wish.data {
        steps.push(format!(
            "set the data of {id} that are there aside in {archive} (needs --replace)"
        ));
    }
    steps.push(match wish.files_too {
        true => format!("put its data, its files and its token to the places of {id}"),
        false => format!("put its data to their place; the files of {id} stay as they are"),
    });
    steps.push("mark the data as restored: what waited to be sent in them is not sent".to_owned());
    steps.push(
        "join the lists of the erased: who asked to be forgotten since stays forgotten".to_owned(),
    );
    let numbered = steps.into_iter().enumerate();
    lines.extend(numbered.map(|(index, step)| format!("{}. {step}", index + 1)));
    lines.push(format!("it is not started; then: partnerctl start {id}"));
    lines
}

fn runs(partner: &Partner) -> bool {
    std::os::unix::net::UnixStream::connect(partner.socket()).is_ok()
}

fn refuse_running(partner: &Partner) -> Result<(), Failure> {
    if !runs(partner) {
        return Ok(());
    }
    let message = format!(
        "the bot of {} runs; stop it first: partnerctl stop {}",
        partner.id, partner.id
    );
    Err(Failure::new(Code::Conflict, message))
}

fn confirm(id: &str, host: &dyn Host) -> Result<(), Failure> {
    if !host.interactive() {
        return Err(Failure::new(
            Code::Usage,
            "this replaces the bot's data; say --yes to do it without being asked",
        ));
    }
    let answer = host.ask(&format!("this replaces the data of {id}; type its name"))?;
    if answer != id {
        return Err(Failure::new(Code::Interrupted, "nothing was changed"));
    }
    Ok(())
}

async fn restore(
    partner: &Partner,
    file: &Path,
    keys: &[Identity],
    fleet: &Fleet,
    host: &dyn Host,
) -> anyhow::Result<(Manifest, Option<PathBuf>)> {
    let now = host.now().as_millisecond();
    let staging = put_back::staging_for(partner)?;
    let manifest = unpack(file, keys, &staging).await?;
    anyhow::ensure!(
        manifest.partner == partner.id,
        "{}: a backup of \"{}\", not of \"{}\"",
        file.display(),
        manifest.partner,
        partner.id
    );
    let aside = fleet
        .layout
        .archive()
        .join(format!("{}-{}", partner.id, shelf::stamp(now)));
    let aside = put_back::set_aside(partner, &aside)?;
    let mut erased = vec![
        fleet
            .layout
            .backups()
            .join(format!("{}.erased", partner.id)),
        partner.data.join("erased.list"),
    ];
    erased.extend(
        file.parent()
            .and_then(Path::parent)
            .map(|shelf| shelf.join(format!("{}.erased", partner.id))),
    );
    erased.extend(aside.iter().map(|aside| aside.join("erased.list")));
    let arrival = Arrival::Restored {
        copied_at: manifest.taken_at_ms,
        restored_at: now,
    };
    let files_too = !partner.dir.exists();
    put_back::publish(&staging, partner, &erased, arrival)?;
    if files_too {
        put_back::open_for_service(partner, &fleet.layout)?;
    }
    Ok((manifest, aside))
}

/// A sealed backup into a staging, opened and counted there.
async fn unpack(file: &Path, keys: &[Identity], staging: &Staging) -> anyhow::Result<Manifest> {
    if let Ok(label) = shelf::read_label(file) {
        shelf::verify(&Shelved {
            file: file.to_owned(),
            label,
        })?;
    }
    let input = fs::File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let opened = seal::open(keys, std::io::BufReader::new(input))
        .with_context(|| format!("{} does not open with this key", file.display()))?;
    put_back::unpack_checked(opened, staging, &BotProgram::of_host())
        .await
        .with_context(|| format!("{} is refused", file.display()))
}

fn say(
    partner: &Partner,
    manifest: &Manifest,
    aside: Option<&Path>,
    fleet: &Fleet,
    host: &dyn Host,
) {
    let age = host.now().as_millisecond() - manifest.taken_at_ms;
    let rows: i64 = manifest.data.rows.values().sum();
    host.out(&format!(
        "{}: {rows} rows are back as they were {} ago, ledger {}",
        partner.id,
        span(age),
        &manifest.data.ledger[..12.min(manifest.data.ledger.len())]
    ));
    if let Some(aside) = aside {
        host.out(&format!("what was there lies in {}", aside.display()));
    }
    host.err("what waited to be sent in the backup is not sent: it may have been sent since; answers go on as ever");
    host.err(&format!(
        "next: partnerctl start {}{}",
        partner.id,
        fleet.suffix(host)
    ));
}

async fn rehearse(
    args: &RestoreArgs,
    fleet: &Fleet,
    keys: &[Identity],
    backups: &Path,
    host: &dyn Host,
) -> Result<(), Failure> {
    let names = match &args.partner {
        Some(id) => vec![id.clone()],
        None => shelf::partners(backups),
    };
    if names.is_empty() {
        let message = format!("no backups in {}", backups.display());
        return Err(Failure::new(Code::NotFound, message));
    }
    let mut table = Table::new(&["partner", "age>", "rows>", "size>", "result"]);
    let mut failed = 0;
    for id in &names {
        let file = chosen(args, backups, id)?;
        let proved = prove(id, &file, keys).await;
        let result = proved
            .as_ref()
            .map(|_| ())
            .map_err(|error| format!("{error:#}"));
        let ids = [id.clone()];
        let what = format!("rehearsal of {}", file.display());
        audit::record(&fleet.layout, host, "restore", &ids, &what, &result);
        match proved {
            Ok(manifest) => table.row([
                id.clone(),
                span(host.now().as_millisecond() - manifest.taken_at_ms),
                manifest.data.rows.values().sum::<i64>().to_string(),
                size(fs::metadata(&file).map_or(0, |meta| meta.len())),
                "restores".to_owned(),
            ]),
            Err(error) => {
                failed += 1;
                let why = format!("FAILED: {error:#}");
                table.row([id.clone(), String::new(), String::new(), String::new(), why]);
            }
        }
    }
    table.print(host);
    match failed {
        0 => Ok(()),
        _ => Err(Failure::said(Code::General)),
    }
}

/// The whole way but the last step: a bot of this version opens the data and accepts the configuration.
async fn prove(id: &str, file: &Path, keys: &[Identity]) -> anyhow::Result<Manifest> {
    let room = Staging::beside(&std::env::temp_dir().join("partnerctl-rehearsal"))?;
    let staging = Staging::beside(&room.0.join("staging"))?;
    let manifest = unpack(file, keys, &staging).await?;
    let place = Partner {
        id: id.to_owned(),
        dir: room.0.join(id),
        data: room.0.join("data"),
    };
    let arrival = Arrival::Restored {
        copied_at: manifest.taken_at_ms,
        restored_at: manifest.taken_at_ms,
    };
    put_back::publish(&staging, &place, &[], arrival)?;
    let options = LoadOptions {
        partner_dir: place.dir.clone(),
        data_dir: Some(place.data.clone()),
        ..LoadOptions::default()
    };
    if let Err(problems) = config::load(&options) {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::bail!("its configuration is refused: {}", all.join("; "));
    }
    BotProgram::of_host()
        .migrate(&place.dir, &place.data)
        .await?;
    Ok(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_says_what_is_replaced_and_what_is_never_sent() {
        let mut wish = Wish {
            id: "north",
            file: "backups/north/20261127.age".to_owned(),
            data: Some("archive".to_owned()),
            files_too: false,
            runs: true,
        };
        assert_eq!(
            plan(&wish).join("\n"),
            "first: partnerctl stop north; a running bot's data are not replaced\n\
             1. open backups/north/20261127.age with your key, unpack it aside, count it and compare it with what was copied\n\
             2. set the data of north that are there aside in archive (needs --replace)\n\
             3. put its data to their place; the files of north stay as they are\n\
             4. mark the data as restored: what waited to be sent in them is not sent\n\
             5. join the lists of the erased: who asked to be forgotten since stays forgotten\n\
             it is not started; then: partnerctl start north"
        );
        (wish.data, wish.files_too, wish.runs) = (None, true, false);
        let lines = plan(&wish);
        assert_eq!(lines.len(), 5);
        assert_eq!(
            lines[1],
            "2. put its data, its files and its token to the places of north"
        );
    }
}
