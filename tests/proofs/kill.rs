//! Kills while leads walk a funnel: every lead gets through, every answer counts once.
//! The control drives the same storm against a Telegram that forgets what it delivered, and must see losses.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use partnerctl::sandbox::Arrival;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{Dice, Ledger, Order};
use crate::support::{BOT, PARTNERS, Rig, Tap};

/// Leads who talk at the same time.
const SEATS: usize = 40;
/// The questions in order, and what a lead does about each; the last is the goal.
const PROMPTS: [&str; 6] = [
    "С чего начнём?",
    "Сколько килограммов?",
    "Зачем вам это?",
    "Когда начнём?",
    "Оставьте телефон.",
    "Спасибо!",
];
/// Moments of a turn at which the process dies, by what it traces there.
const POINTS: [&str; 5] = [
    "updates came in",
    "a round is durable",
    "calling Telegram",
    "Telegram answered",
    "started",
];
/// Silence after which a careless Telegram's leads are taken for lost.
const PATIENCE: Duration = Duration::from_secs(3);

pub async fn prove(order: &Order) -> Ledger {
    let kills = order.count("kills", 40, 1_000);
    let leads = order.count("leads", 150, 10_000);
    let mut ledger = Ledger::default();
    let mut storm = Storm::begin(order.dice(), false).await;
    storm.rage(kills, usize::try_from(leads).unwrap()).await;
    let under_fire = storm.walkers.len();
    storm.welcome = storm.welcome.max(usize::try_from(leads).unwrap());
    let lost = storm.calm().await;
    ledger.told("kills", storm.kills.total);
    ledger.told("  right after a traced point", storm.kills.aimed);
    ledger.told("  right after a message arrived", storm.kills.arrivals);
    ledger.told("leads", storm.walkers.len());
    ledger.told("  who came before the last kill", under_fire);
    ledger.none("leads lost", lost);
    storm.count_answers(&mut ledger).await;
    storm.count_repeats(&mut ledger);
    storm.count_cards(&mut ledger);
    let health = storm.rig.get("/health").await;
    ledger.none("updates set aside", number(&health["totals"]["poisoned"]));
    let code = storm.rig.stop().await;
    ledger.none("exit code of a stop afterwards", code);
    drop(storm);
    control(order, &mut ledger).await;
    ledger
}

/// Confirm before store, as most frameworks do, played by Telegram's side.
async fn control(order: &Order, ledger: &mut Ledger) {
    let mut storm = Storm::begin(order.dice(), true).await;
    storm.welcome = SEATS;
    let unhurt = storm.calm().await;
    ledger.none("control: lost without kills", unhurt);
    let mut lost = 0;
    while lost == 0 && storm.kills.total < 200 {
        let (kills, leads) = (storm.kills.total + 10, storm.walkers.len() + 2 * SEATS);
        storm.rage(kills, leads).await;
        lost = storm.calm().await;
    }
    ledger.told("control: kills", storm.kills.total);
    ledger.at_least("control: lost, confirmed before stored", lost, 1);
}

/// Somebody on the way through the funnel. Nobody ever repeats themselves: the bot must answer every word.
struct Walker {
    id: i64,
    phone: String,
    stage: usize,
}

#[derive(Default)]
struct Kills {
    total: u64,
    aimed: u64,
    arrivals: u64,
}

struct Storm {
    rig: Rig,
    tap: Arc<Tap>,
    walkers: Vec<Walker>,
    by_chat: HashMap<i64, usize>,
    on_the_way: usize,
    /// How many leads may have come by now.
    welcome: usize,
    /// Messages that a life should see on average.
    busy: u64,
    dice: Dice,
    kills: Kills,
    /// Chats in which something arrived.
    arrivals: mpsc::UnboundedReceiver<i64>,
    /// Arrivals until the bot is killed right after one; 0 when it is not to be.
    fuse: Arc<AtomicUsize>,
    pid: Arc<AtomicUsize>,
    /// Messages of each walker's chat when the bot was last killed, by kill: who heard something twice since.
    repeats: BTreeMap<u64, u64>,
}

