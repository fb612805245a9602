//! What a deploy is made of: the release and the funnels that are wanted, and the partners as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use futures_util::stream;

use bot::config::{self, LoadOptions, differences, shown, takes_restart};

use super::Wish;
use crate::backup::shelf;
use crate::bot_program::BotProgram;
use crate::deploy::funnels::{self, Difference};
use crate::deploy::own::{self, Own};
use crate::deploy::plan::{FunnelChange, OwnChange, Seen, Target};
use crate::deploy::release::{self, Release};
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::layout::Mode;
use crate::state::{self, State};

/// Where the new things come from and go to.
pub struct Sources {
    pub target: Target,
    /// A directory to take the release from, when it is not here yet.
    pub programs: Option<PathBuf>,
    /// The directory with the wanted funnels.
    pub funnels: Option<PathBuf>,
    /// The partners' own files that change.
    pub own: Option<Own>,
}

pub async fn sources(
    fleet: &Fleet,
    partners: &[Partner],
    wish: &Wish<'_>,
    host: &dyn Host,
) -> Result<Sources, Failure> {
    let mut sources = Sources {
        target: Target::default(),
        programs: None,
        funnels: None,
        own: None,
    };
    if let Some(wanted) = wish.release {
        if fleet.layout.mode == Mode::Here {
            return Err(Failure::new(
                Code::Usage,
                "a working copy runs what it builds; set this host up for releases: partnerctl host setup",
            ));
        }
        let (release, from) = wanted_release(fleet, wanted, host).await?;
        sources.target.release = Some(release);
        sources.programs = from;
    }
    if let Some(wanted) = wish.shared {
        let (change, from) = wanted_funnels(fleet, wanted)?;
        sources.target.funnels = Some(change);
        sources.funnels = Some(from);
    }
    if let Some(wanted) = wish.own {
        let own = wanted_own(fleet, partners, wanted, host)?;
        sources.target.own = Some(own.from.display().to_string());
        sources.own = Some(own);
    }
    Ok(sources)
}

/// What changes in the partners' own files. Nothing is touched.
fn wanted_own(
    fleet: &Fleet,
    partners: &[Partner],
    wanted: &str,
    host: &dyn Host,
) -> Result<Own, Failure> {
    let archive = fleet.layout.archive();
    let from = match archive.join(wanted) {
        kept if !wanted.contains('/') && kept.is_dir() => kept,
        _ => PathBuf::from(wanted),
    };
    if !from.is_dir() {
        let message = format!("{wanted}: no directory with <partner>/config.yaml in it");
        return Err(Failure::new(Code::NotFound, message));
    }
    let mut changes = BTreeMap::new();
    for partner in partners {
        let difference = own::difference(&partner.dir, &from.join(&partner.id))?;
        if !difference.is_empty() {
            changes.insert(partner.id.clone(), difference);
        }
    }
    let stamp = shelf::stamp(host.now().as_millisecond());
    Ok(Own {
        from,
        changes,
        kept: archive.join(format!("{OWN_KEPT}{stamp}")),
        modes: fleet.layout.partner_modes(),
    })
}

/// Directories of the archive that hold partners' own files as they were begin so.
pub const OWN_KEPT: &str = "partner-files-";

async fn wanted_release(
    fleet: &Fleet,
    wanted: &str,
    host: &dyn Host,
) -> Result<(Release, Option<PathBuf>), Failure> {
    let here = release::list(&fleet.layout).await;
    if let Some(release) = here.iter().find(|release| release.name == wanted) {
        return Ok((release.clone(), None));
    }
    let from = Path::new(wanted);
    if !from.is_dir() {
        let names: Vec<&str> = here.iter().map(|release| release.name.as_str()).collect();
        let message = format!(
            "{wanted}: neither a directory nor a release of this host; there are {}",
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        );
        return Err(Failure::new(Code::NotFound, message));
    }
    let release = release::describe(from, host.now().as_millisecond()).await?;
    Ok((release, Some(from.to_owned())))
}

/// The change, and the directory it comes from. Nothing is touched.
fn wanted_funnels(fleet: &Fleet, wanted: &str) -> Result<(FunnelChange, PathBuf), Failure> {
    let link = &fleet.layout.funnels;
    let named = funnels::versions_dir(link).join(wanted);
    let from = match !wanted.contains('/') && named.is_dir() {
        true => named,
        false => PathBuf::from(wanted),
    };
    if !from.is_dir() {
        let names = funnels::versions(link).into_iter().map(|(name, _)| name);
        let names = names.collect::<Vec<_>>().join(", ");
        let message = format!(
            "{wanted}: neither a directory of funnels nor a version of this host; there are {}",
            if names.is_empty() { "none" } else { &names }
        );
        return Err(Failure::new(Code::NotFound, message));
    }
    let live = link.canonicalize().ok();
    // A version by its name may be live already; then nothing changes.
    let is_a_version = from.parent() == Some(funnels::versions_dir(link).as_path());
    if !is_a_version && live.is_some() && from.canonicalize().ok() == live {
        let message = format!(
            "{} is what is live; deploy from another directory",
            from.display()
        );
        return Err(Failure::new(Code::Usage, message));
    }
    let old = match &live {
        Some(live) => funnels::files(live)?,
        None => BTreeMap::new(),
    };
    let new = funnels::files(&from)?;
    let change = FunnelChange {
        from: funnels::version(&old),
        to: funnels::version(&new),
        difference: Difference::between(&old, &new),
    };
    Ok((change, from))
}

