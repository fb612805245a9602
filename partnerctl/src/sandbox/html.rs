//! Telegram's HTML parse mode: the same tags, offsets and error texts as its own parser.

use serde_json::{Value, json};

use super::text::{Formatted, checked_link};

const TAGS: [&str; 17] = [
    "a",
    "b",
    "strong",
    "i",
    "em",
    "s",
    "strike",
    "del",
    "u",
    "ins",
    "tg-spoiler",
    "tg-emoji",
    "tg-time",
    "span",
    "pre",
    "code",
    "blockquote",
];

/// Text and entities of an HTML message, or Telegram's words for what is wrong with it.
pub fn parse_html(html: &str) -> Result<(String, Vec<Value>), String> {
    let parsed = parse(html)?;
    Ok((parsed.text, parsed.entities))
}

pub(super) fn parse(html: &str) -> Result<Formatted, String> {
    let mut parser = Parser {
        src: html.as_bytes(),
        at: 0,
        out: Vec::new(),
        utf16: 0,
        open: Vec::new(),
        entities: Vec::new(),
    };
    parser.run()?;
    let mut entities = parser.entities;
    for entity in &mut entities {
        if entity.kind == "code" {
            entity.argument.clear();
        }
    }
    entities.sort_by(|a, b| {
        a.offset
            .cmp(&b.offset)
            .then(b.length.cmp(&a.length))
            .then(a.rank.cmp(&b.rank))
    });
    let text = String::from_utf8(parser.out).map_err(|_| {
        "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units".to_owned()
    })?;
    Ok(Formatted {
        text,
        entities: entities.iter().map(Entity::to_value).collect(),
    })
}

struct Parser<'h> {
    src: &'h [u8],
    at: usize,
    out: Vec<u8>,
    utf16: usize,
    open: Vec<Open>,
    entities: Vec<Entity>,
}

/// A start tag that waits for its end.
struct Open {
    tag: String,
    argument: String,
    date: i64,
    offset: usize,
    out_from: usize,
}

struct Entity {
    kind: &'static str,
    offset: usize,
    length: usize,
    argument: String,
    date: i64,
    /// Ends first, comes last among entities of the same range.
    rank: std::cmp::Reverse<usize>,
}

impl Entity {
    fn to_value(&self) -> Value {
        let mut value = json!({"type": self.kind, "offset": self.offset, "length": self.length});
        match self.kind {
            "text_link" => value["url"] = self.argument.as_str().into(),
            "pre" if !self.argument.is_empty() => value["language"] = self.argument.as_str().into(),
            "custom_emoji" => value["custom_emoji_id"] = self.argument.as_str().into(),
            "text_mention" => {
                let id: i64 = self.argument.parse().unwrap_or_default();
                value["user"] = json!({"id": id, "is_bot": false, "first_name": ""});
            }
            "date_time" => {
                value["unix_time"] = self.date.into();
                value["date_time_format"] = self.argument.as_str().into();
            }
            _ => {}
        }
        value
    }
}

