//! Texts as Telegram keeps them: parsed, trimmed, counted in code points, with entities in UTF-16 units.

use serde_json::{Map, Value, json};

use super::api::ApiError;
use super::html;
use super::state::State;

pub const TEXT_MAX: usize = 4096;
pub const CAPTION_MAX: usize = 1024;
/// Bytes of a text with its markup.
const RAW_MAX: usize = 1 << 15;

/// A text with its entities (offsets in UTF-16 units).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Formatted {
    pub text: String,
    pub entities: Vec<Value>,
}

impl Formatted {
    /// A text without markup of its own; commands, links and mentions are found in it.
    pub fn plain(text: &str) -> Formatted {
        let mut formatted = Formatted {
            text: text.to_owned(),
            entities: Vec::new(),
        };
        formatted.find_entities();
        formatted
    }

    /// A text parameter of a Bot API call, parsed by its parse mode or with the given entities.
    pub fn parse(
        text: &str,
        mode: Option<&str>,
        given: Option<&Value>,
    ) -> Result<Formatted, ApiError> {
        if text.len() > RAW_MAX {
            return Err(ApiError::bad("text is too long"));
        }
        let mode = mode.unwrap_or("").to_ascii_lowercase();
        let mut formatted = match mode.as_str() {
            "html" => html::parse(text)
                .map_err(|problem| ApiError::bad(format!("can't parse entities: {problem}")))?,
            "" | "none" => Formatted {
                text: text.to_owned(),
                entities: given.and_then(Value::as_array).cloned().unwrap_or_default(),
            },
            "markdown" | "markdownv2" => {
                return Err(ApiError::not_simulated(format!(
                    "parse mode {mode} is not simulated; use HTML"
                )));
            }
            _ => return Err(ApiError::bad("unsupported parse_mode")),
        };
        formatted.trim();
        formatted.find_entities();
        Ok(formatted)
    }

    /// Completes mentions of people by id; a person nobody knows is not mentioned.
    pub fn with_people(mut self, state: &State) -> Formatted {
        self.entities.retain_mut(|entity| {
            if entity["type"] != "text_mention" {
                return true;
            }
            let known = entity["user"]["id"]
                .as_i64()
                .and_then(|id| state.users.get(&id));
            known
                .inspect(|user| entity["user"] = user.to_value())
                .is_some()
        });
        self
    }

    /// Refuses an empty or too long message text.
    pub fn require_text(self) -> Result<Formatted, ApiError> {
        if self.text.is_empty() {
            return Err(ApiError::bad("text must be non-empty"));
        }
        if self.text.chars().count() > TEXT_MAX {
            return Err(ApiError::bad("message is too long"));
        }
        Ok(self)
    }

    /// Refuses a too long caption.
    pub fn require_caption(self) -> Result<Formatted, ApiError> {
        if self.text.chars().count() > CAPTION_MAX {
            return Err(ApiError::bad("message caption is too long"));
        }
        Ok(self)
    }

    /// Writes both fields of a message; nothing when the text is empty.
    pub fn write(self, content: &mut Map<String, Value>, text: &str, entities: &str) {
        if self.text.is_empty() {
            return;
        }
        content.insert(text.to_owned(), self.text.into());
        if !self.entities.is_empty() {
            content.insert(entities.to_owned(), self.entities.into());
        }
    }

    fn trim(&mut self) {
        let start = self.text.len() - self.text.trim_start().len();
        let cut: usize = self.text[..start].chars().map(char::len_utf16).sum();
        if start == 0 && self.text.trim_end().len() == self.text.len() {
            return;
        }
        self.text = self.text.trim().to_owned();
        let length: usize = self.text.chars().map(char::len_utf16).sum();
        for entity in &mut self.entities {
            let at = |key: &str| usize::try_from(entity[key].as_u64().unwrap_or(0)).unwrap_or(0);
            let (from, to) = (at("offset"), at("offset") + at("length"));
            let (from, to) = (
                from.saturating_sub(cut).min(length),
                to.saturating_sub(cut).min(length),
            );
            entity["offset"] = from.into();
            entity["length"] = (to - from).into();
        }
        self.entities.retain(|entity| entity["length"] != 0);
    }

