//! The ways through funnels: buttons, conditions, calls, silence, keyboards, tests of texts, edits under the lead.

use bot::funnel::event::{Event, Press};
use bot::funnel::session::Session;
use bot::funnel::{Desk, advance, effect::Effect};
use bot::lead::Lead;

use super::{loaded, partner, plays};

const SKETCH: &str = "
funnel: weight
title: Снижение веса
enter: { start: [weight, reels_weight], keywords: [похудеть] }
first: hello
steps:
  hello:
    say: Здравствуйте, {{ lead.first_name }}! Я {{ partner.display_name }}, бот-помощник.
    buttons:
      - { text: Хочу сбросить вес, to: goal, tag: weight, score: 10 }
      - { text: Просто смотрю, to: gift }
  goal:
    ask: Сколько килограммов хотите сбросить?
    expect: { number: { min: 1, max: 100 } }
    save: goal_kg
    again: { text: Напишите число от 1 до 100, times: 3, then: human }
    silent: [{ after: 2h, say: Вы ещё здесь? }, { after: 1d, to: gift }]
    next: [{ when: answers.goal_kg > 20, to: serious }, { to: phone }]
  serious:
    say: Это серьёзная цель.
    score: { points: 20, reason: Большая цель }
    next: phone
  phone:
    ask: Оставьте телефон.
    expect: { phone: { regions: [RU, KZ] } }
    skip: { text: Позже, to: gift }
    notify: contact
    next: thanks
  thanks:
    say: Спасибо!
    next: end
  gift:
    say: Держите подарок.
    tag: gift
    next: end
";

#[test]
fn the_sketch_of_the_design_goes_as_it_reads() {
    plays(
        SKETCH,
        "
## to the phone
> /start weight
< Здравствуйте, Аня! Я Север, бот-помощник. [Хочу сбросить вес] [Просто смотрю]
> [Хочу сбросить вес]
< Сколько килограммов …
= tags weight
= score 10
> 25
< Это серьёзная цель.
< Оставьте телефон. [📱 Поделиться номером] [Позже]
= score 30
> (contact +77011234567)
< Записал: …
< Спасибо!
! contact
## silence has its branches, and a word begins them anew
> похудеть
< Здравствуйте… [Хочу сбросить вес] [Просто смотрю]
> [Хочу сбросить вес]
< Сколько килограммов …
+ 2h
< Вы ещё здесь?
> да
< Напишите число от 1 до 100
+ 2h
< Вы ещё здесь?
+ 21h
+ 1h
< Держите подарок.
= tags gift, weight
+ 30d
",
    );
}

#[test]
fn a_score_counts_once_and_says_why() {
    plays(
        SKETCH,
        "
> /start weight
< Здравствуйте… [Хочу сбросить вес] [Просто смотрю]
> [Хочу сбросить вес]
< Сколько …
> /start weight
< Здравствуйте… [Хочу сбросить вес] [Просто смотрю]
> [Хочу сбросить вес]
< Сколько …
= score 10
",
    );
    let funnels = loaded(SKETCH, &partner());
    let partner = partner();
    let desk = Desk {
        now_ms: 0,
        partner: &partner,
        random: 0,
    };
    let first = advance(
        &funnels,
        &desk,
        Session::default(),
        Lead::default().into(),
        Event::Start { payload: None },
    );
    let next = advance(
        &funnels,
        &desk,
        first.session,
        first.lead,
        Event::Text("хочу сбросить вес".into()),
    );
    assert!(next.effects.contains(&Effect::Score {
        points: 10,
        reason: "Хочу сбросить вес".into()
    }));
}

#[test]
fn an_old_button_shows_the_way_forward_and_a_repeated_press_does_nothing() {
    plays(
        SKETCH,
        "
> /start weight
< Здравствуйте… [Хочу сбросить вес] [Просто смотрю]
> [Хочу сбросить вес]
< Сколько …
> (old [Хочу сбросить вес])
> (old [Просто смотрю])
< (toast) Эта кнопка из прошлого сообщения. …
< Сколько …
= step goal
",
    );
}

