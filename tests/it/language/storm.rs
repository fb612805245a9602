//! Leads who do anything at all, and files cut anywhere: nothing panics, nobody is stranded, every message can be sent.

use std::sync::Arc;

use bot::dice::Dice;
use bot::funnel::effect::{Action, Effect, Keyboard, Message};
use bot::funnel::event::{Event, Press, Talk, TimerData, TimerName};
use bot::funnel::session::Session;
use bot::funnel::{Desk, Funnels, Outcome, SourceFile, advance, compile, html};
use bot::lead::Lead;
use bot::partner::Partner;

use super::{files, loaded, partner};

const EVERYTHING: &str = "
funnel: main
title: Главная
languages: [ru, kk]
enter: { start: [main, main-vip], keywords: [главная], commands: { menu: Меню } }
first: hello
steps:
  hello:
    variants: [{ name: a, text: \"Привет, {{ lead.first_name }}!\" }, { name: b, weight: 2, text: { ru: Здравствуйте!, kk: Сәлем! } }]
    buttons:
      - { text: Вес, to: kg, tag: weight, score: 5 }
      - { text: Опрос, to: quiz }
      - { text: Магазин, link: shop, notify: link }
      - { text: Тайна, to: secret, when: answers.kg > 20 }
      - { text: Ещё, to: stay }
    columns: 2
  kg:
    ask: Сколько?
    expect: { number: { min: 1, max: 300 } }
    save: kg
    skip: { text: Позже, to: menu }
    again: { text: Число!, times: 2, then: back }
    silent: [{ after: 1h, say: Ау }, { after: 2h, to: menu }]
    next: [{ when: answers.kg > 100, to: human }, { when: answers.kg > 20, to: secret }, { to: phone }]
  secret:
    say: \"<b>{{ answers.kg }}</b> {{ answers.kg | plural('кг', 'кг', 'кг') }} {{ answers.story | default('—') }}\"
    set: { level: \"{{ answers.kg * 2 }}\", seen: true }
    tag: [a, b]
    untag: weight
    next: story
  story:
    ask: Расскажите
    expect: { text: { min: 2, max: 500 } }
    save: story
    collect: {}
    next: phone
  phone:
    ask: Телефон?
    expect: phone
    buttons: [{ text: Не дам, to: menu }]
    skip: { text: Потом, to: end }
    notify: contact
    next: menu
  menu:
    say: Меню
    keyboard: [[{ text: Цены, to: \"@price\" }, { text: Начать, to: hello }], [{ text: Конец, to: end }]]
    next: stay
  quiz:
    call: \"@quiz\"
    next: [{ when: answers.city, to: menu }, { to: hello }]
funnel: quiz
title: Опрос
first: city
steps:
  city:
    ask: Город?
    expect: choice
    save: city
    buttons: [{ text: Алматы }, { text: Москва, value: msk }, { text: Никакой, to: end }, { text: Главная, to: \"@main\" }]
    next: photo
  photo:
    ask: Фото?
    expect: photo
    save: face
    silent: [{ after: 1d, to: end }]
    next: bye
  bye:
    say: Пока
    keyboard: remove
    next: end
funnel: price
title: Цены
enter: { keywords: [цена], commands: { price: Цены }, then: back }
first: list
steps:
  list:
    ask: Какая валюта?
    buttons: [{ text: Рубли, to: end }, { text: Тенге, to: end }]
";

/// A later version: steps renamed, gone, turned from questions into texts.
fn edited() -> String {
    EVERYTHING
        .replace("  kg:\n", "  weight:\n")
        .replace("to: kg,", "to: weight,")
        .replace("steps:\n  hello:", "moved_to: { kg: weight, quiz: menu }\nsteps:\n  hello:")
        .replace("  quiz:\n    call: \"@quiz\"\n    next: [{ when: answers.city, to: menu }, { to: hello }]\n", "")
        .replace("      - { text: Опрос, to: quiz }\n", "      - { text: Опрос, to: \"@quiz\" }\n")
        .replace("    ask: Расскажите\n    expect: { text: { min: 2, max: 500 } }\n    save: story\n    collect: {}\n", "    say: Уже не важно\n    set: { story: нет }\n")
        .split("funnel: price")
        .next()
        .unwrap_or_default()
        .replace("to: \"@price\"", "to: hello")
}

const WORDS: [&str; 28] = [
    "5",
    "25",
    "150",
    "вес",
    "Алматы",
    "Москва",
    "цена",
    "главная",
    "стоп",
    "оператор",
    "Позже",
    "Не дам",
    "Потом",
    "Цены",
    "Начать",
    "Конец",
    "+7 701 123 45 67",
    "87011234567",
    "<b>",
    "{{ lead.phone }}",
    "\u{202E}оборот",
    "",
    "   ",
    "да",
    "Ещё",
    "Магазин",
    "никакой",
    "12 кг",
];
const COMMANDS: [&str; 9] = [
    "help",
    "human",
    "stop",
    "privacy",
    "forget_me",
    "language",
    "menu",
    "price",
    "nothing",
];

fn any_event(dice: &mut Dice, session: &Session, presses: &[Press]) -> Event {
    match dice.index(16) {
        0 => Event::Start {
            payload: dice
                .pick(&[
                    None,
                    Some("main"),
                    Some("main-vk"),
                    Some("main-vip"),
                    Some("none"),
                    Some(""),
                ])
                .map(str::to_owned),
        },
        1 => Event::Command {
            name: dice.pick(&COMMANDS).to_owned(),
            args: String::new(),
        },
        2 => Event::Contact {
            phone: "+77011234567".into(),
            own: dice.index(2) == 0,
        },
        3 => Event::Photo {
            file: "AgAC".into(),
        },
        4 => Event::Other {
            kind: "sticker".into(),
        },
        5 | 6 => {
            let name = dice.pick(&[TimerName::Silence, TimerName::Collect]);
            let visit = if dice.index(4) == 0 {
                session.visit.saturating_sub(1)
            } else {
                session.visit
            };
            Event::Timer {
                name,
                data: TimerData::Talk(Talk {
                    visit,
                    branch: dice.index(3) as u16,
                    planned_ms: 0,
                }),
            }
        }
        7 => Event::Text("я".repeat(dice.index(5000))),
        8..=11 if !presses.is_empty() => {
            let newest = presses.len().saturating_sub(dice.index(6) + 1);
            Event::Press(presses[newest].clone())
        }
        _ => Event::Text(dice.pick(&WORDS).to_owned()),
    }
}

fn check_message(message: &Message) {
    assert_eq!(html::problem(&message.text), None, "{}", message.text);
    let limit = if message.media.is_some() { 1024 } else { 4096 };
    assert!(html::visible_len(&message.text) <= limit);
    assert!(!message.text.trim().is_empty() || message.media.is_some());
    match &message.keyboard {
        Some(Keyboard::Inline(rows)) => {
            for button in rows.iter().flatten() {
                assert!(!button.text.is_empty());
                if let Action::Press(press) = &button.action {
                    let data =
                        format!("1:{}:{}:{}:zzzzzzz", press.funnel, press.step, press.button);
                    assert!(data.len() <= 64, "{data}");
                }
            }
        }
        Some(Keyboard::Reply { rows, .. }) => assert!(rows.iter().flatten().count() > 0),
        Some(Keyboard::Remove) | None => {}
    }
}

/// What must hold after any event.
fn check(funnels: &Funnels, event: &Event, before: &Lead, after: &Outcome) {
    let effects = &after.effects;
    let mut score = before.score;
    for effect in effects {
        match effect {
            Effect::Say(message) => check_message(message),
            Effect::Speak(proactive) => check_message(&proactive.message),
            Effect::Score { points, .. } => score += i64::from(*points),
            Effect::Schedule { at_ms, .. } => assert!(*at_ms >= 1_768_471_200_000),
            _ => {}
        }
    }
    let forgotten = effects.contains(&Effect::Forget);
    assert!(
        forgotten || score == after.lead.score,
        "a score is the sum of its reasons"
    );
    if let Some(place) = &after.session.place {
        let known = funnels.step_exists(&place.funnel, &place.step);
        let untouched = matches!(event, Event::Timer { .. })
            || matches!(effects[..], [Effect::Ignored { .. }])
            || after.lead.opted_out;
        assert!(
            known || untouched || funnels.successor(&place.funnel, &place.step).is_none(),
            "{place:?}"
        );
    }
    assert!(after.session.stack.len() <= 8 && after.session.trail.len() <= 16);
    if after.lead.opted_out {
        assert!(!effects.iter().any(|effect| matches!(
            effect,
            Effect::Schedule {
                name: TimerName::Silence,
                ..
            }
        )));
    }
    let answered = effects.iter().any(|effect| {
        matches!(
            effect,
            Effect::Say(_)
                | Effect::Speak(_)
                | Effect::Toast(_)
                | Effect::Ignored { .. }
                | Effect::Schedule {
                    name: TimerName::Collect,
                    ..
                }
        )
    });
    assert!(answered, "{event:?} came to nothing: {effects:?}");
    let kept = serde_json::to_string(&after.session).unwrap();
    let read: Session = serde_json::from_str(&kept).unwrap();
    let last_seen_at = after.session.last_seen_at;
    assert_eq!(
        Session {
            last_seen_at,
            ..read
        },
        after.session
    );
}

fn presses_in(effects: &[Effect], out: &mut Vec<Press>) {
    for effect in effects {
        if let Effect::Say(Message {
            keyboard: Some(Keyboard::Inline(rows)),
            ..
        }) = effect
        {
            out.extend(
                rows.iter()
                    .flatten()
                    .filter_map(|button| match &button.action {
                        Action::Press(press) => Some(press.clone()),
                        Action::Url(_) => None,
                    }),
            );
        }
    }
}

fn walk(seed: u64, turns: usize, versions: &[&Funnels], partner: &Partner) {
    let mut dice = Dice::new(seed);
    let mut session = Session::default();
    let mut lead = Arc::new(Lead {
        id: seed as i64,
        first_name: "<Аня>".into(),
        language: "kk-KZ".into(),
        ..Lead::default()
    });
    let mut presses = Vec::new();
    for turn in 0..turns {
        let funnels = versions[dice.index(versions.len())];
        let event = any_event(&mut dice, &session, &presses);
        let desk = Desk {
            now_ms: 1_768_471_200_000 + turn as i64 * 1000,
            partner,
            random: seed,
        };
        let before = lead.clone();
        let outcome = advance(funnels, &desk, session, lead, event.clone());
        check(funnels, &event, &before, &outcome);
        presses_in(&outcome.effects, &mut presses);
        (session, lead) = (outcome.session, outcome.lead);
    }
}

#[test]
fn whatever_leads_do_every_message_can_be_sent_and_nobody_is_lost() {
    let partner = partner();
    let funnels = loaded(EVERYTHING, &partner);
    for seed in 0..50 {
        walk(seed, 200, &[&funnels], &partner);
    }
}

#[test]
fn funnels_edited_under_the_leads_strand_nobody() {
    let partner = partner();
    let (before, after) = (loaded(EVERYTHING, &partner), loaded(&edited(), &partner));
    for seed in 0..50 {
        walk(seed, 200, &[&before, &after], &partner);
    }
}

#[test]
fn no_cut_and_no_swap_of_lines_breaks_the_loader() {
    let partner = partner();
    let mut dice = Dice::new(7);
    let mut loaded = 0;
    for seed in 0..250 {
        let mut lines: Vec<&str> = EVERYTHING.lines().collect();
        for _ in 0..=dice.index(3) {
            let (a, b) = (dice.index(lines.len()), dice.index(lines.len()));
            match dice.index(3) {
                0 => drop(lines.remove(a)),
                1 => lines.swap(a, b),
                _ => lines.insert(a, lines[b]),
            }
        }
        let broken: Vec<SourceFile> = files(&lines.join("\n"));
        let compiled = compile(&broken, &partner);
        match compiled.funnels {
            Some(funnels) => {
                loaded += 1;
                walk(seed, 20, &[&funnels], &partner);
            }
            None => assert!(!compiled.diagnostics.is_empty()),
        }
    }
    assert!(loaded > 5, "some changes are harmless");
}
