//! `.env`: `NAME=value` lines. Values are secrets, so no message shows one, nor its line. PURE.

use std::collections::BTreeMap;

use super::Secret;
use crate::diagnostic::{Diagnostic, Severity};
use crate::yaml::suggest;

pub const KEYS: [&str; 9] = [
    "BOT_TOKEN",
    "TELEGRAM_API_URL",
    "TELEGRAM_PROXY",
    "DATABASE_URL",
    "PARTNER_ID",
    "BOT_DISPLAY_NAME",
    "NL_SHOP_LINK",
    "NL_REGISTRATION_LINK",
    "FUNNELS_DIR",
];

/// The values with their lines.
#[derive(Debug, Default)]
pub struct EnvFile {
    file: String,
    values: BTreeMap<String, (usize, Secret)>,
}

impl EnvFile {
    /// The value, unless it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.values.get(name)?;
        Some(value.expose()).filter(|value| !value.is_empty())
    }

    /// A problem of that value; of the file when it is missing.
    pub fn problem(&self, name: &str, message: impl Into<String>) -> Diagnostic {
        let line = self.values.get(name).map_or(0, |(line, _)| *line);
        diagnostic(&self.file, line, name, Severity::Error, message.into())
    }
}

/// Reads the text of an `.env` file; `file` is its name in messages.
pub fn parse_env(file: &str, text: &str) -> (EnvFile, Vec<Diagnostic>) {
    let mut env = EnvFile {
        file: file.to_owned(),
        values: BTreeMap::new(),
    };
    let mut problems = Vec::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let number = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut report = |severity, name: &str, message: String| {
            problems.push(diagnostic(file, number, name, severity, message));
        };
        let Some((name, value)) = split_assignment(line) else {
            report(Severity::Error, "", "expected NAME=value".into());
            continue;
        };
        if !KEYS.contains(&name) {
            report(Severity::Warning, name, unknown(name));
        }
        match unquote(value) {
            Err(message) => report(Severity::Error, name, message.into()),
            Ok(value) => match env.values.entry(name.to_owned()) {
                std::collections::btree_map::Entry::Vacant(free) => {
                    free.insert((number, Secret::new(value)));
                }
                std::collections::btree_map::Entry::Occupied(taken) => {
                    let first = taken.get().0;
                    let message = format!("given twice; the first is on line {first}");
                    report(Severity::Error, name, message);
                }
            },
        }
    }
    (env, problems)
}

/// A line that is no assignment may be a secret pasted alone, so only a well-formed name is ever shown.
fn split_assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(good)
        && name.len() <= 40;
    is_name.then_some((name, value.trim()))
}

fn unknown(name: &str) -> String {
    let hint = match suggest(name, &KEYS) {
        Some(near) => format!("did you mean {near}?"),
        None => format!("known are {}", KEYS.join(", ")),
    };
    format!("unknown name, ignored; {hint}")
}

/// `value`, `'value'` as it stands, or `"value"` with `\n`, `\"` and `\\`; a comment may follow after a space.
fn unquote(value: &str) -> Result<String, &'static str> {
    let rest = match value.chars().next() {
        Some('\'') => {
            let (inner, rest) = value[1..].split_once('\'').ok_or(OPEN_QUOTE)?;
            return no_rest(rest).map(|()| inner.to_owned());
        }
        Some('"') => &value[1..],
        _ => return plain(value),
    };
    let mut inner = String::new();
    let mut chars = rest.chars();
    loop {
        match chars.next().ok_or(OPEN_QUOTE)? {
            '"' => return no_rest(chars.as_str()).map(|()| inner),
            '\\' => match chars.next().ok_or(OPEN_QUOTE)? {
                'n' => inner.push('\n'),
                other => inner.push(other),
            },
            other => inner.push(other),
        }
    }
}

const OPEN_QUOTE: &str = "a quote is never closed";

fn no_rest(rest: &str) -> Result<(), &'static str> {
    let rest = rest.trim();
    if rest.is_empty() || rest.starts_with('#') {
        return Ok(());
    }
    Err("something follows the closing quote")
}

fn plain(value: &str) -> Result<String, &'static str> {
    let value = match value.find(" #").or_else(|| value.find("\t#")) {
        Some(comment) => value[..comment].trim_end(),
        None => value,
    };
    if value.starts_with('#') {
        return Ok(String::new());
    }
    if value.contains(['"', '\'']) {
        return Err("a quote inside the value; put the whole value in quotes");
    }
    Ok(value.to_owned())
}

fn diagnostic(
    file: &str,
    line: usize,
    path: &str,
    severity: Severity,
    message: String,
) -> Diagnostic {
    Diagnostic {
        severity,
        file: file.to_owned(),
        line,
        column: usize::from(line > 0),
        path: path.to_owned(),
        message,
        source: String::new(),
        width: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        let (_, problems) = parse_env(".env", text);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_are_read_with_and_without_quotes() {
        let text = "\u{feff}# a comment\n\nBOT_TOKEN=123456:TEST\r\nexport BOT_DISPLAY_NAME = \"Се\\\"вер\" # name\n\
                    NL_SHOP_LINK='https://a.b/#x'\nNL_REGISTRATION_LINK=https://a.b/#y # z\nTELEGRAM_PROXY=\nPARTNER_ID= # none\n";
        let (env, problems) = parse_env(".env", text);
        assert_eq!(problems, []);
        assert_eq!(env.get("BOT_TOKEN"), Some("123456:TEST"));
        assert_eq!(env.get("BOT_DISPLAY_NAME"), Some("Се\"вер"));
        assert_eq!(env.get("NL_SHOP_LINK"), Some("https://a.b/#x"));
        assert_eq!(env.get("NL_REGISTRATION_LINK"), Some("https://a.b/#y"));
        assert_eq!(
            (env.get("TELEGRAM_PROXY"), env.get("PARTNER_ID")),
            (None, None)
        );
    }

    #[test]
    fn what_is_wrong_is_told_without_the_value() {
        assert_eq!(
            said(
                "BOT_TOKE=TEST1\n123456:TEST\nPARTNER_ID=a\nPARTNER_ID=TEST2\nFUNNELS_DIR=\"TEST3\nDATABASE_URL='a' TEST4\nZ=1\n"
            ),
            [
                ".env:1:1: warning: BOT_TOKE: unknown name, ignored; did you mean BOT_TOKEN?",
                ".env:2:1: expected NAME=value",
                ".env:4:1: PARTNER_ID: given twice; the first is on line 3",
                ".env:5:1: FUNNELS_DIR: a quote is never closed",
                ".env:6:1: DATABASE_URL: something follows the closing quote",
                ".env:7:1: warning: Z: unknown name, ignored; known are BOT_TOKEN, TELEGRAM_API_URL, TELEGRAM_PROXY, \
                 DATABASE_URL, PARTNER_ID, BOT_DISPLAY_NAME, NL_SHOP_LINK, NL_REGISTRATION_LINK, FUNNELS_DIR",
            ]
        );
    }
}
