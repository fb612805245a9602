//! Leads who walk the funnel of five steps with pauses to think, and what they can tell afterwards.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use partnerctl::sandbox::{Arrival, NewUser};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Dice;
use super::town::Town;
use super::weather::Weather;
use crate::support::PARTNERS;

/// What the bot says in order; the last is the goal.
pub const PROMPTS: [&str; 6] = [
    "С чего начнём?",
    "Сколько килограммов?",
    "Зачем вам это?",
    "Когда начнём?",
    "Оставьте телефон.",
    "Спасибо!",
];

pub struct Walker {
    pub house: usize,
    pub id: i64,
    pub phone: String,
    /// The prompt this lead waits for, or thinks about.
    pub stage: usize,
    /// Since when they wait; nobody waits while thinking.
    since: Option<Instant>,
    /// When they last asked whether their answer may be lost.
    looked: Instant,
    pub done: bool,
    /// How often a reply never came and the lead went on all the same.
    pub nudges: usize,
    /// The update of what they pressed last, while they wait.
    pressed: Option<i64>,
}

/// How long one answer took, and whether the weather was clear all the while.
#[derive(Clone, Copy, Debug)]
pub struct Reply {
    pub asked: Instant,
    pub ms: f64,
    pub clear: bool,
}

/// How these leads walk.
pub struct Pace {
    /// Leads of one bot at a time.
    pub seats: usize,
    pub think: (Duration, Duration),
    /// How long a lead waits before they go on without an answer, if the bot itself says that it may be lost.
    pub patience: Duration,
}

pub struct Walks<'t> {
    town: &'t Town,
    pace: Pace,
    dice: Dice,
    pub walkers: Vec<Walker>,
    by_chat: HashMap<(i64, i64), usize>,
    /// Leads by their chat in each house, as far as they are known.
    numbers: Vec<HashMap<i64, i64>>,
    arrivals: mpsc::UnboundedReceiver<(Instant, i64, i64)>,
    due: BinaryHeap<Reverse<(Instant, usize)>>,
    pub weather: Arc<Mutex<Weather>>,
    pub replies: Vec<Reply>,
    pub turns: usize,
    /// The bots of presses that Telegram threw away; whoever made one presses again.
    pub thrown_away: Vec<i64>,
}

impl<'t> Walks<'t> {
    pub fn new(town: &'t Town, pace: Pace, dice: Dice) -> Walks<'t> {
        let (heard, arrivals) = mpsc::unbounded_channel();
        town.world.on_arrival(move |arrival| {
            if let Arrival::Message { bot, chat, .. } = arrival {
                // Nobody listens any more once the walk is over.
                let _ = heard.send((Instant::now(), *bot, *chat));
            }
        });
        let weather = Arc::new(Mutex::new(Weather::default()));
        let watched = weather.clone();
        town.world.on_call(move |called| {
            watched.lock().unwrap().called(called, Instant::now());
        });
        Walks {
            pace,
            dice,
            walkers: Vec::new(),
            by_chat: HashMap::new(),
            numbers: vec![HashMap::new(); town.houses.len()],
            arrivals,
            due: BinaryHeap::new(),
            weather,
            replies: Vec::new(),
            turns: 0,
            thrown_away: Vec::new(),
            town,
        }
    }

    pub fn fill_seats(&mut self) {
        for house in 0..self.town.houses.len() {
            for _ in 0..self.pace.seats {
                self.sit_down(house);
            }
        }
    }

    fn sit_down(&mut self, house: usize) {
        let number = self.walkers.len();
        let id = self.town.world.add_user(NewUser {
            first_name: format!("Лид{number}"),
            ..NewUser::default()
        });
        let bot = self.town.houses[house].bot_id;
        self.by_chat.insert((bot, id), number);
        self.walkers.push(Walker {
            house,
            id,
            phone: format!("+7701{:07}", 1_000_000 + number),
            stage: 0,
            since: Some(Instant::now()),
            looked: Instant::now(),
            done: false,
            nudges: 0,
            pressed: None,
        });
        self.town.world.start(bot, id, Some("weight")).unwrap();
        self.turns += 1;
    }

    /// Lets everybody walk until then; whoever is through is followed by somebody new, if `more` may come.
    pub async fn walk(&mut self, until: Instant, more: bool) {
        let mut look = Instant::now() + Duration::from_secs(1);
        while more || self.on_the_way() > 0 {
            let next = self.due.peek().map_or(until, |Reverse((at, _))| *at);
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(until) => return,
                Some((at, bot, chat)) = self.arrivals.recv() => self.heard(at, bot, chat),
                () = tokio::time::sleep_until(next.min(look)) => {}
            }
            let now = Instant::now();
            while let Some(Reverse((at, number))) = self.due.peek().copied() {
                if at > now {
                    break;
                }
                self.due.pop();
                self.act(number, false, more);
            }
            if now >= look {
                look = now + Duration::from_secs(1);
                self.impatient(more).await;
            }
        }
    }

