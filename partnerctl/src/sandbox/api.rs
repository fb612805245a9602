//! One call of the Bot API: its parameters, its answer, its errors, and what happens to it in the world.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::faults::{FaultKind, FaultRule};
use super::journal::{Call, Event};
use super::methods;
use super::queue::Poll;
use super::state::{Bot, State};
use super::text::Formatted;
use super::world::{Arrival, Called};

/// An upload of a multipart request.
#[derive(Clone, Debug)]
pub struct Upload {
    pub file_name: String,
    pub content_type: Option<String>,
    pub bytes: Bytes,
}

/// A request, read and checked by the schema.
pub struct Request {
    /// The method's proper name, or as it was written when there is no such method.
    pub method: Cow<'static, str>,
    pub params: Map<String, Value>,
    pub files: HashMap<String, Upload>,
    /// How it breaks the schema.
    pub problems: Vec<String>,
    pub known: bool,
}

/// An error answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    pub code: u16,
    pub description: Cow<'static, str>,
    pub retry_after: Option<u64>,
    /// The request was not one the Bot API allows, or one this sandbox can carry out.
    pub violation: bool,
}

impl ApiError {
    pub fn new(code: u16, description: impl Into<Cow<'static, str>>) -> ApiError {
        ApiError {
            code,
            description: description.into(),
            retry_after: None,
            violation: false,
        }
    }

    /// `Bad Request: …`
    pub fn bad(text: impl AsRef<str>) -> ApiError {
        ApiError::new(400, format!("Bad Request: {}", text.as_ref()))
    }

    /// `Forbidden: …`
    pub fn forbidden(text: &str) -> ApiError {
        ApiError::new(403, format!("Forbidden: {text}"))
    }

    /// The request breaks a rule of the Bot API that the sandbox insists on.
    pub fn strict(text: String) -> ApiError {
        ApiError {
            violation: true,
            ..ApiError::bad(format!("sandbox: {text}"))
        }
    }

    /// The request is fine, but this sandbox cannot play it.
    pub fn not_simulated(text: String) -> ApiError {
        ApiError {
            violation: true,
            ..ApiError::new(501, format!("sandbox: {text}"))
        }
    }

    pub fn too_many(retry_after: u64) -> ApiError {
        let text = format!("Too Many Requests: retry after {retry_after}");
        ApiError {
            retry_after: Some(retry_after),
            ..ApiError::new(429, text)
        }
    }

    /// The answer's body.
    pub fn to_json(&self) -> String {
        let mut body =
            json!({"ok": false, "error_code": self.code, "description": self.description});
        if let Some(seconds) = self.retry_after {
            body["parameters"] = json!({"retry_after": seconds});
        }
        body.to_string()
    }
}

/// A method's result.
#[derive(Debug)]
pub enum Answer {
    True,
    Value(Value),
    /// JSON text.
    Raw(String),
}

impl Answer {
    pub fn to_json(&self) -> String {
        match self {
            Answer::True => r#"{"ok":true,"result":true}"#.to_owned(),
            Answer::Value(value) => format!(r#"{{"ok":true,"result":{value}}}"#),
            Answer::Raw(json) => format!(r#"{{"ok":true,"result":{json}}}"#),
        }
    }
}

/// What a method works with.
pub struct Ctx<'a> {
    pub state: &'a mut State,
    pub index: usize,
    pub request: &'a Request,
    pub arrivals: &'a mut Vec<Arrival>,
}

impl Ctx<'_> {
    pub fn bot(&mut self) -> &mut Bot {
        &mut self.state.bots[self.index]
    }

    pub fn param(&self, name: &str) -> Option<&Value> {
        self.request.params.get(name)
    }

    pub fn text(&self, name: &str) -> Option<&str> {
        self.param(name).and_then(Value::as_str)
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.param(name).and_then(Value::as_i64)
    }

    pub fn flag(&self, name: &str) -> bool {
        self.param(name).and_then(Value::as_bool).unwrap_or(false)
    }

    /// The text in that field, parsed by the call's parse mode or with the given entities.
    pub fn formatted(&self, text: &str, entities: &str) -> Result<Formatted, ApiError> {
        formatted(self.state, &self.request.params, text, entities)
    }

    /// Tells watchers about this bot.
    pub fn emit(&mut self, user: Option<i64>, kind: &'static str, payload: impl FnOnce() -> Value) {
        if !self.state.quiet {
            let bot = self.bot().id;
            self.state.emit(Event::of(Some(bot), user, kind, payload()));
        }
    }
}

/// The text in that field of `fields`, with the parse mode or entities beside it.
pub fn formatted(
    state: &State,
    fields: &Map<String, Value>,
    text: &str,
    entities: &str,
) -> Result<Formatted, ApiError> {
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    let parsed = Formatted::parse(
        field(text).unwrap_or(""),
        field("parse_mode"),
        fields.get(entities),
    )?;
    Ok(parsed.with_people(state))
}

/// How a call ends, as far as the world is concerned.
pub enum Outcome {
    Done(Result<Answer, ApiError>),
    /// getUpdates found nothing yet; `call` is its place in the journal.
    Wait {
        poll: Poll,
        timeout_s: u64,
        call: u64,
    },
}

/// A call after the world has seen it: what to answer, and what goes wrong with the answer.
pub struct Played {
    pub outcome: Outcome,
    pub fault: Option<FaultRule>,
    pub arrivals: Vec<Arrival>,
    pub called: Called,
}

/// How long a fault itself keeps a client waiting.
fn lasts_ms(rule: &FaultRule) -> u64 {
    match rule.kind {
        FaultKind::Status(429) => rule.retry_after.saturating_mul(1000),
        FaultKind::Slow => rule.delay_ms,
        _ => 0,
    }
}

