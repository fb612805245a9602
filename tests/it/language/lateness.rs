//! Steps that come late or are refused: each by its own rule, each asked about by itself, and an end that says why.

use bot::funnel::Funnels;
use bot::funnel::event::{Event, TimerData, TimerName};

use super::plans::{Life, START_MS, with};
use super::plays;

const HOUR_MS: i64 = 3_600_000;

fn name() -> TimerName {
    TimerName::Sequence("letters".into())
}

/// What the lead waits for, by the clock of Almaty.
fn waits(life: &Life) -> String {
    let Some((due, TimerData::Sequence(waiting))) = &life.waiting else {
        return "-".into();
    };
    // Almaty is UTC+5; the talks begin on the 15th of January.
    let minutes = |ms: i64| ms / 60_000 + 5 * 60;
    let day = minutes(*due) / 1_440 - minutes(START_MS) / 1_440 + 15;
    let (hour, minute) = (minutes(*due) / 60 % 24, minutes(*due) % 60);
    format!("{} {day}.01 {hour:02}:{minute:02}", waiting.step)
}

/// The bot was down until that long after the step was due.
fn late(funnels: &Funnels, ms: i64) -> Life {
    let mut life = Life::after(funnels, 0);
    let (due, data) = life.waiting.take().unwrap();
    life.now_ms = due + ms;
    life.take(funnels, Event::Timer { name: name(), data });
    life
}

const STEPS: &str = "
steps:
  - { id: one, after: 1d, at: \"10:00\", say: Первое }
  - { id: two, after: 2d, at: \"19:00\", say: Второе }
";

#[test]
fn a_step_that_was_missed_is_said_late_at_its_next_hour_or_left_out() {
    // Due on Friday the 16th at ten.
    for (head, hours, said, then) in [
        ("", 5, "one", "two 18.01 19:00"),
        ("", 13, "", "two 18.01 19:00"),
        ("max_late: 4h", 3, "one", "two 18.01 19:00"),
        ("max_late: 4h", 5, "", "two 18.01 19:00"),
        ("missed: skip", 1, "", "two 18.01 19:00"),
        ("missed: next_window", 5, "", "one 17.01 10:00"),
        (
            "missed: next_window\nmax_late: 12h",
            5,
            "",
            "two 18.01 19:00",
        ),
        // Both are late: one message at most comes late, the other gets its own hour.
        ("max_late: 5d", 4 * 24, "one", "two 22.01 19:00"),
    ] {
        let funnels = with(&format!("{head}{STEPS}"));
        let life = late(&funnels, hours * HOUR_MS);
        let told = (life.said.join(" "), waits(&life));
        assert_eq!(told, (said.into(), then.into()), "{head:?} {hours} h late");
    }
}

#[test]
fn a_step_that_comes_up_in_place_of_another_is_asked_about_anew() {
    let funnels = with(
        "
steps:
  - { id: one, after: 1d, when: \"lead.phone\", say: Первое }
  - { id: two, after: 1h, say: Второе }
",
    );
    let mut life = late(&funnels, 2 * HOUR_MS);
    assert_eq!(
        life.said, [""; 0],
        "nobody has asked whether the second may be said"
    );
    let (due, data) = life.waiting.take().unwrap();
    assert_eq!(due, life.now_ms);
    life.take(&funnels, Event::Timer { name: name(), data });
    assert_eq!(life.said, ["two"]);
}

/// The gate refuses what is due.
fn refused(funnels: &Funnels, reason: &str, lasting: bool) -> Life {
    let mut life = Life::after(funnels, 0);
    let (due, data) = life.waiting.take().unwrap();
    life.now_ms = due;
    let reason = reason.to_owned();
    life.take(
        funnels,
        Event::Unsaid {
            name: name(),
            data,
            reason,
            lasting,
        },
    );
    life
}

#[test]
fn a_sequence_that_cannot_go_on_ends_with_the_reason() {
    let funnels = with(STEPS);
    let life = refused(&funnels, "лид закрыл бота", true);
    assert_eq!(life.left.as_deref(), Some("лид закрыл бота"));
    assert_eq!(waits(&life), "-");
    let mut life = refused(&funnels, "с лидом говорит человек", false);
    assert_eq!(
        (life.left.clone(), waits(&life)),
        (None, "two 18.01 19:00".into())
    );
    let (due, data) = life.waiting.take().unwrap();
    life.now_ms = due;
    let reason = "с лидом говорит человек".to_owned();
    let lasting = false;
    let unsaid = Event::Unsaid {
        name: name(),
        data,
        reason,
        lasting,
    };
    life.take(&funnels, unsaid);
    assert_eq!(
        life.left.as_deref(),
        Some("пройдена; последний шаг не сказан: с лидом говорит человек")
    );
}

#[test]
fn a_pause_of_one_lead_ends_when_it_is_told_and_nothing_is_caught_up() {
    let funnels = with(STEPS);
    let mut life = Life::after(&funnels, 0);
    life.take(&funnels, Event::Pause { until_ms: i64::MAX });
    life.wait(&funnels, 9 * 24 * HOUR_MS);
    assert_eq!(life.said, [""; 0]);
    life.take(&funnels, Event::Pause { until_ms: 0 });
    assert_eq!(
        waits(&life),
        "one 25.01 10:00",
        "its own hour, from the same place"
    );
    life.wait(&funnels, 3 * 24 * HOUR_MS);
    assert_eq!(
        (life.said.join(" "), waits(&life)),
        ("one".into(), "two 27.01 19:00".into())
    );
}

#[test]
fn steps_bring_pictures_and_a_lead_keeps_the_text_once_chosen() {
    plays(
        "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello: { ask: Начнём?, buttons: [{ text: Да, to: end, enroll: letters }], next: end }
sequence: letters
title: Письма
reentry: after_end
repeat: true
steps:
  - id: one
    after: 1d
    media: { photo: https://example.com/tea.jpg }
    variants:
      - { name: a, text: Раз }
      - { name: b, weight: 0, text: Два }
",
        "
variant: ~letters.one=b
> /start main
< Начнём? [Да]
> [Да]
< Хорошо, принято.
+ 1d
< (photo: https://example.com/tea.jpg) Два [Не присылать такое]
> /start main
< Начнём? [Да]
> [Да]
< Хорошо, принято.
+ 1d
< (photo: https://example.com/tea.jpg) Два [Не присылать такое]
",
    );
}
