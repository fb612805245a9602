//! The unit files of a host, as they lie in `systemd/` of the source.

use crate::layout::Mode;

/// (file name, text) of every unit of a mode.
pub fn files(mode: Mode) -> &'static [(&'static str, &'static str)] {
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
        ],
    }
}
