//! The control API: what people, time and bad luck do. `docs/sandbox.md` is its contract.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State as Shared};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Map, Value, json};

use super::faults::FaultRule;
use super::inject::{NewUser, Press, Refused, find_bot};
use super::journal::Event;
use super::view;
use super::world::World;

const EVENTS_LIMIT: usize = 500;

/// All routes under `/control`.
pub fn router(world: World) -> Router {
    Router::new()
        .route("/control/state", get(state))
        .route("/control/bot", post(bot))
        .route("/control/user", post(user))
        .route("/control/block", post(block))
        .route("/control/start", post(start))
        .route("/control/send", post(send))
        .route("/control/press", post(press))
        .route("/control/contact", post(contact))
        .route("/control/photo", post(photo))
        .route("/control/sticker", post(sticker))
        .route("/control/update", post(update))
        .route("/control/chat", get(chat))
        .route("/control/file", get(file))
        .route("/control/events", get(events))
        .route("/control/journal", get(journal))
        .route(
            "/control/faults",
            post(set_faults).get(faults).delete(clear_faults),
        )
        .route("/control/flood", post(flood))
        .route("/control/clock", post(clock))
        .route("/control/quiet", post(quiet))
        .route("/control/reset", post(reset))
        .with_state(world)
}

type Reply = Result<axum::Json<Value>, Refused>;
type Params = Query<HashMap<String, String>>;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = match self {
            Refused::NotFound(_) => StatusCode::NOT_FOUND,
            Refused::Bad(_) => StatusCode::BAD_REQUEST,
        };
        (status, axum::Json(json!({"error": self.to_string()}))).into_response()
    }
}

/// A request body: a JSON object whose keys are all known.
struct Input(Map<String, Value>);

impl Input {
    fn read(body: &[u8], keys: &[&str]) -> Result<Input, Refused> {
        let bytes: &[u8] = if body.is_empty() { b"{}" } else { body };
        let map: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|error| Refused::Bad(format!("the body must be a JSON object: {error}")))?;
        match map.keys().find(|key| !keys.contains(&key.as_str())) {
            Some(key) => Err(Refused::Bad(format!(
                "no key {key:?} here; known are {}",
                keys.join(", ")
            ))),
            None => Ok(Input(map)),
        }
    }

    fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        key: &str,
        kind: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Option<T>, Refused> {
        let wrong = || Refused::Bad(format!("{key}: must be {kind}"));
        self.get(key)
            .map(|value| read(value).ok_or_else(wrong))
            .transpose()
    }

    fn int(&self, key: &str) -> Result<Option<i64>, Refused> {
        self.typed(key, "a whole number", Value::as_i64)
    }

    fn text(&self, key: &str) -> Result<Option<String>, Refused> {
        self.typed(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, Refused> {
        self.typed(key, "true or false", Value::as_bool)
    }

    fn must<T>(&self, key: &str, value: Option<T>) -> Result<T, Refused> {
        value.ok_or_else(|| Refused::Bad(format!("{key}: is missing")))
    }

    /// `bot` and `user`.
    fn pair(&self) -> Result<(i64, i64), Refused> {
        Ok((
            self.must("bot", self.int("bot")?)?,
            self.must("user", self.int("user")?)?,
        ))
    }
}

fn id_of(params: &Params, key: &str) -> Result<i64, Refused> {
    let text = params
        .get(key)
        .ok_or_else(|| Refused::Bad(format!("{key}: is missing")))?;
    text.parse()
        .map_err(|_| Refused::Bad(format!("{key}: must be a whole number")))
}

fn number<T: std::str::FromStr>(params: &Params, key: &str, unset: T) -> Result<T, Refused> {
    let wrong = |_| Refused::Bad(format!("{key}: must be a whole number"));
    params
        .get(key)
        .filter(|text| !text.is_empty())
        .map_or(Ok(unset), |text| text.parse().map_err(wrong))
}

async fn state(Shared(world): Shared<World>) -> Reply {
    Ok(axum::Json(view::state(&world.lock())))
}

async fn bot(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["token", "username", "first_name"])?;
    let field = |key: &str| input.must(key, input.text(key)?);
    let id = world.add_bot(&field("token")?, &field("username")?, &field("first_name")?)?;
    let state = world.lock();
    let index = find_bot(&state, id)?;
    Ok(axum::Json(
        json!({"bot": view::bot(&state.bots[index], state.now_ms())}),
    ))
}

