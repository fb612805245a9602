//! The file changes while a lead is inside: nobody is stranded.

use bot::funnel::event::{Event, Talk, TimerData, TimerName};
use bot::funnel::session::{Place, Session};
use bot::funnel::{Desk, advance, effect::Effect};
use bot::lead::Lead;

use super::{loaded, partner};

const BEFORE: &str = "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello:
    ask: Начнём?
    buttons: [{ text: Да, to: number }]
  number:
    ask: Сколько?
    expect: number
    save: number
    silent: [{ after: 1h, say: Ау }]
    next: hello
";

/// Where a lead stands after an event, and what was said.
fn after_edit(edited: &str, event: Event) -> (Option<Place>, Vec<String>) {
    let partner = partner();
    let desk = Desk {
        now_ms: 0,
        partner: &partner,
        random: 0,
    };
    let old = loaded(BEFORE, &partner);
    let first = advance(
        &old,
        &desk,
        Session::default(),
        Lead::default().into(),
        Event::Start { payload: None },
    );
    let asked = advance(
        &old,
        &desk,
        first.session,
        first.lead,
        Event::Text("Да".into()),
    );
    let new = loaded(edited, &partner);
    let outcome = advance(&new, &desk, asked.session, asked.lead, event);
    let said = outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Say(message) => Some(message.text.clone()),
        Effect::Speak(proactive) => Some(proactive.message.text.clone()),
        _ => None,
    });
    (outcome.session.place, said.collect())
}

#[test]
fn a_renamed_step_takes_the_answer_of_the_old_one() {
    let edited = BEFORE
        .replace("number:\n", "amount:\n")
        .replace("to: number", "to: amount")
        .replace("steps:", "moved_to: { number: amount }\nsteps:");
    let (place, said) = after_edit(&edited, Event::Text("5".into()));
    assert_eq!(place.map(|place| place.step).as_deref(), Some("hello"));
    assert_eq!(said, ["Начнём?"]);
}

#[test]
fn a_step_that_is_gone_leads_to_the_beginning_with_a_kind_word() {
    let edited = "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello:
    ask: Начнём?
    buttons: [{ text: Да, to: end }]
";
    let (place, said) = after_edit(edited, Event::Text("5".into()));
    assert_eq!(place.map(|place| place.step).as_deref(), Some("hello"));
    assert_eq!(
        said,
        [
            "Пока вас не было, я немного изменился. Продолжим отсюда.",
            "Начнём?"
        ]
    );
    let gone = edited.replace("funnel: main", "funnel: other");
    let (place, said) = after_edit(&gone, Event::Text("5".into()));
    assert_eq!(place.map(|place| place.funnel).as_deref(), Some("other"));
    assert_eq!(said.len(), 2);
}

#[test]
fn a_silence_timer_of_a_step_that_is_gone_says_nothing() {
    let timer = Event::Timer {
        name: TimerName::Silence,
        data: TimerData::Talk(Talk {
            visit: 2,
            branch: 0,
            planned_ms: 0,
        }),
    };
    assert_eq!(after_edit(BEFORE, timer.clone()).1, ["Ау"]);
    let edited = "
funnel: main
title: Главная
enter: { start: [main] }
first: hello
steps:
  hello:
    ask: Начнём?
    buttons: [{ text: Да, to: end }]
";
    assert!(after_edit(edited, timer).1.is_empty());
}
