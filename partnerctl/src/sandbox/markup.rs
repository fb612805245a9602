//! Keyboards under messages and in place of the phone's own: Telegram's rules for their buttons.

use serde_json::{Value, json};

use super::api::ApiError;
use super::html::user_link;
use super::state::State;
use super::text::link_problem;

/// What a `reply_markup` does to the chat.
#[derive(Clone, Debug, PartialEq)]
pub enum Markup {
    None,
    /// Stays with the message.
    Inline(Value),
    /// Shown instead of the phone's keyboard.
    Keyboard(Value),
    /// Hides the keyboard that is shown.
    Remove,
    /// Asks for a reply; changes nothing here.
    ForceReply,
}

const DATA_MAX: usize = 64;
const BUTTONS_MAX: usize = 100;
const PLACEHOLDER_MAX: usize = 64;
const ROW_MAX: usize = 8;
const KEYBOARD_BUTTONS_MAX: usize = 300;

/// Reads and checks a `reply_markup` for a private chat.
pub fn parse(state: &State, markup: Option<&Value>) -> Result<Markup, ApiError> {
    let Some(markup) = markup else {
        return Ok(Markup::None);
    };
    if let Some(rows) = markup.get("inline_keyboard").and_then(Value::as_array) {
        check_inline(state, rows)?;
        let empty = rows
            .iter()
            .all(|row| row.as_array().is_none_or(Vec::is_empty));
        return Ok(if empty {
            Markup::None
        } else {
            Markup::Inline(tidy(markup))
        });
    }
    if let Some(rows) = markup.get("keyboard").and_then(Value::as_array) {
        let markup = with_button_objects(markup);
        check_keyboard(&markup)?;
        return Ok(if rows.is_empty() {
            Markup::None
        } else {
            Markup::Keyboard(markup)
        });
    }
    Ok(if markup.get("remove_keyboard").is_some() {
        Markup::Remove
    } else {
        Markup::ForceReply
    })
}

/// Reads the `reply_markup` of an edit: only inline keyboards can be edited in.
pub fn parse_inline(state: &State, markup: Option<&Value>) -> Result<Option<Value>, ApiError> {
    match parse(state, markup)? {
        Markup::None => Ok(None),
        Markup::Inline(markup) => Ok(Some(markup)),
        Markup::Keyboard(_) | Markup::Remove | Markup::ForceReply => {
            Err(ApiError::bad("inline keyboard expected"))
        }
    }
}

/// Without rows that have no button: Telegram drops them.
fn tidy(markup: &Value) -> Value {
    let mut markup = markup.clone();
    if let Some(rows) = markup["inline_keyboard"].as_array_mut() {
        rows.retain(|row| row.as_array().is_some_and(|row| !row.is_empty()));
    }
    markup
}

fn check_inline(state: &State, rows: &[Value]) -> Result<(), ApiError> {
    let mut count = 0;
    for row in rows.iter().filter_map(Value::as_array) {
        if row.len() > ROW_MAX {
            return Err(ApiError::bad("BUTTON_ROW_TOO_LONG"));
        }
        for button in row {
            count += 1;
            check_inline_button(state, button)?;
        }
    }
    if count > BUTTONS_MAX {
        return Err(ApiError::bad("reply markup is too long"));
    }
    Ok(())
}

fn check_inline_button(state: &State, button: &Value) -> Result<(), ApiError> {
    let text = |key: &str| button.get(key).and_then(Value::as_str);
    let actions = button.as_object().into_iter().flatten();
    let actions = actions.filter(|(key, _)| {
        !matches!(
            key.as_str(),
            "text" | "style" | "icon_custom_emoji_id" | "disabled"
        )
    });
    if text("text").is_none_or(|text| text.trim().is_empty()) {
        return Err(ApiError::bad(
            "inline keyboard button text must be non-empty",
        ));
    }
    match actions.count() {
        0 => {
            return Err(ApiError::bad(
                "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
            ));
        }
        1 => {}
        _ => {
            return Err(ApiError::strict(
                "an inline keyboard button must have exactly one action".to_owned(),
            ));
        }
    }
    if let Some(data) = text("callback_data")
        && !(1..=DATA_MAX).contains(&data.len())
    {
        return Err(ApiError::bad("BUTTON_DATA_INVALID"));
    }
    text("url").map_or(Ok(()), |url| check_url(state, url))
}

fn check_url(state: &State, url: &str) -> Result<(), ApiError> {
    if let Some(id) = user_link(url) {
        return match state.users.get(&id) {
            None => Err(ApiError::bad("BUTTON_USER_INVALID")),
            Some(user) if user.private_links => {
                Err(ApiError::bad("BUTTON_USER_PRIVACY_RESTRICTED"))
            }
            Some(_) => Ok(()),
        };
    }
    match link_problem(url) {
        Some(problem) => Err(ApiError::bad(format!(
            "inline keyboard button URL '{url}' is invalid: {problem}"
        ))),
        None => Ok(()),
    }
}

/// Plain strings in a keyboard become buttons with that text.
fn with_button_objects(markup: &Value) -> Value {
    let mut markup = markup.clone();
    let rows = markup["keyboard"].as_array_mut().into_iter().flatten();
    for button in rows.filter_map(Value::as_array_mut).flatten() {
        if let Value::String(text) = button {
            *button = json!({"text": std::mem::take(text)});
        }
    }
    markup
}

fn check_keyboard(markup: &Value) -> Result<(), ApiError> {
    let rows = markup["keyboard"].as_array().into_iter().flatten();
    let buttons: Vec<&Value> = rows.filter_map(Value::as_array).flatten().collect();
    if buttons.len() > KEYBOARD_BUTTONS_MAX {
        return Err(ApiError::bad("reply markup is too long"));
    }
    if buttons
        .iter()
        .any(|button| button["text"].as_str().unwrap_or("").trim().is_empty())
    {
        return Err(ApiError::bad("keyboard button text must be non-empty"));
    }
    if buttons.iter().any(|button| requests(button) > 1) {
        return Err(ApiError::strict(
            "a keyboard button must have at most one request".to_owned(),
        ));
    }
    let placeholder = markup
        .get("input_field_placeholder")
        .and_then(Value::as_str);
    if placeholder.is_some_and(|text| !(1..=PLACEHOLDER_MAX).contains(&text.chars().count())) {
        let text = "input_field_placeholder must have 1 to 64 characters";
        return Err(ApiError::strict(text.to_owned()));
    }
    Ok(())
}

/// How many things a keyboard button asks for.
fn requests(button: &Value) -> usize {
    const KEYS: [&str; 6] = [
        "request_contact",
        "request_location",
        "request_poll",
        "request_users",
        "request_chat",
        "web_app",
    ];
    let set = |key: &&&str| !matches!(button.get(**key), None | Some(Value::Bool(false)));
    KEYS.iter().filter(set).count()
}
