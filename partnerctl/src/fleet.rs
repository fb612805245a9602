//! The partners of a directory, found by name.

use std::path::{Path, PathBuf};

use bot::config::{LoadOptions, is_partner_id};
use bot::yaml::suggest;
use clap::Args;

use crate::failure::{Code, Failure};
use crate::host::Host;

/// Where partners and funnels are.
#[derive(Clone, Debug, Args)]
pub struct FleetArgs {
    /// The directory of all partners
    #[arg(long, value_name = "DIR", default_value = "partners")]
    pub dir: PathBuf,
    /// The directory of shared funnels [default: ../../funnels of the partner's directory]
    #[arg(long, value_name = "DIR")]
    pub funnels: Option<PathBuf>,
}

impl FleetArgs {
    /// Ids of all partners, sorted.
    pub fn ids(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        let mut ids: Vec<String> = entries
            .filter(|entry| entry.path().is_dir())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_partner_id(name))
            .collect();
        ids.sort();
        ids
    }

    /// The directory of the partner meant by `name`: an id, the only id that begins so, or a path.
    pub fn find(&self, name: &str) -> Result<PathBuf, Failure> {
        if name.contains('/') {
            let path = PathBuf::from(name);
            return if path.is_dir() {
                Ok(path)
            } else {
                Err(Failure::new(
                    Code::NotFound,
                    format!("{name}: no such directory"),
                ))
            };
        }
        let ids = self.ids();
        let begun: Vec<&String> = ids.iter().filter(|id| id.starts_with(name)).collect();
        match &begun[..] {
            _ if ids.iter().any(|id| id == name) => Ok(self.dir.join(name)),
            [one] => Ok(self.dir.join(one)),
            [] => Err(self.unknown(name, &ids)),
            several => {
                let names: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
                let message = format!("\"{name}\" begins several partners: {}", names.join(", "));
                Err(Failure::new(Code::NotFound, message))
            }
        }
    }

    fn unknown(&self, name: &str, ids: &[String]) -> Failure {
        let dir = self.dir.display();
        let hint = match suggest(name, ids) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if ids.is_empty() => format!("{dir} has none; run: partnerctl create"),
            None => format!("{dir} has {}", ids.join(", ")),
        };
        Failure::new(Code::NotFound, format!("no partner \"{name}\"; {hint}"))
    }

    pub fn options(&self, partner_dir: &Path, host: &dyn Host) -> LoadOptions {
        LoadOptions {
            partner_dir: partner_dir.to_owned(),
            funnels_dir: self.funnels.clone(),
            environment: host.environment(),
            ..LoadOptions::default()
        }
    }
}
