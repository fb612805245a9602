//! Bad luck on order: rules that make calls fail, drawn from a seeded generator.

use serde_json::{Value, json};

use super::clock::Dice;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// An error answer with this code; 429 carries `retry_after`.
    Status(u16),
    Html502,
    Refuse,
    Timeout,
    Reset,
    LostAnswer,
    Truncated,
    BadJson,
    Slow,
    /// Exactly this status and body.
    Body,
}

const KINDS: [(&str, FaultKind); 16] = [
    ("429", FaultKind::Status(429)),
    ("400", FaultKind::Status(400)),
    ("401", FaultKind::Status(401)),
    ("403", FaultKind::Status(403)),
    ("404", FaultKind::Status(404)),
    ("409", FaultKind::Status(409)),
    ("500", FaultKind::Status(500)),
    ("502_html", FaultKind::Html502),
    ("refuse", FaultKind::Refuse),
    ("timeout", FaultKind::Timeout),
    ("reset", FaultKind::Reset),
    ("lost_answer", FaultKind::LostAnswer),
    ("truncated", FaultKind::Truncated),
    ("bad_json", FaultKind::BadJson),
    ("slow", FaultKind::Slow),
    ("body", FaultKind::Body),
];

impl FaultKind {
    pub fn name(self) -> &'static str {
        KINDS
            .iter()
            .find(|(_, kind)| *kind == self)
            .map_or("?", |(name, _)| name)
    }

    /// Whether the call is carried out although its answer suffers.
    pub fn executes(self) -> bool {
        use FaultKind::{BadJson, LostAnswer, Slow, Truncated};
        matches!(self, LostAnswer | Truncated | BadJson | Slow)
    }

    fn parse(name: &str) -> Option<FaultKind> {
        KINDS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, kind)| *kind)
    }
}

/// When and how calls of a method go wrong.
#[derive(Clone, Debug)]
pub struct FaultRule {
    /// A method in any case, or `*`.
    pub method: String,
    pub chat_id: Option<i64>,
    pub kind: FaultKind,
    pub probability: f64,
    /// Ends the rule after that many shots.
    pub times: Option<u64>,
    /// Lets that many matching calls pass first.
    pub skip: u64,
    /// Seconds, for 429.
    pub retry_after: u64,
    /// Draws the seconds anew each time, up to this.
    pub retry_after_to: Option<u64>,
    pub delay_ms: u64,
    pub description: Option<String>,
    /// The HTTP status and the very words of the answer, for `body`.
    pub status: u16,
    pub body: Option<String>,
    /// Calls it was asked about, and how often it fired.
    pub matched: u64,
    pub fired: u64,
}

impl FaultRule {
    /// A rule that always fires.
    pub fn new(method: &str, kind: FaultKind) -> FaultRule {
        FaultRule {
            method: method.to_owned(),
            chat_id: None,
            kind,
            probability: 1.0,
            times: None,
            skip: 0,
            retry_after: 1,
            retry_after_to: None,
            delay_ms: 1000,
            description: None,
            status: 400,
            body: None,
            matched: 0,
            fired: 0,
        }
    }

