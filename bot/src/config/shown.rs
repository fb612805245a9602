//! A configuration as it is in effect, in the words of `config.yaml`, defaults filled in, secrets left out; and what
//! two of them have apart. PURE.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::{Advertising, Config, QuietHours};
use crate::manners::{Digest, Manners, Notify, Quiet};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What `partnerctl config show` prints and a running bot answers to `/config`.
pub fn shown(config: &Config) -> Value {
    let partner = &config.partner;
    let contact = &config.contact;
    let mut people = manners(&config.manners);
    people["telegram_ids"] = json!(config.team.telegram_ids);
    json!({
        "display_name": partner.display_name,
        "languages": partner.languages,
        "timezone": partner.timezone,
        "links": partner.links,
        "default_funnel": partner.default_funnel,
        "funnels": config.funnels.only,
        "phone_regions": partner.phone_regions,
        "consent": { "contact": partner.consent.contact, "advertising": partner.consent.advertising },
        "texts": partner.texts,
        "partner": people,
        "hot": { "score": config.hot.score, "cooldown": span(config.hot.cooldown_ms) },
        "retention": {
            "talk": span(config.retention.talk_ms),
            "contact": span(config.retention.contact_ms),
            "messages": span(config.retention.messages_ms),
        },
        "contact_policy": {
            "quiet_hours": hours(contact.quiet),
            "per_day": contact.per_day,
            "per_week": contact.per_week,
            "min_gap": span(contact.min_gap_ms),
            "talk": span(contact.talk_ms),
            "spread": span(contact.spread_ms),
            "advertising": match contact.advertising {
                Advertising::Asked => "asked",
                Advertising::UntilRefused => "until_refused",
            },
            "suspended": contact.suspended,
        },
        "limits": {
            "inputs_at_once": config.limits.inputs_at_once,
            "inputs_per_second": config.limits.inputs_per_second,
            "messages_per_second": config.limits.messages_per_second,
            "chat_messages_per_second": config.limits.chat_messages_per_second,
        },
        "telegram": {
            "bot_id": config.telegram.bot_id,
            "api_url": config.telegram.api_url,
            "proxy": config.telegram.proxy.as_ref().map(|_| "set"),
        },
    })
}

fn manners(manners: &Manners) -> Value {
    json!({
        "digest": match manners.digest {
            Digest::Off => "off".to_owned(),
            Digest::At(hour) => format!("{hour:02}:00"),
        },
        "weekly": manners.weekly,
        "quiet_hours": match manners.quiet {
            Quiet::Off => "off".to_owned(),
            Quiet::Hours { from, to } => format!("{from:02}:00-{to:02}:00"),
        },
        "notify": match manners.notify {
            Notify::All => "all",
            Notify::Important => "important",
            Notify::Digest => "digest",
        },
    })
}

fn hours(quiet: Option<QuietHours>) -> String {
    let time = |time: jiff::civil::Time| format!("{:02}:{:02}", time.hour(), time.minute());
    quiet.map_or("none".to_owned(), |quiet| {
        format!("{}-{}", time(quiet.from), time(quiet.to))
    })
}

/// As `config.yaml` takes it: `30m`, `24h`, `365d`.
fn span(ms: i64) -> String {
    match ms {
        0 => "0m".to_owned(),
        ms if ms % DAY_MS == 0 && ms > DAY_MS => format!("{}d", ms / DAY_MS),
        ms if ms % HOUR_MS == 0 => format!("{}h", ms / HOUR_MS),
        ms if ms % MINUTE_MS == 0 => format!("{}m", ms / MINUTE_MS),
        ms => format!("{}s", ms / 1_000),
    }
}

/// (key, before, after) of what two shown configurations have apart.
pub fn differences(before: &Value, after: &Value) -> Vec<(String, String, String)> {
    let before: BTreeMap<String, String> = flat(before).into_iter().collect();
    let after: BTreeMap<String, String> = flat(after).into_iter().collect();
    let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let of =
        |map: &BTreeMap<String, String>, key: &String| map.get(key).cloned().unwrap_or_default();
    keys.into_iter()
        .map(|key| (key.clone(), of(&before, key), of(&after, key)))
        .filter(|(_, before, after)| before != after)
        .collect()
}

/// Whether a running bot cannot take this key over: the way to Telegram is built once, at the start.
pub fn takes_restart(key: &str) -> bool {
    key.starts_with("telegram.")
}

/// Every leaf with its path; a list is a leaf.
pub fn flat(value: &Value) -> Vec<(String, String)> {
    fn walk(path: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                walk(&path, value, found);
            }),
            Value::Null => {}
            other => found.push((path.to_owned(), words(other))),
        }
    }
    let mut found = Vec::new();
    walk("", value, &mut found);
    found
}

fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(words).collect::<Vec<_>>().join(", "),
        Value::Object(fields) => Value::Object(Map::clone(fields)).to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::funnel::parse_duration;

    #[test]
    fn a_span_is_shown_as_it_is_written() {
        for text in ["0m", "30m", "24h", "25h", "90s", "365d"] {
            assert_eq!(span(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn what_is_apart_is_named_by_its_key_and_only_the_way_to_telegram_takes_a_restart() {
        let before =
            json!({ "hot": { "score": 50 }, "telegram": { "proxy": null }, "languages": ["ru"] });
        let after =
            json!({ "hot": { "score": 60 }, "telegram": { "proxy": "set" }, "languages": ["ru"] });
        let apart = differences(&before, &after);
        let keys: Vec<(&str, bool)> = apart
            .iter()
            .map(|(key, ..)| (key.as_str(), takes_restart(key)))
            .collect();
        assert_eq!(keys, [("hot.score", false), ("telegram.proxy", true)]);
    }
}
