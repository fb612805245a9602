//! Lines of systemd's journal as a person reads them. PURE.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Map, Value};

/// One line of a bot's log, or of systemd about the bot.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Unix microseconds.
    pub at_us: i64,
    pub partner: String,
    pub level: Level,
    pub text: String,
    /// What the bot said beside the text: `lead.id`, `wait_s`, …
    pub fields: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    fn of_bot(word: &str) -> Self {
        match word {
            "ERROR" => Level::Error,
            "WARN" => Level::Warn,
            "DEBUG" | "TRACE" => Level::Debug,
            _ => Level::Info,
        }
    }

    /// syslog's numbers: 3 and less are errors, 4 warns.
    fn of_syslog(number: i64) -> Self {
        match number {
            ..=3 => Level::Error,
            4 => Level::Warn,
            7.. => Level::Debug,
            _ => Level::Info,
        }
    }

    fn shown(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info ",
            Level::Warn => "WARN ",
            Level::Error => "ERROR",
        }
    }
}

/// What of the log is wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Words of the line, any case.
    pub grep: Option<String>,
    pub lead: Option<i64>,
    pub level: Option<Level>,
}

impl Wanted {
    pub fn takes(&self, entry: &Entry) -> bool {
        let lead = |number: i64| {
            ["lead.id", "lead"]
                .iter()
                .any(|key| entry.fields.get(*key).and_then(Value::as_i64) == Some(number))
        };
        let has = |words: &String| {
            let fields = Value::Object(entry.fields.clone()).to_string();
            format!("{} {fields}", entry.text)
                .to_lowercase()
                .contains(&words.to_lowercase())
        };
        self.level.is_none_or(|level| entry.level >= level)
            && self.lead.is_none_or(lead)
            && self.grep.as_ref().is_none_or(has)
    }
}

/// One line of `journalctl -o json`; `None` for what is no bot's.
pub fn parse(line: &str) -> Option<Entry> {
    let record: Map<String, Value> = serde_json::from_str(line).ok()?;
    let text = |name: &str| record.get(name).and_then(Value::as_str);
    // What systemd itself says of a unit names it in another field.
    let unit = ["UNIT", "USER_UNIT", "_SYSTEMD_UNIT", "_SYSTEMD_USER_UNIT"]
        .iter()
        .find_map(|name| partner_of(text(name)?))?;
    let at_us = text("__REALTIME_TIMESTAMP")?.parse().ok()?;
    let message = message(record.get("MESSAGE")?);
    let mut entry = of_line(&unit, at_us, &message);
    if entry.text == message {
        let syslog = text("PRIORITY").and_then(|number| number.parse().ok());
        entry.level = Level::of_syslog(syslog.unwrap_or(6));
    }
    Some(entry)
}

/// A line as the bot itself writes it: JSON with `level` and `message`, or plain words.
pub fn of_line(partner: &str, at_us: i64, line: &str) -> Entry {
    let entry = |level, text, fields| Entry {
        at_us,
        partner: partner.to_owned(),
        level,
        text,
        fields,
    };
    let Ok(mut said) = serde_json::from_str::<Map<String, Value>>(line) else {
        return entry(Level::Info, line.to_owned(), Map::new());
    };
    let level = said
        .remove("level")
        .and_then(|level| level.as_str().map(Level::of_bot));
    let words = said
        .remove("message")
        .and_then(|words| words.as_str().map(str::to_owned));
    for known in ["timestamp", "target", "partner.id"] {
        said.remove(known);
    }
    entry(
        level.unwrap_or(Level::Info),
        words.unwrap_or_default(),
        said,
    )
}

/// Bytes that are not UTF-8 come as a list of numbers.
fn message(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(bytes) => {
            let bytes: Vec<u8> = bytes
                .iter()
                .filter_map(|byte| u8::try_from(byte.as_u64()?).ok())
                .collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        other => other.to_string(),
    }
}

