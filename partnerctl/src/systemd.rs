//! What systemd is asked and told, and how its answers read. PURE: `Host` runs the calls.

use std::collections::BTreeMap;

use crate::host::Call;
use crate::layout::{Mode, unit};

/// Which manager: the machine's or the user's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manager {
    user: bool,
}

/// A bot's unit as systemd knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitState {
    /// `active`, `activating`, `deactivating`, `inactive`, `failed`.
    pub active: String,
    /// `running`, `auto-restart`, `dead`, …
    pub sub: String,
    /// `success`, `exit-code`, `signal`, `watchdog`, `oom-kill`, `start-limit-hit`, …
    pub result: String,
    pub restarts: u64,
    pub pid: u32,
    /// The last process's exit code, or the signal that ended it.
    pub exit_status: i32,
    /// Unix seconds; 0 when it never was.
    pub active_since: i64,
    pub memory: Option<u64>,
    pub cpu_ns: Option<u64>,
    /// What the bot says of itself.
    pub status: String,
}

const PROPERTIES: &str = "Id,ActiveState,SubState,Result,NRestarts,MainPID,ExecMainStatus,\
ActiveEnterTimestamp,MemoryCurrent,CPUUsageNSec,StatusText";

impl Manager {
    /// `None` where no systemd keeps the bots.
    pub fn of(mode: Mode) -> Option<Self> {
        match mode {
            Mode::Here => None,
            Mode::User => Some(Self { user: true }),
            Mode::System => Some(Self { user: false }),
        }
    }

    fn call(self, args: impl IntoIterator<Item = String>) -> Call {
        let user = self.user.then(|| "--user".to_owned());
        Call::new("systemctl", user.into_iter().chain(args))
    }

    /// One call for all bots that systemd knows; who is not in the answer is stopped.
    pub fn show(self) -> Call {
        self.call([
            "show".to_owned(),
            "--timestamp=unix".to_owned(),
            format!("--property={PROPERTIES}"),
            unit("*"),
        ])
    }

    /// A verb for many bots in one call.
    pub fn units(self, verb: &[&str], ids: &[String]) -> Call {
        let verb = verb.iter().map(|word| (*word).to_owned());
        self.call(verb.chain(ids.iter().map(|id| unit(id))))
    }

    pub fn enable(self, unit: &str) -> Call {
        self.call(["enable", "--quiet", unit].map(str::to_owned))
    }

    pub fn daemon_reload(self) -> Call {
        self.call(["daemon-reload".to_owned()])
    }

    /// `journalctl` for these bots and for what systemd says of them.
    pub fn journal(self, ids: &[String], more: &[String]) -> Call {
        let user = self.user.then(|| "--user".to_owned());
        let units = ids.iter().flat_map(|id| ["-u".to_owned(), unit(id)]);
        Call::new(
            "journalctl",
            user.into_iter().chain(units).chain(more.iter().cloned()),
        )
    }
}

/// The answer to `show`, by partner.
pub fn parse_show(text: &str) -> BTreeMap<String, UnitState> {
    text.split("\n\n").filter_map(parse_unit).collect()
}

fn parse_unit(block: &str) -> Option<(String, UnitState)> {
    let mut state = UnitState::default();
    let mut id = None;
    for (name, value) in block.lines().filter_map(|line| line.split_once('=')) {
        // systemd writes "[not set]" and the largest number for what it does not count.
        let number = || {
            value
                .parse::<u64>()
                .ok()
                .filter(|number| *number != u64::MAX)
        };
        match name {
            "Id" => id = partner_of(value),
            "ActiveState" => state.active = value.to_owned(),
            "SubState" => state.sub = value.to_owned(),
            "Result" => state.result = value.to_owned(),
            "NRestarts" => state.restarts = number().unwrap_or(0),
            "MainPID" => state.pid = value.parse().unwrap_or(0),
            "ExecMainStatus" => state.exit_status = value.parse().unwrap_or(0),
            "ActiveEnterTimestamp" => {
                let at = value.strip_prefix('@').and_then(|at| at.parse().ok());
                state.active_since = at.unwrap_or(0);
            }
            "MemoryCurrent" => state.memory = number(),
            "CPUUsageNSec" => state.cpu_ns = number(),
            "StatusText" => state.status = value.to_owned(),
            _ => {}
        }
    }
    Some((id?, state))
}

