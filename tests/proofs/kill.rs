//! Kills while leads walk a funnel: every lead gets through, every answer counts once.
//! The control drives the same storm against a Telegram that forgets what it delivered, and must see losses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use partnerctl::sandbox::Arrival;
use tokio::time::Instant;

use super::crowd::{Crowd, PROMPTS, SEATS};
use super::{Dice, Ledger, Order};
use crate::support::{BOT, Tap};

/// Moments of a turn at which the process dies, by what it traces there.
const POINTS: [&str; 5] = [
    "updates came in",
    "a round is durable",
    "calling Telegram",
    "Telegram answered",
    "started",
];

pub async fn prove(order: &Order) -> Ledger {
    let kills = order.count("kills", 25, 1_000);
    let leads = order.count("leads", 250, 10_000);
    let leads = usize::try_from(leads).unwrap();
    let mut ledger = Ledger::default();
    let mut storm = Storm::begin(order.dice(), false).await;
    storm.rage(kills, leads).await;
    let under_fire = storm.crowd.walkers.len();
    storm.crowd.welcome = storm.crowd.welcome.max(leads);
    let lost = storm.crowd.calm().await;
    ledger.told("kills", storm.kills.total);
    ledger.told("  right after a traced point", storm.kills.aimed);
    ledger.told("  right after a message arrived", storm.kills.arrivals);
    ledger.told("  with leads on their way", storm.kills.amid);
    ledger.told("leads", storm.crowd.walkers.len());
    ledger.told("  who came before the last kill", under_fire);
    ledger.none("leads lost", lost);
    storm.crowd.count_answers(&mut ledger).await;
    let repeats = storm.crowd.repeats();
    ledger.told("replies", repeats.replies);
    let one = "most repeated replies of one kill to one lead";
    ledger.at_most(one, repeats.of_one_in_a_chat, 1_u64);
    ledger.at_most("repeated replies of all kills", repeats.repeated, kills);
    // One, and more only where Telegram took longer than the pause between what asks nothing.
    let leads_of_one = "most leads one kill repeated a reply to";
    ledger.at_most(leads_of_one, repeats.of_one, 3_u64);
    storm.crowd.count_cards(&mut ledger);
    let health = storm.crowd.rig.get("/health").await;
    // A number that is not there must not pass for zero.
    let poisoned = health["totals"]["poisoned"].as_i64().unwrap_or(-1).abs();
    ledger.none("updates set aside", poisoned);
    let code = storm.crowd.rig.stop().await;
    ledger.none("exit code of a stop afterwards", code);
    drop(storm);
    control(order, &mut ledger).await;
    ledger
}

/// Confirm before store, as most frameworks do, played by Telegram's side.
async fn control(order: &Order, ledger: &mut Ledger) {
    let mut storm = Storm::begin(order.dice(), true).await;
    storm.crowd.welcome = SEATS;
    let unhurt = storm.crowd.calm().await;
    ledger.none("control: lost without kills", unhurt);
    let mut lost = 0;
    while lost == 0 && storm.kills.total < 200 {
        let kills = storm.kills.total + 10;
        let leads = storm.crowd.walkers.len() + 2 * SEATS;
        storm.rage(kills, leads).await;
        lost = storm.crowd.calm().await;
    }
    ledger.told("control: kills", storm.kills.total);
    ledger.at_least("control: lost, confirmed before stored", lost, 1);
}

#[derive(Default)]
struct Kills {
    total: u64,
    aimed: u64,
    arrivals: u64,
    /// Somebody had not heard the last word yet.
    amid: u64,
}

struct Storm {
    crowd: Crowd,
    tap: Arc<Tap>,
    /// Messages that a life should see on average.
    busy: u64,
    dice: Dice,
    kills: Kills,
    fuse: Arc<Fuse>,
}

/// Kills the process when this many messages have arrived: they are with their readers, the answer is not yet with
/// the bot.
#[derive(Default)]
struct Fuse {
    left: AtomicUsize,
    pid: AtomicUsize,
}

impl Fuse {
    fn burn(&self) {
        let burnt = self
            .left
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| {
                left.checked_sub(1)
            });
        let pid = libc::pid_t::try_from(self.pid.load(Ordering::Acquire)).unwrap_or(0);
        if burnt == Ok(1) && pid > 0 {
            // SAFETY: the storm clears the number as soon as the process has been waited for.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
    }
}

