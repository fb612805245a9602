//! A lead's time zone: a guess that says where it comes from and how sure it is. Telegram tells none. PURE.

use serde::{Deserialize, Serialize};

use super::dial;

/// An IANA zone with its source. The default follows the partner's zone, whatever that is at the time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Zone {
    /// Empty: the partner's.
    pub name: String,
    pub source: ZoneSource,
    /// Percent.
    pub confidence: u8,
}

/// Where a zone comes from, the weakest first: a stronger one is never replaced by a weaker.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ZoneSource {
    /// Nothing is known of the lead.
    #[default]
    Partner,
    /// The language of their Telegram.
    Language,
    /// The country or area of their phone number.
    Phone,
    /// The partner said so.
    Told,
    /// The bot asked and the lead chose.
    Asked,
    /// The lead chose on their own, with /timezone.
    Set,
}

/// Below this the bot asks before it writes by the lead's clock.
pub const SURE: u8 = 60;

impl Zone {
    pub fn chosen(name: &str, source: ZoneSource) -> Zone {
        Zone {
            name: name.to_owned(),
            source,
            confidence: 100,
        }
    }

    /// The zone to reckon with.
    pub fn name_or<'a>(&'a self, partner: &'a str) -> &'a str {
        if self.name.is_empty() {
            partner
        } else {
            &self.name
        }
    }

    pub fn is_sure(&self) -> bool {
        self.confidence >= SURE
    }

    /// Whether the lead said it.
    pub fn is_own_word(&self) -> bool {
        self.source >= ZoneSource::Asked
    }

    /// What is known by now: what was said stays, guesses are made anew.
    pub fn reconsidered(&self, language: &str, phone: Option<&str>, partner: &str) -> Zone {
        if self.source >= ZoneSource::Told {
            return self.clone();
        }
        guess(language, phone, partner)
    }
}

/// The best guess from the language and the phone number (E.164), with the partner's zone as the fallback.
pub fn guess(language: &str, phone: Option<&str>, partner: &str) -> Zone {
    let by_phone = phone.and_then(|phone| by_phone(phone, partner));
    if let Some((name, confidence)) = by_phone {
        return Zone {
            name: name.to_owned(),
            source: ZoneSource::Phone,
            confidence,
        };
    }
    match by_language(language) {
        // The partner's people mostly live where the partner does; a language only tells the country.
        Some((name, _)) if same_country(name, partner) => Zone::default(),
        Some((name, confidence)) => Zone {
            name: name.to_owned(),
            source: ZoneSource::Language,
            confidence,
        },
        None => Zone::default(),
    }
}

/// Languages spoken mostly within one zone; Russian and English are spoken in all of them.
fn by_language(language: &str) -> Option<(&'static str, u8)> {
    let code = language.split(['-', '_']).next().unwrap_or_default();
    Some(match code {
        "kk" => ("Asia/Almaty", 80),
        "ky" => ("Asia/Bishkek", 70),
        "uz" => ("Asia/Tashkent", 80),
        "tg" => ("Asia/Dushanbe", 70),
        "tk" => ("Asia/Ashgabat", 70),
        "az" => ("Asia/Baku", 70),
        "hy" => ("Asia/Yerevan", 60),
        "ka" => ("Asia/Tbilisi", 80),
        "be" => ("Europe/Minsk", 80),
        "uk" => ("Europe/Kyiv", 50),
        "tr" => ("Europe/Istanbul", 70),
        "de" => ("Europe/Berlin", 60),
        "pl" => ("Europe/Warsaw", 60),
        _ => return None,
    })
}

fn by_phone(phone: &str, partner: &str) -> Option<(&'static str, u8)> {
    let digits = phone.strip_prefix('+')?;
    if digits.starts_with("77") || digits.starts_with("76") {
        // One zone for the whole country since March 2024.
        return Some(("Asia/Almaty", 95));
    }
    if let Some(national) = digits.strip_prefix('7') {
        return russian(national, partner);
    }
    dial::ZONES
        .iter()
        .find(|(code, _)| digits.starts_with(code))
        .map(|(_, zone)| (*zone, 85))
}

