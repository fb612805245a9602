//! Leads who walk the funnel of the rig together, and what became of each word of theirs.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use partnerctl::sandbox::Arrival;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Ledger;
use crate::support::{BOT, PARTNERS, Rig};

/// Leads who talk at the same time.
pub const SEATS: usize = 40;
/// The questions in order; the last is the goal.
pub const PROMPTS: [&str; 6] = [
    "С чего начнём?",
    "Сколько килограммов?",
    "Зачем вам это?",
    "Когда начнём?",
    "Оставьте телефон.",
    "Спасибо!",
];
/// Silence after which a careless Telegram's leads are taken for lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// Somebody on the way through the funnel. Nobody ever repeats themselves: the bot must answer every word.
pub struct Walker {
    pub id: i64,
    pub phone: String,
    pub stage: usize,
}

/// What a lead makes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Went on to the next question.
    Next,
    /// Heard the last word.
    Goal,
    /// Heard something again.
    Again,
    /// Nothing to do about it.
    Aside,
}

impl Walker {
    /// A new person who presses Start.
    pub fn comes(rig: &Rig, number: usize) -> Walker {
        let id = rig.person(&format!("Лид{number}"));
        rig.opens(id, "weight");
        Walker {
            id,
            phone: format!("+7701{:07}", 1_000_000 + number),
            stage: 0,
        }
    }

    pub fn arrived(&self) -> bool {
        self.stage >= PROMPTS.len()
    }

    /// Does the next thing when the last message asks for it.
    pub fn react(&mut self, rig: &Rig) -> Heard {
        let heard = rig.heard(self.id);
        let Some(last) = heard.last() else {
            return Heard::Aside;
        };
        if heard.iter().filter(|text| *text == last).count() > 1 {
            return Heard::Again;
        }
        if self.arrived() || !last.contains(PROMPTS[self.stage]) {
            return Heard::Aside;
        }
        match self.stage {
            0 => rig.presses(self.id, "Начать"),
            1 => rig.says(self.id, "25"),
            2 => rig.says(self.id, "Хочу бегать"),
            3 => rig.presses(self.id, "Завтра"),
            4 => rig.says(self.id, &self.phone),
            _ => {}
        }
        self.stage += 1;
        if self.arrived() {
            Heard::Goal
        } else {
            Heard::Next
        }
    }

    /// Lines that their story must hold once each.
    pub fn answers(&self) -> [String; 5] {
        [
            "ответ goal_kg: 25".to_owned(),
            "ответ reason: Хочу бегать".to_owned(),
            "ответ start_on: Завтра".to_owned(),
            format!("оставил контакт: {}", self.phone),
            "+20 баллов: хочет начать".to_owned(),
        ]
    }
}

/// Answers found in stories.
#[derive(Clone, Copy, Debug, Default)]
pub struct Answers {
    pub right: usize,
    pub missing: usize,
    pub twice: usize,
}

pub struct Crowd {
    pub rig: Rig,
    pub walkers: Vec<Walker>,
    pub on_the_way: usize,
    /// How many leads may have come by now.
    pub welcome: usize,
    by_chat: HashMap<i64, usize>,
    arrivals: mpsc::UnboundedReceiver<i64>,
    lives: Arc<Lives>,
}

/// In which life of the process each message arrived.
#[derive(Default)]
struct Lives {
    /// Misfortunes so far.
    ended: AtomicU64,
    arrived: Mutex<HashMap<i64, Vec<u64>>>,
}

/// Replies that came again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Repeats {
    pub replies: usize,
    pub repeated: u64,
    /// Most of them because of one misfortune.
    pub of_one: u64,
    /// Most of them because of one misfortune in one chat.
    pub of_one_in_a_chat: u64,
}

impl Crowd {
    /// Around a rig whose bot is up.
    pub async fn gather(rig: Rig) -> Crowd {
        rig.partners_are_there().await;
        let (told, arrivals) = mpsc::unbounded_channel();
        let lives = Arc::new(Lives::default());
        let counted = lives.clone();
        rig.world.on_arrival(move |arrival| {
            if let Arrival::Message { chat, .. } = *arrival {
                let life = counted.ended.load(Ordering::Acquire);
                let mut arrived = counted.arrived.lock().unwrap();
                arrived.entry(chat).or_default().push(life);
                let _ = told.send(chat);
            }
        });
        Crowd {
            rig,
            walkers: Vec::new(),
            on_the_way: 0,
            welcome: 0,
            by_chat: HashMap::new(),
            arrivals,
            lives,
        }
    }

    /// Pauses in a chat are for Telegram's sake, and would only make a proof long.
    pub fn hurried_rig() -> Rig {
        let rig = Rig::new();
        rig.place
            .write_config("limits: { inputs_at_once: 0, messages_per_second: 10000, chat_messages_per_second: 10000 }\n");
        rig
    }

    /// A life of the process has ended: what arrives again may be its fault.
    pub fn misfortune(&self) {
        self.lives.ended.fetch_add(1, Ordering::AcqRel);
    }

    pub fn misfortunes(&self) -> u64 {
        self.lives.ended.load(Ordering::Acquire)
    }

