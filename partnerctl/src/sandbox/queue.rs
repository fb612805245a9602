//! A bot's queue of updates: confirmed by offset, expiring, read by one poller at a time.

use std::collections::VecDeque;

use tokio::sync::oneshot;

/// The kinds of update, in the order of their bits; the last three are off by default.
const KINDS: [&str; 27] = [
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "guest_message",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
    "subscription",
    "stopped_message_generation",
    "chat_member",
    "message_reaction",
    "message_reaction_count",
];
const DEFAULT_KINDS: u32 = (1 << 24) - 1;

const TERMINATED: &str = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
const WEBHOOK_SET: &str = "Conflict: terminated by setWebhook request";

/// One undelivered or unconfirmed update.
#[derive(Debug)]
struct Update {
    id: i64,
    expires_ms: i64,
    json: String,
}

/// What ends a long poll.
#[derive(Debug)]
pub enum PollEnd {
    /// A JSON array of updates.
    Updates(String),
    /// The text of a 409.
    Conflict(&'static str),
}

/// What getUpdates leads to.
pub enum Poll {
    /// A JSON array of updates, at once.
    Ready(String),
    /// Nothing yet.
    Wait {
        id: u64,
        end: oneshot::Receiver<PollEnd>,
    },
}

struct Poller {
    id: u64,
    offset: i64,
    limit: usize,
    end: oneshot::Sender<PollEnd>,
}

/// The updates of one bot that were not confirmed yet, and who waits for them.
pub struct Queue {
    updates: VecDeque<Update>,
    next_id: i64,
    allowed: u32,
    poller: Option<Poller>,
    next_poller: u64,
    /// Clock milliseconds of the last getUpdates answer.
    last_poll_ms: i64,
    /// What was delivered is forgotten at once, as if the bot confirmed before it stored.
    careless: bool,
    /// How many were confirmed since the beginning.
    confirmed: u64,
    /// Those that nobody fetched in time.
    expired: Vec<i64>,
}

/// Updates beyond this are dropped from the front, as Telegram does.
const CAPACITY: usize = 100_000;
/// A batch is cut near this many bytes.
const BATCH_BYTES: usize = 1 << 22;

impl Queue {
    pub fn new(first_id: i64) -> Queue {
        Queue {
            updates: VecDeque::new(),
            next_id: first_id,
            allowed: DEFAULT_KINDS,
            poller: None,
            next_poller: 0,
            last_poll_ms: i64::MIN,
            careless: false,
            confirmed: 0,
            expired: Vec::new(),
        }
    }

    pub fn set_careless(&mut self, on: bool) {
        self.careless = on;
    }

    pub fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// An empty queue that goes on counting where this one stands.
    pub fn renewed(&self) -> Queue {
        Queue {
            next_poller: self.next_poller,
            ..Queue::new(self.next_id)
        }
    }

    /// Remembers which kinds of update to make; an empty list means the default, `Err` names an unknown kind.
    pub fn set_allowed<'k>(&mut self, kinds: impl Iterator<Item = &'k str>) -> Result<(), String> {
        let mut allowed = 0;
        for kind in kinds {
            let bit = bit(kind).ok_or_else(|| kind.to_owned())?;
            allowed |= 1 << bit;
        }
        self.allowed = if allowed == 0 { DEFAULT_KINDS } else { allowed };
        Ok(())
    }

