//! What works from any step: stop, human, help, privacy, forget, languages, keywords and commands of funnels.

use bot::funnel::{compile, html};
use bot::phrases::{self, Phrase};

use super::{files, loaded, partner, plays, plays_for};

const FUNNEL: &str = "
funnel: main
title: Главная
enter: { start: [main], commands: { menu: Меню } }
first: hello
steps:
  hello:
    say: Здравствуйте, {{ lead.first_name }}!
    buttons:
      - { text: Дальше, to: name }
  name:
    ask: Как вас зовут?
    expect: text
    save: name
    silent: [{ after: 2h, say: Вы ещё здесь? }]
    next: end
funnel: price
title: Цены
enter: { keywords: [цена, сколько стоит], commands: { price: Цены }, then: back }
first: list
steps:
  list:
    say: Тысяча рублей.
    next: end
";

#[test]
fn stop_is_obeyed_at_once_and_start_is_the_way_back() {
    plays(
        FUNNEL,
        "
> /start main
< Здравствуйте, Аня! [Дальше]
> [Дальше]
< Как вас зовут?
> Стоп!
< Хорошо, больше не пишу первым. …
= stopped yes
+ 2d
> /start
< С возвращением! Снова на связи.
< С возвращением, Аня! Продолжим … [Начать сначала]
< Как вас зовут?
= stopped no
+ 3h
< Вы ещё здесь?
",
    );
}

#[test]
fn a_lead_who_stopped_is_still_answered() {
    plays(
        FUNNEL,
        "
> /start main
< Здравствуйте, Аня! [Дальше]
> /stop
< Хорошо, больше не пишу первым. …
> [Дальше]
< Как вас зовут?
+ 1d
> Аня
< Хорошо, принято.
= answers.name Аня
",
    );
}

#[test]
fn a_person_can_be_called_from_a_question_for_words() {
    plays(
        FUNNEL,
        "
> /start main
< Здравствуйте, Аня! [Дальше]
> [Дальше]
< Как вас зовут?
> Позовите человека
< Передаю: Север ответит вам лично. …
! human
> /human
< Я уже позвал человека…
+ 3h
> Аня
< Хорошо, принято.
= answers.name Аня
",
    );
}

#[test]
fn a_person_who_talks_is_not_interrupted() {
    plays(
        FUNNEL,
        "
lead: handoff human
> как дела?
> (sticker)
> /start main
< Здравствуйте, Аня! [Дальше]
> спасибо
",
    );
}

#[test]
fn help_lists_the_commands_of_funnels_and_of_the_bot() {
    plays(
        FUNNEL,
        "
> /help
< Я бот-помощник, не человек. … /menu — Меню /price — Цены /start — Начать или продолжить … /forget_me — Удалить мои данные
> /nonsense
< Такой команды я не знаю. …
> /privacy
< Я храню ваше имя в Telegram…
",
    );
}

#[test]
fn everything_is_forgotten_after_a_yes() {
    plays(
        FUNNEL,
        "
## yes
> /start main
< Здравствуйте, Аня! [Дальше]
> /forget_me
< Удалить всё, что я о вас знаю… [Да, удалить] [Нет, оставить]
> [Да, удалить]
< Готово, всё удалено. …
= step -
= source -
> (old [Да, удалить])
> [Дальше]
< (toast) Эта кнопка из прошлого сообщения. …
< Я бот и понимаю не всё. … [Начать сначала]
## no
> /start main
< Здравствуйте, Аня! [Дальше]
> /forget_me
< Удалить всё… [Да, удалить] [Нет, оставить]
> [Нет, оставить]
< Хорошо, ничего не удаляю.
> [Да, удалить]
= source main
## a word in between is no yes
> /forget_me
< Удалить всё… [Да, удалить] [Нет, оставить]
> подождите
< Я бот и понимаю не всё. … [Начать сначала]
> [Да, удалить]
",
    );
}

#[test]
fn a_keyword_answers_and_comes_back_to_the_same_step() {
    plays(
        FUNNEL,
        "
> /start main
< Здравствуйте, Аня! [Дальше]
> Сколько стоит?
< Тысяча рублей.
< Здравствуйте, Аня! [Дальше]
> /price
< Тысяча рублей.
< Здравствуйте, Аня! [Дальше]
> [Дальше]
< Как вас зовут?
> цена
< Хорошо, принято.
= answers.name цена
",
    );
}

