//! What a deploy is made of: the release and the funnels that are wanted, and the partners as they are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use futures_util::stream;

use super::Wish;
use crate::bot_program::BotProgram;
use crate::deploy::funnels::{self, Difference};
use crate::deploy::plan::{FunnelChange, Seen, Target};
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
}

pub async fn sources(fleet: &Fleet, wish: &Wish<'_>, host: &dyn Host) -> Result<Sources, Failure> {
    let mut sources = Sources {
        target: Target::default(),
        programs: None,
        funnels: None,
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
    Ok(sources)
}

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
    if live.is_some() && from.canonicalize().ok() == live {
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
            program.check(&partner.dir, &shared).await
        }
    });
    let checks: Vec<anyhow::Result<Vec<String>>> = stream::iter(checks)
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
    for (partner, problems) in partners.iter().zip(checks) {
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
            problems: problems?,
        });
    }
    Ok(seen)
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
