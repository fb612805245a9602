//! Inputs of every kind a stranger or an author can give, through the readers and the engine of the real library.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bot::config::spec::ConfigSpec;
use bot::door;
use bot::funnel::effect::Effect;
use bot::funnel::event::Event;
use bot::funnel::session::{Place, Session};
use bot::funnel::{Desk, Funnels, SourceFile, advance, compile, html};
use bot::lead::Lead;
use bot::partner::Partner;
use serde_json::{Value, json};

use super::mutate;
use crate::programs::root;
use crate::proofs::{Dice, Ledger};
use crate::support::FUNNEL;

const SLOW: Duration = Duration::from_secs(1);
/// No input may hold a lead up for so long; one that never ends is named and ends the run.
const HANGS_S: u64 = 30;

/// Kinds of input and how many of a thousand are of each; the readers of whole files cost the most.
const KINDS: [(&str, u64, Break); 9] = [
    ("updates", 250, update),
    ("callback data", 150, callback),
    ("start payloads", 150, start),
    ("words of leads", 120, words),
    ("phones", 120, phone),
    ("names", 100, name),
    ("answers of Telegram", 75, answer),
    ("templates", 20, template),
    ("YAML files", 15, yaml),
];

type Break = fn(&Case<'_>, &mut Dice);

/// What all inputs are tried on.
struct Case<'a> {
    partner: &'a Partner,
    funnels: &'a Funnels,
    files: &'a [(String, String)],
}

pub fn prove(mut dice: Dice, count: u64, ledger: &mut Ledger) {
    let partner = partner();
    let files = shipped();
    let funnels = load(&[("weight.yaml".to_owned(), FUNNEL.to_owned())], &partner);
    let funnels = funnels.expect("the tests' own funnel is sound");
    let case = Case {
        partner: &partner,
        funnels: &funnels,
        files: &files,
    };
    let watch = Watch::start();
    let old_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let (mut panics, mut slow, mut slowest, mut planted) = (Vec::new(), 0, Duration::ZERO, 0);
    for (kind, share, try_it) in KINDS {
        for number in 0..count * share / 1_000 {
            // Each input has a seed of its own, so that one alone can be repeated.
            let seed = dice.throw(u64::MAX);
            watch.at(seed);
            let began = Instant::now();
            let tried = catch_unwind(AssertUnwindSafe(|| try_it(&case, &mut Dice::new(seed))));
            let took = began.elapsed();
            slowest = slowest.max(took);
            slow += usize::from(took > SLOW);
            if let Err(panic) = tried {
                panics.push(format!(
                    "{kind}, number {number}, seed {seed}: {}",
                    of_panic(panic.as_ref())
                ));
            }
        }
        ledger.told(&format!("inputs: {kind}"), count * share / 1_000);
    }
    // The control: a reader that does break is seen to.
    for _ in 0..10 {
        let broken = || assert!(mutate::text("25", &mut dice).parse::<i64>().is_ok());
        planted += usize::from(catch_unwind(AssertUnwindSafe(broken)).is_err());
    }
    std::panic::set_hook(old_hook);
    ledger.none("panics", panics.len());
    for panic in panics {
        ledger.trouble(panic);
    }
    ledger.none("inputs that took over a second", slow);
    ledger.told("slowest input, ms", slowest.as_secs_f64() * 1e3);
    ledger.at_least("control, a reader that does panic: seen", planted, 1_usize);
}

fn of_panic(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_default()
}

/// Ends the run when one input never comes to an end, and says which.
struct Watch(Arc<AtomicU64>);

impl Watch {
    fn start() -> Watch {
        let seed = Arc::new(AtomicU64::new(0));
        let seen = Arc::downgrade(&seed);
        let watch = move || {
            let mut last = (0, Instant::now());
            while let Some(seed) = seen.upgrade() {
                let now = seed.load(Ordering::Relaxed);
                drop(seed);
                if now != last.0 {
                    last = (now, Instant::now());
                } else if now != 0 && last.1.elapsed().as_secs() > HANGS_S {
                    eprintln!("the input of seed {now} does not come to an end");
                    std::process::abort();
                }
                std::thread::park_timeout(Duration::from_millis(500));
            }
        };
        std::thread::spawn(watch);
        Watch(seed)
    }

