//! An hour of Telegram at its worst over fifty bots at once: nothing is lost, each answer counts once, every card
//! comes, and the bots stay small and quick. The control is a Telegram that forgets what it delivered.

use std::time::Duration;

use partnerctl::sandbox::{FaultKind, FaultRule, Options};
use tokio::time::Instant;

use super::town::{House, Town};
use super::walk::{Pace, Walks, percentile};
use super::{Dice, Form, Ledger, Order};

/// Of a hundred calls of any method, per kind: five fail before anything is done, five are told to wait, two are done
/// and their answer is lost, two are answered late, and every other hundred has one answer that is no JSON.
const MIX: [(FaultKind, f64); 5] = [
    (FaultKind::Status(500), 0.05),
    (FaultKind::Status(429), 0.05),
    (FaultKind::LostAnswer, 0.02),
    (FaultKind::Slow, 0.02),
    (FaultKind::BadJson, 0.005),
];

/// Limits of the long form.
const P99_MS: f64 = 2_000.0;
const MIB_PER_HOUR: f64 = 1.0;
const DESCRIPTORS_PER_HOUR: f64 = 1.0;
/// Most of the answers must have been clear of faults for their time to say something.
const CLEAR_SHARE: f64 = 0.2;

const SAMPLE_EVERY: Duration = Duration::from_secs(10);

pub async fn prove(order: &Order) -> Ledger {
    let bots = usize::try_from(order.count("bots", 5, 50)).unwrap();
    let short = order.form == Form::Short;
    let seconds = if short {
        order.count("seconds", 6, 0)
    } else {
        order.count("minutes", 0, 60) * 60
    };
    let length = Duration::from_secs(seconds);
    let mut ledger = Ledger::default();
    storm(order, bots, length, &mut ledger).await;
    jump(order, &mut ledger).await;
    control(order, short, &mut ledger).await;
    ledger
}

/// The mix; a short storm has short waits, or it would hold nothing else.
fn mix(short: bool) -> Vec<FaultRule> {
    let mut left = 1.0;
    let mut rules = Vec::new();
    for (kind, share) in MIX {
        let mut rule = FaultRule::new("*", kind);
        // The first rule that fires wins, so those behind it see fewer calls.
        rule.probability = share / left;
        left -= share;
        rule.retry_after_to = Some(if short { 1 } else { 30 });
        rule.delay_ms = if short { 700 } else { 15_000 };
        rules.push(rule);
    }
    rules
}

/// People at once to a bot: so many fill what it keeps in memory (256 leads, the store's pages) well before half time,
/// and what grows after that grows for good.
const SEATS: u64 = 10;

fn pace(short: bool, seats: usize) -> Pace {
    let ms = Duration::from_millis;
    if short {
        Pace {
            seats,
            think: (ms(20), ms(300)),
            patience: ms(1_500),
        }
    } else {
        Pace {
            seats,
            think: (ms(1_500), ms(6_000)),
            patience: ms(60_000),
        }
    }
}

async fn storm(order: &Order, bots: usize, length: Duration, ledger: &mut Ledger) {
    let short = order.form == Form::Short;
    let town = Town::open(bots, "", Options::default()).await;
    let seats = usize::try_from(order.count("seats", 4, SEATS)).unwrap();
    let mut walks = Walks::new(&town, pace(short, seats), order.dice());
    town.world.set_faults(mix(short), Some(order.seed));
    walks.fill_seats();
    let mut body = Body::default();
    let end = Instant::now() + length;
    while Instant::now() < end {
        let until = (Instant::now() + SAMPLE_EVERY).min(end);
        walks.walk(until, true).await;
        body.sample(&town.houses);
    }
    let lost = calm(&town, &mut walks, if short { 60 } else { 300 }).await;
    for stranded in walks.stranded().await {
        ledger.trouble(stranded);
    }
    let (missing, unmarked) = walks.cards();
    let miscounted = walks.miscounted().await;
    for wrong in &miscounted {
        ledger.trouble(wrong.clone());
    }
    let nudged: usize = walks.walkers.iter().map(|walker| walker.nudges).sum();
    ledger.told("bots", bots);
    ledger.told("seconds", length.as_secs());
    ledger.told("leads", walks.walkers.len());
    ledger.told("turns", walks.turns);
    polls(&walks, ledger);
    let faults = walks.weather.lock().unwrap().faults;
    ledger.at_least("faults", faults, if short { 20 } else { 1_000 });
    ledger.none("lost: no answer and no row in doubt", lost);
    ledger.none("answers not counted once", miscounted.len());
    ledger.none("partner cards missing", missing);
    ledger.none("repeated cards without a mark", unmarked);
    ledger.told("replies in doubt, each with a row", nudged);
    ledger.told("replies repeated", walks.repeated());
    ledger.told(
        "doubts in the health pages",
        town.sum("/totals/unknown").await,
    );
    ledger.none("messages refused", town.sum("/totals/failed").await);
    ledger.none("updates set aside", town.sum("/totals/poisoned").await);
    ledger.none("bots ended or restarted", town.fallen().await);
    ledger.none("panics", town.panics());
    ledger.none("violations of the API", town.world.violations().len());
    speed(&walks, short, ledger);
    if !short {
        body.tell(ledger);
    }
    town.close().await;
}