#[test]
fn a_start_without_payload_shows_the_step_again() {
    plays(
        FUNNEL,
        "
> /start
< Здравствуйте, Аня! [Дальше]
> /start
< Здравствуйте, Аня! [Дальше]
> [Дальше]
< Как вас зовут?
> /start
< С возвращением, Аня! … [Начать сначала]
< Как вас зовут?
> [Начать сначала]
< Здравствуйте, Аня! [Дальше]
",
    );
}

#[test]
fn a_deep_link_is_remembered_first_and_last() {
    plays(
        FUNNEL,
        "
> /start main-vk_july
< Здравствуйте, Аня! [Дальше]
= source main
= campaign vk_july
> /start unknown-reels
< Здравствуйте, Аня! [Дальше]
= source main
= campaign reels
",
    );
}

const TWO_LANGUAGES: &str = "
funnel: main
title: Главная
languages: [ru, kk]
enter: { start: [main] }
first: hello
steps:
  hello:
    ask: { ru: Здравствуйте!, kk: Сәлеметсіз бе! }
    buttons:
      - { text: { ru: Дальше, kk: Әрі қарай }, to: more }
  more:
    say: Одинаково для всех
    next: end
";

#[test]
fn texts_come_in_the_leads_language_or_in_the_first_one() {
    plays(
        TWO_LANGUAGES,
        "
## by region
lead: language kk-KZ
> /start main
< Сәлеметсіз бе! [Әрі қарай]
> ???
< Нұсқалардың бірін таңдаңызшы 👇 [Әрі қарай]
> Әрі қарай
< Одинаково для всех
## unknown
lead: language fr
> /start main
< Здравствуйте! [Дальше]
## chosen
> /start main
< Здравствуйте! [Дальше]
> /language
< На каком языке вам удобнее? [Русский] [Қазақша]
> [Қазақша]
< Жарайды, әрі қарай қазақша.
< Сәлеметсіз бе! [Әрі қарай]
= language kk
",
    );
}

#[test]
fn a_partners_own_phrases_replace_those_of_the_bot() {
    let mut partner = partner();
    partner.texts.insert(
        "stopped".into(),
        [(
            "ru".to_owned(),
            "Молчу. {{ partner.display_name }}".to_owned(),
        )]
        .into(),
    );
    plays_for(
        &partner,
        FUNNEL,
        "
> /stop
< Молчу. Север
",
    );
}

#[test]
fn nothing_said_is_left_without_an_answer() {
    plays(
        FUNNEL,
        "
> привет
< Я бот и понимаю не всё. … [Начать сначала]
> (voice)
< Я бот и понимаю не всё. … [Начать сначала]
> [Начать сначала]
< Здравствуйте, Аня! [Дальше]
",
    );
}

#[test]
fn a_partners_own_phrases_are_checked_like_texts() {
    let mut partner = partner();
    for (name, text) in [
        ("stopped", "<b>Молчу"),
        ("help", "{{ lead.nme }} {{ value }}"),
        ("noted", "{{ lead.name"),
        ("privacy", "Всё хорошо, {{ lead.name }}"),
    ] {
        let texts = [("ru".to_owned(), text.to_owned())];
        partner.texts.insert(name.into(), texts.into());
    }
    let compiled = compile(&files(FUNNEL), &partner);
    let said: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        said,
        [
            "config.yaml: texts.help.ru: nothing is called \"lead.nme\"; did you mean \"lead.name\"?",
            "config.yaml: texts.stopped.ru: <b> is never closed; write </b> where it ends",
            "config.yaml: texts.noted.ru: unexpected end of input, expected end of variable block",
        ]
    );
}

#[test]
fn every_built_in_phrase_is_well_formed_in_every_language() {
    for language in phrases::LANGUAGES {
        for phrase in Phrase::ALL {
            let text = phrase.built_in(language);
            assert!(!text.is_empty());
            assert_eq!(html::problem(text), None, "{language} {}", phrase.name());
            if phrase.is_plain() {
                assert!(text.chars().count() <= 200 && !text.contains('<'), "{text}");
            }
        }
    }
    // As a partner's own they pass the same checks as any text.
    let mut partner = partner();
    for phrase in Phrase::ALL {
        let texts = phrases::LANGUAGES
            .iter()
            .map(|code| ((*code).to_owned(), phrase.built_in(code).to_owned()));
        partner.texts.insert(phrase.name().into(), texts.collect());
    }
    loaded(FUNNEL, &partner);
}
