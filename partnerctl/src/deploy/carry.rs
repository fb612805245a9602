//! Carries a plan out, partner by partner: forward, looked at for a while, and back when it is not well.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde_json::Value;

use super::own::Own;
use super::plan::{Act, Change};
use crate::bot_socket::BotSocket;
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::plan::{self, Step};
use crate::state::{self, BotState, State};
use crate::systemd::Manager;

/// How long a partner may take, and how long it is watched.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    pub start: Duration,
    pub watch: Duration,
    /// For so long a bad state is not held against it.
    pub settle: Duration,
}

/// Sockets told to reload at the same time.
const AT_ONCE: usize = 8;
/// What systemd tells so soon after a restart was asked for may be of the process that was taken back.
const SETTLES: Duration = Duration::from_secs(2);
/// A busy machine compiles many funnels slowly, and that is no reason to take them back.
const RELOADING: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(300);

pub struct Carrier<'a> {
    pub fleet: &'a Fleet,
    pub host: &'a dyn Host,
    /// What the partners' links are to lead to, relative to the links; `None` when programs stay.
    pub program: Option<PathBuf>,
    /// The partners' own files, when they change.
    pub own: Option<&'a Own>,
    pub gate: Gate,
}

/// How it ended for one partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Why, and whether it is well on what it ran before.
    Back {
        why: String,
        well: bool,
    },
}

/// A partner under way, with what it takes to go back.
struct Under {
    partner: Partner,
    change: Change,
    /// Where the link led.
    link: Option<PathBuf>,
    /// Of the process before the change.
    old_pid: Option<u32>,
    /// Of the process that came up after it; another one means that this one died.
    new_pid: Option<u32>,
    trouble: Option<String>,
}