    /// Adds what Telegram finds by itself: commands, mentions, hashtags, e-mails, links.
    fn find_entities(&mut self) {
        if !self
            .text
            .bytes()
            .any(|b| matches!(b, b'/' | b'@' | b'#' | b'.'))
        {
            return;
        }
        let mut found = Vec::new();
        let mut offset = 0;
        for word in self.text.split_inclusive(char::is_whitespace) {
            let open = |c: char| matches!(c, '(' | '[' | '"' | '\'' | '«' | '<');
            let inner = word.trim_start_matches(open);
            let start = offset + units(&word[..word.len() - inner.len()]);
            if let Some((kind, length)) = recognise(inner.trim_end()) {
                found.push((start, length, kind));
            }
            offset += units(word);
        }
        let taken: Vec<(u64, u64)> = self.entities.iter().map(range).collect();
        for (start, length, kind) in found {
            let (from, to) = (start as u64, (start + length) as u64);
            if !taken.iter().any(|(a, b)| from < *b && *a < to) {
                self.entities
                    .push(json!({"type": kind, "offset": start, "length": length}));
            }
        }
        self.entities.sort_by_key(range);
    }
}

fn range(entity: &Value) -> (u64, u64) {
    let from = entity["offset"].as_u64().unwrap_or(0);
    (from, from + entity["length"].as_u64().unwrap_or(0))
}

fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

fn recognise(word: &str) -> Option<(&'static str, usize)> {
    let name = |rest: &str| {
        rest.chars()
            .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
            .count()
    };
    if let Some(rest) = word.strip_prefix('/') {
        let command = name(rest);
        let at_bot = rest[command..]
            .strip_prefix('@')
            .map_or(0, |bot| name(bot) + 1);
        let after = rest[command + at_bot..].chars().next();
        let ends = after.is_none_or(|c| c != '/' && !c.is_alphanumeric());
        return (1..=64)
            .contains(&command)
            .then_some(("bot_command", 1 + command + at_bot))
            .filter(|_| ends);
    }
    if let Some(rest) = word.strip_prefix('@') {
        let length = name(rest);
        return (4..=32)
            .contains(&length)
            .then_some(("mention", 1 + length));
    }
    if let Some(rest) = word.strip_prefix('#') {
        let length = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .count();
        return (length > 0).then_some(("hashtag", 1 + length));
    }
    let word = word.trim_end_matches(['.', ',', '!', '?', ':', ';', ')', ']', '"', '\'', '»']);
    if let Some((user, host)) = word.split_once('@') {
        let fits =
            !user.is_empty() && user.is_ascii() && !user.contains([':', '/']) && is_host(host);
        return fits.then(|| ("email", units(word)));
    }
    let bare = word
        .strip_prefix("https://")
        .or_else(|| word.strip_prefix("http://"));
    let host = bare
        .unwrap_or(word)
        .split(['/', '?', '#', ':'])
        .next()
        .unwrap_or("");
    let known = [
        "com", "ru", "kz", "org", "net", "me", "io", "рф", "dev", "info",
    ];
    let top = host.rsplit('.').next().unwrap_or("");
    let fits = is_host(host) && (bare.is_some() || known.contains(&top));
    fits.then(|| ("url", units(word)))
}

fn is_host(host: &str) -> bool {
    let part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-');
    host.contains('.')
        && host.split('.').all(part)
        && host
            .rsplit('.')
            .next()
            .is_none_or(|top| top.parse::<u64>().is_err())
}

/// The address as Telegram keeps it, `None` when it is none: http(s) with a dotted host, or tg://.
pub fn checked_link(url: &str) -> Option<String> {
    link_problem(url).is_none().then(|| {
        let scheme = url.contains("://") || url.starts_with("tg:");
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let slash = if rest.contains(['/', '?', '#']) || url.starts_with("tg:") {
            ""
        } else {
            "/"
        };
        format!("{}{url}{slash}", if scheme { "" } else { "http://" })
    })
}

/// Telegram's words for what is wrong with an address.
pub fn link_problem(url: &str) -> Option<String> {
    let lower = url.to_ascii_lowercase();
    if let Some(rest) = lower
        .strip_prefix("tg:")
        .or_else(|| lower.strip_prefix("ton:"))
    {
        let host = rest
            .trim_start_matches('/')
            .split(['/', '?', '#'])
            .next()
            .unwrap_or("");
        let fits = !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        return (!fits).then(|| "Unallowed characters in URL host".to_owned());
    }
    let rest = match lower.split_once("://") {
        Some(("http" | "https", rest)) => rest,
        Some(_) => return Some("Unsupported URL protocol".to_owned()),
        None => lower.as_str(),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority
        .rsplit('@')
        .next()
        .unwrap_or("")
        .split(':')
        .next()
        .unwrap_or("");
    if host.is_empty() {
        return Some("URL host is empty".to_owned());
    }
    let bad = |c: char| {
        c.is_whitespace() || (c.is_ascii_punctuation() && !matches!(c, '-' | '.' | '_' | '~'))
    };
    if host.contains(bad) {
        return Some("Unallowed characters in URL host".to_owned());
    }
    (!host.contains('.')).then(|| "Wrong HTTP URL".to_owned())
}
