//! The cities offered by /timezone (and Kazakhstan, which has one time): one tap, by the name people use. PURE.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A button of /timezone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct City {
    /// Short and stable: old buttons stay good.
    pub id: &'static str,
    pub zone: &'static str,
    /// `RU`, `KZ`, or empty for the second page.
    pub region: &'static str,
    ru: &'static str,
    kk: &'static str,
    en: &'static str,
}

impl City {
    pub fn name(&self, language: &str) -> &'static str {
        match language {
            "kk" => self.kk,
            "en" => self.en,
            _ => self.ru,
        }
    }

    /// `17:20`, by which people know that it is theirs.
    pub fn time(&self, now_ms: i64) -> String {
        let at = Timestamp::from_millisecond(now_ms).ok();
        let zone = TimeZone::get(self.zone).ok();
        at.zip(zone)
            .map(|(at, zone)| at.to_zoned(zone).strftime("%H:%M").to_string())
            .unwrap_or_default()
    }

    /// What stands on a button. The time first: it is the same on every phone, however narrow.
    pub fn with_time(&self, language: &str, now_ms: i64) -> String {
        format!("{} {}", self.time(now_ms), self.name(language))
    }
}

pub fn find(id: &str) -> Option<&'static City> {
    CITIES.iter().find(|city| city.id == id)
}

/// How people call a zone; the IANA name's last part when it is not on the list.
pub fn name_of(zone: &str, language: &str) -> String {
    let listed = CITIES.iter().find(|city| city.zone == zone);
    let fallback = || zone.rsplit('/').next().unwrap_or(zone).replace('_', " ");
    listed.map_or_else(fallback, |city| city.name(language).to_owned())
}

macro_rules! cities {
    ($($id:literal $zone:literal $region:literal $ru:literal $kk:literal $en:literal,)*) => {
        pub const CITIES: &[City] = &[$(City {
            id: $id, zone: $zone, region: $region, ru: $ru, kk: $kk, en: $en,
        },)*];
    };
}

cities! {
    "kz" "Asia/Almaty" "KZ" "Казахстан" "Қазақстан" "Kazakhstan",
    "kgd" "Europe/Kaliningrad" "RU" "Калининград" "Калининград" "Kaliningrad",
    "msk" "Europe/Moscow" "RU" "Москва" "Мәскеу" "Moscow",
    "sam" "Europe/Samara" "RU" "Самара" "Самара" "Samara",
    "ekb" "Asia/Yekaterinburg" "RU" "Екатеринбург" "Екатеринбург" "Yekaterinburg",
    "oms" "Asia/Omsk" "RU" "Омск" "Омбы" "Omsk",
    "nsk" "Asia/Novosibirsk" "RU" "Новосибирск" "Новосібір" "Novosibirsk",
    "irk" "Asia/Irkutsk" "RU" "Иркутск" "Иркутск" "Irkutsk",
    "yak" "Asia/Yakutsk" "RU" "Якутск" "Якутск" "Yakutsk",
    "vvo" "Asia/Vladivostok" "RU" "Владивосток" "Владивосток" "Vladivostok",
    "mag" "Asia/Magadan" "RU" "Магадан" "Магадан" "Magadan",
    "kam" "Asia/Kamchatka" "RU" "Камчатка" "Камчатка" "Kamchatka",
    "tas" "Asia/Tashkent" "" "Ташкент" "Ташкент" "Tashkent",
    "fru" "Asia/Bishkek" "" "Бишкек" "Бішкек" "Bishkek",
    "dus" "Asia/Dushanbe" "" "Душанбе" "Душанбе" "Dushanbe",
    "gyd" "Asia/Baku" "" "Баку" "Баку" "Baku",
    "tbs" "Asia/Tbilisi" "" "Тбилиси" "Тбилиси" "Tbilisi",
    "evn" "Asia/Yerevan" "" "Ереван" "Ереван" "Yerevan",
    "msq" "Europe/Minsk" "" "Минск" "Минск" "Minsk",
    "iev" "Europe/Kyiv" "" "Киев" "Киев" "Kyiv",
    "ist" "Europe/Istanbul" "" "Стамбул" "Стамбұл" "Istanbul",
    "dxb" "Asia/Dubai" "" "Дубай" "Дубай" "Dubai",
    "tlv" "Asia/Jerusalem" "" "Тель-Авив" "Тель-Авив" "Tel Aviv",
    "ber" "Europe/Berlin" "" "Берлин" "Берлин" "Berlin",
    "lon" "Europe/London" "" "Лондон" "Лондон" "London",
    "nyc" "America/New_York" "" "Нью-Йорк" "Нью-Йорк" "New York",
}

/// Letters of a name that fit beside another on the narrowest phone, with its time.
const SHORT: usize = 9;

/// Rows of buttons in their order: two short names, or one that would be cut beside another.
pub fn rows(
    cities: impl Iterator<Item = &'static City>,
    language: &str,
) -> Vec<Vec<&'static City>> {
    let is_short = |city: &City| city.name(language).chars().count() <= SHORT;
    let mut rows: Vec<Vec<&'static City>> = Vec::new();
    for city in cities {
        match rows.last_mut() {
            Some(row) if row.len() == 1 && is_short(row[0]) && is_short(city) => row.push(city),
            _ => rows.push(vec![city]),
        }
    }
    rows
}

/// The first page: the cities of the partner's countries in their order, then of the other of the two.
pub fn first_page(regions: &[String]) -> impl Iterator<Item = &'static City> {
    let kazakh_first = regions.first().is_some_and(|region| region == "KZ");
    let order = if kazakh_first {
        ["KZ", "RU"]
    } else {
        ["RU", "KZ"]
    };
    let of = |region| CITIES.iter().filter(move |city| city.region == region);
    order.into_iter().flat_map(of)
}

pub fn second_page() -> impl Iterator<Item = &'static City> {
    CITIES.iter().filter(|city| city.region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_city_has_a_code_of_its_own_and_a_zone_of_its_own() {
        for (index, city) in CITIES.iter().enumerate() {
            let others = &CITIES[index + 1..];
            assert!(
                others.iter().all(|other| other.id != city.id),
                "{}",
                city.id
            );
            assert!(
                others.iter().all(|other| other.zone != city.zone),
                "{}",
                city.zone
            );
            assert_eq!(find(city.id), Some(city));
        }
        let first = first_page(&["KZ".into(), "RU".into()]).next();
        assert_eq!(first.map(|city| city.id), Some("kz"));
        assert_eq!(
            first_page(&[]).count() + second_page().count(),
            CITIES.len()
        );
        assert_eq!(name_of("Asia/Almaty", "en"), "Kazakhstan");
        for language in ["ru", "kk", "en"] {
            for row in rows(CITIES.iter(), language) {
                let longest = row.iter().map(|city| city.name(language).chars().count());
                assert!(row.len() == 1 || longest.max() <= Some(SHORT), "{row:?}");
            }
        }
        assert_eq!(name_of("America/Los_Angeles", "ru"), "Los Angeles");
    }
}
