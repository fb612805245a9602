//! A partner's config.yaml.
#![no_main]

use bot::config::spec::ConfigSpec;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = bot::yaml::text_of("config.yaml", bytes.to_vec()) {
        std::hint::black_box(bot::yaml::read::<ConfigSpec>("config.yaml", &text).1);
    }
});
