//! One load on one bot, and what came of it.

use std::time::{Duration, Instant};

use crate::fake::Fake;
use crate::leads::{FIRST, Manners};
use crate::process::{Bot, Home, sleep, wait};

/// A load of leads.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub leads: u64,
    pub manners: Manners,
    pub delay: Duration,
    pub warm: Duration,
    pub time: Duration,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Outcome {
    pub turns_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Seconds of processor time for 10,000 turns.
    pub cpu: f64,
}

impl Load {
    /// All at once, without pauses.
    pub fn closed(leads: u64, seconds: u64) -> Load {
        Load {
            leads,
            manners: Manners::default(),
            delay: Duration::ZERO,
            warm: Duration::from_secs(1),
            time: Duration::from_secs(seconds),
        }
    }

    /// Five leads that think between words: about 95 turns a second.
    pub fn paced(seconds: u64) -> Load {
        Load {
            manners: Manners {
                pause: Duration::from_millis(52),
                ..Manners::default()
            },
            ..Load::closed(5, seconds)
        }
    }

    pub fn with_network(self) -> Load {
        Load {
            delay: Duration::from_millis(40),
            ..self
        }
    }

    pub fn run(self, bot: &Bot, fake: &Fake) -> anyhow::Result<Outcome> {
        fake.act(|state| {
            state.delay = self.delay;
            state.leads.clear();
            state.leads.going = true;
            for n in 0..self.leads {
                let chat = FIRST + i64::try_from(n).unwrap_or(0);
                state.leads.sit(chat, self.manners);
                state.speak(chat);
            }
        });
        sleep(self.warm);
        let (began, cpu) = (Instant::now(), bot.cpu()?);
        fake.state().leads.measuring = true;
        sleep(self.time);
        let (mut latencies, wall) = {
            let mut state = fake.state();
            state.leads.measuring = false;
            state.leads.going = false;
            (std::mem::take(&mut state.leads.latencies), began.elapsed())
        };
        let cpu = bot.cpu()? - cpu;
        wait(|| fake.state().leads.waiting() == 0)?;
        fake.state().delay = Duration::ZERO;
        anyhow::ensure!(!latencies.is_empty(), "nobody was answered");
        latencies.sort_unstable();
        let turns = latencies.len() as f64;
        Ok(Outcome {
            turns_per_second: turns / wall.as_secs_f64(),
            p50_ms: share(&latencies, 0.50),
            p99_ms: share(&latencies, 0.99),
            cpu: cpu / turns * 10_000.0,
        })
    }
}

/// The latency that this share of turns does not exceed, in milliseconds.
pub fn share(sorted: &[u64], share: f64) -> f64 {
    let at = (sorted.len() as f64 * share) as usize;
    sorted
        .get(at.min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0) as f64
        / 1_000.0
}

/// A load on the bot and on the bare loop by turns.
#[derive(Debug, Default)]
pub struct Beside {
    pub rounds: Vec<(Outcome, Outcome)>,
}

impl Beside {
    pub fn measure(load: Load, rounds: usize) -> anyhow::Result<Beside> {
        let fake = Fake::start()?;
        let mut beside = Beside::default();
        for round in 0..rounds {
            let home = Home::new(&format!("turns-{round}"), 0)?;
            let bot = Bot::start(&home, &fake)?;
            let ours = load.run(&bot, &fake)?;
            bot.stop()?;
            let bare = Bot::bare(&home, &fake)?;
            beside.rounds.push((ours, load.run(&bare, &fake)?));
        }
        Ok(beside)
    }

    /// The bot's middle value of something.
    pub fn ours(&self, what: fn(&Outcome) -> f64) -> f64 {
        median(self.rounds.iter().map(|(ours, _)| what(ours)))
    }

    pub fn bare(&self, what: fn(&Outcome) -> f64) -> f64 {
        median(self.rounds.iter().map(|(_, bare)| what(bare)))
    }

    /// The middle one of what each round says of something.
    pub fn of_each(&self, what: fn(&Outcome, &Outcome) -> f64) -> f64 {
        median(self.rounds.iter().map(|(ours, bare)| what(ours, bare)))
    }

    /// The bot's most turns a second.
    pub fn most(&self) -> f64 {
        let rounds = self.rounds.iter();
        rounds
            .map(|(ours, _)| ours.turns_per_second)
            .fold(0.0, f64::max)
    }
}

pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// For work on the turn itself: which of two programs is better, each is told beside the bare loop.
pub fn beside(rounds: usize) -> anyhow::Result<()> {
    let beside = Beside::measure(Load::closed(100, 3), rounds)?;
    for (ours, bare) in &beside.rounds {
        println!(
            "bot {:.0} turns/s, {:.3} s/10k; bare loop {:.0}, {:.3}; share {:.1} %",
            ours.turns_per_second,
            ours.cpu,
            bare.turns_per_second,
            bare.cpu,
            share_of_bare(ours, bare)
        );
    }
    println!("the middle share: {:.1} %", beside.of_each(share_of_bare));
    Ok(())
}

/// Turns a second, in hundredths of the bare loop's.
pub fn share_of_bare(ours: &Outcome, bare: &Outcome) -> f64 {
    ours.turns_per_second / bare.turns_per_second * 100.0
}

/// For work on one number.
pub fn one(
    seconds: u64,
    leads: u64,
    delay_ms: u64,
    pause_ms: u64,
    in_order: bool,
) -> anyhow::Result<()> {
    let home = if in_order {
        Home::in_order("one")?
    } else {
        Home::new("one", 0)?
    };
    let fake = Fake::start()?;
    let bot = Bot::start(&home, &fake)?;
    let mut load = Load::closed(leads, seconds);
    load.delay = Duration::from_millis(delay_ms);
    load.manners.pause = Duration::from_millis(pause_ms);
    let seen = load.run(&bot, &fake)?;
    let after = bot.rss_mib()?;
    sleep(Duration::from_secs(3));
    println!(
        "turns/s {:.0}; p50 {:.2} ms; p99 {:.2} ms; cpu/10k {:.3} s; rss {after:.1} MiB, 3 s later {:.1} (anonymous {:.1})",
        seen.turns_per_second,
        seen.p50_ms,
        seen.p99_ms,
        seen.cpu,
        bot.rss_mib()?,
        bot.anonymous_mib()?,
    );
    Ok(())
}
