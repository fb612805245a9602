//! Lists of leads: who waits, and everybody by a filter. PURE.

use super::parse::{Cities, Filter, Period, Request};
use super::screen::{Screen, ScreenButton, ask, brief, plain, plural};
use super::view::ago;
use crate::lead::cities::{self, City};
use crate::lead::contact::pretty_phone;
use crate::lead::{Zone, ZoneSource};
use crate::partner::Partner;
use crate::store::{Case, HotLead};

/// Leads on one screen.
pub const PAGE: i64 = 6;
/// Tags offered as filters.
pub const MOST_TAGS: usize = 12;

/// Who waits for the partner, hottest first.
pub fn hot(leads: &[HotLead], total: i64, page: u32, now: i64) -> Screen {
    if total == 0 {
        let html = "🔥 <b>Горячие</b>\n\nСейчас никто не ждёт. Как только появится тёплый человек, я пришлю карточку.".to_owned();
        return Screen {
            html,
            rows: vec![vec![
                ask("👥 Все лиды", Request::Leads(Filter::All, 0)),
                ask("📊 Цифры", Request::Stats(Period::Today)),
            ]],
        };
    }
    let mut html = format!(
        "🔥 <b>Горячие. Ждут вас: {}</b>\n",
        plural(total, "человек", "человека", "человек")
    );
    for lead in leads {
        html.push_str(&line(lead, now));
    }
    let mut rows = card_buttons(leads);
    rows.extend(pager(page, total, |page| Request::Hot { page }));
    rows.push(vec![
        ask("🔄 Обновить", Request::Hot { page }),
        ask("📊 Цифры", Request::Stats(Period::Today)),
    ]);
    Screen { html, rows }
}

/// A page of a list, by its filter.
pub struct List<'a> {
    pub filter: Filter,
    /// The tag's name when that is the filter.
    pub tag: Option<&'a str>,
    pub leads: &'a [HotLead],
    pub total: i64,
    pub page: u32,
    pub now: i64,
}

pub fn list(list: &List<'_>) -> Screen {
    let title = match list.tag {
        Some(tag) => format!("🏷 {}", brief(tag, 40)),
        None => title(list.filter).to_owned(),
    };
    let mut html = format!("👥 <b>Лиды · {title}</b>\n");
    if list.total == 0 {
        html.push_str("\nЗдесь пока никого.");
    } else {
        html.push_str(&format!(
            "{}\n",
            plural(list.total, "человек", "человека", "человек")
        ));
    }
    for lead in list.leads {
        html.push_str(&line(lead, list.now));
    }
    let mut rows = card_buttons(list.leads);
    rows.extend(pager(list.page, list.total, |page| {
        Request::Leads(list.filter, page)
    }));
    rows.extend(filters(list.filter));
    Screen { html, rows }
}

fn filters(current: Filter) -> [Vec<ScreenButton>; 2] {
    let button = |filter: Filter| {
        let mark = if filter == current { "• " } else { "" };
        ask(
            format!("{mark}{}", title(filter)),
            Request::Leads(filter, 0),
        )
    };
    let mark = if matches!(current, Filter::Tag(_)) {
        "• "
    } else {
        ""
    };
    [
        vec![
            button(Filter::All),
            button(Filter::New),
            button(Filter::Hot),
        ],
        vec![
            button(Filter::Waiting),
            button(Filter::Contact),
            ask(format!("{mark}🏷 Метки"), Request::Tags),
        ],
    ]
}

fn title(filter: Filter) -> &'static str {
    match filter {
        Filter::All => "Все",
        Filter::New => "Новые",
        Filter::Hot => "Горячие",
        Filter::Waiting => "Ждут",
        Filter::Contact => "С контактом",
        Filter::Tag(_) => "По метке",
    }
}

/// The tags in use with how many leads carry them, most first.
pub fn tags(tags: &[(String, i64)]) -> Screen {
    if tags.is_empty() {
        return Screen {
            html: "🏷 <b>Метки</b>\n\nПока ни у кого нет меток: их ставят кнопки и шаги воронок."
                .to_owned(),
            rows: vec![vec![ask("◀ Все лиды", Request::Leads(Filter::All, 0))]],
        };
    }
    let buttons: Vec<ScreenButton> = tags
        .iter()
        .take(MOST_TAGS)
        .map(|(tag, count)| {
            let text = format!("{} · {count}", short(tag, 20));
            ask(text, Request::Leads(Filter::tag(tag), 0))
        })
        .collect();
    let mut rows: Vec<Vec<ScreenButton>> =
        buttons.chunks(2).map(<[ScreenButton]>::to_vec).collect();
    rows.push(vec![ask("◀ Все лиды", Request::Leads(Filter::All, 0))]);
    Screen {
        html: "🏷 <b>Метки</b>\n\nПокажу людей с одной из них:".to_owned(),
        rows,
    }
}

/// Whose clock the bot goes by when it writes first to this lead.
pub struct LeadClock<'a> {
    pub case: &'a Case,
    pub partner: &'a Partner,
    pub which: Cities,
    pub now: i64,
}

