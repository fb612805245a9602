//! What Telegram, or whoever stands before it, answers.
#![no_main]

libfuzzer_sys::fuzz_target!(|answer: (u16, &[u8])| {
    std::hint::black_box(bot::door::answer(answer.0, answer.1));
});
