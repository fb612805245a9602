//! The fleet a command means, and its partners found by name.

use std::path::{Path, PathBuf};

use bot::config::{LoadOptions, is_partner_id};
use bot::yaml::suggest;
use clap::Args;

use crate::failure::{Code, Failure};
use crate::host::Host;
use crate::layout::Layout;

/// Where partners and funnels are.
#[derive(Clone, Debug, Default, Args)]
pub struct FleetArgs {
    /// The directory of all partners [default: this host's fleet once it is set up, else partners]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["user", "system"])]
    pub dir: Option<PathBuf>,
    /// The directory of shared funnels [default: ../../funnels of the partner's directory]
    #[arg(long, value_name = "DIR")]
    pub funnels: Option<PathBuf>,
    /// The fleet of your own systemd
    #[arg(long, conflicts_with = "system")]
    pub user: bool,
    /// The fleet of the machine's systemd
    #[arg(long)]
    pub system: bool,
}

impl FleetArgs {
    /// What is named; else the fleet this host was set up for; else `./partners`.
    pub fn open(&self, host: &dyn Host) -> Fleet {
        Fleet {
            layout: self.layout(host),
            funnels: self.funnels.clone(),
        }
    }

    fn layout(&self, host: &dyn Host) -> Layout {
        let machine = host.machine();
        let system = Layout::system(&machine.root);
        let user = Layout::user(&machine.home);
        match &self.dir {
            Some(dir) if *dir == system.partners => system,
            Some(dir) if *dir == user.partners => user,
            Some(dir) => Layout::here(dir),
            None if self.system => system,
            None if self.user => user,
            None if machine.uid != 0 && user.marker.is_file() => user,
            None if system.marker.is_file() => system,
            None => Layout::here(Path::new("partners")),
        }
    }
}

/// A fleet and its directories.
#[derive(Clone, Debug)]
pub struct Fleet {
    pub layout: Layout,
    funnels: Option<PathBuf>,
}

/// One of its partners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    pub id: String,
    /// With `config.yaml` and `.env`.
    pub dir: PathBuf,
    /// With `bot.db` and `bot.sock`.
    pub data: PathBuf,
}

impl Partner {
    pub fn socket(&self) -> PathBuf {
        self.data.join("bot.sock")
    }
}

impl Fleet {
    /// Ids of all partners, sorted.
    pub fn ids(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.layout.partners)
            .into_iter()
            .flatten()
            .flatten();
        let mut ids: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_partner_id(name))
            .filter(|name| self.layout.partner(name).is_dir())
            .collect();
        ids.sort();
        ids
    }

    pub fn partner(&self, id: &str) -> Partner {
        Partner {
            id: id.to_owned(),
            dir: self.layout.partner(id),
            data: self.layout.data(id),
        }
    }

    pub fn all(&self) -> Vec<Partner> {
        self.ids().iter().map(|id| self.partner(id)).collect()
    }

    /// The one partner meant by `name`: an id, the only id that begins so, or a path.
    pub fn one(&self, name: &str) -> Result<Partner, Failure> {
        if name.contains('/') {
            let dir = PathBuf::from(name);
            let id = dir.file_name().map(|id| id.to_string_lossy().into_owned());
            return match id {
                Some(id) if dir.is_dir() => Ok(Partner {
                    id,
                    data: dir.join("data"),
                    dir,
                }),
                _ => Err(Failure::new(
                    Code::NotFound,
                    format!("{name}: no such directory"),
                )),
            };
        }
        let ids = self.ids();
        let begun: Vec<&String> = ids.iter().filter(|id| id.starts_with(name)).collect();
        match &begun[..] {
            _ if ids.iter().any(|id| id == name) => Ok(self.partner(name)),
            [one] => Ok(self.partner(one)),
            [] => Err(self.unknown(name, &ids)),
            several => {
                let names: Vec<&str> = several.iter().map(|id| id.as_str()).collect();
                let message = format!("\"{name}\" begins several partners: {}", names.join(", "));
                Err(Failure::new(Code::NotFound, message))
            }
        }
    }

    pub fn unknown(&self, name: &str, ids: &[String]) -> Failure {
        const MOST_NAMED: usize = 10;
        let dir = self.layout.partners.display();
        let hint = match suggest(name, ids) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None if ids.is_empty() => format!("{dir} has none; run: partnerctl create"),
            None if ids.len() > MOST_NAMED => {
                format!("{dir} has {} partners; run: partnerctl list", ids.len())
            }
            None => format!("{dir} has {}; run: partnerctl list", ids.join(", ")),
        };
        Failure::new(Code::NotFound, format!("no partner \"{name}\"; {hint}"))
    }

    /// ` --dir …` when the next command needs it to mean the same fleet.
    pub fn suffix(&self, host: &dyn Host) -> String {
        let silent = FleetArgs::default().layout(host);
        match self.layout.partners == silent.partners {
            true => String::new(),
            false => format!(" --dir {}", self.layout.partners.display()),
        }
    }

    pub fn options(&self, partner: &Partner, host: &dyn Host) -> LoadOptions {
        LoadOptions {
            partner_dir: partner.dir.clone(),
            funnels_dir: self.funnels.clone(),
            data_dir: Some(partner.data.clone()),
            environment: host.environment(),
            ..LoadOptions::default()
        }
    }

    pub fn funnels_dir(&self) -> PathBuf {
        self.funnels
            .clone()
            .unwrap_or_else(|| self.layout.funnels.clone())
    }

    /// The directory of funnels named on the command line.
    pub fn given_funnels(&self) -> Option<&Path> {
        self.funnels.as_deref()
    }
}
