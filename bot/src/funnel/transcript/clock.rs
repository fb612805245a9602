//! `+` lines: how far the clock moves. PURE.

use jiff::ToSpan;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::funnel::compile::parse_duration;
use crate::sequence::{Days, instant, local};

/// Milliseconds of `2d`, or until the lead's clock next shows `10:00` or `sat 11:00`.
pub(super) fn wait(text: &str, now_ms: i64, zone: &TimeZone) -> Result<i64, String> {
    if let Some(ms) = parse_duration(text) {
        return Ok(ms);
    }
    let wrong = || {
        format!(
            "\"{text}\" is not a time to wait; write it like 90s, 15m, 2h, 1d, 10:00 or sat 10:00"
        )
    };
    let (days, clock) = match text.split_once(char::is_whitespace) {
        Some((day, clock)) => (Days::parse([day]).map_err(|_| wrong())?, clock.trim()),
        None => (Days::ALL, text),
    };
    let clock: Time = clock.parse().map_err(|_| wrong())?;
    let mut date = local(now_ms, zone).date();
    for _ in 0..15 {
        let at = instant(date, clock, zone);
        if days.allows(date.weekday()) && at > now_ms {
            return Ok(at - now_ms);
        }
        date = date.saturating_add(1.day());
    }
    Err(wrong())
}
