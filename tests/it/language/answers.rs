//! Typed answers: what fits, what is asked for again, what is kept.

use super::plays;

/// A question of one kind between a start and an end.
fn question(question: &str) -> String {
    format!(
        "funnel: q\ntitle: Вопрос\nenter: {{ start: [q], keywords: [вес] }}\nfirst: ask\nsteps:\n  ask:\n    {}\n    next: done\n  done:\n    say: \"Готово: {{{{ answers.it }}}}\"\n    next: end\n  gift:\n    say: Подарок\n    next: end\n",
        question.trim().replace('\n', "\n    ")
    )
}

fn asks(body: &str, talk: &str) {
    let body = format!("{body}\nsilent: [{{ after: 30d, to: gift }}]");
    plays(&question(&body), talk);
}

#[test]
fn a_number_is_read_with_its_unit_and_asked_for_again_until_it_fits() {
    asks(
        "ask: Сколько?\nexpect: { number: { min: 1, max: 100 } }\nsave: it",
        "
> /start q
< Сколько?
> много
< Напишите, пожалуйста, одно число, например 5.
> 500
< Напишите число от 1 до 100.
> 12,5 кг
< Готово: 12.5
= answers.it 12.5
= step -
",
    );
}

#[test]
fn a_whole_number_takes_no_fraction_and_limits_stand_alone() {
    asks(
        "ask: Сколько детей?\nexpect: { number: { min: 0, whole: true } }\nsave: it",
        "
> /start q
< Сколько детей?
> 1,5
< Напишите, пожалуйста, целое число, например 5.
> -2
< Напишите число не меньше 0.
> 1 200
< Готово: 1200
= answers.it 1200
",
    );
}

#[test]
fn own_words_are_said_again_three_times_and_then_the_step_leads_on() {
    asks(
        "ask: Сколько?\nexpect: number\nsave: it\nagain: { text: Число!, times: 2, then: gift }",
        "
> /start q
< Сколько?
> ой
< Число!
> ай
< Число!
> эх
< Подарок
= answers.it -
",
    );
}

#[test]
fn without_own_words_a_person_is_called_after_three_times() {
    asks(
        "ask: Сколько?\nexpect: number\nsave: it",
        "
> /start q
< Сколько?
> а
< Напишите, пожалуйста, одно число…
> б
< Напишите, пожалуйста, одно число…
> (sticker)
< Напишите, пожалуйста, одно число…
> г
< Передаю: Север ответит вам лично. …
! human
= step ask
= handoff waiting
> д
< Я уже позвал человека…
> 7
< Готово: 7
",
    );
}

#[test]
fn free_words_have_their_length_and_are_not_taken_for_keywords() {
    asks(
        "ask: Расскажите о себе\nexpect: { text: { min: 3, max: 10 } }\nsave: it",
        "
> /start q
< Расскажите о себе
> я
< Напишите чуть подробнее, хотя бы 3 символа.
> очень длинный рассказ
< Это длинновато. Уложитесь, пожалуйста, в 10 символов.
> вес
< Готово: вес
= answers.it вес
",
    );
}

#[test]
fn a_keyword_starts_its_funnel_where_it_is_no_answer() {
    asks(
        "ask: Сколько?\nexpect: number\nsave: it",
        "
> /start q
< Сколько?
> лес
< Напишите, пожалуйста, одно число…
> «ВЁС»!
< Сколько?
",
    );
}

#[test]
fn a_choice_is_pressed_or_typed_and_keeps_its_value() {
    asks(
        "ask: Цвет?\nexpect: choice\nsave: it\nbuttons: [{ text: Красный, value: red }, { text: Чёрный }]\ncolumns: 2",
        "
## pressed
> /start q
< Цвет? [Красный] [Чёрный]
> [Красный]
< Готово: red
## typed
> /start q
< Цвет? [Красный] [Чёрный]
> зелёный
< Выберите, пожалуйста, один из вариантов 👇 [Красный] [Чёрный]
> черный.
< Готово: Чёрный
",
    );
}

