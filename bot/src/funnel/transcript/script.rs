//! Reads the lines of a transcript. PURE.

/// Lines of one talk, from a `## title` to the next.
#[derive(Debug, Default)]
pub(super) struct Scenario {
    pub title: String,
    pub lines: Vec<Line>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// From 1.
    pub number: usize,
    pub sign: Sign,
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// `>` the lead does something.
    Lead,
    /// `<` the bot says something.
    Bot,
    /// `+` the clock moves.
    Clock,
    /// `!` the partner is told.
    Notice,
    /// `=` something holds.
    Check,
    /// `lead:`, `clock:`, `variant:` before the talk.
    Header,
    /// Anything else.
    Unknown,
}

pub(super) fn scenarios(text: &str) -> Vec<Scenario> {
    let mut all = vec![Scenario::default()];
    for (at, raw) in text.lines().enumerate() {
        let line = raw.trim_end();
        if let Some(title) = line.strip_prefix("##") {
            all.push(Scenario {
                title: title.trim().to_owned(),
                lines: Vec::new(),
            });
            continue;
        }
        let Some(current) = all.last_mut() else {
            continue;
        };
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with([' ', '\t']) {
            continue_line(current, line.trim());
            continue;
        }
        let (sign, text) = split(line);
        current.lines.push(Line {
            number: at + 1,
            sign,
            text: text.trim().to_owned(),
        });
    }
    all.retain(|scenario| !scenario.lines.is_empty());
    all
}

/// An indented line goes on with the text of the line before.
fn continue_line(scenario: &mut Scenario, text: &str) {
    if let Some(last) = scenario.lines.last_mut() {
        last.text.push('\n');
        last.text.push_str(text);
    }
}

fn split(line: &str) -> (Sign, &str) {
    let signs = [
        ('>', Sign::Lead),
        ('<', Sign::Bot),
        ('+', Sign::Clock),
        ('!', Sign::Notice),
        ('=', Sign::Check),
    ];
    for (mark, sign) in signs {
        if let Some(rest) = line.strip_prefix(mark) {
            return (sign, rest);
        }
    }
    if ["lead:", "clock:", "variant:"]
        .iter()
        .any(|word| line.starts_with(word))
    {
        return (Sign::Header, line);
    }
    (Sign::Unknown, line)
}

/// `text [One] [Two]` split into the text and its buttons.
pub(super) fn split_buttons(text: &str) -> (&str, Vec<&str>) {
    let mut rest = text.trim_end();
    let mut buttons = Vec::new();
    while let Some(before) = rest.strip_suffix(']') {
        let Some(open) = before.rfind('[') else { break };
        buttons.insert(0, &before[open + 1..]);
        rest = before[..open].trim_end();
    }
    (rest, buttons)
}
