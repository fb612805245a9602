//! Phones, typed and shared.
#![no_main]

use bot::funnel::event::Event;
use bot::lead::Lead;

libfuzzer_sys::fuzz_target!(|phone: String| {
    let shared = Event::Contact { phone: phone.clone(), own: true };
    for event in [Event::Text(phone), shared] {
        bot_fuzz::meet(&bot_fuzz::FUNNELS, Lead::default(), Some("phone"), event);
    }
});
