//! What must work on the night something goes wrong: the way of the alerts, and the backups.

use super::Check;
use crate::backup::shelf;
use crate::commands::alerts;
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::layout::Mode;
use crate::output::span;

const HOST: &str = "host";

/// Asks Telegram whether the alerts' bot lives and may write to the operator's chat; no message is sent.
pub async fn alerts_way(fleet: &Fleet) -> Option<Check> {
    const WHAT: &str = "alerts";
    match alerts::check(fleet).await {
        Ok(Some(way)) => Some(Check::passed(HOST, WHAT, way)),
        Ok(None) if fleet.layout.mode == Mode::Here => None,
        Ok(None) => Some(Check::warning(
            HOST,
            WHAT,
            "nobody is told when a bot is down",
            "partnerctl alerts setup --chat ID --token-file FILE",
        )),
        Err(failure) => {
            let why = failure
                .error
                .map_or_else(String::new, |error| format!("{error:#}"));
            Some(Check::failed(
                HOST,
                WHAT,
                why,
                "partnerctl alerts setup --chat ID --token-file FILE",
            ))
        }
    }
}

/// An operator sleeps badly without a backup of yesterday.
const OLD_MS: i64 = 30 * 3_600_000;

pub fn backups(fleet: &Fleet, partners: &[Partner], host: &dyn Host) -> Vec<Check> {
    const WHAT: &str = "backup";
    if !fleet.layout.backup_keys().is_file() {
        return match fleet.layout.mode {
            Mode::Here => Vec::new(),
            Mode::User | Mode::System => vec![Check::warning(
                HOST,
                WHAT,
                "no backups are taken here",
                "partnerctl backup --new-key FILE; systemctl enable --now partner-backup.timer",
            )],
        };
    }
    let now = host.now().as_millisecond();
    let shelf = fleet.layout.backups();
    let checks = partners.iter().map(|partner| {
        let id = &partner.id;
        let newest = shelf::list(&shelf, id).into_iter().next();
        let mend = format!("partnerctl backup {id}");
        match newest.map(|newest| now - newest.label.taken_at_ms) {
            None => Check::failed(id, WHAT, "none", mend),
            Some(age) if age > OLD_MS => {
                Check::failed(id, WHAT, format!("the newest is {} old", span(age)), mend)
            }
            Some(age) => Check::passed(id, WHAT, format!("{} old", span(age))),
        }
    });
    checks.collect()
}
