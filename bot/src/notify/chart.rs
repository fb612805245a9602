//! The picture of a week as SVG: a funnel from coming to being answered, and the new leads by day. PURE.

use std::fmt::Write;

use jiff::ToSpan;
use jiff::civil::Date;

use crate::panel::screen::plain;
use crate::store::Week;

/// What the picture shows.
pub struct Chart<'a> {
    pub partner: &'a str,
    /// The Monday with which the week begins.
    pub monday: Date,
    pub week: &'a Week,
    /// New leads from Monday to Sunday.
    pub days: [i64; 7],
    /// New leads of the week before.
    pub before: i64,
}

const SIDE: i64 = 1080;
const MARGIN: i64 = 72;
/// The widest bar of the funnel, and the height of each with the gap below it.
const WIDE: i64 = 560;
const TALL: i64 = 104;
const PITCH: i64 = 130;
const TOP: i64 = 210;
/// From the colour of a bar to its lighter end.
const COLOURS: [(&str, &str); 4] = [
    ("#4f7cff", "#6ea0ff"),
    ("#18a0d6", "#38bdf2"),
    ("#12b38a", "#34d3a6"),
    ("#f28c38", "#ffb061"),
];
const INK: &str = "#14203d";
const PALE: &str = "#68738f";
const WEEKDAYS: [&str; 7] = ["Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"];
const MONTHS: [&str; 12] = [
    "января",
    "февраля",
    "марта",
    "апреля",
    "мая",
    "июня",
    "июля",
    "августа",
    "сентября",
    "октября",
    "ноября",
    "декабря",
];

pub fn svg(chart: &Chart<'_>) -> String {
    let mut out = String::with_capacity(8_000);
    head(&mut out);
    text(
        &mut out,
        MARGIN,
        112,
        "46",
        INK,
        true,
        &format!("Неделя {}", span(chart.monday)),
    );
    let partner: String = chart.partner.chars().take(28).collect();
    let line = format!(
        "{} · {}",
        plain(&partner),
        trend(chart.week.came, chart.before)
    );
    text(&mut out, MARGIN, 160, "27", PALE, false, &line);
    let week = chart.week;
    let stages = [
        ("пришли", week.came),
        ("ответили на вопрос", week.answered),
        ("оставили контакт", week.contacts),
        ("вы ответили", week.handled),
    ];
    for (index, (name, count)) in stages.into_iter().enumerate() {
        let before = index.checked_sub(1).map(|before| stages[before].1);
        stage(&mut out, index, name, count, week.came, before);
    }
    by_day(&mut out, &chart.days);
    out.push_str("</svg>");
    out
}

fn head(out: &mut String) {
    let _ = write!(
        out,
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{SIDE}" height="{SIDE}" viewBox="0 0 {SIDE} {SIDE}" font-family="DejaVu Sans"><defs><linearGradient id="bg" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#f4f7ff"/><stop offset="1" stop-color="#ffffff"/></linearGradient>"##
    );
    for (index, (from, to)) in COLOURS.iter().enumerate() {
        let _ = write!(
            out,
            r#"<linearGradient id="g{index}" x1="0" y1="0" x2="1" y2="0"><stop offset="0" stop-color="{from}"/><stop offset="1" stop-color="{to}"/></linearGradient>"#
        );
    }
    let _ = write!(
        out,
        r#"</defs><rect width="{SIDE}" height="{SIDE}" fill="url(#bg)"/>"#
    );
}

