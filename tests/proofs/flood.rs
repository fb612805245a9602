//! One lead sends ten thousand messages a minute: the others are answered as quickly as before, memory stays within
//! its limit, and the flooder is warned, not served.
//!
//! Calm and flood take turns within one run, so that whatever else the machine does weighs on both alike.

use std::time::Duration;

use partnerctl::sandbox::{FaultKind, FaultRule, NewUser, Options};
use serde_json::Value;
use tokio::time::Instant;

use super::town::Town;
use super::walk::{Pace, Reply, Walks, percentile};
use super::{Form, Ledger, Order};

/// Half of what a bot's unit allows it, in MiB.
const MEMORY_MIB: f64 = 128.0;

pub async fn prove(order: &Order) -> Ledger {
    let short = order.form == Form::Short;
    let rounds = order.count("rounds", 3, 30);
    let seconds = order.count("seconds", 1, 10);
    let per_minute = order.count("per_minute", 10_000, 10_000);
    let mut ledger = Ledger::default();
    let seen = flood(
        order,
        Trial {
            rounds,
            seconds,
            per_minute,
            slowed: false,
            guarded: true,
        },
    )
    .await;
    // Unchanged, as far as a machine can tell that compiles beside it in the short form.
    let (ratio, slack_ms) = if short { (3.0, 40.0) } else { (1.25, 2.0) };
    ledger.told("updates of the flooder", seen.flooded);
    ledger.told("replies to the others", seen.replies);
    ledger.told("others' p95 ms, calm", seen.calm_ms);
    ledger.at_most(
        "others' p95 ms, in the flood",
        seen.flood_ms,
        seen.calm_ms * ratio + slack_ms,
    );
    ledger.at_most("answers to the flooder", seen.answers, seen.allowed);
    ledger.at_most("RSS MiB, at most", seen.rss_mib, MEMORY_MIB);
    ledger.told("RSS MiB, before", seen.rss_before);
    ledger.none("leads without an answer", seen.lost);
    let slowed = flood(
        order,
        Trial {
            rounds: 1,
            seconds: 1,
            per_minute,
            slowed: true,
            guarded: true,
        },
    )
    .await;
    ledger.at_least(
        "control, others told to wait in the flood: p95 ms",
        slowed.flood_ms,
        slowed.calm_ms * ratio.min(1.25) + 20.0,
    );
    let unguarded = flood(
        order,
        Trial {
            rounds: 1,
            seconds: 1,
            per_minute,
            slowed: false,
            guarded: false,
        },
    )
    .await;
    ledger.at_least(
        "control, no guard: answers waiting for the flooder",
        unguarded.due,
        50,
    );
    ledger
}

struct Trial {
    rounds: u64,
    seconds: u64,
    per_minute: u64,
    /// Others' messages are late while the flood lasts: the control of the measure.
    slowed: bool,
    guarded: bool,
}

struct Seen {
    flooded: usize,
    replies: usize,
    calm_ms: f64,
    flood_ms: f64,
    answers: usize,
    allowed: f64,
    rss_mib: f64,
    rss_before: f64,
    lost: usize,
    due: usize,
}

async fn flood(order: &Order, trial: Trial) -> Seen {
    let config = if trial.guarded {
        ""
    } else {
        "limits: { inputs_at_once: 0 }\n"
    };
    let town = Town::open(1, config, Options::default()).await;
    let house = &town.houses[0];
    let flooder = town.world.add_user(NewUser {
        first_name: "Флуд".to_owned(),
        ..NewUser::default()
    });
    town.world
        .start(house.bot_id, flooder, Some("weight"))
        .unwrap();
    let ms = Duration::from_millis;
    let pace = Pace {
        seats: 6,
        think: (ms(20), ms(120)),
        patience: ms(20_000),
    };
    let mut walks = Walks::new(&town, pace, order.dice());
    walks.fill_seats();
    // What is built up at first (connections, prepared statements) belongs to neither side.
    walks.walk(Instant::now() + ms(700), true).await;
    walks.replies.clear();
    let rss_before = house.rss_kib() / 1024.0;
    let (mut floods, mut flooded, mut rss) = (Vec::new(), 0, rss_before);
    let began = Instant::now();
    for _ in 0..trial.rounds {
        walks
            .walk(Instant::now() + Duration::from_secs(trial.seconds), true)
            .await;
        if trial.slowed {
            let mut late = FaultRule::new("sendMessage", FaultKind::Status(429));
            late.probability = 0.3;
            town.world.set_faults(vec![late], Some(order.seed));
        }
        let from = Instant::now();
        let until = from + Duration::from_secs(trial.seconds);
        let (sent, ()) = tokio::join!(
            pour(&town, flooder, trial.per_minute, until),
            walks.walk(until, true)
        );
        flooded += sent;
        floods.push((from, until));
        rss = f64::max(rss, house.rss_kib() / 1024.0);
        town.world.set_faults(Vec::new(), None);
    }
    let seconds = began.elapsed().as_secs_f64();
    // The flooder came first.
    let story = house.get("/why?lead=1").await;
    let waits = |item: &&Value| item["kind"] == "send" && item["state"] == "due";
    let due = story["items"]
        .as_array()
        .map_or(0, |items| items.iter().filter(waits).count());
    walks
        .walk(Instant::now() + Duration::from_secs(30), false)
        .await;
    // By when they were asked for: an answer that waits out the flood belongs to the flood.
    let loud = |reply: &&Reply| {
        floods
            .iter()
            .any(|(from, until)| (*from..*until).contains(&reply.asked))
    };
    let of =
        |replies: Vec<&Reply>| -> Vec<f64> { replies.into_iter().map(|reply| reply.ms).collect() };
    let (loud, calm): (Vec<&Reply>, Vec<&Reply>) = walks.replies.iter().partition(loud);
    let (mut loud, mut calm) = (of(loud), of(calm));
    let told = town.world.messages(house.bot_id, flooder);
    let seen = Seen {
        flooded,
        replies: calm.len() + loud.len(),
        calm_ms: percentile(&mut calm, 0.95),
        flood_ms: percentile(&mut loud, 0.95),
        answers: told.iter().filter(|message| message["out"] == true).count(),
        // 30 at once and 2 a second are let in (the defaults), and one warning for each time it runs dry.
        allowed: 40.0 + 2.5 * seconds + trial.rounds as f64,
        rss_mib: rss,
        rss_before,
        lost: walks.on_the_way(),
        due,
    };
    town.close().await;
    seen
}

/// The flooder types without end, in small handfuls.
async fn pour(town: &Town, flooder: i64, per_minute: u64, until: Instant) -> usize {
    let bot = town.houses[0].bot_id;
    let began = Instant::now();
    let mut sent = 0;
    while Instant::now() < until {
        let due = began.elapsed().as_secs_f64() * per_minute as f64 / 60.0;
        while (sent as f64) < due {
            town.world
                .send(bot, flooder, &format!("слово {sent}"))
                .unwrap();
            sent += 1;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sent
}