    fn at(&self, seed: u64) {
        self.0.store(seed, Ordering::Relaxed);
    }
}

fn partner() -> Partner {
    Partner {
        id: "north".into(),
        display_name: "Север".into(),
        bot_username: "north_bot".into(),
        languages: vec!["ru".into(), "kk".into()],
        timezone: "Asia/Almaty".into(),
        links: [("shop".to_owned(), "https://example.com/shop".to_owned())].into(),
        phone_regions: vec!["KZ".into(), "RU".into()],
        ..Partner::default()
    }
}

/// The funnels that come with the bot, and the configuration of the demo.
fn shipped() -> Vec<(String, String)> {
    let mut files = vec![("weight.yaml".to_owned(), FUNNEL.to_owned())];
    for entry in std::fs::read_dir(root().join("funnels")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn load(files: &[(String, String)], partner: &Partner) -> Option<Funnels> {
    let files: Vec<SourceFile> = files
        .iter()
        .map(|(name, text)| SourceFile::new(name.clone(), text.clone()))
        .collect();
    let compiled = compile(&files, partner);
    assert!(
        compiled.funnels.is_some() || !compiled.diagnostics.is_empty(),
        "refused without a word"
    );
    compiled.funnels
}

const STEPS: [&str; 7] = ["hello", "goal", "why", "when", "phone", "thanks", "nowhere"];

/// A lead somewhere on the way meets this event; whatever they are told must be fit to be sent.
fn meet(funnels: &Funnels, partner: &Partner, lead: Lead, at: Option<&str>, event: Event) {
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
        partner,
        random: 7,
    };
    let outcome = advance(funnels, &desk, session, lead.into(), event);
    for effect in &outcome.effects {
        if let Effect::Say(message) = effect {
            assert_eq!(html::problem(&message.text), None, "{:?}", message.text);
            assert!(html::visible_len(&message.text) <= 4_096);
            for payload in door::outgoing(message).into_iter().flatten() {
                let read = serde_json::from_str::<Value>(&payload);
                assert!(read.is_ok_and(|value| value["chat_id"] == 1), "{payload}");
            }
        }
    }
    let kept = serde_json::to_string(&outcome.session).unwrap();
    assert!(serde_json::from_str::<Session>(&kept).is_ok(), "{kept}");
}

fn somewhere(case: &Case<'_>, dice: &mut Dice, event: Event) {
    let step = dice.pick(&STEPS);
    let at = dice.chance(85).then_some(step);
    let lead = Lead {
        id: 1,
        first_name: "Аня".into(),
        ..Lead::default()
    };
    meet(case.funnels, case.partner, lead, at, event);
}

/// One update of each kind, as Telegram sends them.
pub fn updates() -> [Value; 6] {
    let person = json!({"id": 1000, "is_bot": false, "first_name": "Аня", "username": "anna", "language_code": "ru"});
    let chat = json!({"id": 1000, "type": "private", "first_name": "Аня"});
    let message = |more: (&str, Value)| {
        let mut message =
            json!({"message_id": 5, "date": 1_768_471_200, "from": person, "chat": chat});
        message[more.0] = more.1;
        json!({"update_id": 7, "message": message})
    };
    let shown = json!({"message_id": 4, "date": 1_768_471_100, "chat": chat, "text": "С чего начнём?",
        "from": {"id": 123_456, "is_bot": true, "first_name": "Север"},
        "reply_markup": {"inline_keyboard": [[{"text": "Начать", "callback_data": "1:weight:hello:go:1"}]]}});
    let member = |status: &str| json!({"status": status, "user": {"id": 123_456, "is_bot": true, "first_name": "Север"}, "until_date": 0});
    [
        message(("text", json!("/start weight-vk"))),
        message(("text", json!("Хочу бегать"))),
        message((
            "contact",
            json!({"phone_number": "+77011234567", "first_name": "Аня", "user_id": 1000}),
        )),
        message((
            "photo",
            json!([{"file_id": "AgAC", "file_unique_id": "u", "width": 90, "height": 90, "file_size": 1}]),
        )),
        json!({"update_id": 8, "callback_query": {"id": "9", "from": person, "message": shown, "chat_instance": "1", "data": "1:weight:hello:go:1"}}),
        json!({"update_id": 9, "my_chat_member": {"chat": chat, "from": person, "date": 1_768_471_200,
            "old_chat_member": member("member"), "new_chat_member": member("kicked")}}),
    ]
}

fn update(_: &Case<'_>, dice: &mut Dice) {
    let good = dice.pick(&updates());
    let broken = mutate::value(good, dice).to_string();
    let raw = if dice.chance(20) {
        String::from_utf8_lossy(&mutate::bytes(&broken, dice)).into_owned()
    } else {
        broken
    };
    std::hint::black_box(door::update(&raw, dice.chance(50)));
}

fn callback(case: &Case<'_>, dice: &mut Dice) {
    const GOOD: [&str; 8] = [
        "1:weight:hello:go:1",
        "1:weight:when:today:3",
        "1:weight:goal:skip:3",
        "p:done:1",
        "p:stats:week",
        "p:hot:2",
        "p:card:7",
        "p:undo:12",
    ];
    let good = dice.pick(&GOOD);
    let data = if dice.chance(90) {
        mutate::text(good, dice)
    } else {
        good.to_owned()
    };
    if let Some(press) = door::callback(&data) {
        somewhere(case, dice, Event::Press(press));
    }
}

fn start(case: &Case<'_>, dice: &mut Dice) {
    const GOOD: [&str; 5] = [
        "weight",
        "weight-vk_july",
        "reels",
        "pi_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "",
    ];
    let payload = mutate::text(dice.pick(&GOOD), dice);
    let link = payload.trim_start_matches("pi_");
    assert!(
        !door::invite("123456:TEST-of-the-fuzzer", link, 1_768_471_200_000),
        "{link}"
    );
    somewhere(
        case,
        dice,
        Event::Start {
            payload: Some(payload),
        },
    );
}

fn words(case: &Case<'_>, dice: &mut Dice) {
    const GOOD: [&str; 8] = [
        "25",
        "12,5 кг",
        "Хочу бегать",
        "Завтра",
        "вес",
        "anna@example.com",
        "стоп",
        "31.12.2026",
    ];
    let text = mutate::text(dice.pick(&GOOD), dice);
    let event = if dice.chance(20) {
        Event::Command {
            name: text,
            args: mutate::text("x", dice),
        }
    } else {
        Event::Text(text)
    };
    somewhere(case, dice, event);
}

fn phone(case: &Case<'_>, dice: &mut Dice) {
    const GOOD: [&str; 7] = [
        "+77011234567",
        "8 (701) 123-45-67",
        "7011234567",
        "+49 30 901820",
        "tel:+1-202-555-0100;ext=5",
        "٠١٢٣٤٥٦٧٨٩",
        "007 701 1234567",
    ];
    let text = mutate::text(dice.pick(&GOOD), dice);
    let event = if dice.chance(40) {
        Event::Contact {
            phone: text,
            own: dice.chance(50),
        }
    } else {
        Event::Text(text)
    };
    let lead = Lead {
        id: 1,
        ..Lead::default()
    };
    meet(case.funnels, case.partner, lead, Some("phone"), event);
}

fn name(case: &Case<'_>, dice: &mut Dice) {
    const GOOD: [&str; 5] = [
        "Аня",
        "<b>Аня</b> & \"co\"",
        "Анна-Мария фон Штерн",
        "👨‍👩‍👧",
        "\u{202E}еьлО",
    ];
    let lead = Lead {
        id: 1,
        first_name: mutate::text(dice.pick(&GOOD), dice),
        last_name: mutate::text(dice.pick(&GOOD), dice),
        username: Some(mutate::text("anna", dice)),
        language: mutate::text("kk-KZ", dice),
        ..Lead::default()
    };
    let payload = Some("weight".to_owned());
    meet(
        case.funnels,
        case.partner,
        lead,
        None,
        Event::Start { payload },
    );
}

fn answer(_: &Case<'_>, dice: &mut Dice) {
    const GOOD: [&str; 4] = [
        r#"{"ok":true,"result":{"message_id":7,"date":1,"photo":[{"file_id":"a"},{"file_id":"b"}]}}"#,
        r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#,
        r#"{"ok":false,"error_code":400,"description":"Bad Request: failed, \"Too Many Requests: retry after 9\"","parameters":{"migrate_to_chat_id":-100}}"#,
        "<html><title>502 Bad Gateway</title></html>",
    ];
    let status = dice.pick(&[
        200, 400, 401, 403, 404, 409, 413, 421, 429, 500, 502, 0, 999,
    ]);
    let body = mutate::bytes(dice.pick(&GOOD), dice);
    std::hint::black_box(door::answer(status, &body));
}

fn template(case: &Case<'_>, dice: &mut Dice) {
    const GOOD: [&str; 7] = [
        "{{ lead.first_name | title }}, {{ answers.goal_kg | default('—') }}",
        "{% if lead.score > 10 %}много{% elif answers.goal_kg %}есть{% else %}нет{% endif %}",
        "{{ answers.goal_kg | plural('кг', 'кг', 'кг') }}",
        "{% for i in range(3) %}{{ i * 2 }}{% endfor %}",
        "{% set x = 'а' %}{% macro m(y) %}{{ y }}{% endmacro %}{{ m(x) }}",
        "{{ partner.display_name ~ ' ' ~ links.shop }}",
        "{{ lead.tags | join(', ') | upper | truncate(9) }}",
    ];
    let broken = mutate::text(dice.pick(&GOOD), dice);
    let quoted = serde_json::to_string(&broken).unwrap();
    let file = format!(
        "funnel: weight\ntitle: Т\nenter: {{ start: [weight] }}\nfirst: hello\nsteps:\n  hello: {{ say: {quoted}, next: end }}\n  goal: {{ ask: Сколько?, expect: number, save: goal_kg, next: end }}\n"
    );
    if let Some(funnels) = load(&[("weight.yaml".to_owned(), file)], case.partner) {
        let lead = Lead {
            id: 1,
            first_name: "Аня".into(),
            ..Lead::default()
        };
        let payload = Some("weight".to_owned());
        meet(&funnels, case.partner, lead, None, Event::Start { payload });
    }
}

fn yaml(case: &Case<'_>, dice: &mut Dice) {
    if dice.chance(20) {
        let good = "display_name: Север\nlanguages: [ru]\ntimezone: Asia/Almaty\nhot: { score: 40 }\npartner: { telegram_ids: [1] }\nlinks: { shop: https://example.com }\n";
        let _ = std::hint::black_box(
            bot::yaml::read::<ConfigSpec>("config.yaml", &mutate::lines(good, dice)).1,
        );
        return;
    }
    let (name, good) = dice.pick(case.files);
    let broken = mutate::lines(&good, dice);
    let bytes = if dice.chance(10) {
        mutate::bytes(&broken, dice)
    } else {
        broken.into_bytes()
    };
    let Ok(text) = bot::yaml::text_of(&name, bytes) else {
        return;
    };
    if let Some(funnels) = load(&[(name.clone(), text)], case.partner) {
        let lead = Lead {
            id: 1,
            first_name: "Аня".into(),
            ..Lead::default()
        };
        meet(
            &funnels,
            case.partner,
            lead,
            None,
            Event::Start { payload: None },
        );
    }
}
