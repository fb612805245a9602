//! What happened: calls of the Bot API, events for watchers, violations of the schema.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

const CALLS: usize = 20_000;
const EVENTS: usize = 10_000;
const VIOLATIONS: usize = 1000;

/// One call of the Bot API.
#[derive(Clone, Debug)]
pub struct Call {
    pub seq: u64,
    pub at_ms: i64,
    pub bot: Option<i64>,
    pub method: String,
    pub params: Map<String, Value>,
    /// Uploads: `{"name","file_name","size"}`.
    pub files: Vec<Value>,
    /// 200 or the error code; `None` while it waits or when no answer was sent.
    pub code: Option<u16>,
    pub description: Option<String>,
    /// How the call broke the Bot API schema.
    pub violations: Vec<String>,
    pub fault: Option<&'static str>,
}

/// Something a watcher of the sandbox may want to see.
#[derive(Clone, Debug)]
pub struct Event {
    bot: Option<i64>,
    user: Option<i64>,
    kind: &'static str,
    payload: Value,
}

impl Event {
    /// An event with its own fields, a JSON object.
    pub fn of(bot: Option<i64>, user: Option<i64>, kind: &'static str, payload: Value) -> Event {
        Event {
            bot,
            user,
            kind,
            payload,
        }
    }
}

/// Bounded records of calls, events and violations; sequence numbers start at 1.
#[derive(Default)]
pub struct Journal {
    calls: VecDeque<Call>,
    last_call: u64,
    events: VecDeque<(u64, Value)>,
    last_event: u64,
    violations: VecDeque<String>,
    violation_count: u64,
}

impl Journal {
    /// Keeps the call and returns its sequence number.
    pub fn record(&mut self, mut call: Call) -> u64 {
        self.last_call += 1;
        call.seq = self.last_call;
        if self.calls.len() == CALLS {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
        self.last_call
    }

    /// Notes how a waiting call ended.
    pub fn finish(&mut self, seq: u64, code: u16, description: Option<String>) {
        let first = self.calls.front().map_or(0, |call| call.seq);
        let index = usize::try_from(seq.wrapping_sub(first)).unwrap_or(usize::MAX);
        if let Some(call) = self.calls.get_mut(index) {
            call.code = Some(code);
            call.description = description;
        }
    }

    /// Notes that a request, or the sandbox itself, broke the schema.
    pub fn violation(&mut self, text: String) {
        self.violation_count += 1;
        if self.violations.len() == VIOLATIONS {
            self.violations.pop_front();
        }
        self.violations.push_back(text);
    }

    pub fn violations(&self) -> Vec<String> {
        self.violations.iter().cloned().collect()
    }

    pub fn violation_count(&self) -> u64 {
        self.violation_count
    }

    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter()
    }

    pub fn emit(&mut self, event: Event, now_ms: i64) {
        self.last_event += 1;
        let mut view = json!({
            "seq": self.last_event, "at": now_ms, "bot": event.bot, "user": event.user, "kind": event.kind
        });
        if let (Some(view), Value::Object(payload)) = (view.as_object_mut(), event.payload) {
            view.extend(payload);
        }
        if self.events.len() == EVENTS {
            self.events.pop_front();
        }
        self.events.push_back((self.last_event, view));
    }

    pub fn last_event(&self) -> u64 {
        self.last_event
    }

    /// Up to `limit` events after `after`, and whether some in between were forgotten.
    pub fn events_after(&self, after: u64, limit: usize) -> (Vec<Value>, bool) {
        let lost = self
            .events
            .front()
            .is_some_and(|(first, _)| after + 1 < *first);
        let start = self.events.partition_point(|(seq, _)| *seq <= after);
        let events = self
            .events
            .iter()
            .skip(start)
            .take(limit)
            .map(|(_, view)| view.clone());
        (events.collect(), lost)
    }

    /// Forgets everything; sequence numbers go on.
    pub fn clear(&mut self) {
        let (last_call, last_event) = (self.last_call, self.last_event);
        *self = Journal {
            last_call,
            last_event,
            ..Journal::default()
        };
    }
}

impl Call {
    /// The call as the control API shows it.
    pub fn to_view(&self) -> Value {
        let mut view = json!({
            "seq": self.seq, "at": self.at_ms, "bot": self.bot, "method": self.method, "params": self.params,
            "code": self.code, "description": self.description, "violations": self.violations, "fault": self.fault,
        });
        if !self.files.is_empty() {
            view["files"] = Value::Array(self.files.clone());
        }
        view
    }
}
