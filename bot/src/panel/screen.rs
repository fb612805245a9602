//! A screen of the partner's panel: text with buttons, the same whether sent or edited in place. PURE.

use serde_json::{Value, json};

use super::parse::{self, Request};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Screen {
    pub html: String,
    pub rows: Vec<Vec<ScreenButton>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenButton {
    pub text: String,
    pub action: ScreenAction,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenAction {
    Ask(Request),
    Url(String),
}

pub fn ask(text: impl Into<String>, request: Request) -> ScreenButton {
    ScreenButton {
        text: text.into(),
        action: ScreenAction::Ask(request),
    }
}

impl Screen {
    /// (method, JSON payload) of a new message.
    pub fn send(&self, chat_id: i64) -> (String, String) {
        let mut payload = self.payload(chat_id);
        payload["link_preview_options"] = json!({ "is_disabled": true });
        ("SendMessage".to_owned(), payload.to_string())
    }

    /// (method, JSON payload) that turns an existing message into this screen.
    pub fn edit(&self, chat_id: i64, message_id: i64) -> (String, String) {
        let mut payload = self.payload(chat_id);
        payload["message_id"] = json!(message_id);
        payload["link_preview_options"] = json!({ "is_disabled": true });
        ("EditMessageText".to_owned(), payload.to_string())
    }

    fn payload(&self, chat_id: i64) -> Value {
        let mut payload = json!({ "chat_id": chat_id, "text": self.html, "parse_mode": "HTML" });
        if !self.rows.is_empty() {
            let rows: Vec<Vec<Value>> = self
                .rows
                .iter()
                .map(|row| row.iter().map(button).collect())
                .collect();
            payload["reply_markup"] = json!({ "inline_keyboard": rows });
        }
        payload
    }
}

fn button(button: &ScreenButton) -> Value {
    match &button.action {
        ScreenAction::Ask(request) => {
            json!({ "text": button.text, "callback_data": parse::words(*request) })
        }
        ScreenAction::Url(url) => json!({ "text": button.text, "url": url }),
    }
}

/// Longest piece of a person's own words we show.
const LONGEST: usize = 200;

/// A person's words made harmless: markup literal, direction marks gone, no longer than a line or three.
pub fn plain(words: &str) -> String {
    brief(words, LONGEST)
}

/// `plain` with a length of its own, for lists: a screen is one message of at most 4096 characters.
pub fn brief(words: &str, longest: usize) -> String {
    let mut text = String::with_capacity(words.len().min(longest * 2));
    for (count, c) in words.chars().filter(|c| !is_mischief(*c)).enumerate() {
        if count == longest {
            text.push('…');
            break;
        }
        match c {
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '&' => text.push_str("&amp;"),
            '"' => text.push_str("&quot;"),
            '\n' | '\r' | '\t' => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

/// Direction overrides, isolates and other invisible controls.
fn is_mischief(c: char) -> bool {
    matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200E}' | '\u{200F}' | '\u{0}'..='\u{8}' | '\u{B}'..='\u{1F}' | '\u{7F}'..='\u{9F}')
        && !matches!(c, '\n' | '\r' | '\t')
}

/// Russian plural: 1 лид, 2 лида, 5 лидов.
pub fn plural(count: i64, one: &str, few: &str, many: &str) -> String {
    let (tens, units) = (count.abs() % 100, count.abs() % 10);
    let form = match (tens, units) {
        (11..=14, _) => many,
        (_, 1) => one,
        (_, 2..=4) => few,
        _ => many,
    };
    format!("{count} {form}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_show_literally() {
        assert_eq!(
            plain("<a href=\"x\">Аня</a> & co"),
            "&lt;a href=&quot;x&quot;&gt;Аня&lt;/a&gt; &amp; co"
        );
        assert_eq!(plain("\u{202E}gnp.exe\u{0}"), "gnp.exe");
        assert_eq!(plain(&"я".repeat(4_096)).chars().count(), LONGEST + 1);
    }

    #[test]
    fn counting_is_russian() {
        let lead = |n| plural(n, "лид", "лида", "лидов");
        assert_eq!(
            [lead(1), lead(2), lead(5), lead(11), lead(21), lead(112)],
            [
                "1 лид",
                "2 лида",
                "5 лидов",
                "11 лидов",
                "21 лид",
                "112 лидов"
            ]
        );
    }
}