    pub fn on_the_way(&self) -> usize {
        self.walkers.iter().filter(|walker| !walker.done).count()
    }

    fn heard(&mut self, at: Instant, bot: i64, chat: i64) {
        let Some(number) = self.by_chat.get(&(bot, chat)).copied() else {
            return;
        };
        let walker = &mut self.walkers[number];
        let Some(since) = walker.since else { return };
        let says = |message: &Value| {
            message["out"] == true
                && message["text"]
                    .as_str()
                    .is_some_and(|text| text.contains(PROMPTS[walker.stage]))
        };
        if !self.town.world.messages(bot, chat).iter().any(says) {
            return;
        }
        walker.since = None;
        let clear = self.weather.lock().unwrap().was_clear(bot, chat, since, at);
        self.replies.push(Reply {
            asked: since,
            ms: at.saturating_duration_since(since).as_secs_f64() * 1e3,
            clear,
        });
        let (least, most) = self.pace.think;
        let span = u64::try_from((most - least).as_millis()).unwrap();
        let think = least + Duration::from_millis(self.dice.throw(span + 1));
        self.due.push(Reverse((at + think, number)));
    }

    /// Does what the prompt asks for; by words alone when its buttons never came.
    fn act(&mut self, number: usize, blind: bool, more: bool) {
        let walker = &mut self.walkers[number];
        let (world, bot) = (&self.town.world, self.town.houses[walker.house].bot_id);
        walker.since = Some(Instant::now());
        walker.looked = Instant::now();
        let (says, presses) = match walker.stage {
            0 => ("Начать", true),
            1 => ("25", false),
            2 => ("Хочу бегать", false),
            3 => ("Завтра", true),
            4 => (walker.phone.as_str(), false),
            _ => {
                (walker.done, walker.since) = (true, None);
                let house = walker.house;
                if more {
                    self.sit_down(house);
                }
                return;
            }
        };
        walker.pressed = if presses && !blind {
            world.press_text(bot, walker.id, says).unwrap().update_id
        } else {
            world.send(bot, walker.id, says).unwrap();
            None
        };
        walker.stage += 1;
        self.turns += 1;
    }

    /// Whoever waited long enough asks whether the bot owns up to a message that may be lost; then they go on.
    async fn impatient(&mut self, more: bool) {
        let now = Instant::now();
        let waits =
            |walker: &Walker| walker.since.is_some() && now >= walker.looked + self.pace.patience;
        let waiting: Vec<usize> = (0..self.walkers.len())
            .filter(|number| waits(&self.walkers[*number]))
            .collect();
        for number in waiting {
            if self.is_thrown_away(number) {
                let house = self.walkers[number].house;
                self.thrown_away.push(self.town.houses[house].bot_id);
                self.walkers[number].stage -= 1;
                self.turns -= 1;
                self.act(number, false, more);
                continue;
            }
            let story = self.story(number).await;
            let of_state = |state: &str| {
                story
                    .iter()
                    .filter(|item| item["state"] == state)
                    .filter(|item| item["kind"] == "send")
                    .count()
            };
            let lost = of_state("unknown");
            if lost > self.walkers[number].nudges {
                self.walkers[number].nudges += 1;
                self.act(number, true, more);
            } else {
                // Not yet, or never: they look again later.
                self.walkers[number].looked = now;
            }
        }
    }

    /// Telegram keeps a press for 150 s; nobody can know of it afterwards but who made it.
    fn is_thrown_away(&self, number: usize) -> bool {
        let walker = &self.walkers[number];
        let bot = self.town.houses[walker.house].bot_id;
        let expired = |update| self.town.world.is_expired(bot, update);
        walker.pressed.is_some_and(expired)
    }

    /// Presses thrown away although the bot's polls did not fail for as long as Telegram keeps a press.
    pub fn unread(&self) -> usize {
        // The poll before the first that failed may have been answered a moment earlier.
        const LIFE: Duration = Duration::from_secs(145);
        let weather = self.weather.lock().unwrap();
        let unread = |bot: &&i64| weather.unheard(**bot) < LIFE;
        self.thrown_away.iter().filter(unread).count()
    }