async fn user(Shared(world): Shared<World>, body: Bytes) -> Reply {
    const PROFILE: [&str; 4] = ["first_name", "last_name", "username", "language_code"];
    let keys = [
        &PROFILE[..],
        &["id", "phone", "private_links", "deactivated"],
    ]
    .concat();
    let input = Input::read(&body, &keys)?;
    let given = input.int("id")?;
    let known = given.filter(|id| world.lock().users.contains_key(id));
    let id = match known {
        Some(id) => id,
        None => world.add_user(NewUser {
            id: given,
            first_name: input.must("first_name", input.text("first_name")?)?,
            last_name: input.text("last_name")?,
            username: input.text("username")?,
            language_code: input.text("language_code")?,
            phone: None,
        }),
    };
    let mut state = world.lock();
    let Some(user) = state.users.get_mut(&id) else {
        return Err(Refused::NotFound(format!("no user {id}")));
    };
    for name in PROFILE {
        if let Some(value) = input.text(name)? {
            user.profile.insert(name.to_owned(), value.into());
        }
    }
    user.phone = input.text("phone")?.unwrap_or_else(|| user.phone.clone());
    user.private_links = input.flag("private_links")?.unwrap_or(user.private_links);
    user.deactivated = input.flag("deactivated")?.unwrap_or(user.deactivated);
    user.refresh();
    let view = user.to_value();
    if known.is_some() {
        let payload = json!({"change": "changed", "profile": view});
        state.emit(Event::of(None, Some(id), "user", payload));
    }
    Ok(axum::Json(json!({"user": view})))
}

fn update_id(id: Option<i64>) -> Reply {
    Ok(axum::Json(json!({"update_id": id})))
}

async fn block(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["bot", "user", "blocked"])?;
    let (bot, user) = input.pair()?;
    update_id(world.block(bot, user, input.must("blocked", input.flag("blocked")?)?)?)
}

async fn start(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["bot", "user", "payload"])?;
    let (bot, user) = input.pair()?;
    update_id(world.start(bot, user, input.text("payload")?.as_deref())?)
}

async fn send(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["bot", "user", "text", "reply_to"])?;
    let (bot, user) = input.pair()?;
    let text = input.must("text", input.text("text")?)?;
    update_id(world.send_reply(bot, user, &text, input.int("reply_to")?)?)
}

async fn press(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let keys = [
        "bot",
        "user",
        "message_id",
        "data",
        "row",
        "column",
        "forged",
    ];
    let input = Input::read(&body, &keys)?;
    let (bot, user) = input.pair()?;
    let message = input.must("message_id", input.int("message_id")?)?;
    let forged = input.flag("forged")?.unwrap_or(false);
    let place = |key: &str| {
        input.typed(key, "a number from 0", |v| {
            usize::try_from(v.as_u64()?).ok()
        })
    };
    let pressed = match input.text("data")? {
        Some(data) => world.press(bot, user, message, &data, forged)?,
        None => {
            let row = input.must("data or row", place("row")?)?;
            world.press_at(bot, user, message, row, place("column")?.unwrap_or(0))?
        }
    };
    let Press {
        update_id,
        callback_query_id,
        url,
    } = pressed;
    let mut view = json!({"update_id": update_id, "callback_query_id": callback_query_id});
    if let Some(url) = url {
        view["url"] = url.into();
    }
    Ok(axum::Json(view))
}

async fn contact(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(
        &body,
        &["bot", "user", "phone", "contact_user_id", "forwarded"],
    )?;
    let (bot, user) = input.pair()?;
    let owner = match input.0.get("contact_user_id") {
        None => None,
        Some(Value::Null) => Some(None),
        Some(_) => Some(input.int("contact_user_id")?),
    };
    let forwarded = input.flag("forwarded")?.unwrap_or(false);
    update_id(world.contact(bot, user, input.text("phone")?.as_deref(), owner, forwarded)?)
}

async fn photo(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["bot", "user", "caption"])?;
    let (bot, user) = input.pair()?;
    update_id(world.photo(bot, user, input.text("caption")?.as_deref())?)
}

async fn sticker(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let (bot, user) = Input::read(&body, &["bot", "user"])?.pair()?;
    update_id(world.sticker(bot, user)?)
}

async fn update(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["bot", "update"])?;
    let bot = input.must("bot", input.int("bot")?)?;
    let update = input.must("update", input.get("update").cloned())?;
    update_id(Some(world.update(bot, update)?))
}

async fn chat(Shared(world): Shared<World>, params: Params) -> Reply {
    let (bot, user) = (id_of(&params, "bot")?, id_of(&params, "user")?);
    Ok(axum::Json(view::chat(&world.lock(), bot, user)?))
}