/// Carries a call out in the world, unless a fault comes first, and journals it.
pub fn play(state: &mut State, index: usize, request: Request) -> Played {
    let chat = request.params.get("chat_id").and_then(chat_number);
    let fault = state.faults.draw(&request.method, chat);
    let called = Called {
        bot: state.bots[index].id,
        chat,
        polls: request.method == "getUpdates",
        fault: fault.as_ref().map(|rule| (rule.kind, lasts_ms(rule))),
    };
    if let Some(rule) = &fault {
        let payload = json!({"method": request.method, "fault": rule.kind.name()});
        let bot = state.bots[index].id;
        state.emit(Event::of(Some(bot), chat, "fault", payload));
    }
    let mut arrivals = Vec::new();
    let outcome = match &fault {
        Some(rule) if !rule.kind.executes() => Outcome::Done(Err(fault_error(rule))),
        _ => run(&mut Ctx {
            state,
            index,
            request: &request,
            arrivals: &mut arrivals,
        }),
    };
    let call = journal(state, index, request, &outcome, fault.as_ref());
    let outcome = match outcome {
        Outcome::Wait {
            poll, timeout_s, ..
        } => Outcome::Wait {
            poll,
            timeout_s,
            call,
        },
        done @ Outcome::Done(_) => done,
    };
    Played {
        outcome,
        fault,
        arrivals,
        called,
    }
}

fn run(ctx: &mut Ctx<'_>) -> Outcome {
    if !ctx.request.known {
        return Outcome::Done(Err(ApiError {
            violation: true,
            ..ApiError::new(404, "Not Found: method not found")
        }));
    }
    if let Some(problem) = ctx.request.problems.first() {
        return Outcome::Done(Err(ApiError::strict(problem.clone())));
    }
    if ctx.request.method == "getUpdates" {
        return methods::updates::get(ctx);
    }
    let result = methods::call(ctx);
    if let (Ok(answer), Some(type_name)) = (&result, methods::result_type(&ctx.request.method)) {
        check_answer(ctx.state, type_name, answer);
    }
    Outcome::Done(result)
}

/// In debug builds only: a result must be what the schema promises.
fn check_answer(state: &mut State, type_name: &str, answer: &Answer) {
    if !cfg!(debug_assertions) {
        return;
    }
    let value = match answer {
        Answer::True => return,
        Answer::Value(value) => value.clone(),
        Answer::Raw(json) => serde_json::from_str(json).unwrap_or_default(),
    };
    match value {
        Value::Array(items) => {
            for item in items {
                state.check_own(type_name, &item.to_string());
            }
        }
        one => state.check_own(type_name, &one.to_string()),
    }
}

fn fault_error(rule: &FaultRule) -> ApiError {
    let usual = |text: &'static str| {
        rule.description
            .clone()
            .map_or(Cow::Borrowed(text), Cow::Owned)
    };
    match rule.kind {
        FaultKind::Status(429) => {
            let error = ApiError::too_many(rule.retry_after);
            ApiError {
                description: rule
                    .description
                    .clone()
                    .map_or(error.description.clone(), Cow::Owned),
                ..error
            }
        }
        FaultKind::Status(code) => ApiError::new(
            code,
            usual(match code {
                401 => "Unauthorized",
                403 => "Forbidden: bot was blocked by the user",
                404 => "Not Found",
                409 => {
                    "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
                }
                500 => "Internal Server Error",
                _ => "Bad Request: armed by a fault rule",
            }),
        ),
        FaultKind::Body => ApiError::new(rule.status, rule.body.clone().unwrap_or_default()),
        _ => ApiError::new(502, usual("Bad Gateway")),
    }
}

fn journal(
    state: &mut State,
    index: usize,
    request: Request,
    outcome: &Outcome,
    fault: Option<&FaultRule>,
) -> u64 {
    let mut violations = request.problems;
    let (mut code, mut description) = match outcome {
        Outcome::Done(Ok(_)) => (Some(200), None),
        Outcome::Done(Err(error)) => {
            if error.violation && violations.is_empty() {
                violations.push(error.description.to_string());
            }
            (Some(error.code), Some(error.description.to_string()))
        }
        Outcome::Wait { .. } => (None, None),
    };
    if fault.is_some_and(|rule| no_answer(rule.kind)) {
        (code, description) = (None, None);
    }
    for violation in &violations {
        state
            .journal
            .violation(format!("{}: {violation}", request.method));
    }
    if state.quiet {
        return 0;
    }
    let user = request.params.get("chat_id").and_then(chat_number);
    let (bot, at_ms) = (state.bots[index].id, state.now_ms());
    let silent = request.method == "getUpdates" && (code == Some(200) || code.is_none());
    let payload = json!({"method": request.method, "code": code, "description": description, "violations": violations.len()});
    let file = |(name, upload): (&String, &Upload)| json!({"name": name, "file_name": upload.file_name, "size": upload.bytes.len()});
    let seq = state.journal.record(Call {
        seq: 0,
        at_ms,
        bot: Some(bot),
        method: request.method.into_owned(),
        params: request.params,
        files: request.files.iter().map(file).collect(),
        code,
        description,
        violations,
        fault: fault.map(|rule| rule.kind.name()),
    });
    if !silent {
        let mut payload = payload;
        payload["call"] = seq.into();
        state.emit(Event::of(Some(bot), user, "call", payload));
    }
    seq
}

fn no_answer(kind: FaultKind) -> bool {
    use FaultKind::{LostAnswer, Refuse, Reset, Timeout};
    matches!(kind, LostAnswer | Refuse | Reset | Timeout)
}

/// A chat id given as a number or as digits.
pub fn chat_number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}