impl Parser<'_> {
    fn run(&mut self) -> Result<(), String> {
        while self.at < self.src.len() {
            let byte = self.src[self.at];
            if byte == b'&' && self.reference() {
                continue;
            }
            match byte {
                b'<' if self.peek(1) == b'/' => self.end_tag()?,
                b'<' => self.start_tag()?,
                _ => {
                    self.count(byte);
                    self.out.push(byte);
                    self.at += 1;
                }
            }
        }
        match self.open.last() {
            Some(open) => Err(format!(
                "Can't find end tag corresponding to start tag \"{}\"",
                open.tag
            )),
            None => Ok(()),
        }
    }

    /// The byte `ahead` of here; 0 beyond the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.src.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn count(&mut self, byte: u8) {
        if byte & 0xC0 != 0x80 {
            self.utf16 += 1 + usize::from(byte >= 0xF0);
        }
    }

    fn reference(&mut self) -> bool {
        let Some((code, end)) = decode_reference(self.src, self.at) else {
            return false;
        };
        self.utf16 += 1 + usize::from(code > 0xFFFF);
        push_code(&mut self.out, code);
        self.at = end;
        true
    }

    fn skip_spaces(&mut self) {
        while is_space(self.peek(0)) && self.at < self.src.len() {
            self.at += 1;
        }
    }

    fn take_while(&mut self, keep: impl Fn(u8) -> bool) -> String {
        let from = self.at;
        while self.at < self.src.len() && keep(self.src[self.at]) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.src[from..self.at]).into_owned()
    }

    fn start_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        self.at += 1;
        let tag = self
            .take_while(|c| !is_space(c) && c != b'>')
            .to_lowercase();
        if self.at >= self.src.len() {
            return Err(format!("Unclosed start tag at byte offset {begin}"));
        }
        if !TAGS.contains(&tag.as_str()) {
            return Err(format!(
                "Unsupported start tag \"{tag}\" at byte offset {begin}"
            ));
        }
        let mut open = Open {
            tag,
            argument: String::new(),
            date: 0,
            offset: self.utf16,
            out_from: self.out.len(),
        };
        loop {
            self.skip_spaces();
            if self.peek(0) == b'>' {
                break;
            }
            self.attribute(begin, &mut open)?;
        }
        self.at += 1;
        if open.tag == "span" && open.argument != "spoiler" {
            return Err(format!(
                "Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"
            ));
        }
        self.open.push(open);
        Ok(())
    }

    fn attribute(&mut self, begin: usize, open: &mut Open) -> Result<(), String> {
        let unclosed = format!("Unclosed start tag \"{}\" at byte offset {begin}", open.tag);
        let name =
            self.take_while(|c| !is_space(c) && !matches!(c, b'=' | b'>' | b'/' | b'"' | b'\''));
        if name.is_empty() {
            return Err(format!(
                "Empty attribute name in the tag \"{}\" at byte offset {begin}",
                open.tag
            ));
        }
        self.skip_spaces();
        if self.at >= self.src.len() {
            return Err(unclosed);
        }
        if self.peek(0) != b'=' {
            if open.tag == "blockquote" && name == "expandable" {
                "1".clone_into(&mut open.argument);
            }
            return Ok(());
        }
        self.at += 1;
        self.skip_spaces();
        if self.at >= self.src.len() {
            return Err(unclosed);
        }
        let value = self.attribute_value(begin)?;
        open.set(&name, value);
        Ok(())
    }

    fn attribute_value(&mut self, begin: usize) -> Result<String, String> {
        let quote = self.peek(0);
        let value = if quote == b'"' || quote == b'\'' {
            self.at += 1;
            let mut value = Vec::new();
            while self.at < self.src.len() && self.peek(0) != quote {
                match decode_reference(self.src, self.at).filter(|_| self.peek(0) == b'&') {
                    Some((code, end)) => {
                        push_code(&mut value, code);
                        self.at = end;
                    }
                    None => {
                        value.push(self.peek(0));
                        self.at += 1;
                    }
                }
            }
            self.at += 1;
            String::from_utf8_lossy(&value).into_owned()
        } else {
            let from = self.at;
            let value = self.take_while(|c| c.is_ascii_alphanumeric() || c == b'.' || c == b'-');
            if !is_space(self.peek(0)) && self.peek(0) != b'>' {
                return Err(format!(
                    "Unexpected end of name token at byte offset {from}"
                ));
            }
            value.to_lowercase()
        };
        if self.at >= self.src.len() {
            return Err(format!("Unclosed start tag at byte offset {begin}"));
        }
        Ok(value)
    }

    fn end_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        let Some(open) = self.open.pop() else {
            return Err(format!("Unexpected end tag at byte offset {begin}"));
        };
        self.at += 2;
        let name = self
            .take_while(|c| !is_space(c) && c != b'>')
            .to_lowercase();
        self.skip_spaces();
        if self.peek(0) != b'>' {
            return Err(format!("Unclosed end tag at byte offset {begin}"));
        }
        self.at += 1;
        if !name.is_empty() && name != open.tag {
            let tag = &open.tag;
            return Err(format!(
                "Unmatched end tag at byte offset {begin}, expected \"</{tag}>\", found \"</{name}>\""
            ));
        }
        if self.utf16 > open.offset {
            self.close(open)
        } else {
            Ok(())
        }
    }

    fn close(&mut self, open: Open) -> Result<(), String> {
        let (offset, length) = (open.offset, self.utf16 - open.offset);
        let same = |e: &Entity| e.offset == offset && e.length == length;
        let last = self.entities.last_mut().filter(|e| same(e));
        let (kind, argument) = match open.tag.as_str() {
            "i" | "em" => ("italic", String::new()),
            "b" | "strong" => ("bold", String::new()),
            "s" | "strike" | "del" => ("strikethrough", String::new()),
            "u" | "ins" => ("underline", String::new()),
            "tg-spoiler" | "span" => ("spoiler", String::new()),
            "tg-emoji" => match open.argument.parse::<i64>() {
                Ok(id) if id != 0 => ("custom_emoji", open.argument),
                _ => return Err("Invalid custom emoji identifier specified".to_owned()),
            },
            "tg-time" if open.date > 0 => ("date_time", open.argument),
            "tg-time" => return Ok(()),
            "a" => {
                let shown = String::from_utf8_lossy(&self.out[open.out_from..]).into_owned();
                let url = if open.argument.is_empty() {
                    shown
                } else {
                    open.argument
                };
                match (user_link(&url), checked_link(&url)) {
                    (Some(id), _) => ("text_mention", id.to_string()),
                    (None, Some(url)) => ("text_link", url),
                    (None, None) => return Ok(()),
                }
            }
            "blockquote" if !open.argument.is_empty() => ("expandable_blockquote", String::new()),
            "blockquote" => ("blockquote", String::new()),
            "pre" => match last {
                Some(code) if code.kind == "code" && !code.argument.is_empty() => {
                    code.kind = "pre";
                    return Ok(());
                }
                _ => ("pre", String::new()),
            },
            _ => match last {
                Some(pre) if pre.kind == "pre" && !open.argument.is_empty() => {
                    pre.argument = open.argument;
                    return Ok(());
                }
                _ => ("code", open.argument),
            },
        };
        let rank = std::cmp::Reverse(self.entities.len());
        self.entities.push(Entity {
            kind,
            offset,
            length,
            argument,
            date: open.date,
            rank,
        });
        Ok(())
    }
}

