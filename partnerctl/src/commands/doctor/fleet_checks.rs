//! The partners: their files and modes, and how their bots are.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bot::config;
use bot::diagnostic::Severity;

use super::{Check, host_checks};
use crate::commands::create::bots_of;
use crate::failure::Code;
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::output::{count, size};
use crate::plan::Step;
use crate::state::{self, BotState, State};

pub async fn all(fleet: &Fleet, partners: &[Partner], host: &dyn Host) -> Vec<Check> {
    let mut checks = Vec::new();
    for partner in partners {
        checks.push(modes(fleet, partner));
        checks.push(configuration(fleet, partner, host));
        checks.extend(wal(partner));
    }
    checks.extend(same_bots(fleet));
    match state::look(fleet, partners, host).await {
        Ok(bots) => bots.iter().for_each(|bot| bot_checks(bot, &mut checks)),
        Err(failure) => {
            let why = failure
                .error
                .map_or_else(String::new, |error| format!("{error:#}"));
            checks.push(Check::failed("host", "bots", why, "partnerctl status"));
        }
    }
    checks
}

/// Secrets for their owner alone; in a system fleet the rest is readable for the bot's own user.
fn modes(fleet: &Fleet, partner: &Partner) -> Check {
    const WHAT: &str = "files";
    let id = &partner.id;
    let env = partner.dir.join(".env");
    if !env.is_file() {
        let mend = format!("partnerctl secret set {id} BOT_TOKEN");
        return Check::failed(id, WHAT, ".env with the token is missing", mend)
            .with_code(Code::Credentials);
    }
    let (dir, file) = fleet.layout.partner_modes();
    let mut wanted = vec![(env, 0o600)];
    // More open than needed is the operator's choice, except for secrets; too closed is a bot that cannot start.
    if host_checks::is_system(fleet) {
        let open = [
            (partner.dir.clone(), dir),
            (partner.dir.join("config.yaml"), file),
        ];
        wanted.extend(
            open.into_iter()
                .filter(|(path, mode)| mode_of(path) & mode != *mode),
        );
    }
    let wrong: Vec<Step> = wanted
        .into_iter()
        .filter(|(path, mode)| mode_of(path) != *mode)
        .map(|(path, mode)| Step::Mode { path, mode })
        .collect();
    match &wrong[..] {
        [] => Check::passed(id, WHAT, "secrets are their owner's alone"),
        wrong => {
            let says: Vec<String> = wrong.iter().map(ToString::to_string).collect();
            Check::failed(id, WHAT, "modes are wrong", says.join(" && "))
                .fixed_by(wrong.to_vec())
                .with_code(Code::Credentials)
        }
    }
}

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).map_or(0, |meta| meta.permissions().mode() & 0o777)
}

fn configuration(fleet: &Fleet, partner: &Partner, host: &dyn Host) -> Check {
    const WHAT: &str = "configuration";
    let id = &partner.id;
    let problems = config::check(&fleet.options(partner, host));
    let number = |severity| {
        problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    };
    let mend = format!("partnerctl check {id}");
    match (number(Severity::Error), number(Severity::Warning)) {
        (0, 0) => Check::passed(id, WHAT, ""),
        (0, warnings) => Check::warning(id, WHAT, count(warnings, "warning"), mend),
        (errors, _) => {
            Check::failed(id, WHAT, count(errors, "error"), mend).with_code(Code::InvalidConfig)
        }
    }
}

/// A log that grows is a reader that never lets go, or a disk that is slow.
fn wal(partner: &Partner) -> Option<Check> {
    const MOST: u64 = 64 << 20;
    let bytes = std::fs::metadata(partner.data.join("bot.db-wal"))
        .ok()?
        .len();
    (bytes > MOST).then(|| {
        let says = format!("{} wait to be merged into the data file", size(bytes));
        Check::warning(
            &partner.id,
            "data",
            says,
            format!("partnerctl restart {}", partner.id),
        )
    })
}

fn same_bots(fleet: &Fleet) -> Vec<Check> {
    let mut owners: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    let all = bots_of(fleet);
    for id in fleet.ids() {
        let text =
            std::fs::read_to_string(fleet.layout.partner(&id).join(".env")).unwrap_or_default();
        let bot = crate::edit::env::value(&text, "BOT_TOKEN")
            .and_then(|token| token.split(':').next()?.parse().ok());
        if let Some(bot) = bot.filter(|bot| all.contains_key(bot)) {
            owners.entry(bot).or_default().push(id);
        }
    }
    let several = owners.into_values().filter(|ids| ids.len() > 1);
    several
        .map(|ids| {
            let says = format!(
                "{} share one bot and take each other's updates",
                ids.join(" and ")
            );
            let mend = format!(
                "give all but one a bot of their own: partnerctl secret set {} BOT_TOKEN",
                ids[1]
            );
            Check::failed(&ids[0], "one poller a bot", says, mend).with_code(Code::Conflict)
        })
        .collect()
}

fn bot_checks(bot: &BotState, checks: &mut Vec<Check>) {
    let id = &bot.partner;
    let reason = bot.reason.clone().unwrap_or_default();
    let logs = format!("partnerctl logs {id}");
    if reason.contains("somebody else reads") {
        let mend =
            format!("end the other program, or take the bot back: partnerctl secret rotate {id}");
        checks.push(Check::failed(id, "one poller a bot", reason, mend).with_code(Code::Conflict));
    } else if bot.state.is_trouble() {
        checks.push(Check::failed(
            id,
            "bot",
            format!("{}: {reason}", bot.state.word()),
            logs.clone(),
        ));
    } else if bot.state == State::Stopped {
        checks.push(match bot.enabled {
            true => Check::failed(
                id,
                "bot",
                "should run and does not",
                format!("partnerctl start {id}"),
            ),
            false => Check::passed(id, "bot", "stopped, as wanted"),
        });
    } else {
        checks.push(Check::passed(id, "bot", bot.state.word()));
    }
    let own = env!("CARGO_PKG_VERSION");
    if let Some(version) = bot.version.as_ref().filter(|version| *version != own) {
        let says = format!("runs {version}, partnerctl is {own}");
        checks.push(Check::warning(
            id,
            "version",
            says,
            format!("partnerctl restart {id}"),
        ));
    }
    for (number, what, says, mend) in [
        (
            bot.stuck_timers,
            "timers",
            "due for more than five minutes",
            logs.clone(),
        ),
        (
            bot.unknown,
            "messages in doubt",
            "whose arrival nobody knows",
            format!("partnerctl logs {id} --grep unknown"),
        ),
        (
            bot.set_aside,
            "updates set aside",
            "that failed again and again",
            format!("partnerctl logs {id} --level error"),
        ),
    ] {
        if let Some(number) = number.filter(|number| *number > 0) {
            checks.push(Check::warning(id, what, format!("{number} {says}"), mend));
        }
    }
    if let Some(lag) = bot.lag_ms.filter(|ms| *ms > 60_000) {
        checks.push(Check::warning(
            id,
            "queue",
            format!("the oldest waits {}", crate::output::span(lag)),
            logs,
        ));
    }
}