impl Carrier<'_> {
    /// Takes these partners forward together; who fails is taken back.
    pub async fn wave(&self, changes: &[Change]) -> Vec<(String, Outcome)> {
        let mut all = self.begin(changes).await;
        self.forward(&mut all).await;
        self.watch(&mut all).await;
        let (failed, well): (Vec<Under>, Vec<Under>) =
            all.into_iter().partition(|under| under.trouble.is_some());
        let mut outcomes: Vec<(String, Outcome)> = well
            .into_iter()
            .map(|under| (under.change.id, Outcome::Done))
            .collect();
        outcomes.extend(self.back(failed).await);
        outcomes.sort_by(|a, b| a.0.cmp(&b.0));
        outcomes
    }

    async fn begin(&self, changes: &[Change]) -> Vec<Under> {
        let partners: Vec<Partner> = changes
            .iter()
            .map(|change| self.fleet.partner(&change.id))
            .collect();
        let states = self.look(&partners).await;
        let under = partners.into_iter().zip(changes).map(|(partner, change)| {
            let state = states.iter().find(|state| state.partner == partner.id);
            Under {
                link: fs::read_link(self.fleet.layout.program_link(&partner.id)).ok(),
                old_pid: state.and_then(|state| state.pid),
                new_pid: None,
                trouble: None,
                change: change.clone(),
                partner,
            }
        });
        under.collect()
    }

    async fn forward(&self, all: &mut [Under]) {
        for under in all.iter_mut() {
            let Some(to) = self
                .program
                .as_ref()
                .filter(|_| under.change.act != Act::Stay)
            else {
                continue;
            };
            let linked = self.link(&under.partner.id, to);
            under.trouble = linked.err();
        }
        for under in all.iter_mut().filter(|under| under.trouble.is_none()) {
            let brought = self.own.map_or(Ok(()), |own| own.bring(&under.partner));
            under.trouble = brought.err().map(|error| format!("{error:#}"));
        }
        let restarting: Vec<String> = all
            .iter()
            .filter(|under| under.change.act == Act::Restart && under.trouble.is_none())
            .map(|under| under.partner.id.clone())
            .collect();
        if let Err(why) = self.restart(&restarting) {
            for under in all.iter_mut() {
                if restarting.contains(&under.partner.id) {
                    under.trouble = Some(why.clone());
                }
            }
        }
        let reloading: Vec<(usize, PathBuf)> = all
            .iter()
            .enumerate()
            .filter(|(_, under)| under.change.act == Act::Reload && under.trouble.is_none())
            .map(|(index, under)| (index, under.partner.socket()))
            .collect();
        for (index, told) in reload_all(reloading).await {
            if all[index].change.gated {
                all[index].trouble = told.err();
            }
        }
    }

    /// Waits until all have started and have been well for a while.
    async fn watch(&self, all: &mut [Under]) {
        let mut waited = Duration::ZERO;
        let mut well_for = Duration::ZERO;
        loop {
            let watched: Vec<Partner> = all
                .iter()
                .filter(|under| is_watched(under))
                .map(|under| under.partner.clone())
                .collect();
            if watched.is_empty() {
                return;
            }
            let states = self.look(&watched).await;
            let mut all_started = true;
            for under in all.iter_mut().filter(|under| is_watched(under)) {
                let state = states
                    .iter()
                    .find(|state| state.partner == under.partner.id);
                match verdict(under, state) {
                    Verdict::Well => {}
                    Verdict::NotYet if waited < self.gate.start => all_started = false,
                    Verdict::NotYet => {
                        let word = state.map_or("unknown", |state| state.state.word());
                        under.trouble = Some(format!(
                            "not well {} s after the change ({word})",
                            self.gate.start.as_secs()
                        ));
                    }
                    Verdict::Bad(_) if waited < self.gate.settle => all_started = false,
                    Verdict::Bad(why) => under.trouble = Some(why),
                }
            }
            if all_started {
                if well_for >= self.gate.watch {
                    return;
                }
                well_for += LOOK_EVERY;
            }
            tokio::time::sleep(LOOK_EVERY).await;
            waited += LOOK_EVERY;
        }
    }

    /// Back to where they were, and looked at once more.
    async fn back(&self, mut failed: Vec<Under>) -> Vec<(String, Outcome)> {
        for under in &failed {
            if let (Some(_), Some(link)) = (&self.program, &under.link)
                && let Err(why) = self.link(&under.partner.id, link)
            {
                self.host
                    .err(&format!("warning: {}: {why}", under.partner.id));
            }
        }
        self.own_back(&failed).await;
        let ids: Vec<String> = failed
            .iter()
            .filter(|under| under.change.act == Act::Restart)
            .map(|under| under.partner.id.clone())
            .collect();
        if let Err(why) = self.restart(&ids) {
            self.host.err(&format!("warning: {why}"));
        }
        let whys: Vec<String> = failed
            .iter_mut()
            .map(|under| {
                (under.old_pid, under.new_pid) = (None, None);
                under.trouble.take().unwrap_or_default()
            })
            .collect();
        let patience = Carrier {
            gate: Gate {
                start: self.gate.start,
                watch: Duration::ZERO,
                settle: SETTLES,
            },
            program: None,
            own: None,
            ..*self
        };
        patience.watch(&mut failed).await;
        let ended = failed.into_iter().zip(whys);
        ended
            .map(|(under, why)| {
                let well = under.trouble.is_none();
                (under.change.id, Outcome::Back { why, well })
            })
            .collect()
    }

    /// The files as they were; who does not restart reads them at once.
    async fn own_back(&self, failed: &[Under]) {
        let Some(own) = self.own else { return };
        let mut reading = Vec::new();
        for (index, under) in failed.iter().enumerate() {
            if let Err(error) = own.put_back(&under.partner) {
                self.host
                    .err(&format!("warning: {}: {error:#}", under.partner.id));
            } else if under.change.act == Act::Reload {
                reading.push((index, under.partner.socket()));
            }
        }
        for (index, told) in reload_all(reading).await {
            if let Err(why) = told {
                self.host
                    .err(&format!("warning: {}: {why}", failed[index].partner.id));
            }
        }
    }

    async fn look(&self, partners: &[Partner]) -> Vec<BotState> {
        // systemd that is busy for a moment is asked again at the next look.
        state::look(self.fleet, partners, self.host)
            .await
            .unwrap_or_default()
    }

    fn link(&self, id: &str, to: &Path) -> Result<(), String> {
        let step = Step::Link {
            path: self.fleet.layout.program_link(id),
            to: to.to_owned(),
        };
        plan::apply(&[step], self.host).map_err(|error| format!("{error:#}"))
    }

    /// systemd stops the old process before it starts the new one: the two never poll together.
    fn restart(&self, ids: &[String]) -> Result<(), String> {
        if ids.is_empty() {
            return Ok(());
        }
        let Some(manager) = Manager::of(self.fleet.layout.mode) else {
            return Err("no systemd keeps these bots, so they cannot be restarted".to_owned());
        };
        // A unit that systemd has given up on starts only after this.
        let _ = self.host.run(&manager.units(&["reset-failed"], ids));
        let call = manager.units(&["restart", "--no-block"], ids);
        match self.host.run(&call) {
            Ok(ran) if ran.ok() => Ok(()),
            Ok(ran) => Err(format!("{call}: {}", ran.err.trim())),
            Err(error) => Err(format!("{call}: {error}")),
        }
    }
}

