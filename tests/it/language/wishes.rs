//! What a lead may wish of the bot: whose clock it goes by.

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
> [Омск · 18:00]
< Хорошо, ваше время: Омск, 18:00.
= zone Asia/Omsk
## far away
clock: 2026-11-27T12:00:00Z
> /timezone
< Чтобы не писать вам ночью…
> [🌍 Другие страны]
< Чтобы не писать вам ночью…
> [Берлин · 13:00]
< Хорошо, ваше время: Берлин, 13:00.
= zone Europe/Berlin
## in Kazakh
clock: 2026-11-27T12:00:00Z
lead: language kk
> /start main
< Телефоныңыз? …
> /timezone
< Түнде жазып мазаламас үшін…
> [Омбы · 18:00]
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
> [Самара · 16:00]
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