#[test]
fn an_email_is_kept_in_the_card() {
    asks(
        "ask: Почта?\nexpect: email\nsave: it",
        "
> /start q
< Почта?
> anna@
< Похоже, в адресе опечатка…
> Anna@Mail.ru
< Готово: …
! contact
= email Anna@mail.ru
",
    );
}

#[test]
fn a_date_is_read_as_people_write_it() {
    asks(
        "ask: Когда?\nexpect: { date: { when: future } }\nsave: it",
        "
clock: 2026-11-21T10:00:00Z
> /start q
< Когда?
> на днях
< Напишите дату так: 25.12.2026
> 1.1.2020
< Нужна дата в будущем…
> завтра
< Готово: 2026-11-22
",
    );
}

#[test]
fn a_photo_is_awaited_and_kept() {
    asks(
        "ask: Фото?\nexpect: photo\nsave: it",
        "
> /start q
< Фото?
> вот
< Пришлите, пожалуйста, фотографию.
> (photo AgAC)
< Готово: AgAC
",
    );
}

#[test]
fn a_phone_comes_by_the_contact_button_or_typed_and_the_keyboard_goes() {
    asks(
        "ask: Телефон?\nexpect: phone\nsave: it\nskip: { text: Позже, to: gift }",
        "
## shared
> /start q
< Телефон? [📱 Поделиться номером] [Позже]
> (foreign contact +77019998877)
< Это контакт другого человека… [📱 Поделиться номером] [Позже]
> (contact 77011234567)
< Записал: +7 701 123-45-67. Спасибо!
< Готово: +77011234567
! contact
= phone +77011234567
## typed
> /start q
< Телефон? [📱 Поделиться номером] [Позже]
> позвоните мне
< Не получается прочитать номер… [📱 Поделиться номером] [Позже]
> 8 701 123 45 67
< Записал: +7 701 123-45-67. Спасибо!
< Готово: +77011234567
! contact
## skipped by the key of the keyboard
> /start q
< Телефон? [📱 Поделиться номером] [Позже]
> [Позже]
< Подарок
",
    );
}

#[test]
fn a_contact_nobody_asked_for_is_kept_with_thanks() {
    asks(
        "ask: Сколько?\nexpect: number\nsave: it",
        "
> /start q
< Сколько?
> (contact +77011234567)
< Спасибо, записал: +7 701 123-45-67.
! contact
= phone +77011234567
> 5
< Готово: 5
",
    );
}

#[test]
fn a_burst_of_messages_is_one_answer() {
    asks(
        "ask: Расскажите\nexpect: text\nsave: it\ncollect: { quiet: 3s, max: 8s }",
        "
## after a pause
> /start q
< Расскажите
> привет
+ 2s
> я Аня
+ 2s
+ 1s
< Готово: привет я Аня
## no longer than max
> /start q
< Расскажите
> раз
+ 2s
> два
+ 2s
> три
+ 2s
> четыре
+ 2s
< Готово: раз два три четыре
",
    );
}

#[test]
fn a_button_beside_a_number_keeps_only_a_value_of_its_own() {
    asks(
        "ask: Сколько?\nexpect: number\nsave: it\nbuttons: [{ text: Не знаю, to: gift }, { text: Десять, value: 10 }]",
        "
## no value
> /start q
< Сколько? [Не знаю] [Десять]
> [Не знаю]
< Подарок
= answers.it -
## a value
> /start q
< Сколько? [Не знаю] [Десять]
> [Десять]
< Готово: 10
",
    );
}

#[test]
fn a_question_can_be_passed_over() {
    asks(
        "ask: Сколько?\nexpect: number\nsave: it\nskip: { text: Не знаю, to: gift }",
        "
## pressed
> /start q
< Сколько? [Не знаю]
> [Не знаю]
< Подарок
## typed
> /start q
< Сколько? [Не знаю]
> Не знаю
< Подарок
",
    );
}
