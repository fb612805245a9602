//! The machine: systemd, units, programs, clock, disk.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::Check;
use crate::fleet::Fleet;
use crate::host::{Call, Host};
use crate::layout::{BOOT, Mode};
use crate::lifecycle;
use crate::output::size;
use crate::plan::{self, Step};
use crate::systemd::Manager;
use crate::units;

const HOST: &str = "host";

pub fn all(fleet: &Fleet, host: &dyn Host) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(manager) = Manager::of(fleet.layout.mode) {
        checks.push(systemd(manager, host));
        checks.push(installed_units(fleet, manager));
        checks.push(programs(fleet));
        checks.push(audit_log(fleet));
        checks.push(starts(fleet, manager));
        checks.extend(watches(fleet));
    }
    checks.push(clock(host));
    let data = &fleet.layout.data;
    checks.push(disk(if data.exists() { data } else { Path::new(".") }));
    checks
}

fn systemd(manager: Manager, host: &dyn Host) -> Check {
    const WHAT: &str = "systemd";
    const OLDEST: u32 = 252;
    let version = host.run(&Call::new("systemctl", ["--version"]));
    let number = version
        .ok()
        .and_then(|ran| ran.out.split_whitespace().nth(1)?.parse::<u32>().ok());
    let answers = host.run(&manager.show()).is_ok_and(|ran| ran.ok());
    match (number, answers) {
        (_, false) => Check::failed(
            HOST,
            WHAT,
            "does not answer",
            "is it running? systemctl is-system-running; without systemd: partnerctl run",
        ),
        (Some(number), true) if number < OLDEST => Check::warning(
            HOST,
            WHAT,
            format!("version {number}; the units are made for {OLDEST} and newer"),
            "update the system",
        ),
        (number, true) => Check::passed(
            HOST,
            WHAT,
            number.map_or_else(String::new, |number| format!("version {number}")),
        ),
    }
}

/// The units as this version of partnerctl has them.
fn installed_units(fleet: &Fleet, manager: Manager) -> Check {
    const WHAT: &str = "units";
    let mut old = plan::needed(units::steps(&fleet.layout));
    if old.is_empty() {
        return Check::passed(HOST, WHAT, "as this version has them");
    }
    let names: Vec<String> = old
        .iter()
        .filter_map(|step| match step {
            Step::Write { path, .. } | Step::MakeDir { path, .. } => {
                Some(path.file_name()?.to_string_lossy().into_owned())
            }
            _ => None,
        })
        .collect();
    old.push(Step::Run(manager.daemon_reload()));
    let says = format!("missing or of another version: {}", names.join(", "));
    Check::failed(HOST, WHAT, says, "partnerctl host setup").fixed_by(old)
}

fn programs(fleet: &Fleet) -> Check {
    const WHAT: &str = "programs";
    let current = fleet.layout.current();
    let missing: Vec<&str> = ["bot", "partnerctl"]
        .into_iter()
        .filter(|name| !current.join(name).is_file())
        .collect();
    match &missing[..] {
        [] => {
            let release = std::fs::read_link(&current).unwrap_or_default();
            Check::passed(HOST, WHAT, release.display().to_string())
        }
        missing => Check::failed(
            HOST,
            WHAT,
            format!("{} has no {}", current.display(), missing.join(" and no ")),
            "partnerctl host setup",
        ),
    }
}

/// After a reboot somebody must start the bots, and not all at once.
fn starts(fleet: &Fleet, manager: Manager) -> Check {
    const WHAT: &str = "starts";
    if fleet.layout.starts_at_boot() {
        let pace = match lifecycle::pace(&fleet.layout) {
            0 => "all at once".to_owned(),
            pace => format!("{pace} bots at once, then {pace} a minute"),
        };
        return Check::passed(HOST, WHAT, format!("after a reboot: {pace}"));
    }
    let enable = manager.enable(BOOT);
    let says = "after a reboot nobody starts the bots";
    Check::failed(HOST, WHAT, says, enable.to_string()).fixed_by(vec![Step::Run(enable)])
}

/// A bot that cannot follow its files learns of an edit only when it is told.
fn watches(fleet: &Fleet) -> Option<Check> {
    const WHAT: &str = "watching files";
    const OTHERS: u64 = 64;
    let path = fleet.layout.sysctl()?;
    let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").ok()?;
    let limit: u64 = limit.trim().parse().ok()?;
    let bots = fleet.ids().len() as u64;
    Some(match bots + OTHERS > limit {
        false => Check::passed(HOST, WHAT, format!("room for {limit} watchers")),
        true => Check::warning(
            HOST,
            WHAT,
            format!(
                "{bots} bots, and the kernel allows {limit} watchers: some bots learn of edited files only by partnerctl config set, deploy or SIGHUP"
            ),
            format!("sysctl --load={}", path.display()),
        ),
    })
}

fn audit_log(fleet: &Fleet) -> Check {
    const WHAT: &str = "audit log";
    match crate::audit::read(&fleet.layout) {
        Ok(lines) => Check::passed(HOST, WHAT, crate::output::count(lines.len(), "line")),
        Err(error) => Check::warning(
            HOST,
            WHAT,
            format!("{error:#}"),
            format!("mend {}", fleet.layout.audit().display()),
        ),
    }
}

/// Sequences and quiet hours hang on it.
fn clock(host: &dyn Host) -> Check {
    const WHAT: &str = "clock";
    let call = Call::new(
        "timedatectl",
        ["show", "--property=NTPSynchronized", "--value"],
    );
    match host.run(&call) {
        Ok(ran) if ran.ok() && ran.out.trim() == "yes" => Check::passed(HOST, WHAT, "kept by NTP"),
        Ok(ran) if ran.ok() => {
            Check::warning(HOST, WHAT, "is not kept by NTP", "timedatectl set-ntp true")
        }
        _ => Check::warning(
            HOST,
            WHAT,
            "nobody here tells whether it is kept by NTP",
            "compare it with Telegram's below",
        ),
    }
}

fn disk(data: &Path) -> Check {
    const WHAT: &str = "disk";
    const LEAST: u64 = 200 << 20;
    const LITTLE: u64 = 1 << 30;
    let Some((free, total)) = space(data) else {
        return Check::warning(
            HOST,
            WHAT,
            format!("{} cannot be asked", data.display()),
            format!("df {}", data.display()),
        );
    };
    let says = format!(
        "{} of {} free at {}",
        size(free),
        size(total),
        data.display()
    );
    let mend = format!(
        "make room: du -xh --max-depth=2 {} | sort -h",
        data.display()
    );
    match free {
        free if free < LEAST => Check::failed(HOST, WHAT, says, mend),
        free if free < LITTLE => Check::warning(HOST, WHAT, says, mend),
        _ => Check::passed(HOST, WHAT, says),
    }
}

/// Bytes an ordinary user may still write, and all there are.
fn space(path: &Path) -> Option<(u64, u64)> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: an all-zero statvfs is a valid value; the call fills it and keeps no pointer.
    let (told, stat) = unsafe {
        let mut stat = std::mem::zeroed::<libc::statvfs>();
        (libc::statvfs(path.as_ptr(), &raw mut stat), stat)
    };
    (told == 0).then(|| (stat.f_bavail * stat.f_frsize, stat.f_blocks * stat.f_frsize))
}

/// Whether files here are read by a service's own user.
pub fn is_system(fleet: &Fleet) -> bool {
    fleet.layout.mode == Mode::System
}