fn partner_of(unit: &str) -> Option<String> {
    let (_, rest) = unit
        .split_once('@')
        .filter(|(name, _)| name.starts_with("partner-bot"))?;
    Some(rest.split_once('.')?.0.to_owned())
}

/// One line for a person; `width` is that of the longest partner's name.
pub fn render(entry: &Entry, width: usize, zone: &TimeZone, colour: bool) -> String {
    let at = Timestamp::from_microsecond(entry.at_us).unwrap_or_default();
    let at = at.to_zoned(zone.clone()).strftime("%m-%d %H:%M:%S");
    let mut fields = String::new();
    for (name, value) in &entry.fields {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        fields.push_str(&format!(" {name}={value}"));
    }
    let text = entry.text.replace('\n', "\n    ");
    if !colour {
        return format!(
            "{at} {:width$} | {} {text}{fields}",
            entry.partner,
            entry.level.shown()
        );
    }
    let level = match entry.level {
        Level::Error => "\x1b[31m",
        Level::Warn => "\x1b[33m",
        Level::Info | Level::Debug => "\x1b[2m",
    };
    format!(
        "\x1b[2m{at}\x1b[0m \x1b[{}m{:width$} |\x1b[0m {level}{}\x1b[0m {text}\x1b[2m{fields}\x1b[0m",
        colour_of(&entry.partner),
        entry.partner,
        entry.level.shown()
    )
}

/// The same partner has the same colour in every run.
fn colour_of(partner: &str) -> u32 {
    const COLOURS: [u32; 6] = [36, 35, 34, 32, 96, 95];
    let sum: usize = partner.bytes().map(usize::from).sum();
    COLOURS[sum % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = r#"{"__REALTIME_TIMESTAMP":"1795780800000000","_SYSTEMD_UNIT":"partner-bot@north.service","PRIORITY":"6","MESSAGE":"{\"timestamp\":\"x\",\"level\":\"WARN\",\"message\":\"not polling\",\"partner.id\":\"north\",\"wait_s\":3,\"lead.id\":12}"}"#;
    const SYSTEMD: &str = r#"{"__REALTIME_TIMESTAMP":"1795780801000000","UNIT":"partner-bot@my-shop.service","_SYSTEMD_UNIT":"init.scope","PRIORITY":"4","MESSAGE":"Watchdog timeout (limit 3min)!"}"#;

    #[test]
    fn what_bots_and_systemd_say_reads_alike() {
        let lines: Vec<String> = [SAID, SYSTEMD]
            .iter()
            .map(|line| render(&parse(line).unwrap(), 7, &TimeZone::UTC, false))
            .collect();
        assert_eq!(
            lines,
            [
                "11-27 12:00:00 north   | WARN  not polling lead.id=12 wait_s=3",
                "11-27 12:00:01 my-shop | WARN  Watchdog timeout (limit 3min)!",
            ]
        );
        let other = r#"{"__REALTIME_TIMESTAMP":"1","_SYSTEMD_UNIT":"ssh.service","MESSAGE":"x"}"#;
        assert_eq!(parse(other), None);
    }

    #[test]
    fn a_line_is_taken_by_its_lead_its_words_or_its_level() {
        let entry = parse(SAID).unwrap();
        let takes = |wanted: Wanted| wanted.takes(&entry);
        assert!(takes(Wanted::default()));
        let lead = |lead| Wanted {
            lead: Some(lead),
            ..Wanted::default()
        };
        assert_eq!([12, 13].map(|number| takes(lead(number))), [true, false]);
        let grep = |words: &str| Wanted {
            grep: Some(words.to_owned()),
            ..Wanted::default()
        };
        assert_eq!(
            ["NOT poll", "wait_s", "gone"].map(|words| takes(grep(words))),
            [true, true, false]
        );
        let level = |level| Wanted {
            level: Some(level),
            ..Wanted::default()
        };
        assert_eq!(
            [Level::Warn, Level::Error].map(|at| takes(level(at))),
            [true, false]
        );
    }
}
