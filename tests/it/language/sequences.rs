//! Sequences: what comes by itself, when, and what stops it. The talks begin on Thursday, 15 January 2026, 15:00 in Almaty.

use super::plays;

const FUNNEL: &str = "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello:
    ask: Прислать письма?
    buttons:
      - { text: Да, to: yes, enroll: letters }
      - { text: Хватит, to: no, leave: letters }
      - { text: Куплю, to: no, tag: bought }
      - { text: Подарок, to: no, tag: gift }
  yes: { say: Пришлю., next: end }
  no: { say: Хорошо., next: end }
  offer:
    ask: Оставите номер?
    expect: phone
    next: thanks
  thanks: { say: Спасибо, next: end }
funnel: tea
title: Чай
enter: { keywords: [чай] }
first: taste
steps:
  taste:
    ask: Какой чай?
    expect: text
    save: taste
    content: teas
    next: end
";

/// The funnels above with a sequence `letters`: its head, then its steps.
pub(super) fn letters(head: &str, steps: &str, talk: &str) {
    let yaml = format!("{FUNNEL}sequence: letters\ntitle: Письма\n{head}\nsteps:\n{steps}");
    plays(&yaml, talk);
}

const THREE: &str = "
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: two, after: 2d, at: \"19:00\", say: Второе }
  - { id: three, after: 3h, say: Третье }
";

#[test]
fn steps_come_at_their_hour_by_the_leads_clock_and_then_it_is_over() {
    letters(
        "",
        THREE,
        "
## in the partner's zone
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
= in letters
= waits letters one 16.01 10:00
+ 18h59m
+ 1m
< Первое [Не присылать такое]
= waits letters two 18.01 19:00
+ sun 19:00
< Второе [Не присылать такое]
+ 3h
< Третье [Не присылать такое]
= in -
= waits letters -
+ 30d

## in the lead's own
lead: zone America/New_York
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
= waits letters one 16.01 10:00
+ 1d
+ 5h
< Первое [Не присылать такое]
= waits letters two 18.01 19:00

## moving to another zone keeps the hour
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> (zone Europe/Moscow)
= waits letters one 16.01 10:00
+ 19h
+ 2h
< Первое [Не присылать такое]
",
    );
}

