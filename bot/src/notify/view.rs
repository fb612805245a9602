//! The lead's card, as the partner sees it. PURE.

use crate::funnel::effect::Notice;
use crate::lead::cities;
use crate::lead::contact::pretty_phone;
use crate::lead::{Contact, Origin, Reach};
use crate::panel::leads::zone_words;
use crate::panel::parse::{Cities, Request};
use crate::panel::screen::{Screen, ask, brief, plain};
use crate::panel::view::write_button;
use crate::store::Case;

/// Everything a card tells.
pub struct Card<'a> {
    pub case: &'a Case,
    /// Why it is shown; empty when the partner opened it.
    pub notices: &'a [Notice],
    /// The funnel's title, if the lead is or was in one.
    pub funnel: Option<String>,
    /// Questions in the bot's words with the lead's answers.
    pub answers: Vec<(String, String)>,
    /// Points with their reasons, in the order they came.
    pub scores: Vec<(i64, String)>,
    /// Local time of the partner's mark, for example `12:30`.
    pub handled_time: String,
    pub hot_score: i64,
    /// The bot says nothing first to this lead.
    pub hushed: bool,
}

pub fn card(card: &Card<'_>) -> Screen {
    let lead = &card.case.lead;
    let mut html = headline(card);
    html.push_str(&format!("\n\n<b>{}</b>", plain(&name(card.case))));
    if let Some(username) = &lead.username {
        html.push_str(&format!(" @{}", plain(username)));
    }
    contact_lines(&mut html, lead.phone.as_ref(), lead.email.as_ref());
    if let Some(funnel) = &card.funnel {
        html.push_str(&format!("\n🧭 {}", plain(funnel)));
    }
    if let Some(source) = source(card.case) {
        html.push_str(&format!("\n📍 Источник: {source}"));
    }
    answer_lines(&mut html, &card.answers);
    score_lines(&mut html, card);
    if !lead.tags.is_empty() {
        let tags: Vec<String> = lead
            .tags
            .iter()
            .take(MOST_TAGS)
            .map(|tag| brief(tag, 30))
            .collect();
        html.push_str(&format!("\n🏷 {}", tags.join(", ")));
    }
    let zone = &lead.zone;
    if !zone.name.is_empty() {
        let city = cities::name_of(&zone.name, "ru");
        html.push_str(&format!("\n🌍 {} ({})", plain(&city), zone_words(zone)));
    }
    if card.hushed {
        html.push_str("\n⏸ Бот не пишет первым");
    }
    if let Some(note) = reach_note(lead.reach, lead.opted_out) {
        html.push_str(&format!("\n{note}"));
    }
    if card.case.handled_at != 0 {
        html.push_str(&format!(
            "\n\n✅ Обработал: {}, {}",
            plain(&card.case.handled_by),
            card.handled_time
        ));
    }
    Screen {
        html,
        rows: buttons(card),
    }
}

/// Under a picture a lead sent.
pub fn photo_caption(case: &Case) -> String {
    format!("📷 Фото от лида #{}: {}", case.lead.id, plain(&name(case)))
}

fn headline(card: &Card<'_>) -> String {
    let mut reasons: Vec<String> = Vec::new();
    for notice in card.notices {
        let reason = match notice {
            Notice::Contact => "📱 Оставил(а) контакт".to_owned(),
            Notice::Link => "🔗 Открыл(а) ссылку".to_owned(),
            Notice::Hot => "🔥 Горячий лид".to_owned(),
            Notice::Human => "🙋 Просит человека".to_owned(),
            Notice::Text(text) => format!("📌 {}", plain(text)),
        };
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    if reasons.is_empty() {
        reasons.push(
            if card.case.lead.score >= card.hot_score {
                "🔥 Горячий лид"
            } else {
                "👤 Лид"
            }
            .to_owned(),
        );
    }
    format!("{} · #{}", reasons.join("\n"), card.case.lead.id)
}

fn name(case: &Case) -> String {
    let name = format!("{} {}", case.lead.first_name, case.lead.last_name)
        .trim()
        .to_owned();
    if name.is_empty() {
        "Без имени".to_owned()
    } else {
        name
    }
}

fn contact_lines(html: &mut String, phone: Option<&Contact>, email: Option<&Contact>) {
    if let Some(phone) = phone {
        let how = match phone.origin {
            Origin::Shared => "свой номер, кнопкой",
            Origin::Typed => "написал(а) сам(а)",
        };
        html.push_str(&format!(
            "\n📱 <code>{}</code> ({how})",
            plain(&pretty_phone(&phone.value))
        ));
    }
    if let Some(email) = email {
        html.push_str(&format!("\n✉️ {}", plain(&email.value)));
    }
}

/// First touch, and the last when it differs.
fn source(case: &Case) -> Option<String> {
    let words = |touch: &crate::lead::Touch| match &touch.campaign {
        Some(campaign) => format!("{} ({})", plain(&touch.start), plain(campaign)),
        None => plain(&touch.start),
    };
    let first = words(case.lead.first_touch.as_ref()?);
    match case.lead.last_touch.as_ref().map(words) {
        Some(last) if last != first => Some(format!("{first}, потом {last}")),
        _ => Some(first),
    }
}

/// A card is one message: the last answers matter most.
const MOST_ANSWERS: usize = 12;
const MOST_SCORES: usize = 10;
const MOST_TAGS: usize = 8;

fn answer_lines(html: &mut String, answers: &[(String, String)]) {
    if answers.is_empty() {
        return;
    }
    html.push_str("\n\n<b>Ответы</b>");
    let hidden = answers.len().saturating_sub(MOST_ANSWERS);
    for (question, answer) in &answers[hidden..] {
        html.push_str(&format!(
            "\n• {} — <b>{}</b>",
            brief(question, 60),
            brief(answer, 100)
        ));
    }
}

fn score_lines(html: &mut String, card: &Card<'_>) {
    html.push_str(&format!("\n\n⚡️ Баллы: <b>{}</b>", card.case.lead.score));
    let hidden = card.scores.len().saturating_sub(MOST_SCORES);
    for (points, reason) in &card.scores[hidden..] {
        html.push_str(&format!("\n{points:+} {}", brief(reason, 60)));
    }
    if hidden > 0 {
        let earlier: i64 = card.scores[..hidden].iter().map(|(points, _)| points).sum();
        html.push_str(&format!("\n{earlier:+} раньше"));
    }
}

fn reach_note(reach: Reach, opted_out: bool) -> Option<&'static str> {
    match reach {
        Reach::Blocked => Some("🚪 Закрыл(а) бота: написать можно только лично"),
        Reach::Deactivated => Some("🚪 Аккаунт удалён"),
        Reach::Active if opted_out => Some("🔕 Просил(а) не писать"),
        Reach::Active => None,
    }
}

