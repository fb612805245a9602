//! `contact_policy`: when and how often the bot may speak first. PURE.

use jiff::civil::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::funnel::parse_duration;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// More is not kept count of.
const MOST_COUNTED: usize = 60;

/// One policy over everything in which the bot speaks first: follow-ups, sequences, broadcasts.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ContactPolicySpec {
    /// When the bot does not speak first, in the lead's own time: `"21:00-09:00"`, or `none`. Default: `21:00-09:00`.
    pub quiet_hours: Option<String>,
    /// Most messages a day to one lead in which the bot speaks first, over all kinds; 0: no cap. Default: 2.
    pub per_day: Option<u32>,
    /// Most in any seven days; 0: no cap. Default: 7.
    pub per_week: Option<u32>,
    /// The least time between two of them. Default: `1h`.
    pub min_gap: Option<String>,
    /// How long after their last word a lead in the middle of a question counts as talking. Default: `15m`.
    pub talk: Option<String>,
    /// What waits for the end of quiet hours leaves spread over this time. Default: `10m`.
    pub spread: Option<String>,
    /// Whether offers need a consent first. Default: `asked`.
    pub advertising: Option<Advertising>,
    /// `true` holds back everything in which the bot speaks first; places are kept. Default: `false`.
    pub suspended: Option<bool>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Advertising {
    /// Only to leads who agreed.
    #[default]
    Asked,
    /// To everybody who has not refused.
    UntilRefused,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactPolicy {
    pub quiet: Option<QuietHours>,
    /// 0: no cap.
    pub per_day: usize,
    pub per_week: usize,
    pub min_gap_ms: i64,
    pub talk_ms: i64,
    pub spread_ms: i64,
    pub advertising: Advertising,
    pub suspended: bool,
}

/// From the first minute of quiet to the first minute in which the bot may speak; may span midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    pub from: Time,
    pub to: Time,
}

impl Default for ContactPolicy {
    fn default() -> Self {
        ContactPolicy {
            quiet: QuietHours::parse("21:00-09:00").ok().flatten(),
            per_day: 2,
            per_week: 7,
            min_gap_ms: HOUR_MS,
            talk_ms: 15 * MINUTE_MS,
            spread_ms: 10 * MINUTE_MS,
            advertising: Advertising::Asked,
            suspended: false,
        }
    }
}

impl ContactPolicySpec {
    /// What is meant; what is wrong is told, and a default stands in its place.
    pub(super) fn meaning(self, error: &mut impl FnMut(&str, String)) -> ContactPolicy {
        let usual = ContactPolicy::default();
        let quiet = match self.quiet_hours.as_deref().map(QuietHours::parse) {
            None => usual.quiet,
            Some(Ok(quiet)) => quiet,
            Some(Err(message)) => {
                error("quiet_hours", message);
                usual.quiet
            }
        };
        let mut span = |key: &str, given: &Option<String>, usual: i64, most: i64| {
            let Some(text) = given else { return usual };
            match parse_duration(text) {
                Some(ms) if (0..=most).contains(&ms) => return ms,
                Some(_) => error(key, format!("\"{text}\" is too long")),
                None => error(
                    key,
                    format!("\"{text}\" is not a duration; write it like 30m, 24h or 7d"),
                ),
            }
            usual
        };
        let policy = ContactPolicy {
            quiet,
            per_day: self.per_day.map_or(usual.per_day, |most| most as usize),
            per_week: self.per_week.map_or(usual.per_week, |most| most as usize),
            min_gap_ms: span("min_gap", &self.min_gap, usual.min_gap_ms, 24 * HOUR_MS),
            talk_ms: span("talk", &self.talk, usual.talk_ms, 24 * HOUR_MS),
            spread_ms: span("spread", &self.spread, usual.spread_ms, 6 * HOUR_MS),
            advertising: self.advertising.unwrap_or_default(),
            suspended: self.suspended.unwrap_or(false),
        };
        for (key, most) in [("per_day", policy.per_day), ("per_week", policy.per_week)] {
            if most > MOST_COUNTED {
                error(key, format!("at most {MOST_COUNTED}, or 0 for no cap"));
            }
        }
        policy
    }
}

impl QuietHours {
    /// `21:00-09:00`; `none` is none.
    pub fn parse(text: &str) -> Result<Option<QuietHours>, String> {
        let text = text.trim();
        if text == "none" {
            return Ok(None);
        }
        let bad =
            || format!("\"{text}\" is not a span of hours; write it like 21:00-09:00, or none");
        let (from, to) = text.split_once(['-', '–']).ok_or_else(bad)?;
        let time = |part: &str| {
            let (hour, minute) = part.trim().split_once(':')?;
            (minute.len() == 2).then_some(())?;
            Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
        };
        let (from, to) = (time(from).ok_or_else(bad)?, time(to).ok_or_else(bad)?);
        if from == to {
            return Err(format!(
                "\"{text}\" leaves no hour or all of them; write none, or suspended: true"
            ));
        }
        Ok(Some(QuietHours { from, to }))
    }

    pub fn holds(&self, time: Time) -> bool {
        if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            time >= self.from || time < self.to
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_and_may_span_midnight() {
        let quiet = |text: &str| QuietHours::parse(text).map(|quiet| quiet.is_some());
        assert_eq!(quiet("21:00-09:00"), Ok(true));
        assert_eq!(quiet("9:30 – 10:00"), Ok(true));
        assert_eq!(quiet("none"), Ok(false));
        for bad in [
            "21-9",
            "25:00-09:00",
            "21:00",
            "09:00-09:00",
            "21:0-9:00",
            "",
        ] {
            assert!(quiet(bad).is_err(), "{bad}");
        }
        let night = ContactPolicy::default()
            .quiet
            .expect("the default is a span");
        let at = |hour, minute| night.holds(Time::constant(hour, minute, 0, 0));
        assert_eq!(
            [at(20, 59), at(21, 0), at(0, 0), at(8, 59), at(9, 0)],
            [false, true, true, true, false]
        );
    }
}
