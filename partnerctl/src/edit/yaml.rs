//! `config.yaml`: sets one value by its path (`hot.score`) and leaves comments and order as they are. PURE.
//!
//! Only what the file's own style shows is edited: block mappings, and a flow mapping or a value on one line.
//! The caller has the result checked as the bot will read it; what this cannot do it says.

/// The text with `path` set to `value`, which is YAML.
pub fn set(text: &str, path: &str, value: &str) -> Result<String, String> {
    let keys: Vec<&str> = path.split('.').collect();
    if keys.iter().any(|key| key.is_empty()) || value.contains('\n') {
        return Err(format!(
            "\"{path}\" is not a path like hot.score, or its value is not one line"
        ));
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    place(&mut lines, &keys, value, path)?;
    Ok(lines.join("\n") + "\n")
}

fn place(lines: &mut Vec<String>, keys: &[&str], value: &str, path: &str) -> Result<(), String> {
    let mut from = 0;
    let mut to = lines.len();
    let mut indent = 0;
    for (depth, key) in keys.iter().enumerate() {
        let last = depth + 1 == keys.len();
        let Some(at) = (from..to).find(|at| is_key(&lines[*at], key, indent)) else {
            let end = end_of_block(lines, from, to);
            lines.splice(end..end, new_lines(&keys[depth..], value, indent));
            return Ok(());
        };
        let (head, old, comment) = split(&lines[at], key);
        let block = (at + 1..to)
            .take_while(|next| is_inside(&lines[*next], indent))
            .count();
        let has_block = lines[at + 1..at + 1 + block]
            .iter()
            .any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
        if last {
            if has_block || old.starts_with(['|', '>', '&']) {
                return Err(format!("{path} holds several lines; edit the file by hand"));
            }
            lines[at] = format!("{head} {value}{comment}");
            return Ok(());
        }
        if let Some(inner) = old
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
        {
            let flow = set_in_flow(inner, &keys[depth + 1..], value)
                .ok_or_else(|| format!("{path} stands inside braces; edit the file by hand"))?;
            lines[at] = format!("{head} {{ {flow} }}{comment}");
            return Ok(());
        }
        if !old.is_empty() {
            return Err(format!(
                "{} is a value, not a section; edit the file by hand",
                keys[..=depth].join(".")
            ));
        }
        from = at + 1;
        to = at + 1 + block;
        indent = lines[from..to]
            .iter()
            .find(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
            .map_or(indent + 2, |line| indent_of(line));
    }
    Ok(())
}

/// Key by key of one flow mapping; nested braces and commas in quotes are left to a person.
fn set_in_flow(inner: &str, keys: &[&str], value: &str) -> Option<String> {
    let [key] = keys else { return None };
    if inner.contains(['{', '[', '"', '\''])
        || value.contains([',', '{', '[']) && !value.starts_with('"')
    {
        return None;
    }
    let mut pairs: Vec<String> = inner
        .split(',')
        .map(|pair| pair.trim().to_owned())
        .filter(|pair| !pair.is_empty())
        .collect();
    let new = format!("{key}: {value}");
    match pairs.iter_mut().find(|pair| {
        pair.split_once(':')
            .is_some_and(|(has, _)| has.trim() == *key)
    }) {
        Some(pair) => *pair = new,
        None => pairs.push(new),
    }
    Some(pairs.join(", "))
}

fn new_lines(keys: &[&str], value: &str, indent: usize) -> Vec<String> {
    let line = |(depth, key): (usize, &&str)| {
        let pad = " ".repeat(indent + 2 * depth);
        match depth + 1 == keys.len() {
            true => format!("{pad}{key}: {value}"),
            false => format!("{pad}{key}:"),
        }
    };
    keys.iter().enumerate().map(line).collect()
}

/// Behind the last line of the block that says something.
fn end_of_block(lines: &[String], from: usize, to: usize) -> usize {
    (from..to)
        .rev()
        .find(|at| !lines[*at].trim().is_empty())
        .map_or(from, |at| at + 1)
}

fn indent_of(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_key(line: &str, key: &str, indent: usize) -> bool {
    let rest = line.trim_start();
    indent_of(line) == indent
        && rest
            .strip_prefix(key)
            .is_some_and(|rest| rest == ":" || rest.starts_with(": "))
}

fn is_inside(line: &str, indent: usize) -> bool {
    line.trim().is_empty()
        || indent_of(line) > indent
        || line.trim_start().starts_with("- ") && indent_of(line) == indent
}

/// `  key:`, the value, and a comment behind it with its space.
fn split<'a>(line: &'a str, key: &str) -> (&'a str, &'a str, &'a str) {
    let head = indent_of(line) + key.len() + 1;
    let rest = &line[head..];
    let comment = comment_at(rest).map_or("", |at| &rest[at..]);
    let value = rest[..rest.len() - comment.len()].trim();
    (&line[..head], value, comment)
}

/// Where ` #` begins outside quotes.
fn comment_at(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (Some(open), letter) if open == letter => quote = None,
            (None, '"' | '\'') => quote = Some(letter),
            (None, '#') if before == ' ' => return Some(text[..at].trim_end().len()),
            _ => {}
        }
        before = letter;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Север\ndisplay_name: \"Север # 1\"  # shown\nhot: { score: 50, cooldown: 24h }\nlinks:\n  # the shop\n  shop: https://a.test\n\nlimits:\n";

    #[test]
    fn a_value_is_set_where_it_stands() {
        for (path, value, line) in [
            ("display_name", "\"Юг\"", "display_name: \"Юг\"  # shown"),
            ("hot.score", "60", "hot: { score: 60, cooldown: 24h }"),
            ("links.shop", "https://b.test", "  shop: https://b.test"),
            (
                "links.price",
                "https://c.test",
                "  shop: https://a.test\n  price: https://c.test\n\nlimits:",
            ),
            ("limits.inputs_at_once", "9", "limits:\n  inputs_at_once: 9"),
            ("timezone", "Asia/Almaty", "limits:\ntimezone: Asia/Almaty"),
            (
                "partner.telegram_ids",
                "[5]",
                "partner:\n  telegram_ids: [5]",
            ),
        ] {
            let new = set(TEXT, path, value).unwrap();
            assert!(new.contains(line), "{path}: {new}");
            assert!(new.contains("# the shop"), "{path} loses a comment: {new}");
        }
    }

    #[test]
    fn what_would_need_a_person_is_left_to_one() {
        for path in ["links", "display_name.short", "hot.a.b", "hot."] {
            assert!(set(TEXT, path, "1").is_err(), "{path}");
        }
    }
}
