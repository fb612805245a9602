//! What follows `/start`, and signed links.
#![no_main]

use bot::funnel::event::Event;
use bot::lead::Lead;

libfuzzer_sys::fuzz_target!(|payload: String| {
    assert!(!bot::door::invite("123456:TEST-of-the-fuzzer", &payload, 1_768_471_200_000));
    bot_fuzz::meet(&bot_fuzz::FUNNELS, Lead::default(), None, Event::Start { payload: Some(payload) });
});
