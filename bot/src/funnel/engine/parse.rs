//! Numbers, dates and words as people type them. PURE.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use crate::funnel::model::Expect;
use crate::funnel::spec::DateWhen;

/// Why an answer does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Misfit {
    Short(usize),
    Long(usize),
    NotANumber,
    NotWhole,
    Range,
    NotADate,
    NotPast,
    NotFuture,
}

/// The partner's calendar day.
pub(super) fn today(now_ms: i64, timezone: &str) -> Date {
    let zone = TimeZone::get(timezone).unwrap_or(TimeZone::UTC);
    let now = Timestamp::from_millisecond(now_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    now.to_zoned(zone).date()
}

/// The value kept for a typed answer; only for text, number and date.
pub(super) fn answer(
    expect: &Expect,
    text: &str,
    today: Date,
) -> Result<serde_json::Value, Misfit> {
    match expect {
        Expect::Text { min, max } => words(text, *min, *max),
        Expect::Number { min, max, whole } => {
            let number = number(text).ok_or(Misfit::NotANumber)?;
            if *whole && number.fract() != 0.0 {
                return Err(Misfit::NotWhole);
            }
            if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
                return Err(Misfit::Range);
            }
            Ok(json_number(number))
        }
        Expect::Date(when) => date_answer(text, *when, today),
        Expect::Choice | Expect::Phone { .. } | Expect::Email | Expect::Photo => {
            Err(Misfit::NotANumber)
        }
    }
}

fn words(text: &str, min: usize, max: usize) -> Result<serde_json::Value, Misfit> {
    let text = text.trim();
    let length = text.chars().count();
    if length < min {
        return Err(Misfit::Short(min));
    }
    if length > max {
        return Err(Misfit::Long(max));
    }
    Ok(text.into())
}

fn json_number(number: f64) -> serde_json::Value {
    if number.fract() == 0.0 && number.abs() < 9e15 {
        (number as i64).into()
    } else {
        number.into()
    }
}

