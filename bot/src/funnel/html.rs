//! The HTML subset a message may carry: checking, measuring, escaping and cutting. PURE.

/// Most characters of a text message, counted after the markup is taken off.
pub const TEXT_LIMIT: usize = 4096;
/// Most characters of a caption under media.
pub const CAPTION_LIMIT: usize = 1024;

const TAGS: &[&str] = &[
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
    "span",
    "pre",
    "code",
    "blockquote",
];
const ENTITIES: &[(&str, char)] = &[("lt", '<'), ("gt", '>'), ("amp", '&'), ("quot", '"')];

/// A piece of a marked-up text.
#[derive(Debug, PartialEq, Eq)]
enum Token<'a> {
    Char(char),
    Open { name: &'a str, whole: &'a str },
    Close { name: &'a str, whole: &'a str },
}

/// Says what is wrong with the markup, as an author would fix it; `None` when it is fine.
pub fn problem(text: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    for token in tokens(text) {
        match token {
            Err(message) => return Some(message),
            Ok(Token::Char(_)) => {}
            Ok(Token::Open { name, whole }) => {
                if let Some(message) = tag_problem(name, whole) {
                    return Some(message);
                }
                open.push(name);
            }
            Ok(Token::Close { name, .. }) => match open.pop() {
                Some(last) if last == name => {}
                Some(last) => {
                    return Some(format!(
                        "</{name}> closes nothing here; close <{last}> first, with </{last}>"
                    ));
                }
                None => {
                    return Some(format!(
                        "</{name}> closes nothing; delete it or write <{name}> before it"
                    ));
                }
            },
        }
    }
    open.last()
        .map(|name| format!("<{name}> is never closed; write </{name}> where it ends"))
}

fn tag_problem(name: &str, whole: &str) -> Option<String> {
    if !TAGS.contains(&name) {
        return Some(format!(
            "<{name}> is not a tag Telegram knows; use b, i, u, s, a, code, pre, blockquote or tg-spoiler, or write &lt; for the sign itself"
        ));
    }
    if name == "a" && !whole.contains("href=\"") {
        return Some("<a> has no address; write <a href=\"https://…\">".into());
    }
    if name == "span" && whole != "<span class=\"tg-spoiler\">" {
        return Some("<span> is only read as <span class=\"tg-spoiler\">".into());
    }
    None
}

/// Characters a reader sees.
pub fn visible_len(text: &str) -> usize {
    if !text.contains(['<', '&']) {
        return text.chars().count();
    }
    tokens(text)
        .filter(|token| matches!(token, Ok(Token::Char(_)) | Err(_)))
        .count()
}

/// The text without its markup.
pub fn plain(text: &str) -> String {
    tokens(text)
        .filter_map(|token| match token {
            Ok(Token::Char(character)) => Some(character),
            Ok(Token::Open { .. } | Token::Close { .. }) | Err(_) => None,
        })
        .collect()
}

pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape_to(text, &mut out);
    out
}

pub fn escape_to(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
}

/// Shortens a well-formed text to `limit` visible characters; tags that were open are closed.
pub fn cut(text: String, limit: usize) -> String {
    if text.len() <= limit || visible_len(&text) <= limit {
        return text;
    }
    let mut out = String::new();
    let mut open: Vec<&str> = Vec::new();
    let mut seen = 0;
    for token in tokens(&text).flatten() {
        match token {
            Token::Char(_) if seen + 1 == limit => break,
            Token::Char(character) => {
                seen += 1;
                escape_to(character.encode_utf8(&mut [0; 4]), &mut out);
            }
            Token::Open { name, whole } => {
                open.push(name);
                out.push_str(whole);
            }
            Token::Close { whole, .. } => {
                open.pop();
                out.push_str(whole);
            }
        }
    }
    out.push('…');
    for name in open.iter().rev() {
        out.push_str(&format!("</{name}>"));
    }
    out
}

/// Takes off direction marks that could turn a message around, and cuts to `limit` characters.
pub fn clean(value: &str, limit: usize) -> String {
    let mut out = String::with_capacity(value.len().min(limit * 4));
    for (count, character) in value.chars().filter(|c| !is_direction_mark(*c)).enumerate() {
        if count == limit {
            out.pop();
            out.push('…');
            break;
        }
        out.push(character);
    }
    out
}

fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\0')
}

fn tokens(text: &str) -> impl Iterator<Item = Result<Token<'_>, String>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let (token, used) = match first {
            '<' => tag(rest),
            '&' => entity(rest),
            other => (Ok(Token::Char(other)), other.len_utf8()),
        };
        rest = &rest[used..];
        Some(token)
    })
}

fn tag(rest: &str) -> (Result<Token<'_>, String>, usize) {
    let Some(end) = rest.find('>') else {
        return (
            Err("\"<\" starts a tag that never ends; write &lt; for the sign itself".into()),
            rest.len(),
        );
    };
    let whole = &rest[..=end];
    let inner = &rest[1..end];
    if let Some(name) = inner.strip_prefix('/') {
        return (
            Ok(Token::Close {
                name: name.trim(),
                whole,
            }),
            whole.len(),
        );
    }
    let name = inner.split([' ', '\n']).next().unwrap_or_default();
    if name.is_empty() || !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return (
            Err("\"<\" does not start a tag; write &lt; for the sign itself".into()),
            1,
        );
    }
    (Ok(Token::Open { name, whole }), whole.len())
}

fn entity(rest: &str) -> (Result<Token<'_>, String>, usize) {
    let end = rest
        .char_indices()
        .take(12)
        .find(|(_, c)| *c == ';')
        .map(|(at, _)| at);
    if let Some(end) = end {
        let name = &rest[1..end];
        if let Some(character) = entity_char(name) {
            return (Ok(Token::Char(character)), end + 1);
        }
    }
    (Ok(Token::Char('&')), 1)
}

fn entity_char(name: &str) -> Option<char> {
    if let Some((_, character)) = ENTITIES.iter().find(|(known, _)| *known == name) {
        return Some(*character);
    }
    let number = name.strip_prefix('#')?;
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => number.parse().ok()?,
    };
    char::from_u32(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_problems_are_named_with_the_way_to_fix_them() {
        for (text, expected) in [
            ("<b>да</b> &amp; <a href=\"https://t.me\">x</a>", None),
            (
                "1 < 2",
                Some("\"<\" starts a tag that never ends; write &lt; for the sign itself"),
            ),
            (
                "<b>да",
                Some("<b> is never closed; write </b> where it ends"),
            ),
            (
                "<b><i>да</b></i>",
                Some("</b> closes nothing here; close <i> first, with </i>"),
            ),
            (
                "да</b>",
                Some("</b> closes nothing; delete it or write <b> before it"),
            ),
            (
                "<a>x</a>",
                Some("<a> has no address; write <a href=\"https://…\">"),
            ),
            ("Соль & перец", None),
        ] {
            assert_eq!(problem(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn length_is_what_the_reader_sees_and_a_cut_keeps_tags_closed() {
        assert_eq!(visible_len("<b>да</b>&lt;&#128512;"), 4);
        assert_eq!(cut("<b>привет</b>".into(), 4), "<b>при…</b>");
        assert_eq!(cut("a&lt;b&lt;c".into(), 4), "a&lt;b…");
        assert_eq!(cut("<b>да</b>".into(), 2), "<b>да</b>");
    }

    #[test]
    fn names_lose_direction_marks_and_extra_length() {
        assert_eq!(clean("ab\u{202E}cd", 64), "abcd");
        assert_eq!(clean("абвгд", 3), "аб…");
        assert_eq!(clean("абв", 3), "абв");
    }
}
