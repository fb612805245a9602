//! How many errors were logged in the last minute: a ring of seconds.

use std::sync::Mutex;
use std::time::Instant;

#[derive(Debug)]
struct Ring {
    started: Instant,
    /// (second since the start, errors in it)
    seconds: [(u64, u32); 60],
}

static RING: Mutex<Option<Ring>> = Mutex::new(None);

fn with<T>(ask: impl FnOnce(&mut Ring) -> T) -> T {
    let mut ring = RING
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    ask(ring.get_or_insert_with(|| Ring {
        started: Instant::now(),
        seconds: [(0, 0); 60],
    }))
}

pub fn count() {
    with(|ring| {
        let now = ring.started.elapsed().as_secs();
        let slot = &mut ring.seconds[(now % 60) as usize];
        if slot.0 != now {
            *slot = (now, 0);
        }
        slot.1 += 1;
    });
}

pub fn last_minute() -> u32 {
    with(|ring| {
        let now = ring.started.elapsed().as_secs();
        let recent = ring.seconds.iter().filter(|(at, _)| at + 60 > now);
        recent.map(|(_, errors)| errors).sum()
    })
}
