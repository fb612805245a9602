//! The state of a fleet: systemd is asked once for all bots, and the bots' sockets all at the same time.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream;
use serde::Serialize;
use serde_json::Value;

use crate::bot_socket::BotSocket;
use crate::failure::{Code, Failure};
use crate::fleet::{Fleet, Partner};
use crate::host::Host;
use crate::output::Tone;
use crate::systemd::{Manager, UnitState, parse_show};

/// Sockets asked at the same time.
const AT_ONCE: usize = 128;

/// How a bot is, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// systemd has given up, or will not try.
    Failed,
    /// Between a death and the next start.
    Restarting,
    /// The process lives and its socket does not answer.
    Silent,
    /// Alive, but something outside must change first.
    Waiting,
    Starting,
    Stopping,
    Running,
    Stopped,
}

impl State {
    pub fn word(self) -> &'static str {
        match self {
            State::Failed => "failed",
            State::Restarting => "restarting",
            State::Silent => "silent",
            State::Waiting => "waiting",
            State::Starting => "starting",
            State::Stopping => "stopping",
            State::Running => "running",
            State::Stopped => "stopped",
        }
    }

    /// A sign and a word, so that neither colour nor the sign is needed to read it.
    pub fn shown(self) -> String {
        let sign = match self {
            State::Running => '●',
            State::Starting | State::Stopping | State::Waiting | State::Restarting => '◐',
            State::Failed | State::Silent => '✖',
            State::Stopped => '○',
        };
        format!("{sign} {}", self.word())
    }

    pub fn tone(self) -> Tone {
        match self {
            State::Running => Tone::Good,
            State::Starting | State::Stopping | State::Waiting | State::Restarting => Tone::Warn,
            State::Failed | State::Silent => Tone::Bad,
            State::Stopped => Tone::Dim,
        }
    }

    /// Whether a person should look at it.
    pub fn is_trouble(self) -> bool {
        matches!(
            self,
            State::Failed | State::Restarting | State::Silent | State::Waiting
        )
    }
}

/// One bot as `status`, `top` and the status page show it. What nobody tells is `None`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BotState {
    pub partner: String,
    pub state: State,
    pub enabled: bool,
    /// Why it is not well, and what mends it.
    pub reason: Option<String>,
    pub username: Option<String>,
    pub version: Option<String>,
    pub uptime_ms: Option<i64>,
    pub restarts: Option<u64>,
    pub leads_today: Option<i64>,
    pub hot: Option<i64>,
    pub lag_ms: Option<i64>,
    /// Since the last update came.
    pub last_update_ms: Option<i64>,
    pub errors_per_minute: Option<i64>,
    pub memory_bytes: Option<u64>,
    /// Processor time of this life, for a share over time.
    pub cpu_ms: Option<u64>,
    pub next_digest_ms: Option<i64>,
    pub unknown: Option<i64>,
    pub set_aside: Option<i64>,
    pub stuck_timers: Option<i64>,
    pub pid: Option<u32>,
}

impl BotState {
    /// Per cent of one core over its life.
    pub fn cpu_percent(&self) -> Option<f64> {
        let uptime = self.uptime_ms.filter(|ms| *ms > 0)?;
        Some(self.cpu_ms? as f64 * 100.0 / uptime as f64)
    }
}

