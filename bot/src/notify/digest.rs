//! The daily digest: who waits, and what was new. PURE.

use crate::panel::leads::{card_buttons, line};
use crate::panel::parse::{Filter, Request};
use crate::panel::screen::{Screen, ask, plural};
use crate::panel::view::share;
use crate::store::{HotLead, News};

/// Leads named one by one; the rest is a number.
pub const NAMED: i64 = 5;

/// What a digest tells.
pub struct Digest<'a> {
    pub news: &'a News,
    /// The first who wait, and how many do.
    pub waiting: &'a [HotLead],
    pub total: i64,
    pub now: i64,
    /// Whole days since the last digest that arrived; 0 or 1 for an ordinary one.
    pub days: i64,
}

/// Whether there is something to tell: somebody new, somebody hot who moved, or somebody who asked for a person.
pub fn is_worth(news: &News) -> bool {
    news.leads > 0 || news.stirred > 0 || news.asking > 0
}

pub fn screen(digest: &Digest<'_>) -> Screen {
    let news = digest.news;
    let mut html = match digest.days {
        0 | 1 => "☀️ <b>Ваши лиды за сутки</b>\n".to_owned(),
        days => format!(
            "☀️ <b>Ваши лиды за {}</b>\n",
            plural(days, "день", "дня", "дней")
        ),
    };
    if news.leads == 0 {
        html.push_str("\nНовых не было.\n");
    } else {
        html.push_str(&format!(
            "\n👥 Новых: <b>{}</b>\n📱 С контактом: <b>{}</b>{}\n",
            news.leads,
            news.contacts,
            share(news.contacts, news.leads)
        ));
    }
    if digest.total == 0 {
        html.push_str("\nВас никто не ждёт 👌");
        return Screen {
            html,
            rows: vec![vec![
                ask("👥 Все лиды", Request::Leads(Filter::All, 0)),
                ask("⚙️ Настройки", Request::Settings),
            ]],
        };
    }
    let waiting = plural(digest.total, "человек", "человека", "человек");
    html.push_str(&format!("\n<b>Ждут вас: {waiting}</b>\n"));
    for lead in digest.waiting {
        html.push_str(&line(lead, digest.now));
    }
    let more = digest.total - i64::try_from(digest.waiting.len()).unwrap_or(0);
    if more > 0 {
        html.push_str(&format!("\n\n…и ещё {more}"));
    }
    let mut rows = card_buttons(digest.waiting);
    rows.push(vec![
        ask("🔥 Все, кто ждёт", Request::Hot { page: 0 }),
        ask("⚙️ Настройки", Request::Settings),
    ]);
    Screen { html, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(id: i64) -> HotLead {
        HotLead {
            id,
            first_name: "<b>Аружан</b>".into(),
            phone: "+77011234567".into(),
            score: 60,
            handoff: "waiting".into(),
            ..HotLead::default()
        }
    }

    #[test]
    fn a_digest_names_those_who_wait_and_what_is_new() {
        let news = News {
            leads: 4,
            contacts: 1,
            stirred: 2,
            asking: 1,
        };
        let waiting = [lead(5), lead(6)];
        let told = screen(&Digest {
            news: &news,
            waiting: &waiting,
            total: 7,
            now: 3 * 3_600_000,
            days: 1,
        });
        for part in [
            "за сутки",
            "Новых: <b>4</b>",
            "С контактом: <b>1</b> (25 %)",
            "Ждут вас: 7 человек",
            "&lt;b&gt;Аружан&lt;/b&gt;",
            "3 часа назад",
            "…и ещё 5",
        ] {
            assert!(told.html.contains(part), "{part}: {}", told.html);
        }
        assert_eq!(told.rows.len(), 3);
    }

    #[test]
    fn a_day_without_anything_is_not_told() {
        assert!(!is_worth(&News::default()));
        let only = |change: fn(&mut News)| {
            let mut news = News::default();
            change(&mut news);
            is_worth(&news)
        };
        assert!(only(|news| news.leads = 1));
        assert!(only(|news| news.stirred = 1));
        assert!(only(|news| news.asking = 1));
    }
}