/// `partner-bot@north.service` is north's.
fn partner_of(unit: &str) -> Option<String> {
    let id = unit
        .strip_prefix("partner-bot@")?
        .strip_suffix(".service")?;
    Some(id.to_owned())
}

impl UnitState {
    /// Why the last process ended or systemd gave up, and the command that mends it; `None` when all is well.
    pub fn trouble(&self, id: &str) -> Option<String> {
        if self.result.is_empty() || self.result == "success" {
            return None;
        }
        let logs = format!("see: partnerctl logs {id}");
        let why = match (self.result.as_str(), self.exit_status) {
            ("exit-code", 78) => {
                format!("configuration or token refused; run: partnerctl check {id}, and {logs}")
            }
            ("exit-code", 243) | ("resources", _) => {
                format!(
                    "token missing: its .env cannot be read; run: partnerctl secret set {id} BOT_TOKEN"
                )
            }
            ("exit-code", 203) => "its program is not there; run: partnerctl host setup".to_owned(),
            ("exit-code", 226) => {
                format!(
                    "systemd could not set up its sandbox; run: partnerctl host setup, and {logs}"
                )
            }
            ("exit-code", code) => format!("ended with {code}; {logs}"),
            ("signal" | "core-dump", signal) => format!("ended by signal {signal}; {logs}"),
            ("watchdog", _) => format!("its work did not move and systemd ended it; {logs}"),
            ("oom-kill", _) => format!("it wanted more memory than it may have; {logs}"),
            ("timeout", _) => format!("it did not start or stop in time; {logs}"),
            ("start-limit-hit", _) => format!("died too often and is left alone; {logs}"),
            (other, _) => format!("{other}; {logs}"),
        };
        Some(why)
    }

    /// Another try in a while may help; after a wrong token or configuration it does not.
    pub fn may_mend_itself(result: &str, exit_status: i32) -> bool {
        !(result == "exit-code" && matches!(exit_status, 78 | 203 | 243))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_tells_of_all_units() {
        let text = "Id=partner-bot@north.service\nActiveState=active\nSubState=running\nResult=success\nNRestarts=2\n\
            MainPID=41\nExecMainStatus=0\nActiveEnterTimestamp=@1795780800\nMemoryCurrent=7759462\nCPUUsageNSec=[not set]\n\
            StatusText=running\n\nId=partner-bot@my-shop.service\nActiveState=failed\nSubState=failed\nResult=exit-code\n\
            NRestarts=0\nMainPID=0\nExecMainStatus=243\nActiveEnterTimestamp=\nMemoryCurrent=18446744073709551615\n";
        let units = parse_show(text);
        let north = &units["north"];
        assert_eq!(
            (
                north.restarts,
                north.active_since,
                north.memory,
                north.cpu_ns
            ),
            (2, 1_795_780_800, Some(7_759_462), None)
        );
        assert_eq!(north.trouble("north"), None);
        let shop = &units["my-shop"];
        assert_eq!((shop.active_since, shop.memory), (0, None));
        let why = shop.trouble("my-shop").unwrap();
        assert!(why.starts_with("token missing"), "{why}");
    }

    #[test]
    fn calls_read_as_one_would_type_them() {
        let ids = ["north".to_owned(), "west".to_owned()];
        let system = Manager::of(Mode::System).unwrap();
        assert_eq!(
            system.units(&["start", "--no-block"], &ids).to_string(),
            "systemctl start --no-block partner-bot@north.service partner-bot@west.service"
        );
        let user = Manager::of(Mode::User).unwrap();
        assert_eq!(
            user.daemon_reload().to_string(),
            "systemctl --user daemon-reload"
        );
        assert_eq!(
            user.journal(&ids[..1], &["-f".to_owned()]).to_string(),
            "journalctl --user -u partner-bot@north.service -f"
        );
    }
}
