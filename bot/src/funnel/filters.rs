//! Filters for texts: Russian plurals, money, dates, capital letters, `default` that also replaces an answer not given. PURE.

use minijinja::Environment;
use minijinja::value::Value;

pub(super) fn add_to(env: &mut Environment<'static>) {
    env.add_filter("default", default);
    env.add_filter("plural", plural);
    env.add_filter("money", money);
    env.add_filter("date", date);
    env.add_filter("capitalize", capitalize);
    env.add_filter("far", far);
}

fn default(value: Value, other: Option<Value>) -> Value {
    let empty = value.is_none()
        || value.is_undefined()
        || value.as_str().is_some_and(|text| text.trim().is_empty());
    if empty {
        other.unwrap_or_else(|| Value::from(""))
    } else {
        value
    }
}

/// `{{ n }} {{ n | plural("день", "дня", "дней") }}`
fn plural(value: Value, one: String, few: String, many: String) -> String {
    let number = f64::try_from(value).unwrap_or(0.0).abs();
    if number.fract() != 0.0 {
        return few;
    }
    let whole = number as u64;
    match (whole % 10, whole % 100) {
        (_, 11..=14) => many,
        (1, _) => one,
        (2..=4, _) => few,
        _ => many,
    }
}

/// `{{ 12500 | money }}` reads `12 500 ₽`; `money("₸")` for another currency.
fn money(value: Value, sign: Option<String>) -> String {
    let number = f64::try_from(value).unwrap_or(0.0);
    let digits = format!("{:.0}", number.abs());
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push('\u{a0}');
        }
        grouped.push(digit);
    }
    let minus = if number <= -0.5 { "−" } else { "" };
    format!("{minus}{grouped}\u{a0}{}", sign.as_deref().unwrap_or("₽"))
}

/// A kept date as people write it, `25.12.2026`; anything else stays as it is.
fn date(value: Value) -> Value {
    let read = value
        .as_str()
        .and_then(|text| text.parse::<jiff::civil::Date>().ok());
    read.map_or(value, |date| {
        Value::from(date.strftime("%d.%m.%Y").to_string())
    })
}

/// The first letter only; the rest stays as it is.
fn capitalize(text: String) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => text,
    }
}

/// See `template::far_when_absent`.
fn far(value: Value) -> Value {
    if value.is_none() {
        Value::from(f64::INFINITY)
    } else {
        value
    }
}