impl Storm {
    async fn begin(dice: Dice, careless: bool) -> Storm {
        let mut rig = Crowd::hurried_rig();
        rig.set_env("RUST_LOG", "info,bot=trace");
        let tap = Arc::new(Tap::default());
        rig.tap = Some(tap.clone());
        rig.start().await;
        let fuse = Arc::new(Fuse::default());
        let burning = fuse.clone();
        rig.world.on_arrival(move |arrival| {
            if matches!(arrival, Arrival::Message { .. }) {
                burning.burn();
            }
        });
        let crowd = Crowd::gather(rig).await;
        crowd.rig.world.set_careless(BOT, careless);
        Storm {
            crowd,
            tap,
            busy: 1,
            dice,
            kills: Kills::default(),
            fuse,
        }
    }

    /// Leads come and the bot dies, until it has died this often.
    async fn rage(&mut self, kills: u64, leads: usize) {
        while self.kills.total < kills {
            let come = self.crowd.walkers.len();
            let guests = self.guests(kills - self.kills.total, leads.saturating_sub(come));
            self.crowd.welcome = come + guests;
            let walking = self.crowd.on_the_way + guests;
            self.busy = (walking * PROMPTS.len()) as u64;
            self.live().await;
            self.die().await;
            if self.kills.total.is_multiple_of(100) {
                println!("… {} kills, {come} leads", self.kills.total);
            }
        }
    }

    /// How many leads may come in this life: now and then a full house, else few, and never so many that a later
    /// life finds nobody to serve.
    fn guests(&mut self, lives: u64, to_come: usize) -> usize {
        let lives = usize::try_from(lives).unwrap();
        let spare = (to_come + 1).saturating_sub(lives);
        let share = to_come.div_ceil(lives) as u64;
        let wished = if self.dice.throw(8) == 0 {
            SEATS
        } else {
            usize::try_from(1 + self.dice.throw(2 * share)).unwrap()
        };
        wished.min(spare)
    }

    /// One life of the process: until it is killed by the tap or an arrival, or its time is over.
    async fn live(&mut self) {
        let pid = self.crowd.rig.bot.as_ref().map_or(0, |bot| bot.pid());
        self.fuse.pid.store(pid as usize, Ordering::Release);
        let most = match self.dice.throw(4) {
            // At any moment, from the very first on.
            0 => Duration::from_micros(self.dice.throw(60_000)),
            1 => {
                let point = self.dice.pick(&POINTS);
                let pass = if point == "started" {
                    0
                } else {
                    self.dice.throw(self.busy / 2)
                };
                self.tap.aim(point, pass);
                Duration::from_secs(3)
            }
            2 => {
                let left = 1 + self.dice.throw(self.busy);
                let left = usize::try_from(left).unwrap();
                self.fuse.left.store(left, Ordering::Release);
                Duration::from_secs(3)
            }
            _ => {
                // From when it is up.
                let up = self.tap.lines();
                let deadline = Instant::now() + Duration::from_secs(5);
                while self.tap.lines() == up && Instant::now() < deadline {
                    self.crowd.hear(Duration::from_millis(2)).await;
                }
                Duration::from_micros(self.dice.throw(250_000))
            }
        };
        let until = Instant::now() + most;
        while Instant::now() < until && !self.is_dead() && !self.crowd.is_idle() {
            let rest = until - Instant::now();
            self.crowd.hear(rest.min(Duration::from_millis(5))).await;
        }
    }

    /// Whether the tap or an arrival has killed it.
    fn is_dead(&mut self) -> bool {
        let bot = self.crowd.rig.bot.as_mut();
        let dead = bot.is_none_or(|bot| bot.has_ended());
        if dead {
            // Waited for: the number is free for another process.
            self.fuse.pid.store(0, Ordering::Release);
        }
        dead
    }

    async fn die(&mut self) {
        self.tap.rest();
        let left = self.fuse.left.swap(0, Ordering::AcqRel);
        let dead = self.is_dead();
        let aimed = self.tap.hits();
        if aimed > self.kills.aimed {
            self.kills.aimed = aimed;
        } else if dead && left == 0 {
            self.kills.arrivals += 1;
        }
        self.fuse.pid.store(0, Ordering::Release);
        self.crowd.rig.kill().await;
        self.kills.total += 1;
        self.kills.amid += u64::from(self.crowd.on_the_way > 0);
        self.crowd.misfortune();
        self.crowd.rig.spawn();
    }
}
