//! A file of a sequence, beside a sound funnel.
#![no_main]

use bot::funnel::event::Event;
use bot::lead::Lead;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = bot::yaml::text_of("warm.yaml", bytes.to_vec()) else { return };
    if let Some(funnels) = bot_fuzz::load_sequence(text) {
        bot_fuzz::meet(&funnels, Lead::default(), None, Event::Start { payload: Some("weight".into()) });
    }
});
