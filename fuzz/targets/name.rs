//! What people are called, in the language they claim to read.
#![no_main]

use bot::funnel::event::Event;
use bot::lead::Lead;

libfuzzer_sys::fuzz_target!(|name: (String, String, String)| {
    let (first_name, last_name, language) = name;
    let lead = Lead { first_name, last_name, language, ..Lead::default() };
    bot_fuzz::meet(&bot_fuzz::FUNNELS, lead, None, Event::Start { payload: Some("weight".into()) });
});
