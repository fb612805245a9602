//! What a button carries, pressed at any step.
#![no_main]

use bot::funnel::event::Event;
use bot::lead::Lead;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (step, data) = bot_fuzz::step(text);
    if let Some(press) = bot::door::callback(data) {
        bot_fuzz::meet(&bot_fuzz::FUNNELS, Lead::default(), step, Event::Press(press));
    }
});