    pub fn allowed(&self) -> Vec<&'static str> {
        let on = |(bit, _): &(usize, &&str)| self.allowed & (1 << bit) != 0;
        KINDS
            .iter()
            .enumerate()
            .filter(on)
            .map(|(_, kind)| *kind)
            .collect()
    }

    pub fn allows(&self, kind: &str) -> bool {
        bit(kind).is_none_or(|bit| self.allowed & (1 << bit) != 0)
    }

    /// Queues `{"update_id":…, "<kind>": <body>}` and wakes the poller.
    pub fn push(&mut self, kind: &str, body: &str, expires_ms: i64, now_ms: i64) -> i64 {
        let id = self.next_id;
        self.push_raw(
            format!(r#"{{"update_id":{id},"{kind}":{body}}}"#),
            id,
            expires_ms,
            now_ms,
        );
        id
    }

    /// Queues an update that is complete already.
    pub fn push_raw(&mut self, json: String, id: i64, expires_ms: i64, now_ms: i64) {
        self.next_id = self.next_id.max(id + 1);
        if self.updates.len() >= CAPACITY {
            self.updates.pop_front();
        }
        self.updates.push_back(Update {
            id,
            expires_ms,
            json,
        });
        self.wake(now_ms);
    }

    pub fn next_id(&self) -> i64 {
        self.next_id
    }

    /// Telegram's getUpdates: confirms what lies before `offset`, then answers or waits.
    pub fn poll(&mut self, offset: i64, limit: usize, may_wait: bool, now_ms: i64) -> Poll {
        let from = self.confirm(offset);
        self.expire(now_ms);
        let batch = self.batch(from, limit);
        self.last_poll_ms = now_ms;
        if !may_wait || batch.len() > 2 {
            return Poll::Ready(batch);
        }
        self.abort(TERMINATED);
        let (sender, end) = oneshot::channel();
        self.next_poller += 1;
        let id = self.next_poller;
        self.poller = Some(Poller {
            id,
            offset: from,
            limit,
            end: sender,
        });
        Poll::Wait { id, end }
    }

    /// Ends the long poll `id`, which waited long enough.
    pub fn give_up(&mut self, id: u64, now_ms: i64) {
        self.poller.take_if(|poller| poller.id == id);
        self.last_poll_ms = now_ms;
    }

    /// Forgets the long poll `id` whose client hung up; false when it was over already.
    pub fn hang_up(&mut self, id: u64) -> bool {
        let waited = self.poller.take_if(|poller| poller.id == id).is_some();
        if waited {
            self.last_poll_ms = i64::MIN;
        }
        waited
    }

    /// Ends a waiting poll because a webhook was set.
    pub fn end_for_webhook(&mut self) {
        self.abort(WEBHOOK_SET);
    }

    pub fn polling(&self, now_ms: i64) -> bool {
        let waiting = self
            .poller
            .as_ref()
            .is_some_and(|poller| !poller.end.is_closed());
        waiting || (now_ms - 3000..=now_ms).contains(&self.last_poll_ms)
    }

    pub fn pending(&self, now_ms: i64) -> usize {
        self.updates
            .iter()
            .filter(|update| update.expires_ms > now_ms)
            .count()
    }

    pub fn clear(&mut self) {
        self.updates.clear();
    }

    fn expire(&mut self, now_ms: i64) {
        let expired = &mut self.expired;
        self.updates.retain(|update| {
            let lives = update.expires_ms > now_ms;
            if !lives {
                expired.push(update.id);
            }
            lives
        });
    }

    /// Whether an update was thrown away because nobody fetched it in time.
    pub fn is_expired(&self, id: i64) -> bool {
        self.expired.contains(&id)
    }

    /// Drops what `offset` confirms and returns the first id to deliver.
    fn confirm(&mut self, offset: i64) -> i64 {
        if offset < 0 {
            let keep = usize::try_from(-offset).unwrap_or(usize::MAX);
            let drop = self.updates.len().saturating_sub(keep);
            self.updates.drain(..drop);
            self.confirmed += drop as u64;
            return 0;
        }
        // An offset beyond the queue's end is not believed: Telegram starts from the head then.
        if offset > self.next_id + 10 {
            return 0;
        }
        while self
            .updates
            .front()
            .is_some_and(|update| update.id < offset)
        {
            self.updates.pop_front();
            self.confirmed += 1;
        }
        offset
    }

    fn batch(&mut self, from: i64, limit: usize) -> String {
        let mut json = String::from("[");
        let mut last = from;
        let due = self
            .updates
            .iter()
            .filter(|update| update.id >= from)
            .take(limit);
        for update in due {
            if json.len() > 1 {
                json.push(',');
            }
            json.push_str(&update.json);
            last = update.id + 1;
            if json.len() > BATCH_BYTES {
                break;
            }
        }
        json.push(']');
        if self.careless {
            self.confirm(last);
        }
        json
    }

    fn wake(&mut self, now_ms: i64) {
        let Some(poller) = self.poller.take() else {
            return;
        };
        if poller.end.is_closed() {
            return;
        }
        let batch = self.batch(poller.offset, poller.limit);
        self.last_poll_ms = now_ms;
        // A receiver dropped this instant leaves the updates queued: they are not confirmed yet.
        let _ = poller.end.send(PollEnd::Updates(batch));
    }

    fn abort(&mut self, text: &'static str) {
        if let Some(poller) = self.poller.take() {
            let _ = poller.end.send(PollEnd::Conflict(text));
        }
    }
}

fn bit(kind: &str) -> Option<usize> {
    KINDS.iter().position(|known| *known == kind)
}