    /// Takes the seats that are free, as long as leads are welcome.
    fn fill(&mut self) {
        while self.on_the_way < SEATS && self.walkers.len() < self.welcome {
            let number = self.walkers.len();
            let walker = Walker::comes(&self.rig, number);
            self.by_chat.insert(walker.id, number);
            self.on_the_way += 1;
            self.walkers.push(walker);
        }
    }

    fn act(&mut self, chat: i64) {
        let Some(&index) = self.by_chat.get(&chat) else {
            return;
        };
        match self.walkers[index].react(&self.rig) {
            Heard::Next | Heard::Aside | Heard::Again => {}
            Heard::Goal => self.on_the_way -= 1,
        }
    }

    /// Reacts to what arrives, for a moment; false when nothing did.
    pub async fn hear(&mut self, most: Duration) -> bool {
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

    /// Everybody who was let in has heard the last word.
    pub fn is_idle(&self) -> bool {
        self.on_the_way == 0 && self.walkers.len() >= self.welcome
    }

    /// Lets the living bot finish its work; how many leads wait for an answer that will never come.
    pub async fn calm(&mut self) -> usize {
        self.rig.state("running").await;
        loop {
            // A careless Telegram does not tell what is still on its way to the bot.
            while !self.is_idle() && self.hear(PATIENCE).await {}
            self.rig.quiet().await;
            if !self.hear(Duration::from_millis(100)).await {
                return self
                    .walkers
                    .iter()
                    .filter(|walker| !walker.arrived())
                    .count();
            }
        }
    }

    /// Every answer of every lead must be in their story once.
    pub async fn answers(&self) -> Answers {
        let mut stories = HashMap::new();
        // The partner's people are numbered too.
        for number in 1..=self.walkers.len() + PARTNERS.len() {
            let why = self.rig.get(&format!("/why?lead={number}")).await;
            let items = why["items"].as_array().cloned().unwrap_or_default();
            let texts = items.iter().filter_map(|item| item["text"].as_str());
            let texts: Vec<String> = texts.map(str::to_owned).collect();
            stories.insert(why["lead"]["chat_id"].as_i64().unwrap_or(0), texts);
        }
        let mut answers = Answers::default();
        for walker in &self.walkers {
            let story = stories.get(&walker.id).map_or(&[][..], Vec::as_slice);
            for answer in walker.answers() {
                match story.iter().filter(|text| **text == answer).count() {
                    0 => answers.missing += 1,
                    1 => answers.right += 1,
                    _ => answers.twice += 1,
                }
            }
        }
        answers
    }

    pub async fn count_answers(&self, ledger: &mut Ledger) {
        let answers = self.answers().await;
        ledger.told("answers counted once", answers.right);
        ledger.none("answers not counted", answers.missing);
        ledger.none("answers counted twice", answers.twice);
        let wrong = self.walkers.iter().filter(|walker| {
            let heard = self.rig.heard(walker.id);
            heard.last().map(String::as_str) != Some("Спасибо!")
        });
        ledger.none("leads whose last word is another", wrong.count());
    }

    /// What came again, and how much of it because of one misfortune: the one that ended the life in which the copy
    /// before arrived, for it alone can have taken the knowledge of it along.
    pub fn repeats(&self) -> Repeats {
        let arrived = self.lives.arrived.lock().unwrap();
        let mut all = Repeats::default();
        let mut by_life: BTreeMap<u64, u64> = BTreeMap::new();
        for walker in &self.walkers {
            let heard = self.rig.heard(walker.id);
            let lives = arrived.get(&walker.id).map_or(&[][..], Vec::as_slice);
            assert_eq!(heard.len(), lives.len(), "messages of {}", walker.id);
            all.replies += heard.len();
            let mut copies: HashMap<&str, u64> = HashMap::new();
            let mut in_this_chat: HashMap<u64, u64> = HashMap::new();
            for (text, life) in heard.iter().zip(lives) {
                if let Some(before) = copies.insert(text, *life) {
                    all.repeated += 1;
                    *by_life.entry(before).or_default() += 1;
                    *in_this_chat.entry(before).or_default() += 1;
                }
            }
            let most = in_this_chat.into_values().max().unwrap_or(0);
            all.of_one_in_a_chat = all.of_one_in_a_chat.max(most);
        }
        all.of_one = by_life.into_values().max().unwrap_or(0);
        all
    }

    /// At least one card for every lead and partner, at most one of them unmarked.
    pub fn count_cards(&self, ledger: &mut Ledger) {
        let (mut missing, mut unmarked_twice, mut repeats) = (0, 0, 0);
        for partner in PARTNERS {
            let mut by_phone: HashMap<String, (usize, usize)> = HashMap::new();
            for card in self.rig.heard(partner) {
                for phone in phones(&card) {
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

    /// Updates that Telegram holds confirmed.
    pub fn confirmed(&self) -> u64 {
        self.rig.world.confirmed_updates(BOT)
    }
}

/// Numbers written as `+7 701 100-00-00`, without their spaces.
fn phones(card: &str) -> impl Iterator<Item = String> {
    card.match_indices("+7 701 ").map(|(at, _)| {
        let digits = card[at..].chars().take(16).filter(char::is_ascii_digit);
        format!("+{}", digits.collect::<String>())
    })
}
