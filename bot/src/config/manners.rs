//! `partner.digest`, `retention` and the like, from words to what they mean. PURE.

use super::Retention;
use super::meaning::Rules;
use super::spec::{NotifySpec, PartnerSpec, RetentionSpec};
use crate::funnel::parse_duration;
use crate::manners::{Digest, Manners, Notify, Quiet};

const DAY_MS: i64 = 86_400_000;
const DIGEST_HINT: &str = "not a full hour from 06:00 to 23:00; write it like \"09:00\", or off";
const QUIET_HINT: &str = "not full hours; write them like \"22:00-08:00\", or off";

impl Rules<'_> {
    pub(super) fn manners(&mut self, spec: &PartnerSpec) -> Manners {
        let usual = Manners::default();
        let digest = match spec.digest.as_deref().map(digest) {
            None => usual.digest,
            Some(Some(digest)) => digest,
            Some(None) => {
                self.error("partner.digest", DIGEST_HINT);
                usual.digest
            }
        };
        let quiet = match spec.quiet_hours.as_deref().map(quiet) {
            None => usual.quiet,
            Some(Some(quiet)) => quiet,
            Some(None) => {
                self.error("partner.quiet_hours", QUIET_HINT);
                usual.quiet
            }
        };
        Manners {
            digest,
            quiet,
            weekly: spec.weekly.unwrap_or(usual.weekly),
            notify: spec.notify.map_or(usual.notify, notify),
            ..usual
        }
    }
}

impl Rules<'_> {
    pub(super) fn retention(&mut self, spec: &RetentionSpec) -> Retention {
        let mut keep = |path: &str, given: Option<&str>, days: i64| {
            let usual = days * DAY_MS;
            match given.map(parse_duration) {
                None => usual,
                Some(Some(ms)) if ms >= DAY_MS => ms,
                Some(_) => {
                    self.error(path, "not a duration of a day or more; write it like 180d");
                    usual
                }
            }
        };
        Retention {
            talk_ms: keep("retention.talk", spec.talk.as_deref(), 365),
            contact_ms: keep("retention.contact", spec.contact.as_deref(), 3 * 365),
            messages_ms: keep("retention.messages", spec.messages.as_deref(), 180),
        }
    }
}

fn notify(spec: NotifySpec) -> Notify {
    match spec {
        NotifySpec::All => Notify::All,
        NotifySpec::Important => Notify::Important,
        NotifySpec::Digest => Notify::Digest,
    }
}

fn digest(text: &str) -> Option<Digest> {
    if is_off(text) {
        return Some(Digest::Off);
    }
    full_hour(text)
        .filter(|hour| (6..=23).contains(hour))
        .map(Digest::At)
}

fn quiet(text: &str) -> Option<Quiet> {
    if is_off(text) {
        return Some(Quiet::Off);
    }
    let (from, to) = text.split_once(['-', '–'])?;
    let (from, to) = (full_hour(from)?, full_hour(to)?);
    (from != to).then_some(Quiet::Hours { from, to })
}

/// YAML reads a bare `off` as a word; `false` is what some editors make of it.
fn is_off(text: &str) -> bool {
    matches!(text.trim(), "off" | "no" | "false")
}

fn full_hour(text: &str) -> Option<u8> {
    let hour = text.trim().strip_suffix(":00").unwrap_or(text.trim());
    hour.parse().ok().filter(|hour| *hour < 24)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_people_write_them() {
        assert_eq!(digest("09:00"), Some(Digest::At(9)));
        assert_eq!(digest("off"), Some(Digest::Off));
        assert_eq!(digest("19"), Some(Digest::At(19)));
        for wrong in ["09:30", "24:00", "3:00", "morning", ""] {
            assert_eq!(digest(wrong), None, "{wrong}");
        }
        assert_eq!(quiet("22:00-08:00"), Some(Quiet::Hours { from: 22, to: 8 }));
        assert_eq!(quiet("off"), Some(Quiet::Off));
        for wrong in ["22:00", "8:00-8:00", "22:30-08:00", "25-3"] {
            assert_eq!(quiet(wrong), None, "{wrong}");
        }
    }
}
