//! `partnerctl funnel`: draws and tests funnels, and tells what may stand in them.

mod graph;
mod test;

use std::path::{Path, PathBuf};

use bot::config::{self, Config};
use bot::diagnostic::Severity;
use bot::funnel::Funnels;
use bot::yaml::suggest;
use clap::{Args, Subcommand};

use super::check::paint;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, FleetArgs};
use crate::host::Host;

/// Draws and tests funnels, and tells what may stand in them
#[derive(Debug, Subcommand)]
#[command(before_help = "Examples:
  partnerctl funnel test
  partnerctl funnel graph weight --svg weight.svg
  partnerctl funnel schema > funnels/funnel.schema.json")]
pub enum FunnelCommand {
    Test(test::TestArgs),
    Graph(graph::GraphArgs),
    /// Prints the JSON schema that gives editors completion
    #[command(before_help = "Examples:
  partnerctl funnel schema > funnels/funnel.schema.json")]
    Schema,
}

pub fn run(command: FunnelCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        FunnelCommand::Test(args) => test::run(&args, host),
        FunnelCommand::Graph(args) => graph::run(&args, host),
        FunnelCommand::Schema => {
            host.out(bot::funnel::schema().trim_end());
            Ok(())
        }
    }
}

/// With whose facts the funnels are compiled: links, languages, name.
#[derive(Debug, Args)]
pub(super) struct Setting {
    /// The partner whose links, languages and own funnels are used
    /// [default: demo, else the first there is]
    #[arg(long, value_name = "PARTNER")]
    partner: Option<String>,
    #[command(flatten)]
    fleet: FleetArgs,
}

/// Funnels that compiled without an error.
pub(super) struct Ground {
    config: Config,
    funnels: Funnels,
}

impl Setting {
    fn partner_id(&self, fleet: &Fleet) -> String {
        const DEMO: &str = "demo";
        let ids = fleet.ids();
        let first = || {
            ids.first()
                .filter(|_| !ids.iter().any(|id| id == DEMO))
                .cloned()
        };
        self.partner
            .clone()
            .or_else(first)
            .unwrap_or_else(|| DEMO.to_owned())
    }

    /// Prints every problem; fails on errors.
    fn load(&self, host: &dyn Host) -> Result<Ground, Failure> {
        let fleet = self.fleet.open(host);
        let partner = fleet.one(&self.partner_id(&fleet))?;
        let refuse = |problems: &[bot::diagnostic::Diagnostic]| {
            for problem in problems {
                host.err(&format!("{}\n", paint(problem, host.colour())));
            }
            Failure::said(Code::InvalidConfig)
        };
        let config = config::load_without_token(&fleet.options(&partner, host))
            .map_err(|problems| refuse(&problems))?;
        let compiled = config::load_funnels(&config);
        match compiled.funnels {
            Some(funnels) => Ok(Ground { config, funnels }),
            None => {
                let errors: Vec<_> = compiled
                    .diagnostics
                    .into_iter()
                    .filter(|problem| problem.severity == Severity::Error)
                    .collect();
                Err(refuse(&errors))
            }
        }
    }
}

impl Ground {
    fn directories(&self) -> impl Iterator<Item = &Path> {
        let files = &self.config.funnels;
        std::iter::once(files.shared.as_path()).chain(files.own.as_deref())
    }

    /// Files of both directories with that ending; the partner's own replace shared ones of the same name.
    fn files(&self, ending: &str) -> Vec<PathBuf> {
        let mut found = std::collections::BTreeMap::new();
        for directory in self.directories() {
            let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
            for path in entries.map(|entry| entry.path()) {
                let name = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                if name.ends_with(ending) && !name.starts_with('.') {
                    found.insert(name, path);
                }
            }
        }
        found.into_values().collect()
    }

    /// Ids of the funnels in use, sorted.
    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.funnels.iter().map(str::to_owned).collect();
        ids.sort();
        ids
    }

    fn check_id(&self, id: &str) -> Result<(), Failure> {
        let ids = self.ids();
        if ids.iter().any(|known| known == id) {
            return Ok(());
        }
        let hint = match suggest(id, &ids) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("there are {}", ids.join(", ")),
        };
        Err(Failure::new(
            Code::NotFound,
            format!("no funnel \"{id}\"; {hint}"),
        ))
    }
}

/// The part of a file's name before the first dot: the funnel it belongs to.
fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('.').next().unwrap_or_default().to_owned()
}
