//! What a lead may wish of the bot: whose clock it goes by, what it may keep, and what it may send.

use bot::partner::AskConsent;

use super::{partner, plays, plays_for};

const FUNNEL: &str = "
funnel: main
title: Главная
languages: [ru, kk]
enter: { start: [main] }
first: phone
steps:
  phone:
    ask: { ru: Ваш телефон?, kk: Телефоныңыз? }
    expect: phone
    next: end
";

#[test]
fn a_lead_chooses_their_clock_in_one_tap() {
    plays(
        FUNNEL,
        "
## here
clock: 2026-11-27T12:00:00Z
> /timezone
< Чтобы не писать вам ночью: где вы живёте? …
> [18:00 Омск]
< Хорошо, ваше время: Омск, 18:00.
= zone Asia/Omsk
## far away
clock: 2026-11-27T12:00:00Z
> /timezone
< Чтобы не писать вам ночью…
> [🌍 Другие страны]
< Чтобы не писать вам ночью…
> [13:00 Берлин]
< Хорошо, ваше время: Берлин, 13:00.
= zone Europe/Berlin
## in Kazakh
clock: 2026-11-27T12:00:00Z
lead: language kk
> /start main
< Телефоныңыз? …
> /timezone
< Түнде жазып мазаламас үшін…
> [18:00 Омбы]
< Жарайды, сіздің уақытыңыз: Омбы, 18:00.
",
    );
}

#[test]
fn a_phone_number_tells_the_clock_until_the_lead_does() {
    let mut moscow = partner();
    moscow.timezone = "Europe/Moscow".into();
    plays_for(
        &moscow,
        FUNNEL,
        "
## guessed
= zone Europe/Moscow
> /start main
< Ваш телефон? …
> +7 701 123 45 67
< Записал…
! contact
= zone Asia/Almaty
## an area code
> /start main
< Ваш телефон? …
> +7 423 212 34 56
< Записал…
! contact
= zone Asia/Vladivostok
## the lead's own word is stronger
clock: 2026-11-27T12:00:00Z
> /timezone
< Чтобы не писать вам ночью…
> [16:00 Самара]
< Хорошо, ваше время: Самара, 16:00.
> /start main
< Ваш телефон? …
> +7 701 123 45 67
< Записал…
! contact
= zone Europe/Samara
",
    );
}

fn asking() -> bot::partner::Partner {
    let mut partner = partner();
    partner.consent = AskConsent {
        contact: true,
        advertising: true,
    };
    partner
}

#[test]
fn a_contact_is_kept_only_after_a_yes_to_its_own_text() {
    plays_for(
        &asking(),
        FUNNEL,
        "
## yes, then the phone
lead: consents none
> /start main
< Перед контактом один важный вопрос. … [✅ Даю согласие] [Не сейчас]
= consent -
> [✅ Даю согласие]
< Ваш телефон? …
= consent yes
= service -
> +7 701 123 45 67
< Записал…
< Можно иногда присылать вам полезное… [Да, присылайте] [Нет, спасибо]
! contact
= phone +77011234567
## typed before the yes: held, not kept
lead: consents none
> /start main
< Перед контактом…
> +7 701 123 45 67
< Перед контактом… [✅ Даю согласие] [Не сейчас]
= phone -
> [✅ Даю согласие]
< Записал: +7 701 123-45-67. Спасибо!
< Можно иногда…
! contact
= phone +77011234567
## shared before the yes, then a no: gone
lead: consents none
> /start main
< Перед контактом…
> (contact +77011234567)
< Перед контактом…
> [Не сейчас]
< Хорошо, контакт не нужен. … [✅ Даю согласие]
= phone -
= consent no
> [✅ Даю согласие]
< Ваш телефон? …
= consent yes
## in Kazakh
lead: language kk, consents none
> /start main
< Байланыс алдында бір маңызды сұрақ. … [✅ Келісемін] [Қазір емес]
",
    );
}

const CHOICE: &str = "
funnel: main
title: Главная
enter: { start: [main] }
first: color
steps:
  color:
    ask: Цвет?
    expect: choice
    buttons: [{ text: Красный }, { text: Синий }]
    next: count
  count:
    ask: Сколько?
    expect: { number: { min: 1, max: 9 } }
    next: mail
  mail:
    ask: Почта?
    expect: email
    next: end
";