    /// Those who still wait, with what they saw and what the bot says of it.
    pub async fn stranded(&mut self) -> Vec<String> {
        let mut stranded = Vec::new();
        for number in 0..self.walkers.len() {
            if self.walkers[number].done {
                continue;
            }
            let story = self.story(number).await;
            let walker = &self.walkers[number];
            let bot = self.town.houses[walker.house].bot_id;
            let heard = self.town.world.messages(bot, walker.id);
            let tail = |rows: &[Value], keys: [&str; 3]| -> Vec<String> {
                let rows = &rows[rows.len().saturating_sub(4)..];
                let line = |row: &Value| keys.map(|key| row[key].to_string()).join(" ");
                rows.iter().map(line).collect()
            };
            stranded.push(format!(
                "{} of bot {bot} waits for {:?} since {:.0?}; saw {:?}; the bot tells {:?}",
                walker.id,
                PROMPTS.get(walker.stage),
                walker.since.map(|since| since.elapsed()),
                tail(&heard, ["date", "out", "text"]),
                tail(&story, ["at", "state", "text"]),
            ));
        }
        stranded
    }

    /// The lead's story as the bot tells it; empty when it knows nobody of this chat.
    pub async fn story(&mut self, number: usize) -> Vec<Value> {
        let walker = &self.walkers[number];
        let house = &self.town.houses[walker.house];
        let known = &mut self.numbers[walker.house];
        while !known.contains_key(&walker.id) {
            let next = i64::try_from(known.len()).unwrap() + 1;
            let why = house.get(&format!("/why?lead={next}")).await;
            let Some(chat) = why["lead"]["chat_id"].as_i64() else {
                return Vec::new();
            };
            known.insert(chat, next);
        }
        let why = house.get(&format!("/why?lead={}", known[&walker.id])).await;
        why["items"].as_array().cloned().unwrap_or_default()
    }

    /// Answers that are not counted exactly once, of everybody.
    pub async fn miscounted(&mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        for number in 0..self.walkers.len() {
            let story = self.story(number).await;
            let phone = format!("оставил контакт: {}", self.walkers[number].phone);
            let answers = [
                "+20 баллов: хочет начать",
                "ответ goal_kg: 25",
                "ответ reason: Хочу бегать",
                "ответ start_on: Завтра",
                phone.as_str(),
            ];
            let stage = self.walkers[number].stage;
            for (answer, given) in answers.into_iter().zip(1..) {
                let counted = story.iter().filter(|item| item["text"] == answer).count();
                if counted != usize::from(stage >= given) {
                    let id = self.walkers[number].id;
                    wrong.push(format!("{answer:?} of {id} is counted {counted} times"));
                }
            }
        }
        wrong
    }

    /// Cards that never came, and cards that came again without saying so.
    pub fn cards(&self) -> (usize, usize) {
        let (mut missing, mut unmarked) = (0, 0);
        for (index, house) in self.town.houses.iter().enumerate() {
            for partner in PARTNERS {
                let told = self.town.world.messages(house.bot_id, partner);
                let mut first: HashMap<String, (usize, usize)> = HashMap::new();
                for text in told.iter().filter_map(|card| card["text"].as_str()) {
                    for phone in phones(text) {
                        let seen = first.entry(phone).or_default();
                        seen.0 += 1;
                        seen.1 += usize::from(!text.contains("Повтор"));
                    }
                }
                let told_of = |walker: &&Walker| walker.house == index && walker.stage > 4;
                for walker in self.walkers.iter().filter(told_of) {
                    let (cards, plain) = first.get(&walker.phone).copied().unwrap_or_default();
                    missing += usize::from(cards == 0);
                    unmarked += plain.saturating_sub(1);
                }
            }
        }
        (missing, unmarked)
    }

    /// Replies that came more than once.
    pub fn repeated(&self) -> usize {
        let mut repeats = 0;
        for walker in &self.walkers {
            let bot = self.town.houses[walker.house].bot_id;
            let heard = self.town.world.messages(bot, walker.id);
            let out = heard.iter().filter(|message| message["out"] == true);
            // The phone is answered twice: taken down, and thanked for.
            let wanted = walker.stage + 1 + usize::from(walker.stage == PROMPTS.len() - 1);
            repeats += out.count().saturating_sub(wanted);
        }
        repeats
    }
}

/// `+7 701 100-00-00` as a card shows it, back to `+77011000000`.
fn phones(text: &str) -> impl Iterator<Item = String> {
    text.match_indices("+7 ").map(|(at, _)| {
        let shown: String = text[at..].chars().take(16).collect();
        shown
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '+')
            .collect()
    })
}

/// The value below which this share lies; 0 of nothing.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}
