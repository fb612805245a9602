//! Leads in loops of five turns: greeting, two presses, a name, a phone. Each acts when it is answered, or a while later.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bot::dice::Dice;

use crate::fake::Word;

/// Chats of leads begin here.
pub const FIRST: i64 = 1_000_001;

/// How leads behave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manners {
    /// Between an answer and the next word, on average; none means at once.
    pub pause: Duration,
    /// After five turns somebody else takes the seat, picked from this many; 0: the same lead goes on.
    pub crowd: u64,
    /// The command that begins the walk, and how many turns it has.
    pub walk: Walk,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Walk {
    #[default]
    FiveTurns,
    /// One word, and then silence.
    FallSilent,
}

#[derive(Default)]
pub struct Leads {
    seats: HashMap<i64, Seat>,
    dice: Dice,
    pub going: bool,
    /// Of turns while measuring, in microseconds.
    pub latencies: Vec<u64>,
    pub measuring: bool,
}

struct Seat {
    manners: Manners,
    turn: usize,
    /// When the last word was said that is not answered yet.
    since: Option<Instant>,
    button: String,
}

impl Leads {
    pub fn sit(&mut self, chat: i64, manners: Manners) {
        let seat = Seat {
            manners,
            turn: 0,
            since: None,
            button: String::new(),
        };
        self.seats.insert(chat, seat);
    }

    pub fn clear(&mut self) {
        self.seats.clear();
        self.latencies.clear();
    }

    pub fn awaits(&self, chat: i64) -> bool {
        self.seats
            .get(&chat)
            .is_some_and(|seat| seat.since.is_some())
    }

    /// Everybody who waits for an answer.
    pub fn waiting(&self) -> usize {
        self.seats
            .values()
            .filter(|seat| seat.since.is_some())
            .count()
    }

    /// A message arrived; how long the lead thinks before the next word, if there is one.
    pub fn hear(&mut self, chat: i64, now: Instant, button: Option<String>) -> Option<Duration> {
        let seat = self.seats.get_mut(&chat)?;
        let since = seat.since.take()?;
        if self.measuring {
            let micros = u64::try_from((now - since).as_micros()).unwrap_or(u64::MAX);
            self.latencies.push(micros);
        }
        seat.button = button.unwrap_or_default();
        let (pause, walk) = (seat.manners.pause, seat.manners.walk);
        if !self.going || walk == Walk::FallSilent {
            return None;
        }
        // Half to one and a half times the pause, so that leads do not keep step.
        Some(pause.mul_f64(0.5 + self.dice.throw(1_000) as f64 / 1_000.0))
    }

    /// The next word, and who says it.
    pub fn next(&mut self, chat: i64) -> Option<(i64, Word)> {
        let seat = self.seats.get(&chat)?;
        let (turn, crowd) = (seat.turn, seat.manners.crowd);
        let chat = if turn == 0 && crowd > 0 {
            self.change_seats(chat, crowd)?
        } else {
            chat
        };
        let seat = self.seats.get_mut(&chat)?;
        seat.turn = (turn + 1) % 5;
        seat.since = Some(Instant::now());
        let word = match (seat.manners.walk, turn) {
            (Walk::FallSilent, _) => Word::Text("/start silent"),
            (_, 0) => Word::Text("/start bench"),
            (_, 1 | 2) => Word::Press(std::mem::take(&mut seat.button)),
            (_, 3) => Word::Text("Аружан"),
            _ => Word::Text("+7 701 123-45-67"),
        };
        Some((chat, word))
    }

    /// Somebody from the crowd who is not seated takes this seat.
    fn change_seats(&mut self, chat: i64, crowd: u64) -> Option<i64> {
        let seat = self.seats.remove(&chat)?;
        let next = loop {
            let next = FIRST + i64::try_from(self.dice.throw(crowd)).ok()?;
            if !self.seats.contains_key(&next) {
                break next;
            }
        };
        self.seats.insert(next, seat);
        Some(next)
    }
}