    /// Reads a rule of the control API.
    pub fn from_json(rule: &Value) -> Result<FaultRule, String> {
        const KEYS: [&str; 14] = [
            "method",
            "chat_id",
            "kind",
            "probability",
            "times",
            "skip",
            "retry_after",
            "retry_after_to",
            "delay_ms",
            "description",
            "status",
            "body",
            "matched",
            "fired",
        ];
        let map = rule.as_object().ok_or("a fault rule must be an object")?;
        if let Some(key) = map.keys().find(|key| !KEYS.contains(&key.as_str())) {
            return Err(format!(
                "fault rule: no key {key:?}; known are {}",
                KEYS.join(", ")
            ));
        }
        let text = |key: &str| map.get(key).and_then(Value::as_str);
        let number = |key: &str| map.get(key).and_then(Value::as_u64);
        let method = text("method").ok_or("fault rule: method is missing")?;
        let kind = text("kind").ok_or("fault rule: kind is missing")?;
        let known = || KINDS.map(|(name, _)| name).join(", ");
        let kind = FaultKind::parse(kind)
            .ok_or_else(|| format!("fault rule: no kind {kind:?}; known are {}", known()))?;
        let plain = FaultRule::new(method, kind);
        // An object is written as JSON, a text as it is.
        let body = map.get("body").filter(|body| !body.is_null());
        let body = body.map(|body| {
            body.as_str()
                .map_or_else(|| body.to_string(), str::to_owned)
        });
        if kind == FaultKind::Body && body.is_none() {
            return Err("fault rule: kind body needs a body".to_owned());
        }
        let status = number("status").map_or(Ok(plain.status), u16::try_from);
        Ok(FaultRule {
            chat_id: map.get("chat_id").and_then(Value::as_i64),
            probability: map
                .get("probability")
                .and_then(Value::as_f64)
                .unwrap_or(1.0),
            times: number("times"),
            skip: number("skip").unwrap_or(0),
            retry_after: number("retry_after").unwrap_or(plain.retry_after),
            retry_after_to: number("retry_after_to"),
            status: status.map_err(|_| "fault rule: status is an HTTP status".to_owned())?,
            body,
            delay_ms: number("delay_ms").unwrap_or(plain.delay_ms),
            description: text("description").map(str::to_owned),
            ..plain
        })
    }

    pub fn to_view(&self) -> Value {
        json!({
            "method": self.method, "chat_id": self.chat_id, "kind": self.kind.name(), "probability": self.probability,
            "times": self.times, "skip": self.skip, "retry_after": self.retry_after, "retry_after_to": self.retry_after_to,
            "delay_ms": self.delay_ms, "description": self.description, "status": self.status, "body": self.body, "matched": self.matched, "fired": self.fired,
        })
    }

    fn matches(&self, method: &str, chat: Option<i64>) -> bool {
        (self.method == "*" || self.method.eq_ignore_ascii_case(method))
            && (self.chat_id.is_none() || self.chat_id == chat)
    }
}

/// The rules in force.
pub struct Faults {
    rules: Vec<FaultRule>,
    seed: u64,
    dice: Dice,
}

impl Faults {
    pub fn new(seed: u64) -> Faults {
        Faults {
            rules: Vec::new(),
            seed,
            dice: Dice::new(seed),
        }
    }

    /// Replaces all rules; a seed starts the generator anew.
    pub fn set(&mut self, rules: Vec<FaultRule>, seed: Option<u64>) {
        self.rules = rules;
        if let Some(seed) = seed {
            self.seed = seed;
            self.dice = Dice::new(seed);
        }
    }

    pub fn clear(&mut self) {
        self.rules.clear();
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    pub fn rules(&self) -> &[FaultRule] {
        &self.rules
    }

    pub fn views(&self) -> Vec<Value> {
        self.rules.iter().map(FaultRule::to_view).collect()
    }

    /// The fault that hits this call, if one does.
    pub fn draw(&mut self, method: &str, chat: Option<i64>) -> Option<FaultRule> {
        let dice = &mut self.dice;
        for rule in self
            .rules
            .iter_mut()
            .filter(|rule| rule.matches(method, chat))
        {
            rule.matched += 1;
            let spent = rule.times.is_some_and(|times| rule.fired >= times);
            if rule.matched <= rule.skip || spent || dice.unit() >= rule.probability {
                continue;
            }
            rule.fired += 1;
            let mut drawn = rule.clone();
            if let Some(most) = rule.retry_after_to {
                let choice = most.saturating_sub(rule.retry_after) + 1;
                drawn.retry_after += (dice.unit() * choice as f64) as u64;
            }
            return Some(drawn);
        }
        None
    }
}
