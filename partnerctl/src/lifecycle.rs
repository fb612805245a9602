//! Starting, stopping and restarting bots: the plan, its pace, and waiting for what was asked for.

use std::time::Duration;

use crate::audit;
use crate::commands::status;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::layout::Layout;
use crate::output::{self, OutputArgs};
use crate::plan::{self, Step};
use crate::state::{self, BotState, State};
use crate::systemd::Manager;

/// Telegram's server takes 20 new bots a minute and 600 an hour from one address.
pub const PACE: u32 = 10;

/// The pace of this host: that of `host setup --pace`.
pub fn pace(layout: &Layout) -> u32 {
    let told = std::fs::read_to_string(&layout.marker).ok();
    let told = told.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
    let pace = told.and_then(|told| u32::try_from(told["pace"].as_u64()?).ok());
    pace.unwrap_or(PACE)
}

/// How often bots that start are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOK_EACH: Duration = Duration::from_millis(5);

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

/// How bots are brought up.
pub struct Rise {
    /// `start` or `restart`.
    pub verb: &'static str,
    /// New bots a minute after the first so many; 0: all at once.
    pub pace: u32,
    /// How long the last may take to be ready.
    pub wait: Duration,
}

/// Starts (or restarts) at the pace and waits until each is ready or has failed.
pub async fn bring_up(
    rise: &Rise,
    fleet: &Fleet,
    partners: &[Partner],
    output: &OutputArgs,
    host: &dyn Host,
) -> Result<(), Failure> {
    let Rise { verb, pace, wait } = *rise;
    let manager = manager(fleet, verb)?;
    let ids = ids_of(partners);
    let done = launch(verb, fleet, &ids, manager, pace, host).await;
    audit::record(&fleet.layout, host, verb, &ids, "", &done);
    done.map_err(|reason| {
        Failure::new(Code::General, format!("{reason}; see: partnerctl doctor"))
    })?;
    let bots = settled(fleet, partners, wait, host).await?;
    status::show(&bots, output, host);
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
    at_pace(ids, pace, host, |now| {
        run(&manager.units(&[verb, "--no-block"], now), host)
    })
    .await
}

/// Has each group of bots started when its time has come.
async fn at_pace(
    ids: &[String],
    pace: u32,
    host: &dyn Host,
    mut start: impl FnMut(&[String]) -> Result<(), String>,
) -> Result<(), String> {
    let times = start_times(ids.len(), pace);
    let mut waited = 0;
    let mut first = 0;
    while first < ids.len() {
        let at = times[first];
        let together = times[first..].iter().take_while(|time| **time == at);
        let last = first + together.count();
        if at > waited {
            host.err(&format!(
                "{first} of {} started; Telegram takes few new bots a minute, the next in {} (--pace 0: all at once)",
                ids.len(),
                output::span((at - waited) as i64)
            ));
            tokio::time::sleep(Duration::from_millis(at - waited)).await;
            waited = at;
        }
        start(&ids[first..last])?;
        first = last;
    }
    Ok(())
}

/// After a boot: starts whoever is to run and does not, at the pace. Whoever was stopped meanwhile stays so.
pub async fn boot(fleet: &Fleet, pace: u32, host: &dyn Host) -> Result<(), Failure> {
    let manager = manager(fleet, "start")?;
    let running = state::units(fleet, host)?.unwrap_or_default();
    let is_down = |id: &String| running.get(id).is_none_or(|unit| unit.active == "inactive");
    let wanted = |id: &String| fleet.layout.is_enabled(id);
    let ids: Vec<String> = fleet
        .ids()
        .into_iter()
        .filter(|id| wanted(id) && is_down(id))
        .collect();
    let done = at_pace(&ids, pace, host, |now| {
        let now: Vec<String> = now.iter().filter(|id| wanted(id)).cloned().collect();
        match now.is_empty() {
            true => Ok(()),
            false => run(&manager.units(&["start", "--no-block"], &now), host),
        }
    })
    .await;
    audit::record(&fleet.layout, host, "boot", &ids, "", &done);
    done.map_err(|reason| {
        Failure::new(Code::General, format!("{reason}; see: partnerctl doctor"))
    })?;
    host.err(&format!("started {}", output::count(ids.len(), "bot")));
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
        // Looking at many costs systemd as much as starting some.
        tokio::time::sleep(LOOK_EVERY + LOOK_EACH * bots.len() as u32).await;
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
