//! What arrives in the local Telegram while the bot keeps in touch.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use partnerctl::sandbox::{Arrival, World};

/// What arrived: counts, times of steps, the last message of those who talk.
#[derive(Clone)]
pub struct Heard(Arc<Inner>);

struct Inner {
    all: AtomicUsize,
    burst: Mutex<Burst>,
    last: Mutex<HashMap<i64, (i64, Instant)>>,
}

#[derive(Default)]
struct Burst {
    most: usize,
    talkers: HashSet<i64>,
    chats: HashSet<i64>,
    twice: usize,
    first: Option<Instant>,
    last: Option<Instant>,
}

impl Heard {
    pub fn listen(world: &World) -> Heard {
        let heard = Heard(Arc::new(Inner {
            all: AtomicUsize::new(0),
            burst: Mutex::default(),
            last: Mutex::default(),
        }));
        let ear = heard.clone();
        world.on_arrival(move |arrival| {
            if let Arrival::Message {
                chat, message_id, ..
            } = *arrival
            {
                ear.hear(chat, message_id);
            }
        });
        heard
    }

    fn hear(&self, chat: i64, message: i64) {
        let now = Instant::now();
        self.0.all.fetch_add(1, Ordering::Relaxed);
        let mut burst = self.0.burst.lock().expect("no panic holds it");
        let mut last = self.0.last.lock().expect("no panic holds it");
        last.insert(chat, (message, now));
        if burst.chats.len() < burst.most && !burst.talkers.contains(&chat) {
            if burst.chats.insert(chat) {
                burst.first.get_or_insert(now);
                burst.last = Some(now);
            } else {
                burst.twice += 1;
            }
        }
    }

    pub fn begin(&self, most: usize, talkers: &[i64]) {
        let talkers = talkers.iter().copied().collect();
        *self.0.burst.lock().expect("no panic holds it") = Burst {
            most,
            talkers,
            ..Burst::default()
        };
    }

    pub fn steps(&self) -> usize {
        self.0.burst.lock().expect("no panic holds it").chats.len()
    }

    pub fn twice(&self) -> usize {
        self.0.burst.lock().expect("no panic holds it").twice
    }

    pub fn measured(&self) -> (usize, f64) {
        let burst = self.0.burst.lock().expect("no panic holds it");
        let span = burst.first.zip(burst.last).map_or(0.0, |(first, last)| {
            last.duration_since(first).as_secs_f64()
        });
        (burst.chats.len(), span)
    }

    pub fn all(&self) -> usize {
        self.0.all.load(Ordering::Relaxed)
    }

    pub fn last(&self, chat: i64) -> Option<(i64, Instant)> {
        self.0
            .last
            .lock()
            .expect("no panic holds it")
            .get(&chat)
            .copied()
    }
}
