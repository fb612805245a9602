//! Where everything of a fleet lies on a host.

use std::path::{Path, PathBuf};

/// Who keeps the bots running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A working copy: nothing but directories, bots run in the foreground.
    Here,
    /// systemd's manager of one user.
    User,
    /// The machine's systemd.
    System,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Here => "here",
            Mode::User => "user",
            Mode::System => "system",
        }
    }
}

/// The service that starts the bots at a boot.
pub const BOOT: &str = "partner-bots.service";

/// Every path of a fleet; no other file spells one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub mode: Mode,
    /// `<id>/config.yaml` and `<id>/.env` of each partner.
    pub partners: PathBuf,
    /// Shared funnels.
    pub funnels: PathBuf,
    /// `host.json`: present when the host was set up.
    pub marker: PathBuf,
    /// `releases/<version>/`, `current`, `use/<id>`.
    pub programs: PathBuf,
    /// `<id>/bot.db` and `<id>/bot.sock` of each bot.
    pub data: PathBuf,
    /// Of the host itself: audit, locks, archive.
    pub state: PathBuf,
    pub units: PathBuf,
    /// A directory of the PATH for `partnerctl` itself.
    pub bin: PathBuf,
}

impl Layout {
    /// The fleet whose partners are in this directory.
    pub fn here(partners: &Path) -> Self {
        let home = match partners.parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let state = home.join(".partnerctl");
        Self {
            mode: Mode::Here,
            partners: partners.to_owned(),
            // Through the directory itself, as the bot finds it, so that links lead the same way; before there is one,
            // where it will be.
            funnels: match partners.is_dir() {
                true => partners.join("../funnels"),
                false => home.join("funnels"),
            },
            marker: state.join("host.json"),
            programs: state.join("programs"),
            data: partners.to_owned(),
            units: state.join("units"),
            bin: state.join("bin"),
            state,
        }
    }

    /// The machine's fleet; `root` is `/`.
    pub fn system(root: &Path) -> Self {
        let fleet = root.join("etc/partner-bots");
        Self {
            mode: Mode::System,
            partners: fleet.join("partners"),
            funnels: fleet.join("funnels"),
            marker: fleet.join("host.json"),
            programs: root.join("opt/partner-bots"),
            data: root.join("var/lib/partner-bot"),
            state: root.join("var/lib/partner-bots"),
            units: root.join("etc/systemd/system"),
            bin: root.join("usr/local/bin"),
        }
    }

    /// One user's fleet.
    pub fn user(home: &Path) -> Self {
        let fleet = home.join(".config/partner-bots");
        Self {
            mode: Mode::User,
            partners: fleet.join("partners"),
            funnels: fleet.join("funnels"),
            marker: fleet.join("host.json"),
            programs: home.join(".local/share/partner-bots"),
            data: home.join(".local/state/partner-bot"),
            state: home.join(".local/state/partner-bots"),
            units: home.join(".config/systemd/user"),
            bin: home.join(".local/bin"),
        }
    }

    pub fn partner(&self, id: &str) -> PathBuf {
        self.partners.join(id)
    }

    /// Where a bot keeps its data.
    pub fn data(&self, id: &str) -> PathBuf {
        match self.mode {
            Mode::Here => self.data.join(id).join("data"),
            Mode::User | Mode::System => self.data.join(id),
        }
    }

    pub fn socket(&self, id: &str) -> PathBuf {
        self.data(id).join("bot.sock")
    }

    /// Kernel settings; only the machine's own fleet has a say in them.
    pub fn sysctl(&self) -> Option<PathBuf> {
        let etc = self.units.parent()?.parent()?;
        (self.mode == Mode::System).then(|| etc.join("sysctl.d/60-partner-bots.conf"))
    }

    pub fn releases(&self) -> PathBuf {
        self.programs.join("releases")
    }

    /// What a bot of the machine's own fleet sees as `/`; systemd fills it. The unit file names it.
    pub fn root(&self) -> Option<PathBuf> {
        (self.mode == Mode::System).then(|| self.programs.join("root"))
    }

    pub fn current(&self) -> PathBuf {
        self.programs.join("current")
    }

    /// The link by which a partner's bot finds its program: `../current`, or a release of its own.
    pub fn program_link(&self, id: &str) -> PathBuf {
        self.programs.join("use").join(id)
    }

    pub fn audit(&self) -> PathBuf {
        self.state.join("audit.jsonl")
    }

    pub fn backups(&self) -> PathBuf {
        self.state.join("backups")
    }

    /// Public keys that backups are sealed to.
    pub fn backup_keys(&self) -> PathBuf {
        self.marker.with_file_name("backup.keys")
    }

    /// Where alerts go, with the token of the bot that brings them.
    pub fn alerts(&self) -> PathBuf {
        self.marker.with_file_name("alerts.json")
    }

    pub fn alerts_memory(&self) -> PathBuf {
        self.state.join("alerts.memory.json")
    }

    /// The token of the bot that makes partners' bots by a link.
    pub fn manager_token(&self) -> PathBuf {
        self.marker.with_file_name("manager.token")
    }

    pub fn archive(&self) -> PathBuf {
        self.state.join("archive")
    }

    /// Whether this bot is started when the machine starts.
    pub fn is_enabled(&self, id: &str) -> bool {
        let link = self.units.join("partner-bots.target.wants").join(unit(id));
        self.mode != Mode::Here && link.symlink_metadata().is_ok()
    }

    /// Whether systemd starts the enabled bots when the machine starts.
    pub fn starts_at_boot(&self) -> bool {
        let target = match self.mode {
            Mode::Here => return false,
            Mode::User => "default.target.wants",
            Mode::System => "multi-user.target.wants",
        };
        let link = self.units.join(target).join(BOOT);
        link.symlink_metadata().is_ok()
    }

    /// The mode of a partner's directory and of its files without secrets. A service's own user must read them;
    /// there, the directory of all partners keeps everybody else out.
    pub fn partner_modes(&self) -> (u32, u32) {
        match self.mode {
            Mode::Here | Mode::User => (0o700, 0o600),
            Mode::System => (0o755, 0o644),
        }
    }
}

/// `partner-bot@north.service`.
pub fn unit(id: &str) -> String {
    format!("partner-bot@{id}.service")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partner_is_found_where_its_mode_keeps_it() {
        let system = Layout::system(Path::new("/"));
        assert_eq!(
            system.socket("north"),
            Path::new("/var/lib/partner-bot/north/bot.sock")
        );
        assert_eq!(
            system.partner("north"),
            Path::new("/etc/partner-bots/partners/north")
        );
        assert_eq!(
            system.program_link("north"),
            Path::new("/opt/partner-bots/use/north")
        );
        let here = Layout::here(Path::new("partners"));
        assert_eq!(here.data("north"), Path::new("partners/north/data"));
        assert_eq!(here.audit(), Path::new("./.partnerctl/audit.jsonl"));
        let user = Layout::user(Path::new("/h/olga"));
        assert_eq!(
            user.data("north"),
            Path::new("/h/olga/.local/state/partner-bot/north")
        );
    }
}
