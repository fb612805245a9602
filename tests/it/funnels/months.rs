//! `simulate` over the shipped files: the month is the same for the same seed, and keeps to the partner's policy.

use std::collections::BTreeSet;

use bot::config::ContactPolicy;
use bot::funnel::Funnels;
use bot::partner::Partner;
use bot::simulate::{Ground, Month, Order, Outcome, play};

use super::shipped::shipped;

const SEED: u64 = 20_261_127;

fn month(funnels: &Funnels, partner: &Partner, policy: &ContactPolicy, seed: u64) -> Month {
    let ground = Ground {
        funnels,
        partner,
        policy,
    };
    let order = Order {
        leads: 60,
        days: 30,
        seed,
        start_ms: 1_767_571_200_000,
    };
    play(ground, order)
}

#[test]
fn a_month_of_made_up_leads_keeps_to_the_policy_and_can_be_played_again() {
    let (config, funnels) = shipped();
    let policy = &config.contact;
    let month_of = |policy: &ContactPolicy, seed| month(&funnels, &config.partner, policy, seed);
    let first = month_of(policy, SEED);
    assert_eq!(first.lines, month_of(policy, SEED).lines);
    assert_ne!(first.lines, month_of(policy, SEED + 1).lines);
    let summary = &first.summary;
    println!("SEED={SEED}\n{}", first.table());
    assert!(summary.sent > 50 && summary.answers > summary.sent);
    assert!(summary.most_a_day <= policy.per_day as u64);
    assert!(summary.hours.keys().all(|hour| (9..21).contains(hour)));
    let mut seen = BTreeSet::new();
    for line in &first.lines {
        let is_step = summary
            .sequences
            .keys()
            .any(|id| line.what.starts_with(&format!("{id}.")));
        if line.outcome == Outcome::Sent && is_step {
            assert!(seen.insert((line.lead, &line.what)), "twice: {line:?}");
        }
    }
    // The control: without a policy the same people are woken.
    let lawless = ContactPolicy {
        quiet: None,
        per_day: 0,
        per_week: 0,
        min_gap_ms: 0,
        ..policy.clone()
    };
    let woken = month_of(&lawless, SEED).summary;
    assert!(woken.hours.keys().any(|hour| !(9..21).contains(hour)));
}
