//! An update as bytes: read, routed, asked for.
#![no_main]

libfuzzer_sys::fuzz_target!(|raw: &str| {
    for insider in [false, true] {
        std::hint::black_box(bot::door::update(raw, insider));
    }
});
