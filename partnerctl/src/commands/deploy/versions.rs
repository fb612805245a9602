//! What there is to go back to.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::HowArgs;
use super::sources::OWN_KEPT;
use crate::deploy::{funnels, release};
use crate::failure::Failure;
use crate::fleet::Fleet;
use crate::host::Host;
use crate::output::{self, Table, count, span};

/// One version of something.
struct Version {
    what: &'static str,
    name: String,
    age_ms: i64,
    words: String,
    told: Value,
}

pub async fn list(fleet: &Fleet, how: &HowArgs, host: &dyn Host) -> Result<(), Failure> {
    let now = host.now().as_millisecond();
    let mut all = releases(fleet, now).await;
    all.extend(shared_funnels(fleet, now));
    all.extend(partner_files(fleet, now));
    if how.output.json {
        let versions: Vec<Value> = all.into_iter().map(|version| version.told).collect();
        output::json("releases", &json!({ "versions": versions }), &[], host);
        return Ok(());
    }
    if all.is_empty() {
        host.err("there is nothing to go back to yet");
        return Ok(());
    }
    let mut table = Table::new(&["what", "name", "age>", "used by"]);
    for version in all {
        let age = span(version.age_ms);
        table.row([version.what.to_owned(), version.name, age, version.words]);
    }
    table.print(host);
    host.err("go back with: partnerctl rollback --all --release NAME, --shared-funnels NAME or --partner-files NAME");
    Ok(())
}

async fn releases(fleet: &Fleet, now: i64) -> Vec<Version> {
    let current = release::current(&fleet.layout);
    let ids = fleet.ids();
    let version = |release: release::Release| {
        let uses =
            |id: &&String| release::used_by(&fleet.layout, id).as_deref() == Some(&release.name);
        let users: Vec<&String> = ids.iter().filter(uses).collect();
        let is_current = current.as_deref() == Some(&release.name);
        let mut words = count(users.len(), "partner");
        if is_current {
            words.push_str(", current");
        }
        Version {
            what: "release",
            name: release.name.clone(),
            age_ms: now - release.added_at_ms,
            words,
            told: json!({ "release": release, "partners": users, "current": is_current }),
        }
    };
    release::list(&fleet.layout)
        .await
        .into_iter()
        .map(version)
        .collect()
}

fn shared_funnels(fleet: &Fleet, now: i64) -> Vec<Version> {
    let link = &fleet.layout.funnels;
    let live = link.canonicalize().ok();
    let live = live.as_deref().and_then(|live| live.file_name());
    let version = |(name, at): (String, SystemTime)| {
        let is_live = live.is_some_and(|live| *live == *name);
        Version {
            what: "shared funnels",
            age_ms: now - ms(at),
            words: if is_live { "live" } else { "" }.to_owned(),
            told: json!({ "funnels": name, "live": is_live }),
            name,
        }
    };
    funnels::versions(link).into_iter().map(version).collect()
}

/// As they were before each deploy of them.
fn partner_files(fleet: &Fleet, now: i64) -> Vec<Version> {
    let entries = std::fs::read_dir(fleet.layout.archive());
    let mut found: Vec<Version> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let at = entry.metadata().ok()?.modified().ok()?;
            let partners = std::fs::read_dir(entry.path()).ok()?.count();
            name.starts_with(OWN_KEPT).then(|| Version {
                what: "partner files",
                age_ms: now - ms(at),
                words: count(partners, "partner"),
                told: json!({ "partner_files": name, "partners": partners }),
                name,
            })
        })
        .collect();
    found.sort_by_key(|version| version.age_ms);
    found
}

fn ms(at: SystemTime) -> i64 {
    let since = at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(0)
}
