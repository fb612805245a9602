//! `funnels/`: they compile without a warning, their transcripts reach everything, and they are honest from the first line.

use std::fs;
use std::path::{Path, PathBuf};

use bot::config::{self, Config, LoadOptions};
use bot::funnel::coverage::Coverage;
use bot::funnel::effect::{Effect, Message};
use bot::funnel::event::Event;
use bot::funnel::session::Session;
use bot::funnel::{Desk, Funnels, advance, html, transcript};
use bot::lead::Lead;
use bot::partner::{AskConsent, Partner};

/// What a phone shows without scrolling, with room for longer plans.
const LONGEST_GREETING: usize = 450;
const LARGEST_PICTURE: u64 = 150 * 1024;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn demo() -> Config {
    let options = LoadOptions {
        partner_dir: root().join("partners/demo"),
        ..LoadOptions::default()
    };
    config::load_without_token(&options).unwrap()
}

pub fn shipped() -> (Config, Funnels) {
    let config = demo();
    let compiled = config::load_funnels(&config);
    let problems: Vec<String> = compiled
        .diagnostics
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    (config, compiled.funnels.unwrap())
}

fn beside(ending: &str) -> Vec<PathBuf> {
    let directories = ["funnels", "funnels/sequences"].map(|dir| root().join(dir));
    let entries = directories
        .into_iter()
        .flat_map(|directory| fs::read_dir(directory).unwrap());
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    found.retain(|path| path.to_string_lossy().ends_with(ending));
    found.sort();
    found
}

#[test]
fn the_funnels_compile_without_a_warning_and_their_transcripts_reach_every_step_and_branch() {
    let (config, funnels) = shipped();
    let mut coverage = Coverage::default();
    let mut wrong = Vec::new();
    for path in beside(".transcript") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        let report = transcript::run(&funnels, &config.partner, &name, &text);
        assert!(report.passed + report.failures.len() > 0, "{name} is empty");
        wrong.extend(report.failures.iter().map(ToString::to_string));
        coverage.merge(&report.coverage);
    }
    let missed = coverage.missed(&funnels, None);
    wrong.extend(missed.iter().map(ToString::to_string));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a lead reads first after a link, in one language and one of the texts of an A/B test.
fn greeting(
    config: &Config,
    funnels: &Funnels,
    word: &str,
    language: &str,
    random: u64,
) -> Option<Message> {
    // The greeting of a funnel that begins with a contact would be the question for consent.
    let partner = Partner {
        consent: AskConsent::default(),
        ..config.partner.clone()
    };
    let desk = Desk {
        now_ms: 0,
        partner: &partner,
        random,
    };
    let lead = Lead {
        id: 1,
        first_name: "Аня".into(),
        language: language.into(),
        ..Lead::default()
    };
    let start = Event::Start {
        payload: Some(word.into()),
    };
    let outcome = advance(funnels, &desk, Session::default(), lead.into(), start);
    outcome.effects.into_iter().find_map(|effect| match effect {
        Effect::Say(message) => Some(message),
        _ => None,
    })
}

#[test]
fn every_greeting_says_at_once_that_a_bot_speaks_and_who_the_person_is() {
    let (config, funnels) = shipped();
    let words = funnels.start_words();
    assert!(words.len() >= 8, "{words:?}");
    for (word, funnel) in words {
        for (language, declared) in [("ru", "бот"), ("kk", "бот"), ("en", "бот|bot")] {
            for random in 0..8 {
                let message = greeting(&config, &funnels, word, language, random).unwrap();
                let text = html::plain(&message.text);
                let says = declared.split('|').any(|word| text.contains(word));
                assert!(
                    says && text.contains(&config.partner.display_name),
                    "{funnel} ({word}, {language}): {text}"
                );
                assert!(
                    text.chars().count() <= LONGEST_GREETING,
                    "{funnel}: {} characters",
                    text.chars().count()
                );
                assert!(message.keyboard.is_some(), "{funnel}: nothing to press");
            }
        }
    }
}

#[test]
fn pictures_are_small_enough_for_a_slow_phone() {
    for entry in fs::read_dir(root().join("funnels/media")).unwrap() {
        let entry = entry.unwrap();
        let bytes = entry.metadata().unwrap().len();
        assert!(bytes <= LARGEST_PICTURE, "{:?}: {bytes}", entry.path());
    }
}

#[test]
fn a_card_shows_questions_and_answers_as_people_write_them() {
    let (_, funnels) = shipped();
    let asked = |name| funnels.question(name, "ru");
    assert_eq!(asked("contact_day").as_deref(), Some("В какой день?"));
    assert_eq!(funnels.answer_text("event", "2026-12-20"), "20.12.2026");
    assert_eq!(funnels.answer_text("contact_day", "Завтра"), "Завтра");
    assert_eq!(funnels.answer_text("shelf", "AgACAgIAAxkBAAIB"), "📷");
}