fn buttons(card: &Card<'_>) -> Vec<Vec<crate::panel::screen::ScreenButton>> {
    let lead = &card.case.lead;
    let write = write_button(lead.username.as_deref(), lead.chat_id);
    let done = if card.case.handled_at == 0 {
        ask("✅ Обработан", Request::Handle(lead.id))
    } else {
        ask("↩️ Вернуть", Request::Unhandle(lead.id))
    };
    let hush = if card.hushed {
        ask("▶️ Продолжить", Request::Unhush(lead.id))
    } else {
        ask("⏸ Пауза", Request::Hush(lead.id))
    };
    let clock = ask("🌍 Время", Request::Clock(lead.id, Cities::Near));
    vec![vec![write, done], vec![hush, clock]]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lead::{ContactKind, Lead, Touch};

    fn case() -> Case {
        let touch = |start: &str| {
            Some(Touch {
                start: start.into(),
                campaign: Some("july".into()),
                at: 0,
            })
        };
        Case {
            lead: Arc::new(Lead {
                id: 12,
                chat_id: 500,
                first_name: "<b>Аружан</b>".into(),
                phone: Some(Contact {
                    kind: ContactKind::Phone,
                    value: "+77011234567".into(),
                    origin: Origin::Shared,
                }),
                score: 40,
                tags: ["weight".to_owned()].into(),
                first_touch: touch("weight"),
                last_touch: touch("weight"),
                ..Lead::default()
            }),
            ..Case::default()
        }
    }

    fn facts<'a>(case: &'a Case, notices: &'a [Notice]) -> Card<'a> {
        Card {
            case,
            notices,
            funnel: Some("Снижение веса".into()),
            answers: vec![("Сколько килограммов?".into(), "25".into())],
            scores: vec![(30, "оставил телефон".into()), (10, "хочет начать".into())],
            handled_time: "12:30".into(),
            hot_score: 50,
            hushed: false,
        }
    }

    #[test]
    fn a_card_tells_who_what_and_why() {
        let case = case();
        let screen = card(&facts(&case, &[Notice::Contact]));
        assert_eq!(
            screen.html,
            "📱 Оставил(а) контакт · #12\n\n<b>&lt;b&gt;Аружан&lt;/b&gt;</b>\n📱 <code>+7 701 123-45-67</code> (свой номер, кнопкой)\n\
             🧭 Снижение веса\n📍 Источник: weight (july)\n\n<b>Ответы</b>\n• Сколько килограммов? — <b>25</b>\n\n\
             ⚡️ Баллы: <b>40</b>\n+30 оставил телефон\n+10 хочет начать\n🏷 weight"
        );
        assert_eq!(screen.rows[0][1].text, "✅ Обработан");
    }

    #[test]
    fn the_longest_card_is_still_one_message() {
        let long = "я".repeat(4_096);
        let mut case = case();
        let lead = Arc::make_mut(&mut case.lead);
        lead.first_name = long.clone();
        lead.last_name = long.clone();
        lead.tags = (0..50).map(|n| format!("{n}{long}")).collect();
        let notices = [
            Notice::Contact,
            Notice::Link,
            Notice::Hot,
            Notice::Human,
            Notice::Text(long.clone()),
        ];
        let facts = Card {
            answers: vec![(long.clone(), long.clone()); 40],
            scores: vec![(1, long.clone()); 40],
            ..facts(&case, &notices)
        };
        let html = card(&facts).html;
        assert!(html.chars().count() < 4_096, "{}", html.chars().count());
    }

    #[test]
    fn a_handled_card_says_who_and_offers_the_way_back() {
        let handled = Case {
            handled_at: 1,
            handled_by: "Анна".into(),
            ..case()
        };
        let screen = card(&facts(&handled, &[]));
        assert!(
            screen.html.ends_with("✅ Обработал: Анна, 12:30"),
            "{}",
            screen.html
        );
        assert_eq!(screen.rows[0][1].text, "↩️ Вернуть");
    }
}
