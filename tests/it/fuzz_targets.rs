//! What the targets of cargo-fuzz share, built and tried here: they are a workspace of their own, which nothing else builds.

use std::fs;

use bot::funnel::event::Event;
use bot::lead::Lead;

#[path = "../../fuzz/lib.rs"]
#[expect(dead_code, reason = "the targets use the rest")]
mod shared;

#[test]
fn every_seed_of_words_can_be_answered() {
    let seeds = tests::programs::root().join("fuzz/seeds/word");
    let mut played = 0;
    for seed in fs::read_dir(seeds).unwrap() {
        let text = fs::read_to_string(seed.unwrap().path()).unwrap();
        let (step, words) = shared::step(&text);
        shared::meet(
            &shared::FUNNELS,
            Lead::default(),
            step,
            Event::Text(words.to_owned()),
        );
        played += 1;
    }
    assert!(played > 0);
}
