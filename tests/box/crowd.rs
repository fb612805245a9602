//! People who come one after the other while things change, and what each of them heard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use partnerctl::sandbox::{NewUser, World};

use super::fleet::{DEADLINE, Fleet};

/// Two letters that come by themselves, soon enough for a test.
const LETTERS: &str = "sequence: letters
title: Письма
purpose: service
enter: { on: [came] }
while_in_funnel: beside
steps:
  - { id: first, after: 2s, say: Первое письмо }
  - { id: second, after: 3s, say: Второе письмо }
";
/// What everybody hears, each once.
const WORDS: [&str; 3] = ["Привет", "Первое письмо", "Второе письмо"];
const COMES_EVERY: Duration = Duration::from_millis(40);

/// Bots of this host write first from now on: letters to everybody who comes, at any hour.
pub fn write_letters(host: &Fleet) {
    host.write("/etc/partner-bots/funnels/sequences/letters.yaml", LETTERS);
    host.machine.shell(
        "for c in /etc/partner-bots/partners/*/config.yaml; do \
         grep -q contact_policy $c || echo 'contact_policy: { quiet_hours: none, per_day: 0, per_week: 0, min_gap: 0m, talk: 0m, spread: 0m }' >>$c; done",
    );
}

pub struct Crowd {
    world: World,
    bots: Vec<i64>,
    /// Conflicts of these bots before anybody came.
    conflicts: usize,
    stop: Arc<AtomicBool>,
    people: Arc<Mutex<Vec<(i64, i64)>>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What a crowd heard.
#[derive(Debug)]
pub struct Heard {
    pub people: usize,
    /// Letters among it.
    pub letters: usize,
}

impl Crowd {
    /// To these bots in turn.
    pub fn comes(world: World, bots: Vec<i64>) -> Crowd {
        let (stop, people) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(Mutex::new(Vec::new())),
        );
        let conflicts = conflicts(&world, &bots);
        let thread = std::thread::spawn({
            let bots = bots.clone();
            let (world, stop, people) = (world.clone(), stop.clone(), people.clone());
            move || {
                for bot in bots.iter().cycle() {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let person = world.add_user(NewUser {
                        first_name: "Лид".to_owned(),
                        ..NewUser::default()
                    });
                    world.start(*bot, person, None).unwrap();
                    people.lock().unwrap().push((*bot, person));
                    std::thread::park_timeout(COMES_EVERY);
                }
            }
        });
        Crowd {
            world,
            bots,
            conflicts,
            stop,
            people,
            thread: Some(thread),
        }
    }

    /// Waits until everybody has heard everything once; nobody hears anything twice, and nobody else was polling.
    pub fn went_well(mut self) -> Heard {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
        let people = self.people.lock().unwrap().clone();
        let began = Instant::now();
        loop {
            let heard: Vec<BTreeMap<String, usize>> = people
                .iter()
                .map(|(bot, person)| heard(&self.world, *bot, *person))
                .collect();
            let missing = |word: &str| {
                heard
                    .iter()
                    .filter(|words| !words.contains_key(word))
                    .count()
            };
            let missing = WORDS.map(missing);
            let twice = heard
                .iter()
                .flat_map(BTreeMap::values)
                .filter(|count| **count > 1);
            let twice = twice.count();
            assert!(
                began.elapsed() < DEADLINE && twice == 0,
                "of {} people, {missing:?} did not hear {WORDS:?}; {twice} heard one of them twice; the first heard {:?}",
                people.len(),
                heard.first()
            );
            if missing == [0; 3] {
                break;
            }
            std::thread::park_timeout(COMES_EVERY);
        }
        let conflicts = conflicts(&self.world, &self.bots) - self.conflicts;
        assert_eq!(conflicts, 0, "two processes polled for one bot");
        Heard {
            people: people.len(),
            letters: 2 * people.len(),
        }
    }
}

/// Telegram tells of two pollers with 409, whoever came first.
fn conflicts(world: &World, bots: &[i64]) -> usize {
    let polls = world.calls("getUpdates");
    let ours = polls
        .iter()
        .filter(|call| call.bot.is_some_and(|bot| bots.contains(&bot)));
    ours.filter(|call| call.code == Some(409)).count()
}

/// How often this person heard each of the bot's words.
fn heard(world: &World, bot: i64, person: i64) -> BTreeMap<String, usize> {
    let mut count = BTreeMap::new();
    for message in world.messages(bot, person) {
        if message["out"] == true {
            let text = message["text"].as_str().unwrap_or_default().to_owned();
            *count.entry(text).or_default() += 1;
        }
    }
    count
}