#[test]
fn a_contact_typed_where_none_was_asked_for_is_kept_as_well() {
    plays_for(
        &partner(),
        CHOICE,
        "
## at a choice, at a number, at another contact, and after the end
> /start main
< Цвет? …
> мой номер 8 701 123 45 67, звоните
< Спасибо, записал: +7 701 123-45-67.
! contact
= phone +77011234567
= step color
> Красный
< Сколько?
> +7 701 123 45 67
< Спасибо, записал: +7 701 123-45-67.
> anna@mail.ru
< Спасибо, записал: anna@mail.ru.
! contact
= email anna@mail.ru
> 7
< Почта?
> 87059876543
< Спасибо, записал: +7 705 987-65-43.
! contact
= step mail
> ivan@mail.ru
< Хорошо, принято.
! contact
= email ivan@mail.ru
= step -
> +7 701 123 45 67
< Спасибо, записал: +7 701 123-45-67.
! contact
= phone +77011234567
## what is no number stays what it was
> /start main
< Цвет? …
> 12345
< Выберите, пожалуйста, один из вариантов…
> 8 701 123 45 67 или 8 705 987 65 43
< Выберите, пожалуйста, один из вариантов…
= phone -
",
    );
}

#[test]
fn a_contact_nobody_asked_for_waits_for_the_consent_too() {
    plays_for(
        &asking(),
        CHOICE,
        "
## a no keeps nothing and leaves the lead where they were, a later yes takes the next number
lead: consents none
> /start main
< Цвет? …
> +7 701 123 45 67
< Перед контактом… [✅ Даю согласие] [Не сейчас]
> [Не сейчас]
< Хорошо, контакт не нужен. … [✅ Даю согласие]
= phone -
= step color
> [✅ Даю согласие]
< Цвет? …
> +7 701 123 45 67
< Спасибо, записал: +7 701 123-45-67.
! contact
= phone +77011234567
## a yes keeps it
lead: consents none
> /start main
< Цвет? …
> +7 701 123 45 67
< Перед контактом…
> [✅ Даю согласие]
< Спасибо, записал: +7 701 123-45-67.
! contact
= phone +77011234567
= step color
",
    );
}

#[test]
fn the_question_for_another_contact_is_shown_after_the_consent() {
    plays_for(
        &asking(),
        FUNNEL,
        "
lead: consents none
> /start main
< Перед контактом…
> anna@mail.ru
< Перед контактом…
> [✅ Даю согласие]
< Спасибо, записал: anna@mail.ru.
< Ваш телефон? …
! contact
= email anna@mail.ru
= step phone
",
    );
}

#[test]
fn offers_are_asked_about_once_after_a_contact_and_can_be_refused_and_taken_back() {
    plays_for(
        &asking(),
        FUNNEL,
        "
## yes, and where do you live
lead: consents none, language ru
> /start main
< Перед контактом…
> [✅ Даю согласие]
< Ваш телефон? …
> +7 916 123 45 67
< Записал…
< Можно иногда… [Да, присылайте] [Нет, спасибо]
! contact
> [Да, присылайте]
< Договорились…
< Чтобы не писать вам ночью…
= advertising yes
## no, and back by /notifications in two taps
lead: consents none
> /start main
< Перед контактом…
> [✅ Даю согласие]
< Ваш телефон? …
> +7 701 123 45 67
< Записал…
< Можно иногда…
! contact
> [Нет, спасибо]
< Хорошо, без рассылок. …
= advertising no
> /notifications
< Что я вам присылаю … ✅ По вашему запросу… 🔕 Полезное… [🔕 Не писать по запросу] [🔔 Присылать полезное] [Не писать первым совсем] [Удалить мои данные]
> [🔔 Присылать полезное]
< Можно иногда… [Да, присылайте] [Нет, спасибо]
> [Да, присылайте]
< Договорились…
= advertising yes
",
    );
}

#[test]
fn every_way_out_takes_two_taps_at_most() {
    plays(
        FUNNEL,
        "
## reminders
> /notifications
< Что я вам присылаю…
> [🔕 Не писать по запросу]
< (toast) Готово
< Что я вам присылаю … 🔕 По вашему запросу…
= service no
> [🔔 Писать по запросу]
< (toast) Готово
< Что я вам присылаю … ✅ По вашему запросу…
= service yes
## everything
> /notifications
< Что я вам присылаю…
> [Не писать первым совсем]
< Хорошо, больше не пишу первым. …
= stopped yes
> /notifications
< Что я вам присылаю … 🔕 По вашему запросу… [🔔 Снова писать мне] [Удалить мои данные]
> [🔔 Снова писать мне]
< С возвращением! Снова на связи.
< (toast) Готово
< Что я вам присылаю…
= stopped no
## forgetting
> /notifications
< Что я вам присылаю…
> [Удалить мои данные]
< Удалить всё, что я о вас знаю… [Да, удалить] [Нет, оставить]
",
    );
}
