//! Durations as authors write them: `90s`, `15m`, `2h`, `1d`, `1h30m`. PURE.

use super::site::Site;

const YEAR_MS: i64 = 366 * 24 * 3_600_000;

impl Site<'_> {
    /// Milliseconds; a wrong one is reported and stands as an hour.
    pub fn duration(&mut self, path: &str, text: &str) -> i64 {
        self.duration_or(path, text, 3_600_000)
    }

    /// Milliseconds; a wrong one is reported and stands as `otherwise`.
    pub fn duration_or(&mut self, path: &str, text: &str, otherwise: i64) -> i64 {
        match parse(text) {
            Some(ms) if (1..=YEAR_MS).contains(&ms) => ms,
            Some(_) => {
                self.problems.error(
                    path,
                    format!("\"{text}\" is out of range; write between 1s and 366d"),
                );
                otherwise
            }
            None => {
                self.problems.error(
                    path,
                    format!("\"{text}\" is not a duration; write it like 90s, 15m, 2h or 1d"),
                );
                otherwise
            }
        }
    }
}

/// A time of day: `10:00`, `9:30`.
pub(super) fn clock(text: &str) -> Option<jiff::civil::Time> {
    let (hour, minute) = text.trim().split_once(':')?;
    if !(1..=2).contains(&hour.len()) || minute.len() != 2 {
        return None;
    }
    jiff::civil::Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Milliseconds of a duration such as `1h30m`.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let mut total: i64 = 0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = match rest.as_bytes()[digits] {
            b's' => 1_000,
            b'm' => 60_000,
            b'h' => 3_600_000,
            b'd' => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = &rest[digits + 1..];
    }
    Some(total)
}
