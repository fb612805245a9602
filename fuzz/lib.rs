//! What the targets share: a funnel, a partner, and a lead who meets an event.

use std::sync::LazyLock;

use bot::door;
use bot::funnel::effect::Effect;
use bot::funnel::event::Event;
use bot::funnel::session::{Place, Session};
use bot::funnel::{Desk, Funnels, SourceFile, advance, compile, html};
use bot::lead::Lead;
use bot::partner::Partner;

pub const FUNNEL: &str = "
funnel: weight
title: Вес
enter: { start: [weight], keywords: [вес] }
first: hello
steps:
  hello: { say: 'Здравствуйте, {{ lead.first_name }}!', buttons: [{ text: Начать, id: go, to: goal, score: 20 }] }
  goal: { ask: Сколько?, expect: { number: { min: 1, max: 100 } }, save: goal_kg, next: why }
  why: { ask: Зачем?, expect: { text: { min: 2, max: 500 } }, save: reason, next: mail }
  mail: { ask: Почта?, expect: email, next: phone }
  phone: { ask: Телефон?, expect: { phone: { regions: [RU, KZ] } }, notify: contact, next: thanks }
  thanks: { say: '{{ answers.goal_kg }} кг: {{ answers.reason }}', next: end }
";

pub static PARTNER: LazyLock<Partner> = LazyLock::new(|| Partner {
    id: "north".into(),
    display_name: "Север".into(),
    bot_username: "north_bot".into(),
    languages: vec!["ru".into(), "kk".into()],
    timezone: "Asia/Almaty".into(),
    phone_regions: vec!["KZ".into(), "RU".into()],
    ..Partner::default()
});

pub static FUNNELS: LazyLock<Funnels> =
    LazyLock::new(|| load(FUNNEL.to_owned()).expect("the funnel above is sound"));

/// Compiles a file; one that is refused must say why.
pub fn load(text: String) -> Option<Funnels> {
    load_all(vec![SourceFile::new("weight.yaml".to_owned(), text)])
}

/// The same of a sequence beside the funnel above.
pub fn load_sequence(text: String) -> Option<Funnels> {
    let funnel = SourceFile::new("weight.yaml".to_owned(), FUNNEL.to_owned());
    load_all(vec![
        funnel,
        SourceFile::new("sequences/warm.yaml".to_owned(), text),
    ])
}

fn load_all(files: Vec<SourceFile>) -> Option<Funnels> {
    let compiled = compile(&files, &PARTNER);
    assert!(compiled.funnels.is_some() || !compiled.diagnostics.is_empty());
    compiled.funnels
}

/// A lead somewhere on the way meets this event; whatever they are told must be fit to be sent.
pub fn meet(funnels: &Funnels, lead: Lead, at: Option<&str>, event: Event) {
    let session = Session {
        place: at.map(|step| Place {
            funnel: "weight".into(),
            step: step.into(),
        }),
        visit: 3,
        ..Session::default()
    };
    let desk = Desk {
        now_ms: 1_768_471_200_000,
        partner: &PARTNER,
        random: 7,
    };
    for effect in advance(funnels, &desk, session, lead.into(), event).effects {
        if let Effect::Say(message) = effect {
            assert_eq!(html::problem(&message.text), None);
            assert!(html::visible_len(&message.text) <= 4_096);
            assert!(door::outgoing(&message)[3].is_some());
        }
    }
}

/// A step of the funnel by the first byte, and the rest.
pub fn step(text: &str) -> (Option<&'static str>, &str) {
    let mut letters = text.chars();
    let step = match letters.next().map(|letter| u32::from(letter) % 8) {
        Some(0) => None,
        Some(1) => Some("hello"),
        Some(2) => Some("goal"),
        Some(3) => Some("why"),
        Some(4) => Some("mail"),
        Some(5) => Some("phone"),
        Some(6) => Some("thanks"),
        _ => Some("nowhere"),
    };
    (step, letters.as_str())
}
