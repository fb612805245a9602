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
  partnerctl funnel schema > funnels/funnel.schema.json
  partnerctl funnel schema --sequences > funnels/sequence.schema.json")]
    Schema {
        /// The schema of sequence files
        #[arg(long)]
        sequences: bool,
    },
}

pub fn run(command: FunnelCommand, host: &dyn Host) -> Result<(), Failure> {
    match command {
        FunnelCommand::Test(args) => test::run(&args, host),
        FunnelCommand::Graph(args) => graph::run(&args, host),
        FunnelCommand::Schema { sequences } => {
            let schema = if sequences {
                bot::funnel::sequence_schema()
            } else {
                bot::funnel::schema()
            };
            host.out(schema.trim_end());
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

    /// Files of both directories with that ending, and what they belong to (`weight`, `sequences/weight_warmup`);
    /// the partner's own replace shared ones of the same name.
    fn files(&self, ending: &str) -> Vec<(String, PathBuf)> {
        let mut found = std::collections::BTreeMap::new();
        for directory in self.directories() {
            for place in ["", SEQUENCES] {
                let entries = std::fs::read_dir(directory.join(place));
                for path in entries.into_iter().flatten().flatten().map(|e| e.path()) {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    if name.ends_with(ending) && !name.starts_with('.') {
                        found.insert(format!("{place}{name}"), path);
                    }
                }
            }
        }
        found
            .into_iter()
            .map(|(name, path)| (name.split('.').next().unwrap_or_default().into(), path))
            .collect()
    }

    /// Ids of the funnels in use, sorted, then those of the sequences.
    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.funnels.iter().map(str::to_owned).collect();
        ids.sort();
        let sequences = self.funnels.sequences();
        ids.extend(sequences.map(|id| format!("{SEQUENCES}{id}")));
        ids
    }

    /// The id as `ids` has it: a sequence may be named alone.
    fn whole_id(&self, id: &str) -> String {
        let sequence = format!("{SEQUENCES}{id}");
        if self.funnels.iter().all(|known| known != id) && self.ids().contains(&sequence) {
            sequence
        } else {
            id.to_owned()
        }
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

/// The directory of sequences below that of the funnels.
const SEQUENCES: &str = "sequences/";
