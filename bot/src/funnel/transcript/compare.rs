//! Compares what was written with what was said, as a reader would. PURE.

use super::script::split_buttons;
use super::talk::Seen;

/// Whether a message is what a `<` line says: `…` stands for anything, spaces and line ends do not matter.
pub(super) fn matches(expected: &str, seen: &Seen) -> bool {
    let (text, buttons) = split_buttons(expected);
    let any_buttons = buttons.is_empty() && text.ends_with('…');
    let same_buttons = buttons.len() == seen.buttons.len()
        && buttons
            .iter()
            .zip(&seen.buttons)
            .all(|(wanted, real)| fits(wanted, real));
    (any_buttons || same_buttons) && fits(text, &seen.text)
}

/// Whether `text` is `pattern`, where `…` stands for anything.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (joined(pattern), joined(text));
    if pattern == text {
        return true;
    }
    let mut parts = pattern.split('…').map(str::trim);
    let Some(first) = parts.next() else {
        return false;
    };
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut last = None;
    for part in parts {
        if let Some(before) = last.replace(part) {
            let Some(at) = rest.find(before) else {
                return false;
            };
            rest = &rest[at + before.len()..];
        }
    }
    last.is_some_and(|last| rest.ends_with(last))
}

fn joined(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A message as a `<` line and those that go on with it; empty lines mean nothing there.
pub(super) fn written(seen: &Seen) -> String {
    let lines = seen.text.lines().filter(|line| !line.trim().is_empty());
    let mut out = lines.collect::<Vec<_>>().join("\n  ");
    for button in &seen.buttons {
        out.push_str(&format!(" [{button}]"));
    }
    format!("< {}", out.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_fits_with_gaps_and_any_spaces() {
        for (pattern, text, expected) in [
            ("Привет", "Привет", true),
            ("Привет", "Привет!", false),
            ("Привет …", "Привет, мир", true),
            ("Привет…", "Привет, мир", true),
            ("… мир", "Привет, мир", true),
            ("Привет … мир …", "Привет большой\n мир и все", true),
            ("a … b … c", "a b c", true),
            ("a … b … c", "a c b", false),
            ("…", "что угодно", true),
            ("Один…", "Один…", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} / {text}");
        }
    }
}
