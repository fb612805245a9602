//! Moments as the partner's clock shows them. PURE.

use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::parse::Period;
use crate::store::StatsWindow;

/// The partner's zone; an unknown name was refused when the config was read, so UTC here is only a fallback.
pub fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

/// `12:30`
pub fn clock_time(ms: i64, zone: &TimeZone) -> String {
    let Ok(at) = Timestamp::from_millisecond(ms) else {
        return String::new();
    };
    at.to_zoned(zone.clone()).strftime("%H:%M").to_string()
}

/// From the local midnight that opens the period until now.
pub fn window(period: Period, now: i64, zone: &TimeZone) -> StatsWindow {
    let days_back = match period {
        Period::Today => 0,
        Period::Week => 6,
        Period::Month => 29,
        Period::All => {
            return StatsWindow {
                from: 0,
                to: i64::MAX,
            };
        }
    };
    let from = Timestamp::from_millisecond(now)
        .and_then(|at| at.to_zoned(zone.clone()).start_of_day())
        .and_then(|midnight| midnight.checked_sub(days_back.days()))
        .map_or(0, |start| start.timestamp().as_millisecond());
    StatsWindow { from, to: i64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn today_starts_at_the_partners_midnight() {
        // 2026-11-21 20:30 UTC is already the 22nd in Almaty (UTC+5 since 2024).
        let now = 1_795_293_000_000;
        let zone = zone("Asia/Almaty");
        assert_eq!(clock_time(now, &zone), "01:30");
        assert_eq!(now - window(Period::Today, now, &zone).from, 90 * 60_000);
        assert_eq!(
            now - window(Period::Week, now, &zone).from,
            90 * 60_000 + 6 * 86_400_000
        );
        assert_eq!(window(Period::All, now, &zone).from, 0);
    }
}
