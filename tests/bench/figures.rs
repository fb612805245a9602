//! Every figure of docs/performance.md, each from its own fresh bot, in a few minutes.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::fake::Fake;
use crate::fill::fill;
use crate::leads::{FIRST, Manners, Walk};
use crate::load::{Beside, Load, Outcome, median, share};
use crate::process::{Bot, Home, sleep, wait};

#[derive(Debug, Default)]
pub struct Figures {
    pub closed: Beside,
    pub network: Outcome,
    /// Both once more with the order that the shipped limits keep.
    pub in_order: Outcome,
    pub in_order_network: Outcome,
    pub paced: Outcome,
    pub paced_network: Beside,
    /// Right after the load, and three seconds later.
    pub rss_after: (f64, f64),
    pub start_ms: f64,
    pub fleet: Fleet,
    pub growth: Vec<(u64, Outcome)>,
    pub bulk: Bulk,
}

/// Bots that wait for somebody to write, each with all shipped funnels.
#[derive(Debug, Default)]
pub struct Fleet {
    pub bots: usize,
    pub pss_mib: f64,
    pub anonymous_mib: f64,
    pub cpu_ms_per_second: f64,
}

/// Messages in which the bot speaks first, more than the rate lets through.
#[derive(Debug, Default)]
pub struct Bulk {
    /// Sent, as a share of what the rate allows.
    pub used: f64,
    pub refused: usize,
    pub reply_p99_ms: f64,
}

const FLEET: usize = 20;
/// Odd, so that one is in the middle. The speed of a shared host changes by the minute.
const ROUNDS: usize = 9;
const BULK_PER_SECOND: u32 = 25;

pub fn measure() -> anyhow::Result<Figures> {
    let mut figures = Figures::default();
    loads(&mut figures)?;
    figures.start_ms = start()?;
    figures.bulk = bulk()?;
    figures.growth = growth()?;
    say(&format!("{figures:#?}"));
    figures.fleet = fleet()?;
    say(&format!("{:#?}", figures.fleet));
    Ok(figures)
}

/// One part, for work on it.
pub fn only(part: &str) -> anyhow::Result<()> {
    match part {
        "start" => println!("{:.1} ms", start()?),
        "bulk" => println!("{:?}", bulk()?),
        "growth" => println!("{:#?}", growth()?),
        "fleet" => println!("{:?}", fleet()?),
        _ => anyhow::bail!("start, bulk, growth or fleet"),
    }
    Ok(())
}

fn say(what: &str) {
    eprintln!("… {what}");
}

fn loads(figures: &mut Figures) -> anyhow::Result<()> {
    say("100 leads at once, the bare loop beside it");
    figures.closed = Beside::measure(Load::closed(100, 3), ROUNDS)?;
    let fake = Fake::start()?;
    let home = Home::new("closed", 0)?;
    let bot = Bot::start(&home, &fake)?;
    Load::closed(100, 8).run(&bot, &fake)?;
    let at_once = bot.rss_mib()?;
    sleep(Duration::from_secs(3));
    figures.rss_after = (at_once, bot.rss_mib()?);
    bot.stop()?;
    say("100 leads at once, 40 ms a call");
    let home = Home::new("network", 0)?;
    let bot = Bot::start(&home, &fake)?;
    figures.network = Load::closed(100, 8).with_network().run(&bot, &fake)?;
    bot.stop()?;
    say("both in order");
    let home = Home::in_order("order")?;
    let bot = Bot::start(&home, &fake)?;
    figures.in_order = Load::closed(100, 8).run(&bot, &fake)?;
    figures.in_order_network = Load::closed(100, 8).with_network().run(&bot, &fake)?;
    bot.stop()?;
    say("5 leads with pauses");
    let home = Home::new("paced", 0)?;
    let bot = Bot::start(&home, &fake)?;
    figures.paced = Load::paced(12).run(&bot, &fake)?;
    bot.stop()?;
    say("5 leads with pauses, 40 ms a call, the bare loop beside it");
    figures.paced_network = Beside::measure(Load::paced(8).with_network(), 3)?;
    Ok(())
}

