//! The partner's screens. PURE.

use super::parse::{Filter, Period, Request};
use super::screen::{Screen, ScreenAction, ScreenButton, ask, plain, plural};
use crate::store::Stats;

/// What the partner sees first.
pub fn home(partner: &str, bot_username: &str, start: &str) -> Screen {
    let html = format!(
        "<b>{}</b>, здравствуйте! Это ваш бот-помощник: он отвечает людям, а тёплых передаёт вам карточкой.\n\n\
         📊 /my_stats — цифры\n🔥 /hot_leads — кто ждёт вашего звонка\n👥 /my_leads — все люди\n🔗 /my_link — ваши ссылки\n⚙️ /my_settings — сводка, тихие часы\n\n\
         Ваша ссылка: t.me/{bot_username}?start={start}\n\
         Откройте её сами, чтобы пройти воронку глазами гостя: в статистику вы не попадёте.",
        plain(partner)
    );
    let rows = vec![
        vec![
            ask("📊 Цифры", Request::Stats(Period::Today)),
            ask("🔥 Горячие", Request::Hot { page: 0 }),
        ],
        vec![
            ask("👥 Лиды", Request::Leads(Filter::All, 0)),
            ask("🔗 Ссылки", Request::Link),
        ],
        vec![ask("⚙️ Настройки", Request::Settings)],
    ];
    Screen { html, rows }
}

/// Links ready to be shared, a funnel each.
pub fn links(bot_username: &str, links: &[(String, String)]) -> Screen {
    let mut html =
        format!("🔗 <b>Ваши ссылки</b>\n\nГлавная: <code>https://t.me/{bot_username}</code>\n");
    for (title, word) in links {
        html.push_str(&format!(
            "\n<b>{}</b>\n<code>https://t.me/{bot_username}?start={word}</code>\n",
            plain(title)
        ));
    }
    html.push_str(
        "\nНажмите на ссылку, чтобы скопировать. Допишите через дефис, откуда она, и увидите источник в цифрах: \
         <code>…-reels</code>, <code>…-vizitka</code>.",
    );
    let share = ScreenButton {
        text: "📤 Поделиться ботом".to_owned(),
        action: ScreenAction::Url(format!(
            "https://t.me/share/url?url=https://t.me/{bot_username}"
        )),
    };
    Screen {
        html,
        rows: vec![vec![share], vec![ask("◀ Главное", Request::Home)]],
    }
}

fn period_name(period: Period) -> &'static str {
    match period {
        Period::Today => "Сегодня",
        Period::Week => "7 дней",
        Period::Month => "30 дней",
        Period::All => "Всё время",
    }
}

/// Figures of a period; `title` turns a funnel's id into its name.
pub fn stats(stats: &Stats, period: Period, title: impl Fn(&str) -> String) -> Screen {
    let mut html = format!("📊 <b>{}</b>\n", period_name(period));
    if stats.leads == 0 && stats.funnels.is_empty() {
        html.push_str("\nПока никого. Поделитесь ссылкой на бота, и первые люди появятся здесь.\n");
    } else {
        html.push_str(&format!(
            "\n👥 Новых: <b>{}</b>\n📱 Оставили контакт: <b>{}</b>{}\n🔥 Горячих: <b>{}</b>\n🔗 Открыли ссылку: <b>{}</b>\n✅ Обработано: <b>{}</b>\n",
            stats.leads,
            stats.contacts,
            share(stats.contacts, stats.leads),
            stats.hot,
            stats.links,
            stats.handled
        ));
        if stats.waiting > 0 {
            html.push_str(&format!("🙋 Ждут вас: <b>{}</b>\n", stats.waiting));
        }
        if stats.blocked > 0 {
            html.push_str(&format!("🚪 Ушли: {}\n", stats.blocked));
        }
        if stats.unknown > 0 {
            html.push_str(&format!(
                "❔ Неизвестно, дошло ли: {}\n",
                plural(stats.unknown, "сообщение", "сообщения", "сообщений")
            ));
        }
    }
    section(
        &mut html,
        "По воронкам",
        stats.funnels.iter().map(|(funnel, entered, contacts)| {
            format!(
                "{}: {entered} → {contacts}{}",
                plain(&title(funnel)),
                share(*contacts, *entered)
            )
        }),
    );
    section(
        &mut html,
        "Откуда пришли",
        stats
            .sources
            .iter()
            .map(|(source, count)| format!("{}: {count}", plain(source))),
    );
    let periods = Period::ALL.map(|other| {
        let mark = if other == period { "• " } else { "" };
        ask(
            format!("{mark}{}", period_name(other)),
            Request::Stats(other),
        )
    });
    // Four in a row are cut on a narrow phone.
    let mut rows: Vec<Vec<ScreenButton>> =
        periods.chunks(2).map(<[ScreenButton]>::to_vec).collect();
    rows.push(vec![ask("🔥 Горячие", Request::Hot { page: 0 })]);
    Screen { html, rows }
}

pub fn share(part: i64, whole: i64) -> String {
    if whole == 0 {
        String::new()
    } else {
        format!(" ({} %)", part * 100 / whole)
    }
}

fn section(html: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if !lines.is_empty() {
        html.push_str(&format!("\n<b>{title}</b>\n{}\n", lines.join("\n")));
    }
}

/// How long ago, in words.
pub fn ago(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    match minutes {
        0 => "только что".to_owned(),
        1..=59 => format!("{} назад", plural(minutes, "минуту", "минуты", "минут")),
        60..=1439 => format!("{} назад", plural(minutes / 60, "час", "часа", "часов")),
        _ => format!("{} назад", plural(minutes / 1440, "день", "дня", "дней")),
    }
}

/// A link that opens the chat with a person.
pub fn write_button(username: Option<&str>, chat_id: i64) -> ScreenButton {
    let url = match username {
        Some(username) => format!("https://t.me/{username}"),
        None => format!("tg://user?id={chat_id}"),
    };
    ScreenButton {
        text: "✍️ Написать".to_owned(),
        action: ScreenAction::Url(url),
    }
}

/// A signed link that was used by somebody already.
pub fn invite_spent() -> Screen {
    note("Эта ссылка уже использована. Попросите новую у того, кто ведёт ваш бот.")
}

/// A signed link that is forged, cut or too old.
pub fn invite_invalid() -> Screen {
    note("Эта ссылка не подходит или её срок прошёл. Попросите новую у того, кто ведёт ваш бот.")
}

fn note(text: &str) -> Screen {
    Screen {
        html: text.to_owned(),
        rows: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_period_says_what_to_do() {
        let screen = stats(&Stats::default(), Period::Today, str::to_owned);
        assert!(
            screen.html.contains("Поделитесь ссылкой"),
            "{}",
            screen.html
        );
        assert_eq!(screen.rows[0][0].text, "• Сегодня");
    }

    #[test]
    fn figures_come_with_shares() {
        let figures = Stats {
            leads: 4,
            contacts: 1,
            funnels: vec![("weight".into(), 3, 1)],
            sources: vec![("reels".into(), 4)],
            ..Stats::default()
        };
        let screen = stats(&figures, Period::Week, |_| "Снижение веса".to_owned());
        assert!(
            screen.html.contains("Оставили контакт: <b>1</b> (25 %)"),
            "{}",
            screen.html
        );
        assert!(
            screen.html.contains("Снижение веса: 3 → 1 (33 %)"),
            "{}",
            screen.html
        );
        assert!(screen.html.contains("reels: 4"), "{}", screen.html);
    }
}
