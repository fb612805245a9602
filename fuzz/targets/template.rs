//! A text with values, conditions and loops in it: compiled, and said to a lead.
#![no_main]

use bot::funnel::event::Event;
use bot::lead::Lead;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let quoted = serde_json::to_string(text).unwrap_or_default();
    let file = format!(
        "funnel: weight\ntitle: Т\nenter: {{ start: [weight] }}\nfirst: hello\nsteps:\n  hello: {{ say: {quoted}, next: end }}\n"
    );
    if let Some(funnels) = bot_fuzz::load(file) {
        bot_fuzz::meet(&funnels, Lead::default(), None, Event::Start { payload: Some("weight".into()) });
    }
});