/// From exec to the first getUpdates, the median of nine starts on data that is there.
fn start() -> anyhow::Result<f64> {
    say("starts");
    let fake = Fake::start()?;
    let home = Home::new("start", 0)?;
    Bot::start(&home, &fake)?.stop()?;
    let mut times = Vec::new();
    for _ in 0..9 {
        let bot = Bot::start(&home, &fake)?;
        let polled = fake.state().first_poll.unwrap_or_else(Instant::now);
        times.push((polled - bot.started()).as_secs_f64() * 1_000.0);
        bot.stop()?;
    }
    Ok(median(times.into_iter()))
}

/// The cost of a turn beside leads who are in the store already; the hundred who talk are picked from all of them.
fn growth() -> anyhow::Result<Vec<(u64, Outcome)>> {
    let fake = Fake::start()?;
    let home = Home::new("growth", 0)?;
    let bot = Bot::start(&home, &fake)?;
    Load::closed(10, 1).run(&bot, &fake)?;
    bot.stop()?;
    let mut seen = Vec::new();
    for leads in [1_000, 100_000, 1_000_000] {
        say(&format!("a store with {leads} leads"));
        fill(&home.data(), leads)?;
        let bot = Bot::start(&home, &fake)?;
        let mut load = Load::closed(100, 6);
        load.manners.crowd = leads;
        seen.push((leads, load.run(&bot, &fake)?));
        bot.stop()?;
    }
    Ok(seen)
}

fn bulk() -> anyhow::Result<Bulk> {
    const WINDOW: Duration = Duration::from_secs(20);
    say("follow-ups at the allowed rate, and replies meanwhile");
    let fake = Fake::start()?;
    let home = Home::new("bulk", BULK_PER_SECOND)?;
    let bot = Bot::start(&home, &fake)?;
    let seat = |from: i64, count: i64, manners: Manners| {
        fake.act(|state| {
            state.leads.going = true;
            for chat in from..from + count {
                state.leads.sit(chat, manners);
                state.speak(chat);
            }
        });
    };
    let silent = Manners {
        walk: Walk::FallSilent,
        ..Manners::default()
    };
    // More than the window and the wait before it can use up.
    seat(FIRST + 10_000, 800, silent);
    wait(|| fake.state().leads.waiting() == 0)?;
    // A word every second and a half: what Telegram lets a bot answer in one chat.
    let talking = Manners {
        pause: Duration::from_millis(1_500),
        ..Manners::default()
    };
    seat(FIRST, 60, talking);
    wait(|| !fake.state().unasked.is_empty())?;
    sleep(Duration::from_secs(1));
    let began = Instant::now();
    fake.state().leads.measuring = true;
    sleep(WINDOW);
    let (mut latencies, unasked, refused, wall) = {
        let mut state = fake.state();
        let latencies = std::mem::take(&mut state.leads.latencies);
        let unasked = state.unasked.iter().filter(|at| **at >= began).count();
        (latencies, unasked, state.refused, began.elapsed())
    };
    bot.stop()?;
    latencies.sort_unstable();
    Ok(Bulk {
        used: unasked as f64 / (f64::from(BULK_PER_SECOND) * wall.as_secs_f64()),
        refused,
        reply_p99_ms: share(&latencies, 0.99),
    })
}

fn fleet() -> anyhow::Result<Fleet> {
    say("an idle fleet");
    let fake = Fake::start()?;
    let root = root();
    let homes: Vec<Home> = (0..FLEET)
        .map(|n| Home::shipped(&format!("idle-{n}"), root))
        .collect::<anyhow::Result<_>>()?;
    let bots: Vec<Bot> = homes
        .iter()
        .map(|home| Bot::start(home, &fake))
        .collect::<anyhow::Result<_>>()?;
    sleep(Duration::from_secs(12));
    let cpu = |bots: &[Bot]| bots.iter().map(Bot::cpu).sum::<anyhow::Result<f64>>();
    let (before, began) = (cpu(&bots)?, Instant::now());
    sleep(Duration::from_secs(20));
    let spent = cpu(&bots)? - before;
    let mean = |of: fn(&Bot) -> anyhow::Result<f64>| -> anyhow::Result<f64> {
        Ok(bots.iter().map(of).sum::<anyhow::Result<f64>>()? / FLEET as f64)
    };
    Ok(Fleet {
        bots: FLEET,
        pss_mib: mean(Bot::pss_mib)?,
        anonymous_mib: mean(Bot::anonymous_mib)?,
        cpu_ms_per_second: spent * 1_000.0 / FLEET as f64 / began.elapsed().as_secs_f64(),
    })
}

/// Of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap_or(Path::new("."))
}