/// The faults are over: whoever is on the way walks to the end. How many cannot.
async fn calm(town: &Town, walks: &mut Walks<'_>, seconds: u64) -> usize {
    town.world.set_faults(Vec::new(), None);
    let deadline = Instant::now() + Duration::from_secs(seconds);
    walks.walk(deadline, false).await;
    // Cards are slower than replies: one a second to a chat.
    while Instant::now() < deadline && town.sum("/queue/outbox_due").await > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    walks.on_the_way()
}

/// Whether the bots went on asking through all of it. A press that no poll fetches for 150 s is gone, whatever the bot
/// does; so such a time must come from faults alone.
fn polls(walks: &Walks<'_>, ledger: &mut Ledger) {
    let weather = walks.weather.lock().unwrap();
    let late = weather.late(Instant::now());
    let unheard = weather.longest_unheard().as_secs_f64().round();
    drop(weather);
    ledger.none("polls later than a bot promises", late.len());
    for late in late {
        ledger.trouble(late);
    }
    ledger.told("longest time of failed polls alone, s", unheard);
    let again = walks.thrown_away.len();
    ledger.told("presses Telegram threw away, pressed again", again);
    ledger.none("of them while polls came through", walks.unread());
}

/// Telegram's clock jumps while leads wait for what they pressed: the presses are thrown away, though no polls failed
/// for so long. That must be seen, and everybody must come through by pressing again.
async fn jump(order: &Order, ledger: &mut Ledger) {
    let town = Town::open(1, "", Options::default()).await;
    let second = Duration::from_secs(1);
    let slow = Pace {
        think: (second, second),
        ..pace(true, 4)
    };
    let mut walks = Walks::new(&town, slow, Dice::new(order.seed ^ 2));
    walks.fill_seats();
    let deadline = Instant::now() + 30 * second;
    while walks.replies.len() < 4 && Instant::now() < deadline {
        walks.walk(Instant::now() + second / 20, false).await;
    }
    let deaf = FaultRule::new("getUpdates", FaultKind::Status(500));
    town.world.set_faults(vec![deaf], None);
    walks.walk(Instant::now() + 2 * second, false).await;
    town.world.advance(151 * second);
    let lost = calm(&town, &mut walks, 60).await;
    ledger.none("control, presses thrown away: leads lost", lost);
    ledger.at_least("control, presses thrown away: seen", walks.unread(), 1);
    town.close().await;
}

fn speed(walks: &Walks<'_>, short: bool, ledger: &mut Ledger) {
    let all = walks.replies.len();
    let clear = walks.replies.iter().filter(|reply| reply.clear);
    let mut times: Vec<f64> = clear.map(|reply| reply.ms).collect();
    let share = times.len() as f64 / all.max(1) as f64;
    ledger.told("replies timed", all);
    ledger.told(
        "reply p50 ms, clear of faults",
        percentile(&mut times, 0.5).round(),
    );
    let p99 = percentile(&mut times, 0.99).round();
    // A short run on a machine that also compiles says nothing of speed.
    if short {
        ledger.told("reply p99 ms, clear of faults", p99);
        ledger.told("share of replies clear of faults", share);
    } else {
        ledger.at_most("reply p99 ms, clear of faults", p99, P99_MS);
        ledger.at_least("share of replies clear of faults", share, CLEAR_SHARE);
    }
}

/// How the processes grow: samples of all bots over time.
#[derive(Default)]
struct Body {
    began: Option<Instant>,
    hours: Vec<f64>,
    /// Per bot: memory in MiB, open descriptors.
    memory: Vec<Vec<f64>>,
    descriptors: Vec<Vec<f64>>,
}

impl Body {
    fn sample(&mut self, houses: &[House]) {
        let began = *self.began.get_or_insert_with(Instant::now);
        self.hours.push(began.elapsed().as_secs_f64() / 3600.0);
        self.memory.resize(houses.len(), Vec::new());
        self.descriptors.resize(houses.len(), Vec::new());
        for (index, house) in houses.iter().enumerate() {
            self.memory[index].push(house.rss_kib() / 1024.0);
            self.descriptors[index].push(house.descriptors());
        }
    }

