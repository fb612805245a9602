//! Which time zone a phone number's country or Russian area code belongs to. PURE.

pub(super) const MOSCOW: &str = "Europe/Moscow";

/// Calling codes of countries that keep one time (or mostly one), longer codes first.
pub(super) const ZONES: &[(&str, &str)] = &[
    ("370", "Europe/Vilnius"),
    ("371", "Europe/Riga"),
    ("372", "Europe/Tallinn"),
    ("373", "Europe/Chisinau"),
    ("374", "Asia/Yerevan"),
    ("375", "Europe/Minsk"),
    ("380", "Europe/Kyiv"),
    ("420", "Europe/Prague"),
    ("971", "Asia/Dubai"),
    ("972", "Asia/Jerusalem"),
    ("976", "Asia/Ulaanbaatar"),
    ("992", "Asia/Dushanbe"),
    ("993", "Asia/Ashgabat"),
    ("994", "Asia/Baku"),
    ("995", "Asia/Tbilisi"),
    ("996", "Asia/Bishkek"),
    ("998", "Asia/Tashkent"),
    ("31", "Europe/Amsterdam"),
    ("33", "Europe/Paris"),
    ("34", "Europe/Madrid"),
    ("39", "Europe/Rome"),
    ("43", "Europe/Vienna"),
    ("44", "Europe/London"),
    ("48", "Europe/Warsaw"),
    ("49", "Europe/Berlin"),
    ("66", "Asia/Bangkok"),
    ("82", "Asia/Seoul"),
    ("86", "Asia/Shanghai"),
    ("90", "Europe/Istanbul"),
];

/// Area codes of Russia outside Moscow time; the others that begin with 4 or 8 keep it.
pub(super) const AREAS: &[(&str, &[&str])] = &[
    ("Europe/Kaliningrad", &["401"]),
    ("Europe/Samara", &["341", "846", "848"]),
    ("Europe/Ulyanovsk", &["842"]),
    ("Europe/Saratov", &["845"]),
    ("Europe/Astrakhan", &["851"]),
    (
        "Asia/Yekaterinburg",
        &[
            "342", "343", "345", "346", "347", "349", "351", "352", "353",
        ],
    ),
    ("Asia/Omsk", &["381"]),
    ("Asia/Tomsk", &["382"]),
    ("Asia/Novosibirsk", &["383"]),
    ("Asia/Novokuznetsk", &["384"]),
    ("Asia/Barnaul", &["385", "388"]),
    ("Asia/Krasnoyarsk", &["390", "391", "394"]),
    ("Asia/Irkutsk", &["301", "395"]),
    ("Asia/Chita", &["302"]),
    ("Asia/Yakutsk", &["411", "416"]),
    ("Asia/Vladivostok", &["421", "423", "426"]),
    ("Asia/Magadan", &["413"]),
    ("Asia/Sakhalin", &["424"]),
    ("Asia/Kamchatka", &["415"]),
    ("Asia/Anadyr", &["427"]),
];

pub(super) fn is_russian(zone: &str) -> bool {
    zone == MOSCOW || zone == "Europe/Volgograd" || AREAS.iter().any(|(name, _)| *name == zone)
}

pub(super) fn is_kazakh(zone: &str) -> bool {
    matches!(
        zone,
        "Asia/Almaty"
            | "Asia/Qyzylorda"
            | "Asia/Qostanay"
            | "Asia/Aqtobe"
            | "Asia/Aqtau"
            | "Asia/Atyrau"
            | "Asia/Oral"
    )
}