/// A choice of cities; none when the lead has chosen.
pub fn clock(of: &LeadClock<'_>) -> Screen {
    let lead = &of.case.lead;
    let zone = lead.zone.name_or(&of.partner.timezone);
    let known = match zone_words(&lead.zone) {
        "" => "как у вас",
        words => words,
    };
    let head = format!(
        "🌍 <b>Время лида #{}</b>\n\nСейчас: <b>{}</b> ({known}).",
        lead.id,
        plain(&cities::name_of(zone, "ru"))
    );
    let back = vec![ask("◀ Карточка", Request::Again(lead.id))];
    if lead.zone.is_own_word() {
        return Screen {
            html: format!("{head} Изменить может только сам лид: /timezone"),
            rows: vec![back],
        };
    }
    let listed = match of.which {
        Cities::Near => cities::rows(cities::first_page(&of.partner.phone_regions), "ru"),
        Cities::Other => cities::rows(cities::second_page(), "ru"),
    };
    let button = |city: &City| {
        let text = city.with_time("ru", of.now);
        ask(text, Request::SetClock(lead.id, city.id))
    };
    let mut rows: Vec<Vec<ScreenButton>> = listed
        .into_iter()
        .map(|row| row.into_iter().map(button).collect())
        .collect();
    let (words, which) = match of.which {
        Cities::Near => ("🌍 Другие страны", Cities::Other),
        Cities::Other => ("◀ Ближе", Cities::Near),
    };
    rows.push(vec![ask(words, Request::Clock(lead.id, which))]);
    rows.push(back);
    Screen {
        html: format!("{head} Первым бот пишет только днём по этому времени. Где живёт лид?"),
        rows,
    }
}

/// How the zone became known; empty when it is the partner's.
pub fn zone_words(zone: &Zone) -> &'static str {
    match zone.source {
        ZoneSource::Partner => "",
        ZoneSource::Language => "по языку",
        ZoneSource::Phone => "по номеру",
        ZoneSource::Told => "сказали вы",
        ZoneSource::Asked | ZoneSource::Set => "выбрал(а) сам(а)",
    }
}

/// Two lines about a lead: who, how warm, and when last seen.
pub fn line(lead: &HotLead, now: i64) -> String {
    let contact = if !lead.phone.is_empty() {
        format!(" · {}", plain(&pretty_phone(&lead.phone)))
    } else if !lead.email.is_empty() {
        format!(" · {}", plain(&lead.email))
    } else {
        String::new()
    };
    let state = match (lead.handled_at != 0, lead.handoff.as_str()) {
        (true, _) => " · ✅",
        (false, "waiting") => " · 🙋 просит человека",
        (false, _) => "",
    };
    format!(
        "\n<b>{}</b> #{} · {} б.{contact}{state}\n<i>{}</i>",
        plain(&name(lead)),
        lead.id,
        lead.score,
        ago(now - lead.last_seen_at)
    )
}

/// A button for each lead's card.
pub fn card_buttons(leads: &[HotLead]) -> Vec<Vec<ScreenButton>> {
    let card = |lead: &HotLead| {
        let text = format!("{} #{}", short(&name(lead), 28), lead.id);
        vec![ask(text, Request::Card(lead.id))]
    };
    leads.iter().map(card).collect()
}

fn name(lead: &HotLead) -> String {
    let name = format!("{} {}", lead.first_name, lead.last_name)
        .trim()
        .to_owned();
    if name.is_empty() {
        "Без имени".to_owned()
    } else {
        name
    }
}

/// A button holds a word or two.
fn short(name: &str, longest: usize) -> String {
    if name.chars().count() <= longest {
        name.to_owned()
    } else {
        name.chars().take(longest - 1).chain(['…']).collect()
    }
}

/// `◀ 1/3 ▶`, when there is more than one page.
fn pager(page: u32, total: i64, to: impl Fn(u32) -> Request) -> Option<Vec<ScreenButton>> {
    let pages = total.div_euclid(PAGE) + i64::from(total % PAGE != 0);
    if pages <= 1 {
        return None;
    }
    let page = i64::from(page);
    let to = |page: i64| to(u32::try_from(page.rem_euclid(pages)).unwrap_or(0));
    Some(vec![
        ask("◀", to(page - 1)),
        ask(format!("{}/{pages}", page + 1), to(page)),
        ask("▶", to(page + 1)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead() -> HotLead {
        HotLead {
            id: 5,
            first_name: "Аружан".into(),
            phone: "+77011234567".into(),
            score: 60,
            handoff: "waiting".into(),
            ..HotLead::default()
        }
    }

    fn texts(row: &[ScreenButton]) -> Vec<&str> {
        row.iter().map(|button| button.text.as_str()).collect()
    }

    #[test]
    fn hot_leads_are_paged() {
        let screen = hot(&[lead()], 7, 0, 3 * 3_600_000);
        for part in ["Ждут вас: 7 человек", "просит человека", "3 часа назад"]
        {
            assert!(screen.html.contains(part), "{}", screen.html);
        }
        assert_eq!(texts(&screen.rows[1]), ["◀", "1/2", "▶"]);
    }

    #[test]
    fn a_list_tells_its_filter_and_offers_the_others() {
        let handled = HotLead {
            handled_at: 1,
            ..lead()
        };
        let leads = [lead(), handled];
        let screen = list(&List {
            filter: Filter::Contact,
            tag: None,
            leads: &leads,
            total: 2,
            page: 0,
            now: 0,
        });
        assert!(
            screen.html.contains("Лиды · С контактом"),
            "{}",
            screen.html
        );
        assert!(
            screen.html.contains("60 б. · +7 701 123-45-67 · ✅"),
            "{}",
            screen.html
        );
        assert_eq!(texts(&screen.rows[3]), ["Ждут", "• С контактом", "🏷 Метки"]);
    }

    #[test]
    fn the_longest_page_is_one_message() {
        let long = HotLead {
            first_name: "я".repeat(4_000),
            last_name: "ю".repeat(4_000),
            ..lead()
        };
        let leads = vec![long; 6];
        let html = hot(&leads, 6, 0, 0).html;
        assert!(html.chars().count() < 4_096, "{}", html.chars().count());
    }
}
