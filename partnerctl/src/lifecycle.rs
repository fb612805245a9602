//! Starting, stopping and restarting bots: the plan, its pace, and waiting for what was asked for.

use std::time::Duration;

use crate::audit;
use crate::commands::status;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::output;
use crate::plan::{self, Step};
use crate::state::{self, BotState, State};
use crate::systemd::Manager;

/// Telegram's server takes 20 new bots a minute and 600 an hour from one address.
pub const PACE: u32 = 10;

/// How long a bot that waits for Telegram is looked at before it counts as waiting.
const STUMBLE: Duration = Duration::from_secs(5);

/// When each start happens, in milliseconds: the first `per_minute` at once, then evenly. No pace: all at once. PURE.
pub fn start_times(count: usize, per_minute: u32) -> Vec<u64> {
    let pace = u64::from(per_minute);
    let at = |index: u64| match pace {
        0 => 0,
        pace if index < pace => 0,
        pace => 60_000 + (index - pace) * 60_000 / pace,
    };
    (0..count as u64).map(at).collect()
}

/// What a start does before systemd is told to start. PURE.
pub fn prepare_start(fleet: &Fleet, ids: &[String], manager: Manager) -> Vec<Step> {
    let mut steps: Vec<Step> = ids.iter().flat_map(|id| program_link(fleet, id)).collect();
    let enable: Vec<String> = ids
        .iter()
        .filter(|id| !fleet.layout.is_enabled(id))
        .cloned()
        .collect();
    if !enable.is_empty() {
        steps.push(Step::Run(manager.units(&["enable", "--quiet"], &enable)));
    }
    steps
}

/// The link by which the unit finds the program, unless a release was chosen for this partner.
pub fn program_link(fleet: &Fleet, id: &str) -> Option<Step> {
    let path = fleet.layout.program_link(id);
    path.symlink_metadata().is_err().then(|| Step::Link {
        path,
        to: "../current".into(),
    })
}

/// The manager of this fleet's bots, or what to do without one.
pub fn manager(fleet: &Fleet, verb: &str) -> Result<Manager, Failure> {
    Manager::of(fleet.layout.mode).ok_or_else(|| {
        let message = format!(
            "{} is a working copy, no systemd keeps its bots, so there is nothing to {verb}; run: partnerctl run, or set this host up: partnerctl host setup",
            fleet.layout.partners.display()
        );
        Failure::new(Code::Usage, message)
    })
}

pub fn ids_of(partners: &[Partner]) -> Vec<String> {
    partners.iter().map(|partner| partner.id.clone()).collect()
}

/// Runs a call and turns its failure into ours.
pub fn run(call: &crate::host::Call, host: &dyn Host) -> Result<(), String> {
    match host.run(call) {
        Ok(ran) if ran.ok() => Ok(()),
        Ok(ran) => Err(format!("{call}: {}", ran.err.trim())),
        Err(error) => Err(format!("{call}: {error}")),
    }
}

/// Starts (or restarts) at the pace and waits until each is ready or has failed.
pub async fn bring_up(
    verb: &'static str,
    fleet: &Fleet,
    partners: &[Partner],
    pace: u32,
    wait: Duration,
    host: &dyn Host,
) -> Result<(), Failure> {
    let manager = manager(fleet, verb)?;
    let ids = ids_of(partners);
    let done = launch(verb, fleet, &ids, manager, pace, host).await;
    audit::record(&fleet.layout, host, verb, &ids, "", &done);
    done.map_err(|reason| {
        Failure::new(Code::General, format!("{reason}; see: partnerctl doctor"))
    })?;
    let bots = settled(fleet, partners, wait, host).await?;
    status::print(&bots, host);
    report(&bots, verb)
}

async fn launch(
    verb: &str,
    fleet: &Fleet,
    ids: &[String],
    manager: Manager,
    pace: u32,
    host: &dyn Host,
) -> Result<(), String> {
    let steps = prepare_start(fleet, ids, manager);
    plan::apply(&steps, host).map_err(|error| format!("{error:#}"))?;
    // A unit that gave up is not started before its failure is forgotten.
    run(&manager.units(&["reset-failed"], ids), host).ok();
    let times = start_times(ids.len(), pace);
    let mut waited = 0;
    let mut first = 0;
    while first < ids.len() {
        let at = times[first];
        let last = first
            + times[first..]
                .iter()
                .take_while(|time| **time == at)
                .count();
        if at > waited {
            host.err(&format!(
                "{first} of {} started; Telegram takes few new bots a minute, the next in {} (--pace 0: all at once)",
                ids.len(),
                output::span((at - waited) as i64)
            ));
            tokio::time::sleep(Duration::from_millis(at - waited)).await;
            waited = at;
        }
        run(
            &manager.units(&[verb, "--no-block"], &ids[first..last]),
            host,
        )?;
        first = last;
    }
    Ok(())
}

/// Looks until every bot is up, waits for the world outside, or has failed; at most so long.
async fn settled(
    fleet: &Fleet,
    partners: &[Partner],
    wait: Duration,
    host: &dyn Host,
) -> Result<Vec<BotState>, Failure> {
    let began = tokio::time::Instant::now();
    loop {
        let bots = state::look(fleet, partners, host).await?;
        // Telegram may stumble once when many come at the same moment.
        let is_late = began.elapsed() >= STUMBLE;
        let settled = |bot: &BotState| match bot.state {
            State::Running | State::Failed => true,
            State::Waiting => is_late,
            _ => false,
        };
        if bots.iter().all(settled) || began.elapsed() >= wait {
            return Ok(bots);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

fn report(bots: &[BotState], verb: &str) -> Result<(), Failure> {
    let late: Vec<&str> = bots
        .iter()
        .filter(|bot| bot.state != State::Running)
        .map(|bot| bot.partner.as_str())
        .collect();
    if late.is_empty() {
        return Ok(());
    }
    let message = format!(
        "{} of {} not running after {verb}: {}; see: partnerctl status --problems",
        late.len(),
        bots.len(),
        late.join(" ")
    );
    Err(Failure::new(Code::Unhealthy, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_keep_under_telegrams_limits() {
        assert_eq!(start_times(5, 0), [0; 5]);
        assert_eq!(start_times(4, 2), [0, 0, 60_000, 90_000]);
        let times = start_times(1_000, PACE);
        for (span, most) in [(60_000, 20), (3_600_000, 600)] {
            for start in &times {
                let inside = times
                    .iter()
                    .filter(|at| **at >= *start && **at < start + span);
                assert!(inside.count() <= most, "more than {most} in {span} ms");
            }
        }
    }
}
