//! The cities offered by /timezone (and Kazakhstan, which has one time): one tap, by the name people use. PURE.

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
    "msk" "Europe/Moscow" "RU" "Москва, Питер" "Мәскеу" "Moscow",
    "sam" "Europe/Samara" "RU" "Самара" "Самара" "Samara",
    "ekb" "Asia/Yekaterinburg" "RU" "Екатеринбург" "Екатеринбург" "Yekaterinburg",
    "oms" "Asia/Omsk" "RU" "Омск" "Омбы" "Omsk",
    "nsk" "Asia/Novosibirsk" "RU" "Новосибирск" "Новосібір" "Novosibirsk",
    "irk" "Asia/Irkutsk" "RU" "Иркутск" "Иркутск" "Irkutsk",
    "yak" "Asia/Yakutsk" "RU" "Якутск, Чита" "Якутск, Чита" "Yakutsk",
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
        assert_eq!(name_of("America/Los_Angeles", "ru"), "Los Angeles");
    }
}