fn text(out: &mut String, x: i64, y: i64, size: &str, fill: &str, bold: bool, words: &str) {
    let weight = if bold { r#" font-weight="bold""# } else { "" };
    let _ = write!(
        out,
        r#"<text x="{x}" y="{y}" font-size="{size}"{weight} fill="{fill}">{words}</text>"#
    );
}

/// A text that ends at, or is centred on, its place.
fn anchored(
    out: &mut String,
    (x, y): (i64, i64),
    anchor: &str,
    size: i64,
    fill: &str,
    words: &str,
) {
    let weight = if fill == PALE { "normal" } else { "bold" };
    let _ = write!(
        out,
        r#"<text x="{x}" y="{y}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{fill}">{words}</text>"#
    );
}

fn bar(out: &mut String, x: i64, y: i64, (width, height): (i64, i64), round: i64, fill: &str) {
    let round = round.min(width / 2).min(height / 2);
    let _ = write!(
        out,
        r#"<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="{round}" fill="{fill}"/>"#
    );
}

/// One bar of the funnel: centred, so that it narrows from both sides.
fn stage(out: &mut String, index: usize, name: &str, count: i64, of: i64, before: Option<i64>) {
    let y = TOP + i64::try_from(index).unwrap_or(0) * PITCH;
    let width = (WIDE * count).checked_div(of).unwrap_or(0).clamp(14, WIDE);
    bar(out, MARGIN, y, (WIDE, TALL), 22, "#e9eef9");
    let fill = format!("url(#g{index})");
    bar(
        out,
        MARGIN + (WIDE - width) / 2,
        y,
        (width, TALL),
        22,
        &fill,
    );
    let beside = MARGIN + WIDE + 40;
    text(out, beside, y + 58, "52", INK, true, &count.to_string());
    text(out, beside, y + 94, "25", PALE, false, name);
    if let Some(before) = before {
        let share = (count * 100)
            .checked_div(before)
            .map_or_else(|| "–".to_owned(), |share| format!("{share} %"));
        anchored(
            out,
            (SIDE - MARGIN, y + 58),
            "end",
            32,
            COLOURS[index].0,
            &share,
        );
    }
}

fn by_day(out: &mut String, days: &[i64; 7]) {
    let title = TOP + 4 * PITCH + 48;
    text(out, MARGIN, title, "27", INK, true, "Новые по дням");
    let (base, width) = (title + 205, 96);
    let most = days.iter().copied().max().unwrap_or(0).max(1);
    for (index, count) in days.iter().enumerate() {
        let x = MARGIN + i64::try_from(index).unwrap_or(0) * (SIDE - 2 * MARGIN - width) / 6;
        let height = (130 * count / most).max(6);
        let fill = if *count == most { "#4f7cff" } else { "#b9ccff" };
        bar(out, x, base - height, (width, height), 14, fill);
        if *count > 0 {
            anchored(
                out,
                (x + width / 2, base - height - 12),
                "middle",
                25,
                INK,
                &count.to_string(),
            );
        }
        anchored(
            out,
            (x + width / 2, base + 38),
            "middle",
            25,
            PALE,
            WEEKDAYS[index],
        );
    }
}

/// `16–22 ноября`, or `30 ноября – 6 декабря`.
pub fn span(monday: Date) -> String {
    let sunday = monday.saturating_add(6.days());
    let month = |date: Date| MONTHS[usize::try_from(date.month() - 1).unwrap_or(0)];
    if monday.month() == sunday.month() {
        format!("{}–{} {}", monday.day(), sunday.day(), month(sunday))
    } else {
        format!(
            "{} {} – {} {}",
            monday.day(),
            month(monday),
            sunday.day(),
            month(sunday)
        )
    }
}

/// How the number of new leads changed, in words.
pub fn trend(now: i64, before: i64) -> String {
    match (now, before) {
        (_, 0) => "первая неделя с цифрами".to_owned(),
        (now, before) if now == before => "новых столько же, что и неделей раньше".to_owned(),
        (now, before) if now > before => {
            format!("новых больше на {} %", (now - before) * 100 / before)
        }
        (now, before) => format!("новых меньше на {} %", (before - now) * 100 / before),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_week_is_named_as_people_name_it() {
        assert_eq!(span(date("2026-11-16")), "16–22 ноября");
        assert_eq!(span(date("2026-11-30")), "30 ноября – 6 декабря");
        assert_eq!(trend(40, 32), "новых больше на 25 %");
        assert_eq!(trend(30, 40), "новых меньше на 25 %");
        assert_eq!(trend(3, 0), "первая неделя с цифрами");
    }

    #[test]
    fn a_name_cannot_break_the_picture_and_an_empty_week_divides_by_nothing() {
        let empty = svg(&Chart {
            partner: "<b>Анна</b> & \"co\"",
            monday: date("2026-11-16"),
            week: &Week::default(),
            days: [0; 7],
            before: 0,
        });
        assert!(
            empty.contains("&lt;b&gt;Анна&lt;/b&gt; &amp; &quot;co&quot;"),
            "{empty}"
        );
        assert!(!empty.contains("NaN"), "{empty}");
    }
}