/// Checks asked at the same time.
const CHECKS_AT_ONCE: usize = 4;

pub async fn look(
    fleet: &Fleet,
    partners: &[Partner],
    sources: &Sources,
    host: &dyn Host,
) -> Result<Vec<Seen>, Failure> {
    let states = state::look(fleet, partners, host).await?;
    let releases = release::list(&fleet.layout).await;
    let shared = match &sources.funnels {
        Some(from) => from.clone(),
        None => fleet.funnels_dir(),
    };
    let checks = partners.iter().map(|partner| {
        let shared = shared.clone();
        async move {
            let program = program_for(fleet, partner, sources);
            judge(partner, &program, sources.own.as_ref(), &shared).await
        }
    });
    let checks: Vec<anyhow::Result<(Vec<String>, OwnChange)>> = stream::iter(checks)
        .buffered(CHECKS_AT_ONCE)
        .collect()
        .await;
    let changed = sources
        .target
        .funnels
        .as_ref()
        .map(|change| change.difference.names())
        .unwrap_or_default();
    let mut seen = Vec::new();
    for (partner, judged) in partners.iter().zip(checks) {
        let (problems, own) = judged?;
        let state = states.iter().find(|state| state.partner == partner.id);
        let word = state.map_or(State::Stopped, |state| state.state);
        let used = release::used_by(&fleet.layout, &partner.id)
            .or_else(|| release::current(&fleet.layout));
        seen.push(Seen {
            id: partner.id.clone(),
            well: word == State::Running,
            up: word != State::Stopped,
            release: releases
                .iter()
                .find(|release| Some(&release.name) == used.as_ref())
                .cloned(),
            overrides: funnels::overridden(&partner.dir, &changed),
            own,
            problems,
        });
    }
    Ok(seen)
}

/// What the program finds wrong with the files as they will be, and how they change.
async fn judge(
    partner: &Partner,
    program: &BotProgram,
    own: Option<&Own>,
    shared: &Path,
) -> anyhow::Result<(Vec<String>, OwnChange)> {
    let change = own.and_then(|own| Some((own, own.changes.get(&partner.id)?)));
    let Some((own, difference)) = change else {
        let problems = program.check(&partner.dir, shared).await?;
        return Ok((problems, OwnChange::default()));
    };
    let staging = own::staged(partner, &own.from.join(&partner.id))?;
    let dir = staging.0.join(&partner.id);
    let problems = program.check(&dir, shared).await?;
    let hide = format!("{}/", staging.0.display());
    let problems = problems
        .iter()
        .map(|problem| problem.replace(&hide, ""))
        .collect();
    let keys = match (effective(&partner.dir, shared), effective(&dir, shared)) {
        (Some(before), Some(after)) => differences(&before, &after),
        _ => Vec::new(),
    };
    let restart = keys.iter().map(|(key, ..)| key.clone());
    let change = OwnChange {
        difference: difference.clone(),
        restart: restart.filter(|key| takes_restart(key)).collect(),
        keys,
    };
    Ok((problems, change))
}

/// The configuration in effect with these files, secrets left out; `None` while it has errors.
fn effective(dir: &Path, shared: &Path) -> Option<serde_json::Value> {
    let options = LoadOptions {
        partner_dir: dir.to_owned(),
        funnels_dir: Some(shared.to_owned()),
        ..LoadOptions::default()
    };
    config::load(&options).ok().map(|config| shown(&config))
}

/// The program that will run this partner's bot afterwards: its check is the one that counts.
fn program_for(fleet: &Fleet, partner: &Partner, sources: &Sources) -> BotProgram {
    let release = sources.target.release.as_ref();
    match (&sources.programs, release) {
        (Some(from), _) => BotProgram(from.join("bot")),
        (None, Some(release)) => release.program(&fleet.layout),
        (None, None) => {
            let own = fleet.layout.program_link(&partner.id).join("bot");
            match own.is_file() {
                true => BotProgram(own),
                false => BotProgram::of_host(),
            }
        }
    }
}
