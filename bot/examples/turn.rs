//! Prints what one turn of the engine costs: `cargo run --release -p bot --example turn`.

use std::hint::black_box;
use std::time::Instant;

use bot::funnel::event::Event;
use bot::funnel::session::Session;
use bot::funnel::{Desk, Outcome, SourceFile, advance, compile};
use bot::lead::Lead;
use bot::partner::Partner;

const FUNNEL: &str = "
funnel: weight
title: Снижение веса
enter: { start: [weight], keywords: [похудеть] }
first: hello
steps:
  hello:
    say: Здравствуйте! Я бот-помощник, подскажу, с чего начать.
    buttons:
      - { text: Хочу сбросить вес, to: goal, tag: weight, score: 10 }
      - { text: Просто смотрю, to: gift }
  goal:
    ask: Сколько килограммов хотите сбросить?
    expect: { number: { min: 1, max: 100 } }
    save: goal_kg
    silent: [{ after: 2h, say: Вы ещё здесь? }, { after: 1d, to: gift }]
    next: [{ when: answers.goal_kg > 20, to: serious }, { to: phone }]
  serious:
    say: \"{{ lead.first_name }}, {{ answers.goal_kg }} {{ answers.goal_kg | plural('килограмм', 'килограмма', 'килограммов') }} — серьёзная цель.\"
    next: phone
  phone:
    ask: Оставьте телефон.
    expect: phone
    skip: { text: Позже, to: gift }
    next: end
  gift:
    say: Держите подарок.
    buttons: [{ text: Ещё раз, to: goal }]
";

const ROUNDS: u32 = 200_000;

fn main() {
    let partner = Partner {
        id: "north".into(),
        display_name: "Север".into(),
        languages: vec!["ru".into()],
        phone_regions: vec!["KZ".into()],
        timezone: "Asia/Almaty".into(),
        ..Partner::default()
    };
    let compiled = compile(&[SourceFile::new("weight.yaml", FUNNEL)], &partner);
    let Some(funnels) = compiled.funnels else {
        for problem in compiled.diagnostics {
            eprintln!("{problem}");
        }
        return;
    };
    let desk = Desk {
        now_ms: 1_768_471_200_000,
        partner: &partner,
        random: 1,
    };
    let lead = Lead {
        id: 12,
        first_name: "Аружан".into(),
        language: "ru".into(),
        ..Lead::default()
    };
    let turn = |from: &Outcome, event: Event| {
        advance(
            &funnels,
            &desk,
            from.session.clone(),
            from.lead.clone(),
            event,
        )
    };
    let started = advance(
        &funnels,
        &desk,
        Session::default(),
        lead.into(),
        Event::Start {
            payload: Some("weight".into()),
        },
    );
    let asked = turn(&started, Event::Text("Хочу сбросить вес".into()));
    let press = first_press(&started);
    measure(
        "start by a link",
        &started,
        &Event::Start {
            payload: Some("weight".into()),
        },
        turn,
    );
    measure("a button press", &started, &press, turn);
    measure("an old button", &asked, &press, turn);
    measure("a wrong answer", &asked, &Event::Text("много".into()), turn);
    measure(
        "a number, a condition",
        &asked,
        &Event::Text("12".into()),
        turn,
    );
    measure(
        "a number, a condition, a template",
        &asked,
        &Event::Text("25".into()),
        turn,
    );
}

/// The first button on the screen.
fn first_press(outcome: &Outcome) -> Event {
    use bot::funnel::effect::{Action, Effect, Keyboard};
    for effect in &outcome.effects {
        if let Effect::Say(message) = effect
            && let Some(Keyboard::Inline(rows)) = &message.keyboard
            && let Action::Press(press) = &rows[0][0].action
        {
            return Event::Press(press.clone());
        }
    }
    Event::Other {
        kind: "nothing to press".into(),
    }
}

fn measure(name: &str, from: &Outcome, event: &Event, turn: impl Fn(&Outcome, Event) -> Outcome) {
    let clones = time(|| {
        black_box((from.session.clone(), from.lead.clone(), event.clone()));
    });
    let whole = time(|| {
        black_box(turn(from, event.clone()));
    });
    println!("{name:<36} {:>7.0} ns", whole - clones);
}

fn time(work: impl Fn()) -> f64 {
    let start = Instant::now();
    for _ in 0..ROUNDS {
        work();
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}