/// Tells bots to read their funnels anew; what each says.
pub async fn reload_all(sockets: Vec<(usize, PathBuf)>) -> Vec<(usize, Result<(), String>)> {
    let told = sockets
        .into_iter()
        .map(|(index, socket)| async move { (index, reload(&socket).await) });
    stream::iter(told).buffer_unordered(AT_ONCE).collect().await
}

async fn reload(socket: &Path) -> Result<(), String> {
    let answer = BotSocket::new(socket)
        .post_within("/reload", RELOADING)
        .await;
    let health = answer.map_err(|error| format!("{error:#}"))?;
    refusal(&health).map_or(Ok(()), Err)
}

/// What a bot does not take of the files it was told to read. PURE.
fn refusal(health: &Value) -> Option<String> {
    for what in ["funnels", "config"] {
        let problems = health[what]["problems"].as_array().into_iter().flatten();
        if let Some(problem) = problems
            .into_iter()
            .find(|problem| problem["severity"] == "error")
        {
            return Some(format!(
                "it refuses the files: {}:{}: {}",
                problem["file"].as_str().unwrap_or_default(),
                problem["line"],
                problem["message"].as_str().unwrap_or_default()
            ));
        }
    }
    let waiting = health["config"]["waiting"].as_array()?;
    let keys: Vec<&str> = waiting.iter().filter_map(Value::as_str).collect();
    (!keys.is_empty()).then(|| format!("it does not take over {}", keys.join(", ")))
}

fn is_watched(under: &Under) -> bool {
    under.change.gated
        && under.trouble.is_none()
        && matches!(under.change.act, Act::Restart | Act::Reload)
}

enum Verdict {
    Well,
    NotYet,
    Bad(String),
}

fn verdict(under: &mut Under, state: Option<&BotState>) -> Verdict {
    let Some(state) = state else {
        return Verdict::NotYet;
    };
    let reason = || state.reason.clone().unwrap_or_default();
    match state.state {
        State::Failed => Verdict::Bad(format!("it failed: {}", reason())),
        State::Restarting => Verdict::Bad(format!("it died: {}", reason())),
        // Still the old process: its stop is under way.
        State::Running
            if under.change.act == Act::Restart
                && under.old_pid.is_some()
                && state.pid == under.old_pid =>
        {
            Verdict::NotYet
        }
        State::Running if under.new_pid.is_some() && under.new_pid != state.pid => {
            Verdict::Bad("it died and was started again".to_owned())
        }
        State::Running => {
            under.new_pid = state.pid;
            Verdict::Well
        }
        State::Silent | State::Waiting | State::Starting | State::Stopping | State::Stopped => {
            Verdict::NotYet
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bot_that_refuses_files_says_which() {
        let problem = |severity: &str| json!([{ "severity": severity, "file": "a.yaml", "line": 3, "message": "no step" }]);
        for (health, refused) in [
            (
                json!({ "funnels": { "problems": problem("warning") } }),
                None,
            ),
            (
                json!({ "funnels": { "problems": problem("error") } }),
                Some("it refuses the files: a.yaml:3: no step"),
            ),
            (
                json!({ "config": { "problems": problem("error") } }),
                Some("it refuses the files: a.yaml:3: no step"),
            ),
            (
                json!({ "config": { "problems": [], "waiting": ["hot.score"] } }),
                Some("it does not take over hot.score"),
            ),
            (json!({ "config": { "problems": [], "waiting": [] } }), None),
        ] {
            assert_eq!(refusal(&health).as_deref(), refused, "{health}");
        }
    }
}
