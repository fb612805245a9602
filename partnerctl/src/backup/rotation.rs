//! Which backups are kept. PURE.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::ISOWeekDate;
use jiff::tz::TimeZone;

/// How many of the newest, and of the newest of each day, week and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    pub last: usize,
    pub daily: usize,
    pub weekly: usize,
    pub monthly: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            last: 3,
            daily: 7,
            weekly: 5,
            monthly: 6,
        }
    }
}

/// The times of backups that may go. The newest always stays, whatever is asked.
pub fn outdated(times: &[i64], keep: Keep) -> Vec<i64> {
    let mut newest_first = times.to_vec();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    newest_first.dedup();
    let mut kept: BTreeSet<i64> = newest_first
        .iter()
        .take(keep.last.max(1))
        .copied()
        .collect();
    let day = |ms: i64| at(ms).map(|at| at.date().to_string());
    let week = |ms: i64| {
        at(ms).map(|at| {
            let week: ISOWeekDate = at.date().iso_week_date();
            format!("{}-{}", week.year(), week.week())
        })
    };
    let month = |ms: i64| at(ms).map(|at| format!("{}-{}", at.year(), at.month()));
    keep_newest_of(&newest_first, keep.daily, day, &mut kept);
    keep_newest_of(&newest_first, keep.weekly, week, &mut kept);
    keep_newest_of(&newest_first, keep.monthly, month, &mut kept);
    newest_first.retain(|ms| !kept.contains(ms));
    newest_first
}

fn keep_newest_of(
    newest_first: &[i64],
    periods: usize,
    period: impl Fn(i64) -> Option<String>,
    kept: &mut BTreeSet<i64>,
) {
    let mut seen = BTreeSet::new();
    for &ms in newest_first {
        let Some(name) = period(ms) else { continue };
        if seen.len() == periods && !seen.contains(&name) {
            return;
        }
        if seen.insert(name) {
            kept.insert(ms);
        }
    }
}

fn at(ms: i64) -> Option<jiff::Zoned> {
    Some(
        Timestamp::from_millisecond(ms)
            .ok()?
            .to_zoned(TimeZone::UTC),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    /// Four backups a day for a year, the last at noon of a Friday.
    fn a_year() -> Vec<i64> {
        let newest: Timestamp = "2026-11-27T12:00:00Z".parse().expect("a time");
        (0..4 * 365)
            .map(|n| newest.as_millisecond() - n * 6 * HOUR)
            .collect()
    }

    #[test]
    fn days_weeks_and_months_keep_their_newest() {
        let times = a_year();
        let gone: BTreeSet<i64> = outdated(&times, Keep::default()).into_iter().collect();
        let kept: Vec<String> = times
            .iter()
            .filter(|ms| !gone.contains(ms))
            .map(|ms| at(*ms).expect("a time").strftime("%m-%d %H").to_string())
            .collect();
        assert_eq!(
            kept,
            [
                "11-27 12", "11-27 06", "11-27 00", "11-26 18", "11-25 18", "11-24 18", "11-23 18",
                "11-22 18", "11-21 18", "11-15 18", "11-08 18", "11-01 18", "10-31 18", "09-30 18",
                "08-31 18", "07-31 18", "06-30 18"
            ]
        );
    }

    #[test]
    fn the_newest_stays_whatever_is_asked() {
        let nothing = Keep {
            last: 0,
            daily: 0,
            weekly: 0,
            monthly: 0,
        };
        assert_eq!(outdated(&[3, 1, 2], nothing), [2, 1]);
        assert_eq!(outdated(&[], nothing), [0; 0]);
    }
}
