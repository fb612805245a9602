//! The end of the bot's log, for people.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// Written into the log before each start of the bot.
pub const LIFE_MARK: &str = "---- the bot is started ----";
const MOST_BYTES: usize = 16 * 1024;

/// The last words of the bot's last life, at most `count` lines.
pub fn last_words(log: &Path, count: usize) -> Vec<String> {
    let bytes = fs::read(log).unwrap_or_default();
    let tail = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(MOST_BYTES)..]);
    let life = tail.rsplit(LIFE_MARK).next().unwrap_or_default();
    let words: Vec<String> = life.lines().flat_map(words_of).collect();
    words[words.len().saturating_sub(count)..].to_vec()
}

/// The message of a JSON line, which may have several lines of its own; another line as it is.
fn words_of(line: &str) -> Vec<String> {
    let parsed: Option<Value> = serde_json::from_str(line).ok();
    let message = parsed.as_ref().and_then(|line| line["message"].as_str());
    let words = message.unwrap_or(line).lines().map(ToOwned::to_owned);
    words.filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_life_is_told_and_in_plain_words() {
        let log = std::env::temp_dir().join(format!("bot-log-test-{}", std::process::id()));
        let text = format!(
            "{LIFE_MARK}\n{{\"message\":\"old\"}}\n{LIFE_MARK}\n{{\"level\":\"ERROR\",\"message\":\"one\\ntwo\"}}\nthree\n"
        );
        fs::write(&log, text).unwrap();
        assert_eq!(last_words(&log, 10), ["one", "two", "three"]);
        assert_eq!(last_words(&log, 1), ["three"]);
        fs::remove_file(&log).unwrap();
        assert_eq!(last_words(&log, 1), Vec::<String>::new());
    }
}
