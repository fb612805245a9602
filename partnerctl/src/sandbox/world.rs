//! The handle to a running sandbox's world, for tests and load runs in the same process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::sync::Notify;

use super::faults::{FaultKind, FaultRule};
use super::journal::{Call, Event};
use super::state::State;

/// What a bot just did to a chat; hooks get it after the call was carried out, outside the lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A new message of the bot.
    Message {
        bot: i64,
        chat: i64,
        message_id: i64,
    },
    /// A message of the bot changed.
    Edited {
        bot: i64,
        chat: i64,
        message_id: i64,
    },
    /// A press was answered.
    Toast {
        bot: i64,
        user: i64,
        callback_query_id: String,
    },
}

/// A call of the Bot API as it came in, and the fault that hit it with how long that keeps the bot waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Called {
    pub bot: i64,
    pub chat: Option<i64>,
    /// It is getUpdates.
    pub polls: bool,
    pub fault: Option<(FaultKind, u64)>,
}

type Hook = Arc<dyn Fn(&Arrival) + Send + Sync>;
type CallHook = Arc<dyn Fn(&Called) + Send + Sync>;

/// The world of one sandbox; clones share it.
#[derive(Clone)]
pub struct World {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    hooks: RwLock<Vec<Hook>>,
    call_hooks: RwLock<Vec<CallHook>>,
    changed: Notify,
}

impl World {
    pub(super) fn new(state: State) -> World {
        let shared = Shared {
            state: Mutex::new(state),
            hooks: RwLock::default(),
            call_hooks: RwLock::default(),
            changed: Notify::new(),
        };
        World {
            shared: Arc::new(shared),
        }
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        let state = self
            .shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Locked {
            seen: state.journal.last_event(),
            state,
            changed: &self.shared.changed,
        }
    }

    pub(super) fn changed(&self) -> &Notify {
        &self.shared.changed
    }

    pub(super) fn announce(&self, arrivals: &[Arrival]) {
        if arrivals.is_empty() {
            return;
        }
        let hooks = self
            .shared
            .hooks
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        for arrival in arrivals {
            for hook in &hooks {
                hook(arrival);
            }
        }
    }

    /// Calls `hook` for everything a bot does to a chat, in the sandbox's own thread: it must be quick, and it may
    /// use the world (send the next text, press the next button) without waiting for anything.
    pub fn on_arrival(&self, hook: impl Fn(&Arrival) + Send + Sync + 'static) {
        let mut hooks = self
            .shared
            .hooks
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        hooks.push(Arc::new(hook));
    }

    pub(super) fn announce_call(&self, called: &Called) {
        let hooks = self
            .shared
            .call_hooks
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for hook in hooks.iter() {
            hook(called);
        }
    }

    /// Calls `hook` for every call of a bot, before it is answered; the same rules as for `on_arrival`.
    pub fn on_call(&self, hook: impl Fn(&Called) + Send + Sync + 'static) {
        let mut hooks = self
            .shared
            .call_hooks
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        hooks.push(Arc::new(hook));
    }

    /// Milliseconds since 1970 on the sandbox clock.
    pub fn now_ms(&self) -> i64 {
        self.lock().now_ms()
    }

    pub fn advance(&self, by: Duration) {
        self.move_clock(|state| {
            state
                .clock
                .advance(i64::try_from(by.as_millis()).unwrap_or(i64::MAX))
        });
    }

    pub fn set_clock(&self, ms: i64) {
        self.move_clock(|state| state.clock.set(ms));
    }

    pub(super) fn move_clock(&self, step: impl FnOnce(&mut State)) -> i64 {
        let mut state = self.lock();
        step(&mut state);
        let now = state.now_ms();
        state.emit(Event::of(None, None, "clock", json!({"now_ms": now})));
        now
    }

    /// The fault rules as they stand, with how often each fired.
    pub fn faults(&self) -> Vec<FaultRule> {
        self.lock().faults.rules().to_vec()
    }

    /// Replaces the fault rules; a seed starts their generator anew.
    pub fn set_faults(&self, rules: Vec<FaultRule>, seed: Option<u64>) {
        let mut state = self.lock();
        let armed = rules.len();
        state.faults.set(rules, seed);
        state.emit(Event::of(None, None, "fault", json!({"armed": armed})));
    }