#[test]
fn a_forged_press_changes_nothing() {
    let partner = partner();
    let funnels = loaded(SKETCH, &partner);
    let desk = Desk {
        now_ms: 0,
        partner: &partner,
        random: 0,
    };
    let first = advance(
        &funnels,
        &desk,
        Session::default(),
        Lead::default().into(),
        Event::Start { payload: None },
    );
    for (funnel, step, button) in [
        ("weight", "phone", "skip"),
        ("none", "x", "y"),
        ("weight", "hello", "nothing"),
        ("_", "forget", "yes"),
        ("_", "language", "xx"),
    ] {
        let press = Press {
            funnel: funnel.into(),
            step: step.into(),
            visit: first.session.visit,
            button: button.into(),
        };
        let next = advance(
            &funnels,
            &desk,
            first.session.clone(),
            first.lead.clone(),
            Event::Press(press),
        );
        assert_eq!(
            next.session.place, first.session.place,
            "{funnel}.{step}.{button}"
        );
        assert_eq!(next.lead, first.lead);
    }
}

#[test]
fn a_called_funnel_returns_and_back_goes_one_step_back() {
    plays(
        "
funnel: main
title: Главная
enter: { start: [main] }
first: one
steps:
  one:
    ask: Раз?
    buttons: [{ text: Дальше, to: two }]
  two:
    ask: Два?
    buttons: [{ text: Опрос, to: quiz }, { text: Назад, to: back }, { text: Там, to: \"@quiz.last\" }]
  quiz:
    say: Сейчас опрос.
    call: \"@quiz\"
    next: [{ when: answers.city == 'Алматы', to: home }, { to: two }]
  home:
    say: Мы соседи!
    next: two
funnel: quiz
title: Опрос
first: city
steps:
  city:
    ask: Город?
    expect: text
    save: city
    next: last
  last:
    say: Спасибо за ответы.
    next: end
",
        "
## there and back
> /start main
< Раз? [Дальше]
> [Дальше]
< Два? [Опрос] [Назад] [Там]
> [Опрос]
< Сейчас опрос.
< Город?
= step quiz.city
> Алматы
< Спасибо за ответы.
< Мы соседи!
< Два? [Опрос] [Назад] [Там]
= step main.two
> [Назад]
< Раз? [Дальше]
> [Дальше]
< Два? …
> [Там]
< Спасибо за ответы.
= step -
## other answers go another way
> /start main
< Раз? [Дальше]
> [Дальше]
< Два? …
> [Опрос]
< Сейчас опрос.
< Город?
> Астана
< Спасибо за ответы.
< Два? …
",
    );
}

#[test]
fn buttons_have_conditions_and_links_stay_good() {
    plays(
        "
funnel: main
title: Главная
enter: { start: [main] }
first: menu
steps:
  menu:
    ask: Что дальше?
    columns: 2
    buttons:
      - { text: Магазин, link: shop, tag: shop, score: 5, notify: link }
      - { text: Подарок, to: gift, when: \"'gift' not in lead.tags\" }
      - { text: Ещё подарок, to: stay, when: \"'gift' in lead.tags\", untag: gift }
  gift:
    say: \"Вот: {{ links.shop }}\"
    tag: gift
    next: menu
",
        "
> /start main
< Что дальше? [Магазин] [Подарок]
> [Магазин]
< Вот ссылка 👇 [Магазин]
! link
= score 5
= step menu
> [Подарок]
< Вот: https://example.com/shop
< Что дальше? [Магазин] [Ещё подарок]
> (old [Магазин])
< Вот ссылка 👇 [Магазин]
! link
= score 5
> [Ещё подарок]
< Что дальше? [Магазин] [Подарок]
= tags shop
",
    );
}

#[test]
fn a_reply_keyboard_works_from_any_step_and_comes_back_after_the_contact_button() {
    plays(
        "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello:
    say: Здравствуйте!
    keyboard: [[{ text: Цены, to: price }, { text: О нас, to: about }], [{ text: Убрать, to: bare }]]
    next: name
  name:
    ask: Имя?
    expect: text
    save: name
    next: phone
  price:
    say: Тысяча.
    next: name
  about:
    say: Мы — Север.
    next: end
  phone:
    ask: Телефон?
    expect: phone
    next: about
  bare:
    say: Убрал.
    keyboard: remove
    next: end
",
        "
> /start main
< Здравствуйте! [Цены] [О нас] [Убрать]
< Имя?
> [Цены]
< Тысяча.
< Имя?
> Аня
< Телефон? [📱 Поделиться номером]
> +77011234567
< Записал: +7 701 123-45-67. Спасибо! [Цены] [О нас] [Убрать]
< Мы — Север.
! contact
> О нас
< Мы — Север.
> [Убрать]
< Убрал.
> Цены
< Я бот и понимаю не всё. … [Начать сначала]
",
    );
}

#[test]
fn variants_stay_with_their_lead_and_are_shared_by_weight() {
    let yaml = "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello:
    variants:
      - { name: short, weight: 3, text: Привет! }
      - { name: long, text: Здравствуйте! }
      - { name: off, weight: 0, text: Никогда }
    buttons: [{ text: Ещё, to: hello }]
";
    plays(
        yaml,
        "
variant: main.hello=long
> /start main
< Здравствуйте! [Ещё]
> [Ещё]
< Здравствуйте! [Ещё]
",
    );
    let partner = partner();
    let funnels = loaded(yaml, &partner);
    let mut seen = std::collections::BTreeMap::new();
    for id in 0..4000 {
        let desk = Desk {
            now_ms: 0,
            partner: &partner,
            random: 7,
        };
        let lead = Lead {
            id,
            ..Lead::default()
        };
        let outcome = advance(
            &funnels,
            &desk,
            Session::default(),
            lead.into(),
            Event::Start { payload: None },
        );
        *seen
            .entry(outcome.session.variants["main.hello"].clone())
            .or_insert(0) += 1;
    }
    assert!((2800..3200).contains(&seen["short"]), "{seen:?}");
    assert_eq!(seen.get("off"), None);
}

#[test]
fn media_settings_and_notices_are_carried_out() {
    plays(
        "
funnel: main
title: Главная
enter: { start: [main] }
first: gift
steps:
  gift:
    say: Подарок <b>вам</b>
    media: { document: media/gift.pdf }
    set: { stage: done, points: \"{{ lead.score + 2 }}\" }
    notify: \"{{ lead.first_name }} забрал подарок\"
    next: hot
  hot:
    notify: hot
    next: only_picture
  only_picture:
    media: { photo: https://example.com/a.jpg }
    next: end
",
        "
> /start main
< (document: media/gift.pdf) Подарок вам
< (photo: https://example.com/a.jpg)
! Аня забрал подарок
! hot
= answers.stage done
= answers.points 2
",
    );
}

#[test]
fn names_show_literally_whatever_they_hold() {
    let partner = partner();
    let funnels = loaded(SKETCH, &partner);
    let desk = Desk {
        now_ms: 0,
        partner: &partner,
        random: 0,
    };
    for (name, expected) in [
        ("<b>Аня</b>".to_owned(), "&lt;b&gt;Аня&lt;/b&gt;!"),
        ("\u{202E}янА".to_owned(), ", янА!"),
        ("я".repeat(4096), "я…!"),
        ("{{ lead.phone }}".to_owned(), "{{ lead.phone }}!"),
    ] {
        let lead = Lead {
            first_name: name,
            ..Lead::default()
        };
        let outcome = advance(
            &funnels,
            &desk,
            Session::default(),
            lead.into(),
            Event::Start { payload: None },
        );
        let texts: Vec<String> = outcome
            .effects
            .iter()
            .filter_map(|effect| {
                if let Effect::Say(message) = effect {
                    Some(message.text.clone())
                } else {
                    None
                }
            })
            .collect();
        assert!(texts[0].contains(expected), "{}", texts[0]);
        assert!(bot::funnel::html::problem(&texts[0]).is_none());
        assert!(texts[0].chars().count() < 200);
    }
}
