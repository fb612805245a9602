//! The unit files of a host, as they lie in `systemd/` of the source.

use crate::layout::{Layout, Mode};
use crate::plan::Step;

/// Every bot follows its files by one inotify instance, and the kernel counts those of all services together.
pub const INOTIFY: u64 = 8192;

/// The kernel settings of a host with many bots.
pub fn sysctl() -> String {
    format!(
        "# Bots that notice edited files: one instance each. Installed by `partnerctl host setup`.\nfs.inotify.max_user_instances = {INOTIFY}\n"
    )
}

/// The directory that bots see as `/`, where there is one, and the unit files.
pub fn steps(layout: &Layout) -> Vec<Step> {
    let root = layout
        .root()
        .map(|path| Step::MakeDir { path, mode: 0o755 });
    let files = files(layout.mode).iter().map(|(name, text)| Step::Write {
        path: layout.units.join(name),
        text: (*text).to_owned(),
        mode: 0o644,
    });
    root.into_iter().chain(files).collect()
}

/// (file name, text) of every unit of a mode.
fn files(mode: Mode) -> &'static [(&'static str, &'static str)] {
    match mode {
        Mode::System | Mode::Here => &[
            (
                "partner-bot@.service",
                include_str!("../../systemd/partner-bot@.service"),
            ),
            (
                "partner-bot-alert@.service",
                include_str!("../../systemd/partner-bot-alert@.service"),
            ),
            (
                "partner-bot-retry@.service",
                include_str!("../../systemd/partner-bot-retry@.service"),
            ),
            (
                "partner-bot-retry@.timer",
                include_str!("../../systemd/partner-bot-retry@.timer"),
            ),
            (
                "partner-backup.service",
                include_str!("../../systemd/partner-backup.service"),
            ),
            (
                "partner-backup.timer",
                include_str!("../../systemd/partner-backup.timer"),
            ),
            (
                "partner-alerts.service",
                include_str!("../../systemd/partner-alerts.service"),
            ),
            (
                "partner-bots.service",
                include_str!("../../systemd/partner-bots.service"),
            ),
            (
                "partner-bots.target",
                include_str!("../../systemd/partner-bots.target"),
            ),
        ],
        Mode::User => &[
            (
                "partner-bot@.service",
                include_str!("../../systemd/user/partner-bot@.service"),
            ),
            (
                "partner-bot-alert@.service",
                include_str!("../../systemd/user/partner-bot-alert@.service"),
            ),
            (
                "partner-bot-retry@.service",
                include_str!("../../systemd/user/partner-bot-retry@.service"),
            ),
            (
                "partner-bot-retry@.timer",
                include_str!("../../systemd/user/partner-bot-retry@.timer"),
            ),
            (
                "partner-backup.service",
                include_str!("../../systemd/user/partner-backup.service"),
            ),
            (
                "partner-backup.timer",
                include_str!("../../systemd/user/partner-backup.timer"),
            ),
            (
                "partner-alerts.service",
                include_str!("../../systemd/user/partner-alerts.service"),
            ),
            (
                "partner-bots.service",
                include_str!("../../systemd/user/partner-bots.service"),
            ),
            (
                "partner-bots.target",
                include_str!("../../systemd/user/partner-bots.target"),
            ),
        ],
    }
}