/// Puts together what systemd and the bot itself say. PURE.
pub fn judge(
    id: &str,
    enabled: bool,
    unit: Option<&UnitState>,
    bot: Option<&Value>,
    now_ms: i64,
) -> BotState {
    let number = |key: &str| bot.and_then(|bot| bot[key].as_i64());
    let text = |key: &str| {
        bot.and_then(|bot| bot[key].as_str())
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let state = state_of(unit, bot);
    let trouble = unit
        .filter(|_| state.is_trouble())
        .and_then(|unit| unit.trouble(id));
    let since = unit.filter(|unit| unit.active == "active" && unit.active_since > 0);
    let last_update = number("last_update_at").filter(|at| *at > 0);
    BotState {
        partner: id.to_owned(),
        state,
        enabled,
        reason: text("reason").or(trouble).or_else(|| silence(id, state)),
        username: text("username"),
        version: text("version"),
        uptime_ms: number("uptime_ms")
            .or(since.map(|unit| (now_ms - unit.active_since * 1_000).max(0))),
        restarts: unit.map(|unit| unit.restarts),
        leads_today: number("leads_today"),
        hot: number("hot"),
        lag_ms: number("lag_ms"),
        last_update_ms: last_update.map(|at| (number("now_ms").unwrap_or(now_ms) - at).max(0)),
        errors_per_minute: number("errors_per_minute"),
        memory_bytes: number("memory_bytes")
            .and_then(|bytes| u64::try_from(bytes).ok())
            .or(unit.and_then(|unit| unit.memory)),
        cpu_ms: number("cpu_ms").and_then(|ms| u64::try_from(ms).ok()),
        next_digest_ms: number("next_digest_at")
            .filter(|at| *at > 0)
            .map(|at| (at - number("now_ms").unwrap_or(now_ms)).max(0)),
        unknown: number("unknown"),
        set_aside: number("set_aside"),
        stuck_timers: number("stuck_timers"),
        pid: number("pid").and_then(|pid| u32::try_from(pid).ok()),
    }
}

fn silence(id: &str, state: State) -> Option<String> {
    (state == State::Silent)
        .then(|| format!("its socket does not answer; see: partnerctl logs {id}"))
}

fn state_of(unit: Option<&UnitState>, bot: Option<&Value>) -> State {
    let told = bot.and_then(|bot| bot["state"].as_str());
    let by_bot = match told {
        Some("running") => Some(State::Running),
        Some("waiting") => Some(State::Waiting),
        Some("starting") => Some(State::Starting),
        Some("stopping") => Some(State::Stopping),
        _ => None,
    };
    let Some(unit) = unit else {
        return by_bot.unwrap_or(State::Stopped);
    };
    match (unit.active.as_str(), unit.sub.as_str()) {
        ("failed", _) => State::Failed,
        ("activating", "auto-restart") => State::Restarting,
        ("activating", _) => by_bot.unwrap_or(State::Starting),
        ("active" | "reloading", _) => by_bot.unwrap_or(State::Silent),
        ("deactivating", _) => State::Stopping,
        // Somebody runs it without systemd.
        _ => by_bot.unwrap_or(State::Stopped),
    }
}

/// Looks at these partners' bots.
pub async fn look(
    fleet: &Fleet,
    partners: &[Partner],
    host: &dyn Host,
) -> Result<Vec<BotState>, Failure> {
    let units = units(fleet, host)?;
    let mut told = ask_all(partners).await;
    let now_ms = host.now().as_millisecond();
    let states = partners.iter().map(|partner| {
        let id = &partner.id;
        let unit = units
            .as_ref()
            .map(|units| units.get(id).cloned().unwrap_or_default());
        let bot = told.remove(id);
        judge(
            id,
            fleet.layout.is_enabled(id),
            unit.as_ref(),
            bot.as_ref(),
            now_ms,
        )
    });
    Ok(states.collect())
}

/// What systemd knows; `None` where it keeps no bots.
pub fn units(
    fleet: &Fleet,
    host: &dyn Host,
) -> Result<Option<BTreeMap<String, UnitState>>, Failure> {
    let Some(manager) = Manager::of(fleet.layout.mode) else {
        return Ok(None);
    };
    let call = manager.show();
    let ran = host
        .run(&call)
        .map_err(|error| no_systemd(&error.to_string()))?;
    if !ran.ok() {
        return Err(no_systemd(ran.err.trim()));
    }
    Ok(Some(parse_show(&ran.out)))
}

fn no_systemd(why: &str) -> Failure {
    let message = format!("systemd does not answer: {why}; run: partnerctl doctor");
    Failure::new(Code::Unhealthy, message)
}

async fn ask_all(partners: &[Partner]) -> BTreeMap<String, Value> {
    let asked = partners.iter().map(|partner| {
        let socket = partner.socket();
        async move {
            let told = BotSocket::new(&socket).get("/status").await.ok()?;
            Some((partner.id.clone(), told))
        }
    });
    let answers = stream::iter(asked).buffer_unordered(AT_ONCE);
    answers.filter_map(std::future::ready).collect().await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unit(active: &str, sub: &str, result: &str, exit_status: i32) -> UnitState {
        UnitState {
            active: active.to_owned(),
            sub: sub.to_owned(),
            result: result.to_owned(),
            exit_status,
            ..UnitState::default()
        }
    }

    #[test]
    fn systemd_and_the_bot_together_tell_the_state() {
        let running = json!({ "state": "running" });
        let waiting = json!({ "state": "waiting", "reason": "Telegram asks to wait 30 s" });
        for (unit, bot, state) in [
            (
                Some(unit("active", "running", "success", 0)),
                Some(&running),
                State::Running,
            ),
            (
                Some(unit("active", "running", "success", 0)),
                Some(&waiting),
                State::Waiting,
            ),
            (
                Some(unit("active", "running", "success", 0)),
                None,
                State::Silent,
            ),
            (
                Some(unit("activating", "start", "success", 0)),
                None,
                State::Starting,
            ),
            (
                Some(unit("activating", "start", "success", 0)),
                Some(&waiting),
                State::Waiting,
            ),
            (
                Some(unit("activating", "auto-restart", "signal", 9)),
                None,
                State::Restarting,
            ),
            (
                Some(unit("failed", "failed", "exit-code", 78)),
                None,
                State::Failed,
            ),
            (Some(UnitState::default()), None, State::Stopped),
            (Some(UnitState::default()), Some(&running), State::Running),
            (None, Some(&running), State::Running),
            (None, None, State::Stopped),
        ] {
            assert_eq!(state_of(unit.as_ref(), bot), state, "{unit:?} {bot:?}");
        }
    }

    #[test]
    fn a_bot_that_waits_says_why_and_a_failed_one_how_to_mend_it() {
        let waiting = json!({ "state": "waiting", "reason": "Telegram asks to wait 30 s" });
        let up = unit("active", "running", "success", 0);
        let state = judge("north", true, Some(&up), Some(&waiting), 0);
        assert_eq!(state.reason.as_deref(), Some("Telegram asks to wait 30 s"));
        let failed = unit("failed", "failed", "exit-code", 243);
        let state = judge("north", true, Some(&failed), None, 0);
        assert_eq!(
            state.reason.as_deref(),
            Some(
                "token missing: its .env cannot be read; run: partnerctl secret set north BOT_TOKEN"
            )
        );
        let up = unit("active", "running", "success", 0);
        assert!(
            judge("north", true, Some(&up), None, 0)
                .reason
                .unwrap()
                .contains("socket")
        );
    }
}