    /// Telegram's sending limits on or off.
    pub fn set_flood(&self, on: bool) {
        self.lock().flood = on;
    }

    /// Updates are forgotten as soon as they are delivered, as if the bot confirmed before it stored: the control
    /// of a kill test, which must then see losses.
    pub fn set_careless(&self, bot: i64, on: bool) {
        let mut state = self.lock();
        if let Some(index) = state.bot_by_id(bot) {
            state.bots[index].queue.set_careless(on);
        }
    }

    /// No journal, no events, short histories: for load runs.
    pub fn set_quiet(&self, on: bool) {
        self.lock().quiet = on;
    }

    /// Forgets everything but the registered bots, the clock and the flood switch.
    pub fn reset(&self) {
        self.lock().reset();
    }

    /// Requests that broke the Bot API schema, and objects of the sandbox's own that did. A test wants none.
    pub fn violations(&self) -> Vec<String> {
        self.lock().journal.violations()
    }

    /// The kept calls of a method (in its proper spelling), oldest first.
    pub fn calls(&self, method: &str) -> Vec<Call> {
        let state = self.lock();
        state
            .journal
            .calls()
            .filter(|call| call.method == method)
            .cloned()
            .collect()
    }

    /// Parameters of the kept calls of a method that were answered with success.
    pub fn params(&self, method: &str) -> Vec<Map<String, Value>> {
        let done = |call: &Call| call.code == Some(200);
        self.calls(method)
            .into_iter()
            .filter(done)
            .map(|call| call.params)
            .collect()
    }

    /// Updates that a bot has not confirmed yet.
    pub fn pending_updates(&self, bot: i64) -> usize {
        let state = self.lock();
        let now = state.now_ms();
        state
            .bot_by_id(bot)
            .map_or(0, |index| state.bots[index].queue.pending(now))
    }

    /// Updates that a bot has confirmed by its offset since the beginning.
    pub fn confirmed_updates(&self, bot: i64) -> u64 {
        let state = self.lock();
        state
            .bot_by_id(bot)
            .map_or(0, |index| state.bots[index].queue.confirmed())
    }

    /// Whether Telegram threw an update away because the bot did not fetch it in time: a press after 150 s.
    pub fn is_expired(&self, bot: i64, update: i64) -> bool {
        let state = self.lock();
        let index = state.bot_by_id(bot);
        index.is_some_and(|index| state.bots[index].queue.is_expired(update))
    }

    /// The Bot API messages of a chat with `out` and `deleted`, oldest first; empty when there is no chat.
    pub fn messages(&self, bot: i64, user: i64) -> Vec<Value> {
        let state = self.lock();
        let chat = state
            .bot_by_id(bot)
            .and_then(|index| state.bots[index].chats.get(&user));
        chat.map_or_else(Vec::new, |chat| {
            chat.messages.iter().map(|m| m.to_view()).collect()
        })
    }

    /// The bot's first message to the person with an id above `after`, waiting for it in real time; not in quiet mode.
    pub async fn message_after(
        &self,
        bot: i64,
        user: i64,
        after: i64,
        within: Duration,
    ) -> Option<Value> {
        let deadline = tokio::time::Instant::now() + within;
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            // Registered before the look, so that a message between look and wait is not slept through.
            changed.as_mut().enable();
            let is_it = |m: &Value| m["out"] == true && m["message_id"].as_i64() > Some(after);
            if let Some(message) = self.messages(bot, user).into_iter().find(is_it) {
                return Some(message);
            }
            tokio::time::timeout_at(deadline, changed).await.ok()?;
        }
    }

    /// The last message the bot sent to the person, if it is still there.
    pub fn last_message(&self, bot: i64, user: i64) -> Option<Value> {
        let state = self.lock();
        let chat = state.bots[state.bot_by_id(bot)?].chats.get(&user)?;
        chat.messages
            .iter()
            .rev()
            .find(|m| m.out && !m.deleted)
            .map(|m| m.to_view())
    }
}

/// The state while it is locked; watchers are woken when it is let go with new events.
pub(super) struct Locked<'w> {
    state: MutexGuard<'w, State>,
    seen: u64,
    changed: &'w Notify,
}

impl std::ops::Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        if self.state.journal.last_event() != self.seen {
            self.changed.notify_waiters();
        }
    }
}