    /// The second half of the time counts; what is before it is warm-up.
    fn tell(&self, ledger: &mut Ledger) {
        let half = self.hours.len() / 2;
        let hours = &self.hours[half..];
        let slopes: Vec<f64> = self
            .memory
            .iter()
            .map(|memory| slope(hours, &memory[half..]))
            .collect();
        let bots = self.memory.len() as f64;
        let mean = |at: usize| self.memory.iter().map(|memory| memory[at]).sum::<f64>() / bots;
        let of_all: Vec<f64> = (half..self.hours.len()).map(mean).collect();
        ledger.told("RSS MiB per bot, at half time", mean(half));
        ledger.told("RSS MiB per bot, at the end", mean(self.hours.len() - 1));
        ledger.at_most(
            "RSS MiB/h per bot, all bots",
            slope(hours, &of_all),
            MIB_PER_HOUR,
        );
        let mut sorted = slopes;
        let median = percentile(&mut sorted, 0.5);
        ledger.at_most("RSS MiB/h, the median bot", median, MIB_PER_HOUR);
        ledger.told("RSS MiB/h, the worst bot", percentile(&mut sorted, 1.0));
        // Lines to Telegram come and go with the calls under way; a leak only ever adds.
        let open = |at: usize| self.descriptors.iter().map(|open| open[at]).sum::<f64>() / bots;
        let of_all: Vec<f64> = (half..self.hours.len()).map(open).collect();
        let average = |part: &[f64]| part.iter().sum::<f64>() / part.len().max(1) as f64;
        let (third, fourth) = of_all.split_at(of_all.len() / 2);
        ledger.told("descriptors per bot, third quarter", average(third));
        ledger.told("descriptors per bot, fourth quarter", average(fourth));
        ledger.at_most(
            "descriptors an hour per bot, all bots",
            slope(hours, &of_all),
            DESCRIPTORS_PER_HOUR,
        );
    }
}

/// Theil-Sen: the median of the slopes between all pairs of samples, deaf to single jumps.
fn slope(hours: &[f64], values: &[f64]) -> f64 {
    let mut slopes = Vec::new();
    for a in 0..hours.len() {
        for b in a + 1..hours.len() {
            let apart = hours[b] - hours[a];
            if apart > 0.0 {
                slopes.push((values[b] - values[a]) / apart);
            }
        }
    }
    percentile(&mut slopes, 0.5)
}

/// A bot whose updates are confirmed before they are stored, played by a Telegram that forgets what it delivered,
/// loses what the faults take from an answer. If the harness saw no loss here it would see none above.
async fn control(order: &Order, short: bool, ledger: &mut Ledger) {
    let bots = usize::try_from(order.count("control_bots", 4, 8)).unwrap();
    let town = Town::open(bots, "", Options::default()).await;
    for house in &town.houses {
        town.world.set_careless(house.bot_id, true);
    }
    let dice = Dice::new(order.seed ^ 1);
    let mut walks = Walks::new(&town, pace(true, 4), dice);
    // So short a storm must lose answers more often to be sure of a loss.
    let mut rules = vec![FaultRule::new("getUpdates", FaultKind::LostAnswer)];
    rules[0].probability = 0.2;
    rules.extend(mix(true));
    town.world.set_faults(rules, Some(order.seed ^ 1));
    walks.fill_seats();
    let length = Duration::from_secs(if short { 4 } else { 30 });
    walks.walk(Instant::now() + length, true).await;
    let lost = calm(&town, &mut walks, 5).await;
    ledger.at_least("control, confirmed before stored: lost", lost, 1);
    town.close().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_seen_and_a_single_jump_is_not_growth() {
        let hours: Vec<f64> = (0..60).map(|minute| f64::from(minute) / 60.0).collect();
        let grows: Vec<f64> = hours.iter().map(|hour| 10.0 + 3.0 * hour).collect();
        assert!((slope(&hours, &grows) - 3.0).abs() < 0.01);
        let jumps: Vec<f64> = (0..60).map(|n| if n < 50 { 10.0 } else { 11.0 }).collect();
        assert!(slope(&hours, &jumps).abs() < 0.01);
    }

    #[test]
    fn the_mix_has_the_shares_it_promises() {
        let mut reach = 1.0;
        for (rule, (_, share)) in mix(false).iter().zip(MIX) {
            assert!((reach * rule.probability - share).abs() < 1e-9);
            reach *= 1.0 - rule.probability;
        }
    }
}