async fn file(Shared(world): Shared<World>, params: Params) -> Result<Response, Refused> {
    let bot = id_of(&params, "bot")?;
    let id = params.get("file_id").map_or("", String::as_str);
    let state = world.lock();
    let file = state.bots[find_bot(&state, bot)?].files.get(id);
    let missing = || Refused::NotFound("this bot has no such file".to_owned());
    let file = file.ok_or_else(missing)?;
    let bytes = file.bytes.clone().ok_or_else(missing)?;
    Ok(([(CONTENT_TYPE, file.content_type.clone())], bytes).into_response())
}

async fn events(Shared(world): Shared<World>, params: Params) -> Reply {
    let after: i64 = number(&params, "after", 0)?;
    let timeout: u64 = number(&params, "timeout", 25)?;
    let Ok(after) = u64::try_from(after) else {
        return Ok(axum::Json(
            json!({"events": [], "next": world.lock().journal.last_event()}),
        ));
    };
    let deadline = tokio::time::Instant::now() + Duration::from_secs(timeout.min(50));
    loop {
        let changed = world.changed().notified();
        tokio::pin!(changed);
        // Registered before the look, so that an event between look and wait is not slept through.
        changed.as_mut().enable();
        let (events, lost) = world.lock().journal.events_after(after, EVENTS_LIMIT);
        if !events.is_empty() {
            return Ok(axum::Json(events_view(events, lost, after)));
        }
        if tokio::time::timeout_at(deadline, changed).await.is_err() {
            return Ok(axum::Json(events_view(Vec::new(), false, after)));
        }
    }
}

fn events_view(events: Vec<Value>, lost: bool, after: u64) -> Value {
    let next = events
        .last()
        .map_or_else(|| after.into(), |event| event["seq"].clone());
    let mut view = json!({"events": events, "next": next});
    if lost {
        view["lost"] = true.into();
    }
    view
}

async fn journal(Shared(world): Shared<World>, params: Params) -> Reply {
    let after: u64 = number(&params, "after", 0)?;
    let bot: i64 = number(&params, "bot", 0)?;
    let limit: usize = number(&params, "limit", 200)?;
    let method = params.get("method").map_or("", String::as_str);
    let state = world.lock();
    let calls = state.journal.calls().filter(|call| {
        call.seq > after
            && (bot == 0 || call.bot == Some(bot))
            && (method.is_empty() || call.method.eq_ignore_ascii_case(method))
    });
    let calls: Vec<Value> = calls
        .take(limit.clamp(1, 1000))
        .map(|call| call.to_view())
        .collect();
    let next = calls
        .last()
        .map_or_else(|| after.into(), |call| call["seq"].clone());
    Ok(axum::Json(json!({"calls": calls, "next": next})))
}

fn faults_view(world: &World) -> Reply {
    let state = world.lock();
    Ok(axum::Json(
        json!({"rules": state.faults.views(), "seed": state.faults.seed()}),
    ))
}

async fn faults(Shared(world): Shared<World>) -> Reply {
    faults_view(&world)
}

async fn set_faults(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["rules", "seed"])?;
    let rules = input.typed("rules", "a list", |value| value.as_array().cloned())?;
    let rules = input.must("rules", rules)?;
    let rules: Result<Vec<_>, _> = rules.iter().map(FaultRule::from_json).collect();
    let seed = input.typed("seed", "a whole number", Value::as_u64)?;
    world.set_faults(rules.map_err(Refused::Bad)?, seed);
    faults_view(&world)
}

async fn clear_faults(Shared(world): Shared<World>) -> Reply {
    world.set_faults(Vec::new(), None);
    faults_view(&world)
}

async fn flood(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["on"])?;
    world.set_flood(input.must("on", input.flag("on")?)?);
    Ok(axum::Json(json!({})))
}

async fn clock(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["advance_ms", "set_ms"])?;
    let now = match (input.int("advance_ms")?, input.int("set_ms")?) {
        (Some(ms), None) => world.move_clock(|state| state.clock.advance(ms)),
        (None, Some(ms)) => world.move_clock(|state| state.clock.set(ms)),
        _ => return Err(Refused::Bad("clock: give advance_ms or set_ms".to_owned())),
    };
    Ok(axum::Json(json!({"now_ms": now})))
}

async fn quiet(Shared(world): Shared<World>, body: Bytes) -> Reply {
    let input = Input::read(&body, &["on"])?;
    world.set_quiet(input.must("on", input.flag("on")?)?);
    Ok(axum::Json(json!({})))
}

async fn reset(Shared(world): Shared<World>) -> Reply {
    world.reset();
    Ok(axum::Json(json!({})))
}