impl Storm {
    async fn begin(dice: Dice, careless: bool) -> Storm {
        let mut rig = Rig::new();
        // Pauses between messages are for Telegram's sake, and would only make the proof long.
        rig.place
            .write_config("limits: { inputs_at_once: 0, messages_per_second: 0 }\n");
        rig.set_env("RUST_LOG", "info,bot=trace");
        let tap = Arc::new(Tap::default());
        rig.tap = Some(tap.clone());
        rig.start().await;
        rig.partners_are_there().await;
        rig.world.set_careless(BOT, careless);
        let (told, arrivals) = mpsc::unbounded_channel();
        let fuse = Arc::new(AtomicUsize::new(0));
        let pid = Arc::new(AtomicUsize::new(0));
        let (burning, victim) = (fuse.clone(), pid.clone());
        rig.world.on_arrival(move |arrival| {
            let Arrival::Message { chat, .. } = *arrival else {
                return;
            };
            // The message is with its reader, the answer is not yet with the bot.
            let burnt = burning.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                (left > 0).then(|| left - 1)
            });
            if burnt == Ok(1) {
                let pid = libc::pid_t::try_from(victim.load(Ordering::Acquire)).unwrap_or(0);
                if pid > 0 {
                    // SAFETY: the storm clears the number before it waits for the process.
                    unsafe { libc::kill(pid, libc::SIGKILL) };
                }
            }
            let _ = told.send(chat);
        });
        Storm {
            rig,
            tap,
            walkers: Vec::new(),
            by_chat: HashMap::new(),
            on_the_way: 0,
            welcome: 0,
            busy: 1,
            dice,
            kills: Kills::default(),
            arrivals,
            fuse,
            pid,
            repeats: BTreeMap::new(),
        }
    }

    fn sit_down(&mut self) {
        let number = self.walkers.len();
        let id = self.rig.person(&format!("Лид{number}"));
        let phone = format!("+7701{:07}", 1_000_000 + number);
        self.rig.opens(id, "weight");
        self.by_chat.insert(id, number);
        self.on_the_way += 1;
        self.walkers.push(Walker {
            id,
            phone,
            stage: 0,
        });
    }

    /// Takes the seats that are free, as long as leads are welcome.
    fn fill(&mut self) {
        while self.on_the_way < SEATS && self.walkers.len() < self.welcome {
            self.sit_down();
        }
    }

    /// Something arrived in this chat: the lead does the next thing, or hears the same again.
    fn act(&mut self, chat: i64) {
        let Some(&index) = self.by_chat.get(&chat) else {
            return;
        };
        let rig = &self.rig;
        let walker = &mut self.walkers[index];
        let last = rig.heard(chat).pop().unwrap_or_default();
        if walker.stage >= PROMPTS.len() || !last.contains(PROMPTS[walker.stage]) {
            *self.repeats.entry(self.kills.total).or_default() += 1;
            return;
        }
        match walker.stage {
            0 => rig.presses(walker.id, "Начать"),
            1 => rig.says(walker.id, "25"),
            2 => rig.says(walker.id, "Хочу бегать"),
            3 => rig.presses(walker.id, "Завтра"),
            4 => rig.says(walker.id, &walker.phone),
            _ => self.on_the_way -= 1,
        }
        walker.stage += 1;
    }

    /// Leads come and the bot dies, until it has died this often.
    async fn rage(&mut self, kills: u64, leads: usize) {
        let lives = usize::try_from(kills - self.kills.total).unwrap().max(1);
        let per_life = leads.saturating_sub(self.walkers.len()).div_ceil(lives);
        self.busy = (2 * per_life * PROMPTS.len()) as u64;
        while self.kills.total < kills {
            self.welcome = (self.walkers.len() + per_life.max(SEATS)).min(leads);
            self.live().await;
            self.die().await;
            if self.kills.total.is_multiple_of(100) {
                println!("… {} kills, {} leads", self.kills.total, self.walkers.len());
            }
        }
    }

    /// One life of the process: until it is killed by the tap or an arrival, or its time is over.
    async fn live(&mut self) {
        let pid = self.rig.bot.as_ref().map_or(0, |bot| bot.pid() as usize);
        self.pid.store(pid, Ordering::Release);
        let most = match self.dice.throw(4) {
            // At any moment, from the very first on.
            0 => Duration::from_micros(self.dice.throw(60_000)),
            1 => {
                let point = *self.dice.pick(&POINTS);
                let pass = if point == "started" {
                    0
                } else {
                    self.dice.throw(self.busy)
                };
                self.tap.aim(point, pass);
                Duration::from_secs(2)
            }
            2 => {
                let left = 1 + self.dice.throw(2 * self.busy);
                self.fuse
                    .store(usize::try_from(left).unwrap(), Ordering::Release);
                Duration::from_secs(2)
            }
            _ => {
                // From when it is up.
                let up = self.tap.lines();
                let deadline = Instant::now() + Duration::from_secs(5);
                while self.tap.lines() == up && Instant::now() < deadline {
                    self.hear(Duration::from_millis(2)).await;
                }
                Duration::from_micros(self.dice.throw(250_000))
            }
        };
        let until = Instant::now() + most;
        while Instant::now() < until && !self.is_dead() {
            let rest = until - Instant::now();
            self.hear(rest.min(Duration::from_millis(5))).await;
            if self.on_the_way == 0 && self.walkers.len() >= self.welcome {
                break;
            }
        }
    }

    /// Whether the tap or an arrival has killed it.
    fn is_dead(&mut self) -> bool {
        let bot = self.rig.bot.as_mut();
        let dead = bot.is_none_or(|bot| bot.has_ended());
        if dead {
            // Waited for: the number is free for another process.
            self.pid.store(0, Ordering::Release);
        }
        dead
    }

    async fn die(&mut self) {
        self.tap.rest();
        let burnt = self.fuse.swap(0, Ordering::AcqRel);
        self.pid.store(0, Ordering::Release);
        let dead = self.is_dead();
        let aimed = self.tap.hits();
        if aimed > self.kills.aimed {
            self.kills.aimed = aimed;
        } else if dead && burnt == 0 {
            self.kills.arrivals += 1;
        }
        self.kills.total += 1;
        self.rig.kill().await;
        self.rig.spawn();
    }

    /// Reacts to what arrives, for a moment.
    async fn hear(&mut self, most: Duration) -> bool {
        self.fill();
        let Ok(Some(chat)) = timeout(most, self.arrivals.recv()).await else {
            return false;
        };
        self.act(chat);
        while let Ok(chat) = self.arrivals.try_recv() {
            self.act(chat);
        }
        true
    }

    /// Lets the living bot finish its work; how many leads wait for an answer that will never come.
    async fn calm(&mut self) -> usize {
        self.rig.state("running").await;
        loop {
            // A careless Telegram does not tell what is still on its way to the bot.
            while self.hear(PATIENCE).await {}
            self.rig.quiet().await;
            if !self.hear(Duration::from_millis(100)).await {
                return self
                    .walkers
                    .iter()
                    .filter(|w| w.stage < PROMPTS.len())
                    .count();
            }
        }
    }

    /// Every answer of every lead is in their story once.
    async fn count_answers(&self, ledger: &mut Ledger) {
        let mut stories = HashMap::new();
        // The partner's people are numbered too.
        for number in 1..=self.walkers.len() + PARTNERS.len() {
            let why = self.rig.get(&format!("/why?lead={number}")).await;
            let items = why["items"].as_array().cloned().unwrap_or_default();
            let texts = items.iter().filter_map(|item| item["text"].as_str());
            let texts: Vec<String> = texts.map(str::to_owned).collect();
            stories.insert(why["lead"]["chat_id"].as_i64().unwrap_or(0), texts);
        }
        let (mut right, mut missing, mut twice) = (0, 0, 0);
        for walker in &self.walkers {
            let empty = Vec::new();
            let story = stories.get(&walker.id).unwrap_or(&empty);
            for answer in [
                "ответ goal_kg: 25",
                "ответ reason: Хочу бегать",
                "ответ start_on: Завтра",
                &format!("оставил контакт: {}", walker.phone),
                "+20 баллов: хочет начать",
            ] {
                match story.iter().filter(|text| *text == answer).count() {
                    0 => missing += 1,
                    1 => right += 1,
                    _ => twice += 1,
                }
            }
        }
        ledger.told("answers counted once", right);
        ledger.none("answers not counted", missing);
        ledger.none("answers counted twice", twice);
    }

    fn count_repeats(&self, ledger: &mut Ledger) {
        let replies: usize = self
            .walkers
            .iter()
            .map(|w| self.rig.heard(w.id).len())
            .sum();
        let repeated = replies.saturating_sub(self.walkers.len() * PROMPTS.len());
        let by_kill = self.repeats.values().copied().max().unwrap_or(0);
        ledger.told("replies", replies);
        ledger.at_most("repeated replies", repeated, self.kills.total);
        ledger.at_most("most repeated replies of one kill", by_kill, 1);
        let wrong = self.walkers.iter().filter(|walker| {
            let heard = self.rig.heard(walker.id);
            heard.last().map(String::as_str) != Some("Спасибо!")
        });
        ledger.none("leads whose last word is another", wrong.count());
    }

    /// At least one card for every lead and partner, at most one of them unmarked.
    fn count_cards(&self, ledger: &mut Ledger) {
        let (mut missing, mut unmarked_twice, mut repeats) = (0, 0, 0);
        for partner in PARTNERS {
            let cards = self.rig.heard(partner);
            let mut by_phone: HashMap<String, (usize, usize)> = HashMap::new();
            for card in &cards {
                for phone in phones(card) {
                    let seen = by_phone.entry(phone).or_default();
                    seen.0 += 1;
                    seen.1 += usize::from(!card.contains("Повтор"));
                }
            }
            for walker in &self.walkers {
                let (all, unmarked) = by_phone.get(&walker.phone).copied().unwrap_or_default();
                missing += usize::from(all == 0);
                unmarked_twice += usize::from(unmarked > 1);
                repeats += all.saturating_sub(1);
            }
        }
        ledger.none("cards missing", missing);
        ledger.none("cards repeated without a mark", unmarked_twice);
        ledger.told("cards repeated and marked", repeats);
    }
}

fn number(value: &serde_json::Value) -> i64 {
    // A number that is not there must not pass for zero.
    value.as_i64().unwrap_or(-1).abs()
}

/// Numbers written as `+7 701 100-00-00`, without their spaces.
fn phones(card: &str) -> impl Iterator<Item = String> {
    card.match_indices("+7 701 ").map(|(at, _)| {
        let digits = card[at..].chars().take(16).filter(char::is_ascii_digit);
        format!("+{}", digits.collect::<String>())
    })
}
