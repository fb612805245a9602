//! `.env`: sets or removes one value and leaves every other line as it is. PURE.

/// The text with `name` set; it keeps its line, or comes last.
pub fn set(text: &str, name: &str, value: &str) -> String {
    let line = format!("{name}={}", quoted(value));
    let mut lines: Vec<String> = Vec::new();
    let mut is_set = false;
    for old in text.lines() {
        match is_of(old, name) {
            // A second assignment would be refused; the first place is kept.
            true if is_set => {}
            true => {
                is_set = true;
                lines.push(line.clone());
            }
            false => lines.push(old.to_owned()),
        }
    }
    if !is_set {
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

/// The names that have a value, in the file's order.
pub fn names(text: &str) -> Vec<String> {
    let assignments = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    assignments
        .filter_map(|line| line.split_once('='))
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, _)| name.trim().to_owned())
        .collect()
}

pub fn value(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| is_of(line, name))?;
    let (_, value) = line.split_once('=')?;
    let value = value.trim();
    let inner = |quote: char| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    Some(inner('\'').or(inner('"')).unwrap_or(value).to_owned())
}

fn is_of(line: &str, name: &str) -> bool {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").unwrap_or(line);
    line.split_once('=')
        .is_some_and(|(has, _)| has.trim() == name)
}

fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_:./@".contains(c);
    match value.chars().all(plain) {
        true => value.to_owned(),
        false => format!("'{value}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_changes_and_the_rest_stays() {
        let text = "# mine\nBOT_TOKEN=1:old\n\nTELEGRAM_PROXY=\n";
        let new = set(text, "BOT_TOKEN", "1:new");
        assert_eq!(new, "# mine\nBOT_TOKEN=1:new\n\nTELEGRAM_PROXY=\n");
        let new = set(&new, "DATABASE_URL", "postgres://a b");
        assert_eq!(
            new,
            "# mine\nBOT_TOKEN=1:new\n\nTELEGRAM_PROXY=\nDATABASE_URL='postgres://a b'\n"
        );
        assert_eq!(names(&new), ["BOT_TOKEN", "DATABASE_URL"]);
        assert_eq!(
            value(&new, "DATABASE_URL").as_deref(),
            Some("postgres://a b")
        );
    }
}