/// A mobile number tells the country only, and that has eleven zones; an area code tells the place.
fn russian(national: &str, partner: &str) -> Option<(&'static str, u8)> {
    if national.starts_with('9') {
        return (!dial::is_russian(partner)).then_some((dial::MOSCOW, 40));
    }
    let area = national.get(..3)?;
    let listed = dial::AREAS.iter().find(|(_, codes)| codes.contains(&area));
    match listed {
        Some((zone, _)) => Some((zone, 85)),
        None if matches!(area.as_bytes()[0], b'4' | b'8') && !area.starts_with("80") => {
            Some((dial::MOSCOW, 80))
        }
        None => None,
    }
}

fn same_country(zone: &str, partner: &str) -> bool {
    zone == partner || dial::is_kazakh(zone) && dial::is_kazakh(partner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_guessed_with_its_source_and_how_sure_it_is() {
        use ZoneSource as S;
        let almaty = "Asia/Almaty";
        let moscow = "Europe/Moscow";
        for (language, phone, partner, name, source, least) in [
            ("", None, moscow, "", S::Partner, 0),
            ("ru", None, almaty, "", S::Partner, 0),
            ("kk", None, moscow, almaty, S::Language, 60),
            ("kk", None, "Asia/Aqtau", "", S::Partner, 0),
            ("en-GB", None, moscow, "", S::Partner, 0),
            ("uz-Latn", None, moscow, "Asia/Tashkent", S::Language, 60),
            ("ru", Some("+77011234567"), moscow, almaty, S::Phone, 90),
            ("kk", Some("+79161234567"), almaty, moscow, S::Phone, 40),
            ("ru", Some("+79161234567"), "Asia/Omsk", "", S::Partner, 0),
            (
                "ru",
                Some("+73431234567"),
                moscow,
                "Asia/Yekaterinburg",
                S::Phone,
                80,
            ),
            (
                "ru",
                Some("+74232123456"),
                moscow,
                "Asia/Vladivostok",
                S::Phone,
                80,
            ),
            ("ru", Some("+74951234567"), almaty, moscow, S::Phone, 80),
            ("ru", Some("+78001234567"), moscow, "", S::Partner, 0),
            (
                "ru",
                Some("+998901234567"),
                moscow,
                "Asia/Tashkent",
                S::Phone,
                80,
            ),
            (
                "ru",
                Some("+4915112345678"),
                moscow,
                "Europe/Berlin",
                S::Phone,
                80,
            ),
            ("ru", Some("+12125550100"), moscow, "", S::Partner, 0),
        ] {
            let zone = guess(language, phone, partner);
            let case = format!("{language} {phone:?} {partner}");
            assert_eq!((zone.name.as_str(), zone.source), (name, source), "{case}");
            assert!(zone.confidence >= least, "{case}: {}", zone.confidence);
            assert!(
                jiff::tz::TimeZone::get(zone.name_or(partner)).is_ok(),
                "{case}"
            );
        }
    }

    #[test]
    fn the_leads_own_word_outlives_every_guess() {
        for source in [ZoneSource::Told, ZoneSource::Asked, ZoneSource::Set] {
            let own = Zone::chosen("Asia/Omsk", source);
            let phone = Some("+77011234567");
            assert_eq!(own.reconsidered("kk", phone, "Europe/Moscow"), own);
        }
        let by_language = guess("uz", None, "Europe/Moscow");
        let later = by_language.reconsidered("uz", Some("+77011234567"), "Europe/Moscow");
        assert_eq!(
            later.name, "Asia/Almaty",
            "a phone tells more than a language"
        );
    }

    #[test]
    fn kazakhstan_has_one_zone_since_march_2024() {
        let at = |zone: &str, when: &str| {
            let zone = jiff::tz::TimeZone::get(zone).unwrap();
            zone.to_offset(when.parse().unwrap()).seconds() / 3_600
        };
        for zone in ["Asia/Almaty", "Asia/Qostanay", "Asia/Aqtau", "Asia/Oral"] {
            assert_eq!(at(zone, "2026-11-27T00:00:00Z"), 5, "{zone}");
        }
        assert_eq!(at("Asia/Almaty", "2023-11-27T00:00:00Z"), 6, "before");
    }

    #[test]
    fn every_zone_of_the_tables_exists() {
        let listed = dial::ZONES.iter().map(|(_, zone)| *zone);
        for zone in listed.chain(dial::AREAS.iter().map(|(zone, _)| *zone)) {
            assert!(jiff::tz::TimeZone::get(zone).is_ok(), "{zone}");
        }
        for city in super::super::cities::CITIES {
            assert!(jiff::tz::TimeZone::get(city.zone).is_ok(), "{}", city.zone);
        }
    }
}
