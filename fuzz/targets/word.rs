//! Words and commands of a lead at any step.
#![no_main]

use bot::funnel::event::Event;
use bot::lead::Lead;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (step, words) = bot_fuzz::step(text);
    let event = match words.strip_prefix('/') {
        Some(name) => Event::Command { name: name.to_owned(), args: String::new() },
        None => Event::Text(words.to_owned()),
    };
    bot_fuzz::meet(&bot_fuzz::FUNNELS, Lead::default(), step, event);
});