/// The one number in a short text: `12`, `12,5`, `1 200`, `12 кг`, `где-то 15`.
pub(super) fn number(text: &str) -> Option<f64> {
    if text.chars().count() > 60 {
        return None;
    }
    let characters: Vec<char> = text
        .trim()
        .chars()
        .map(|c| if c == '−' { '-' } else { c })
        .collect();
    let mut found: Option<String> = None;
    let mut at = 0;
    while at < characters.len() {
        if !characters[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        if found.is_some() {
            return None;
        }
        let minus =
            at > 0 && characters[at - 1] == '-' && (at == 1 || characters[at - 2].is_whitespace());
        let (digits, end) = digits_from(&characters, at);
        found = Some(if minus { format!("-{digits}") } else { digits });
        at = end;
    }
    found?.parse().ok()
}

/// Digits from `at` with their groups and fraction, and where they end.
fn digits_from(characters: &[char], mut at: usize) -> (String, usize) {
    let mut digits = String::new();
    let mut fraction = false;
    let digit = |at: usize| characters.get(at).is_some_and(char::is_ascii_digit);
    while at < characters.len() {
        let character = characters[at];
        if character.is_ascii_digit() {
            digits.push(character);
        } else if matches!(character, ',' | '.') && !fraction && digit(at + 1) {
            fraction = true;
            digits.push('.');
        } else if is_gap(character)
            && !fraction
            && digit(at + 1)
            && digit(at + 2)
            && digit(at + 3)
            && !digit(at + 4)
        {
            // "1 200": a gap before exactly three digits joins them.
        } else {
            break;
        }
        at += 1;
    }
    (digits, at)
}

fn is_gap(character: char) -> bool {
    matches!(character, ' ' | '\u{a0}' | '\u{202f}' | '\'')
}

fn date_answer(text: &str, when: DateWhen, today: Date) -> Result<serde_json::Value, Misfit> {
    let date = date(text, when, today).ok_or(Misfit::NotADate)?;
    match when {
        DateWhen::Past if date > today => Err(Misfit::NotPast),
        DateWhen::Future if date < today => Err(Misfit::NotFuture),
        DateWhen::Any | DateWhen::Past | DateWhen::Future => Ok(date.to_string().into()),
    }
}

const RELATIVE: &[(&str, i64)] = &[
    ("позавчера", -2),
    ("вчера", -1),
    ("сегодня", 0),
    ("завтра", 1),
    ("послезавтра", 2),
    ("кеше", -1),
    ("бүгін", 0),
    ("ертең", 1),
    ("yesterday", -1),
    ("today", 0),
    ("tomorrow", 1),
];
const MONTHS: &[&[&str]] = &[
    &["янв", "қаң", "jan"],
    &["фев", "ақп", "feb"],
    &["мар", "нау", "mar"],
    &["апр", "сәу", "apr"],
    &["ма", "мам", "may"],
    &["июн", "мау", "jun"],
    &["июл", "шіл", "jul"],
    &["авг", "там", "aug"],
    &["сен", "қыр", "sep"],
    &["окт", "қаз", "oct"],
    &["ноя", "қар", "nov"],
    &["дек", "жел", "dec"],
];

/// `25.12.2026`, `25.12`, `2026-12-25`, `25 декабря`, `завтра`; without a year the nearest one that fits.
fn date(text: &str, when: DateWhen, today: Date) -> Option<Date> {
    let text = text.trim().trim_end_matches(['.', '!', ',']).to_lowercase();
    if let Some((_, days)) = RELATIVE.iter().find(|(word, _)| *word == text) {
        return today.checked_add(days.days()).ok();
    }
    let text = text.trim_end_matches(" года").trim_end_matches(" г");
    let parts: Vec<&str> = text
        .split(['.', '/', '-', ' ', ','])
        .filter(|part| !part.is_empty())
        .collect();
    let (day, month, year) = match parts[..] {
        [year, month, day] if year.len() == 4 => {
            (day.parse().ok()?, month_number(month)?, Some(year))
        }
        [day, month, year] => (day.parse().ok()?, month_number(month)?, Some(year)),
        [day, month] => (day.parse().ok()?, month_number(month)?, None),
        _ => return None,
    };
    match year {
        Some(year) => Date::new(full_year(year, when, today)?, month, day).ok(),
        None => nearest(day, month, when, today),
    }
}

fn month_number(text: &str) -> Option<i8> {
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    // "мар" comes before "ма": March is found first.
    let found = MONTHS
        .iter()
        .position(|names| names.iter().any(|name| text.starts_with(name)))?;
    i8::try_from(found + 1).ok()
}

fn full_year(text: &str, when: DateWhen, today: Date) -> Option<i16> {
    let year: i16 = text.parse().ok()?;
    match text.len() {
        4 => Some(year),
        2 => {
            let century = 2000 + year;
            let is_later = century > today.year();
            Some(
                if is_later && when == DateWhen::Past || century > today.year() + 20 {
                    century - 100
                } else {
                    century
                },
            )
        }
        _ => None,
    }
}

fn nearest(day: i8, month: i8, when: DateWhen, today: Date) -> Option<Date> {
    let years = match when {
        DateWhen::Past => [0, -1, -2, -3, -4],
        DateWhen::Any | DateWhen::Future => [0, 1, 2, 3, 4],
    };
    let fits = |date: &Date| {
        if when == DateWhen::Past {
            *date <= today
        } else {
            *date >= today
        }
    };
    years
        .iter()
        .filter_map(|offset| Date::new(today.year() + offset, month, day).ok())
        .find(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_type_them() {
        for (text, expected) in [
            ("12", Some(12.0)),
            ("12 кг", Some(12.0)),
            ("12,5", Some(12.5)),
            ("12.5кг", Some(12.5)),
            ("где-то 15", Some(15.0)),
            ("1 200", Some(1200.0)),
            ("1 200 000", Some(1_200_000.0)),
            ("-5", Some(-5.0)),
            ("−5", Some(-5.0)),
            ("5-6", None),
            ("от 5 до 10", None),
            ("12 2026", None),
            ("много", None),
            ("", None),
            ("99999999999999999999", Some(1e20)),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_read_as_people_type_them() {
        let today = Date::constant(2026, 11, 21);
        let read = |text: &str, when| {
            date_answer(text, when, today)
                .map(|value| value.as_str().unwrap_or_default().to_owned())
        };
        for (text, when, expected) in [
            ("25.12.2026", DateWhen::Any, Ok("2026-12-25")),
            ("2026-12-25", DateWhen::Any, Ok("2026-12-25")),
            ("25/12/26", DateWhen::Any, Ok("2026-12-25")),
            ("25.12", DateWhen::Any, Ok("2026-12-25")),
            ("1 марта", DateWhen::Any, Ok("2027-03-01")),
            ("1 мая 1990 года", DateWhen::Past, Ok("1990-05-01")),
            ("01.02.90", DateWhen::Past, Ok("1990-02-01")),
            ("25.12", DateWhen::Past, Ok("2025-12-25")),
            ("завтра", DateWhen::Future, Ok("2026-11-22")),
            ("Сегодня!", DateWhen::Any, Ok("2026-11-21")),
            ("29.02", DateWhen::Future, Ok("2028-02-29")),
            ("31.02.2026", DateWhen::Any, Err(Misfit::NotADate)),
            ("25.12.2027", DateWhen::Past, Err(Misfit::NotPast)),
            ("25.12.2020", DateWhen::Future, Err(Misfit::NotFuture)),
            ("когда-нибудь", DateWhen::Any, Err(Misfit::NotADate)),
        ] {
            assert_eq!(read(text, when), expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn the_partners_day_begins_at_their_midnight() {
        assert_eq!(
            today(1_795_287_600_000, "Asia/Almaty").to_string(),
            "2026-11-22"
        );
        assert_eq!(
            today(1_795_287_600_000, "Europe/Moscow").to_string(),
            "2026-11-21"
        );
    }
}