impl Open {
    fn set(&mut self, name: &str, value: String) {
        match (self.tag.as_str(), name) {
            ("a", "href") | ("tg-emoji", "emoji-id") | ("tg-time", "format") => {
                self.argument = value
            }
            ("code", "class") if value.starts_with("language-") => {
                self.argument = value[9..].to_owned()
            }
            ("span", "class") if value.starts_with("tg-") => self.argument = value[3..].to_owned(),
            ("blockquote", "expandable") => "1".clone_into(&mut self.argument),
            ("tg-time", "unix") => self.date = value.parse().unwrap_or(0),
            _ => {}
        }
    }
}

/// The id in `tg://user?id=N`.
pub(super) fn user_link(url: &str) -> Option<i64> {
    let rest = url
        .strip_prefix("tg:")
        .map(|rest| rest.trim_start_matches('/'))?;
    rest.strip_prefix("user?id=")?
        .split('&')
        .next()?
        .parse()
        .ok()
        .filter(|id| *id > 0)
}

/// The character that a reference at `at` stands for, and where it ends.
fn decode_reference(src: &[u8], at: usize) -> Option<(u32, usize)> {
    let byte = |index: usize| src.get(index).copied().unwrap_or(0);
    let mut end = at + 1;
    let code = if byte(end) == b'#' {
        end += 1;
        let radix = if byte(end) == b'x' { 16 } else { 10 };
        end += usize::from(radix == 16);
        let mut code: u32 = 0;
        while let Some(digit) = char::from(byte(end)).to_digit(radix) {
            code = code.wrapping_mul(radix).wrapping_add(digit);
            end += 1;
        }
        if code == 0 || code >= 0x10_FFFF || end - at >= 10 {
            return None;
        }
        code
    } else {
        while byte(end).is_ascii_alphabetic() {
            end += 1;
        }
        match &src[at + 1..end] {
            b"lt" => u32::from(b'<'),
            b"gt" => u32::from(b'>'),
            b"amp" => u32::from(b'&'),
            b"quot" => u32::from(b'"'),
            _ => return None,
        }
    };
    Some((code, end + usize::from(byte(end) == b';')))
}

/// Appends a code point; half a surrogate pair becomes bytes that are not UTF-8, to be found out later.
fn push_code(out: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(c) => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        None => out.push(0xFF),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0 | 0x0B)
}