#[test]
fn a_late_joiner_is_not_lost_and_days_are_the_leads_own() {
    letters(
        "days: [mon..fri]",
        "
  - { id: today, at: \"14:00\", say: Сегодня }
  - { id: morning, after: 2d, at: \"09:00\", say: Утро }
  - { id: any, after: 1d, window: \"20:00-02:00\", say: Вечер }
  - { id: weekend, after: 1h, days: [sat, sun], say: Выходной }
",
        "
## two in the afternoon has passed on Thursday
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
= waits letters today 16.01 14:00
+ fri 14:00
< Сегодня …
= waits letters morning 19.01 09:00
+ mon 09:00
< Утро …
= waits letters any 20.01 20:00
+ 20:00
+ tue 20:00
< Вечер …
= waits letters weekend 24.01 21:00
",
    );
}

#[test]
fn a_window_over_midnight_is_open_in_the_night() {
    letters(
        "window: \"22:00-02:00\"",
        "  - { id: one, after: 10h, say: Ночь }\n  - { id: two, after: 30m, say: Ещё }\n",
        "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
= waits letters one 16.01 01:00
+ 10h
< Ночь …
= waits letters two 16.01 01:30
",
    );
}

#[test]
fn conditions_are_looked_at_right_before_each_step_and_texts_are_made_then() {
    letters(
        "",
        "
  - { id: one, after: 1d, when: not answers.taste, say: Вы ещё не сказали }
  - { id: two, after: 1d, say: \"Любите {{ answers.taste | default('чай') }}?\" }
",
        "
## true
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 1d
< Вы ещё не сказали …
+ 1d
< Любите чай? …

## false: the next keeps its own time
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> чай
< Какой чай?
> улун
< Хорошо, принято.
+ 1d
= waits letters two 17.01 15:00
+ 1d
< Любите улун? …
",
    );
}

#[test]
fn what_was_seen_is_not_shown_again_and_a_repeat_is() {
    letters(
        "reentry: after_end",
        "
  - { id: teas, after: 1d, content: teas, say: О чае }
  - { id: news, after: 1d, repeat: true, say: Новости }
",
        "
> чай
< Какой чай?
> улун
< Хорошо, принято.
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 1d
+ 1d
< Новости …
= in -
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
= in letters
+ 2d
< Новости …
",
    );
}

#[test]
fn a_pause_keeps_every_place() {
    letters(
        "paused: true",
        THREE,
        "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 30d
= in letters
",
    );
    letters(
        "",
        THREE,
        "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> (pause 5d)
+ 5d
= waits letters one 21.01 10:00
+ 10:00
< Первое …
= waits letters two 23.01 19:00
",
    );
}

#[test]
fn a_step_that_is_due_in_the_middle_of_a_talk_waits_is_passed_over_or_comes_beside() {
    let talk = |beside: &str| {
        format!(
            "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 23h50m
> чай
< Какой чай?
+ 10m
{beside}
"
        )
    };
    let steps =
        "  - { id: one, after: 1d, say: Первое }\n  - { id: two, after: 1d, say: Второе }\n";
    letters(
        "",
        steps,
        &talk("= waits letters one 16.01 15:05\n+ 5m\n< Первое …"),
    );
    letters(
        "while_in_funnel: skip",
        steps,
        &talk("= waits letters two 17.01 15:00"),
    );
    letters("while_in_funnel: beside", steps, &talk("< Первое …"));
}

#[test]
fn a_sequence_keeps_quiet_while_a_person_talks_with_the_lead() {
    letters(
        "max_late: 3d",
        THREE,
        "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
> /human
< Передаю: …
! human
+ 2d
= in letters
",
    );
}

#[test]
fn buttons_lead_into_funnels_for_ever_and_act_once() {
    letters(
        "",
        "
  - id: one
    after: 1d
    say: Хотите?
    buttons:
      - { text: Хочу, to: \"@main.offer\", tag: wants, score: { points: 5, reason: Хочет } }
      - { text: Магазин, link: shop }
      - { text: Человека, to: human }
  - { id: two, after: 1d, say: Второе }
",
        "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 1d
< Хотите? [Хочу] [Магазин] [Человека] [Не присылать такое]
> [Хочу]
< Оставите номер? …
= score 5
= tags wants
= step main.offer
> [Хочу]
= step main.offer
+ 1d
< Второе …
> [Магазин]
< Вот ссылка 👇 [Магазин]
> [Человека]
< Передаю: …
! human
",
    );
}

#[test]
fn every_advertising_message_has_a_way_out_and_it_is_two_taps() {
    let ask = "
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 1d
< Первое [Не присылать такое]
> [Не присылать такое]
< Понимаю. Что мне больше не присылать? [Эту серию] [Ничего рекламного] [Оставить как есть]
";
    let steps =
        "  - { id: one, after: 1d, say: Первое }\n  - { id: two, after: 1d, say: Второе }\n";
    letters(
        "",
        steps,
        &format!("{ask}> [Эту серию]\n< Хорошо, эту серию больше не пришлю.\n= in -\n+ 9d\n"),
    );
    letters(
        "",
        steps,
        &format!(
            "{ask}> [Оставить как есть]\n< Хорошо, всё остаётся как есть.\n= in letters\n+ 1d\n< Второе …\n"
        ),
    );
    letters(
        "reentry: always",
        steps,
        &format!(
            "{ask}> [Ничего рекламного]\n< Хорошо, больше никакой рекламы. …\n= in -\n+ 9d\n> /start main\n< Прислать письма? …\n> [Да]\n< Пришлю.\n= in -\n"
        ),
    );
    letters(
        "purpose: service",
        steps,
        "> /start main\n< Прислать письма? …\n> [Да]\n< Пришлю.\n+ 1d\n< Первое\n",
    );
}

#[test]
fn variants_stay_with_the_lead_and_languages_fall_back() {
    letters(
        "languages: [ru, kk]\nreentry: after_end",
        "
  - id: one
    after: 1d
    repeat: true
    variants:
      - { name: a, text: { ru: Раз, kk: Бір } }
      - { name: b, weight: 0, text: Два }
",
        "
## the other text, chosen before
variant: ~letters.one=b
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 1d
< Два …

## in the lead's language, the way out too
lead: language kk
> /start main
< Прислать письма? …
> [Да]
< Пришлю.
+ 1d
< Бір [Мұндайды жібермеу]
",
    );
}

#[test]
fn follow_ups_of_four_kinds_belong_to_a_question_or_to_the_whole_funnel() {
    plays(
        "
funnel: main
title: Главная
enter: { start: [main] }
first: a
silent:
  - { after: 2h, say: Вы ещё здесь? }
  - { after: 1d, kind: value, say: Вот совет }
  - { after: 3d, kind: proof, say: Так бывает у многих }
  - { after: 7d, kind: final, say: Больше не побеспокою }
steps:
  a: { ask: Первый?, expect: text, next: b }
  b:
    ask: Второй?
    expect: text
    silent: [{ after: 1h, say: Только второй }]
    next: c
  c: { ask: Третий?, expect: text, silent: [], next: end }
",
        "
## with rising intervals, and a way out under all but the reminder
> /start main
< Первый?
+ 2h
< Вы ещё здесь?
+ 22h
< Вот совет [Не присылать такое]
+ 2d
< Так бывает у многих [Не присылать такое]
+ 4d
< Больше не побеспокою [Не присылать такое]
+ 90d
> [Не присылать такое]
< Понимаю. … [Ничего рекламного] [Оставить как есть]

## any reply cancels them; a step may have its own, or none
> /start main
< Первый?
+ 2h
< Вы ещё здесь?
> раз
< Второй?
+ 1h
< Только второй
+ 9d
> два
< Третий?
+ 9d
",
    );
}
