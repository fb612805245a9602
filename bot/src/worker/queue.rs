//! Who is sent to next: order within a chat, lanes between chats, limits for both. PURE.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use super::Sign;
use crate::store::{AnsweredBy, Lane, OutboxRow};
use crate::telegram::pace::{Bucket, Limits};

/// Messages that are not under way yet.
pub struct Queue {
    limits: Limits,
    chats: HashMap<i64, Chat>,
    /// Chats whose first message may go now, by lane and age.
    ready: BTreeSet<(Lane, i64, i64)>,
    /// Chats whose first message must wait, by time.
    waiting: BTreeSet<(i64, i64)>,
    /// Messages in which the bot speaks first and that wait for their hour: nothing else waits behind them.
    parked: BTreeMap<(i64, i64), OutboxRow>,
    bulk: Bucket,
    /// Nothing leaves before this: a 429 that concerned the whole bot.
    frozen_until: i64,
    /// When it was last asked, to see a clock that goes back.
    asked_at: i64,
    /// The last 429: when and to whom; a second chat within seconds freezes all.
    last_limited: Option<(i64, i64)>,
}

struct Chat {
    rows: VecDeque<OutboxRow>,
    /// The message under way that the next one waits for.
    busy: Option<Busy>,
    /// Messages under way that were answered, and whether another has left since.
    answered: Vec<(i64, bool)>,
    pace: Bucket,
    not_before: i64,
    place: Place,
}

#[derive(Clone, Copy)]
struct Busy {
    id: i64,
    answered_by: AnsweredBy,
    created_at: i64,
}

impl Busy {
    /// Whether what the lead did answers this message.
    fn is_answered(&self, sign: &Sign) -> bool {
        let by = if sign.pressed {
            AnsweredBy::Press
        } else {
            AnsweredBy::Words
        };
        // Words that were written before the question answer another one, or none.
        let came_after = sign.pressed || sign.sent_at + CLOCKS_DIFFER_MS >= self.created_at;
        self.answered_by >= by && came_after
    }
}

#[derive(Clone, Copy)]
enum Place {
    Nowhere,
    Ready(Lane, i64),
    Waiting(i64),
}

/// Two chats limited within this time mean the bot is limited.
const BOT_WIDE_MS: i64 = 3_000;
/// Telegram tells full seconds, and two clocks differ.
pub const CLOCKS_DIFFER_MS: i64 = 5_000;
/// Idle chats are forgotten beyond this many.
const KEEP_CHATS: usize = 512;

impl Chat {
    /// Neither what waited for this message nor what was answered concerns it any more.
    fn came_back(&mut self, id: i64) {
        self.busy = self.busy.filter(|busy| busy.id != id);
        self.answered.retain(|(answered, _)| *answered != id);
    }
}

impl Queue {
    pub fn new(limits: Limits, now: i64) -> Queue {
        Queue {
            limits,
            chats: HashMap::new(),
            ready: BTreeSet::new(),
            waiting: BTreeSet::new(),
            parked: BTreeMap::new(),
            bulk: bulk(&limits, now),
            frozen_until: 0,
            asked_at: now,
            last_limited: None,
        }
    }

    /// Other limits from now on; what chats have used up stays so.
    pub fn limit(&mut self, limits: Limits, now: i64) {
        self.limits = limits;
        self.bulk = bulk(&limits, now);
    }

    pub fn most_under_way(&self) -> usize {
        self.limits.in_flight
    }

    pub fn push(&mut self, row: OutboxRow, now: i64) {
        if is_bulk(row.lane) && row.not_before > now {
            self.parked.insert((row.not_before, row.id), row);
            return;
        }
        let chat_id = row.chat_id;
        let chat = self.chat(chat_id, now);
        // Within a chat the lanes keep their order too, but never overtake a message already under way.
        let index = chat
            .rows
            .iter()
            .position(|other| (other.lane, other.id) > (row.lane, row.id));
        chat.rows.insert(index.unwrap_or(chat.rows.len()), row);
        self.place(chat_id, now);
    }

    /// The next message that may leave, now under way until `done` or `retry`.
    pub fn next(&mut self, now: i64) -> Option<OutboxRow> {
        if now < self.asked_at {
            self.clock_went_back(self.asked_at - now, now);
        }
        self.asked_at = now;
        self.wake(now);
        if now < self.frozen_until {
            return None;
        }
        let (lane, _, chat_id) = *self.ready.first()?;
        if is_bulk(lane) && !self.limits.off {
            if self.bulk.ready_at(now) > now {
                return None;
            }
            self.bulk.take(now);
        }
        self.unplace(chat_id);
        let limits_off = self.limits.off;
        let chat = self.chats.get_mut(&chat_id)?;
        let row = chat.rows.pop_front()?;
        chat.busy = Some(Busy {
            id: row.id,
            answered_by: row.answered_by,
            created_at: row.created_at,
        });
        for (_, overtaken) in &mut chat.answered {
            *overtaken = true;
        }
        if !limits_off {
            chat.pace.take(now);
        }
        Some(row)
    }

    /// When `next` may have something, if nothing new comes.
    pub fn wake_at(&mut self, now: i64) -> Option<i64> {
        let next = if let Some((lane, _, _)) = self.ready.first() {
            if is_bulk(*lane) {
                self.bulk.ready_at(now)
            } else {
                now
            }
        } else {
            i64::MAX
        };
        let waiting = self.waiting.first().map(|(at, _)| *at);
        let parked = self.parked.first_key_value().map(|((at, _), _)| *at);
        let next = waiting.into_iter().chain(parked).fold(next, i64::min);
        (next < i64::MAX).then(|| next.max(self.frozen_until))
    }

    /// The message to this chat is settled; the chat's next may follow.
    pub fn done(&mut self, chat_id: i64, id: i64, now: i64) {
        if let Some(chat) = self.chats.get_mut(&chat_id) {
            chat.came_back(id);
        }
        self.place(chat_id, now);
        self.forget_idle(now);
    }

    /// The lead has answered what is under way: the next need not wait for Telegram's answer. Which one it was.
    pub fn answered(&mut self, sign: &Sign, now: i64) -> Option<i64> {
        let chat = self.chats.get_mut(&sign.chat_id)?;
        let busy = chat.busy.take_if(|busy| busy.is_answered(sign))?;
        chat.answered.push((busy.id, false));
        self.place(sign.chat_id, now);
        Some(busy.id)
    }

    /// Whether it was answered and another has left since: said again, it would stand behind newer words.
    pub fn is_overtaken(&self, chat_id: i64, id: i64) -> bool {
        let chat = self.chats.get(&chat_id);
        chat.is_some_and(|chat| chat.answered.contains(&(id, true)))
    }

    /// The message goes again, before anything else to its chat.
    pub fn retry(&mut self, row: OutboxRow, now: i64) {
        let chat_id = row.chat_id;
        let not_before = row.not_before;
        let chat = self.chat(chat_id, now);
        chat.came_back(row.id);
        chat.not_before = chat.not_before.max(not_before);
        chat.rows.push_front(row);
        self.place(chat_id, now);
    }

    /// The message need not go; nothing when it is under way or unknown.
    pub fn withdraw(&mut self, chat_id: i64, id: i64, now: i64) -> Option<OutboxRow> {
        let chat = self.chats.get_mut(&chat_id)?;
        let at = chat.rows.iter().position(|row| row.id == id)?;
        let row = chat.rows.remove(at);
        self.place(chat_id, now);
        row
    }

    /// The message must wait; others to the same chat need not.
    pub fn later(&mut self, row: OutboxRow, now: i64) {
        if let Some(chat) = self.chats.get_mut(&row.chat_id) {
            chat.came_back(row.id);
        }
        self.place(row.chat_id, now);
        self.push(row, now);
    }

    /// A 429 came from this chat; a second chat within seconds stops the whole bot for as long.
    pub fn limited(&mut self, chat_id: i64, until: i64, now: i64) {
        if let Some((at, other)) = self.last_limited
            && other != chat_id
            && now - at < BOT_WIDE_MS
        {
            self.frozen_until = self.frozen_until.max(until);
        }
        self.last_limited = Some((now, chat_id));
        if let Some(chat) = self.chats.get_mut(&chat_id) {
            chat.not_before = chat.not_before.max(until);
        }
        self.place(chat_id, now);
    }

    fn chat(&mut self, chat_id: i64, now: i64) -> &mut Chat {
        let limits = self.limits;
        self.chats.entry(chat_id).or_insert_with(|| Chat {
            rows: VecDeque::new(),
            busy: None,
            answered: Vec::new(),
            pace: if chat_id < 0 {
                Bucket::new(limits.group_burst, limits.group_per_minute / 60.0, now)
            } else {
                Bucket::new(limits.chat_burst, limits.chat_per_second, now)
            },
            not_before: 0,
            place: Place::Nowhere,
        })
    }

    fn unplace(&mut self, chat_id: i64) {
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return;
        };
        match std::mem::replace(&mut chat.place, Place::Nowhere) {
            Place::Nowhere => {}
            Place::Ready(lane, id) => drop(self.ready.remove(&(lane, id, chat_id))),
            Place::Waiting(at) => drop(self.waiting.remove(&(at, chat_id))),
        }
    }

    fn place(&mut self, chat_id: i64, now: i64) {
        self.unplace(chat_id);
        let limits_off = self.limits.off;
        let Some(chat) = self.chats.get_mut(&chat_id) else {
            return;
        };
        let Some(first) = chat.rows.front().filter(|_| chat.busy.is_none()) else {
            return;
        };
        let paced = if limits_off {
            now
        } else {
            chat.pace.ready_at(now)
        };
        let at = paced.max(first.not_before).max(chat.not_before);
        if at <= now {
            chat.place = Place::Ready(first.lane, first.id);
            self.ready.insert((first.lane, first.id, chat_id));
        } else {
            chat.place = Place::Waiting(at);
            self.waiting.insert((at, chat_id));
        }
    }

    fn wake(&mut self, now: i64) {
        while let Some(first) = self.parked.first_entry() {
            if first.key().0 > now {
                break;
            }
            let row = first.remove();
            self.push(row, now);
        }
        while let Some((at, chat_id)) = self.waiting.first().copied() {
            if at > now {
                break;
            }
            self.place(chat_id, now);
            if let Some((again, same)) = self.waiting.first().copied()
                && same == chat_id
                && again <= now
            {
                break;
            }
        }
    }

    /// Pauses of seconds go on lasting seconds. What waits for its hour waits for the new clock's.
    fn clock_went_back(&mut self, by: i64, now: i64) {
        self.frozen_until -= by;
        self.last_limited = None;
        for chat in self.chats.values_mut() {
            chat.not_before -= by;
            for row in chat.rows.iter_mut().filter(|row| !is_bulk(row.lane)) {
                row.not_before -= by;
            }
        }
        for (_, chat_id) in std::mem::take(&mut self.waiting) {
            self.place(chat_id, now);
        }
    }

    fn forget_idle(&mut self, now: i64) {
        if self.chats.len() > KEEP_CHATS {
            self.chats.retain(|_, chat| {
                chat.busy.is_some()
                    || !chat.answered.is_empty()
                    || !chat.rows.is_empty()
                    || chat.not_before > now
                    || !chat.pace.is_full(now)
            });
        }
    }
}

fn bulk(limits: &Limits, now: i64) -> Bucket {
    // A full second's worth at once, and the rate behind it, would be twice the rate in one second.
    Bucket::new(
        (limits.bulk_per_second / 5.0).max(1.0),
        limits.bulk_per_second,
        now,
    )
}

fn is_bulk(lane: Lane) -> bool {
    match lane {
        Lane::Reply | Lane::Notification | Lane::Edit => false,
        Lane::FollowUp | Lane::Sequence | Lane::Broadcast => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Class;

    fn row(id: i64, chat_id: i64, lane: Lane) -> OutboxRow {
        OutboxRow {
            id,
            lead_id: chat_id,
            prev: 0,
            chat_id,
            lane,
            class: Class::Reply,
            cause: String::new(),
            method: "SendMessage".into(),
            payload: String::new(),
            media: String::new(),
            card: 0,
            wish: None,
            tries: 0,
            not_before: 0,
            created_at: 0,
            answered_by: AnsweredBy::Nothing,
        }
    }

    fn words(chat_id: i64, sent_at: i64) -> Sign {
        Sign {
            chat_id,
            sent_at,
            pressed: false,
        }
    }

    fn ids(queue: &mut Queue, now: i64) -> Vec<i64> {
        std::iter::from_fn(|| queue.next(now))
            .map(|row| row.id)
            .collect()
    }

    #[test]
    fn a_chat_waits_for_its_own_message_and_nobody_elses() {
        let mut queue = Queue::new(Limits::default(), 0);
        queue.push(row(1, 10, Lane::Reply), 0);
        queue.push(row(2, 10, Lane::Reply), 0);
        queue.push(row(3, 20, Lane::Reply), 0);
        assert_eq!(ids(&mut queue, 0), [1, 3]);
        queue.done(10, 1, 0);
        assert_eq!(ids(&mut queue, 0), [2]);
    }

    #[test]
    fn what_the_lead_has_answered_holds_up_nothing() {
        let mut queue = Queue::new(Limits::default(), 0);
        for id in 1..=3 {
            let mut asked = row(id, 10, Lane::Reply);
            asked.answered_by = AnsweredBy::Words;
            queue.push(asked, 0);
        }
        assert_eq!(ids(&mut queue, 0), [1]);
        assert_eq!(queue.answered(&words(10, 0), 0), Some(1));
        assert!(!queue.is_overtaken(10, 1), "nothing has left since");
        assert_eq!(ids(&mut queue, 0), [2], "and only the next");
        assert!(queue.is_overtaken(10, 1));
        queue.done(10, 1, 0);
        assert!(!queue.is_overtaken(10, 1));
        let freed = ids(&mut queue, 0);
        assert!(freed.is_empty(), "the answer to the first frees nobody");
        queue.done(10, 2, 0);
        assert_eq!(ids(&mut queue, 0), [3]);
    }

    #[test]
    fn only_an_answer_to_what_is_under_way_frees_the_next() {
        let press = Sign {
            pressed: true,
            ..words(10, 0)
        };
        let early = words(10, 10_000 - CLOCKS_DIFFER_MS - 1);
        for (asks, sign, frees) in [
            (AnsweredBy::Words, words(10, 10_000), true),
            (AnsweredBy::Words, press.clone(), true),
            (AnsweredBy::Press, press.clone(), true),
            (AnsweredBy::Press, words(10, 10_000), false),
            (AnsweredBy::Nothing, press, false),
            (AnsweredBy::Words, early, false),
        ] {
            let mut queue = Queue::new(Limits::default(), 0);
            let mut asked = row(1, 10, Lane::Reply);
            (asked.answered_by, asked.created_at) = (asks, 10_000);
            queue.push(asked, 0);
            assert_eq!(ids(&mut queue, 0), [1]);
            let freed = queue.answered(&sign, 0).is_some();
            assert_eq!(freed, frees, "{asks:?} {sign:?}");
        }
    }

    #[test]
    fn a_reply_overtakes_ten_thousand_broadcasts() {
        let mut queue = Queue::new(Limits::default(), 0);
        for n in 0..10_000 {
            queue.push(row(n, n, Lane::Broadcast), 0);
        }
        queue.push(row(10_000, 10_000, Lane::Reply), 0);
        assert_eq!(queue.next(0).map(|row| row.id), Some(10_000));
        assert_eq!(ids(&mut queue, 0).len(), 5, "bulk leaves at its rate");
        assert_eq!(queue.wake_at(0), Some(40));
    }

    #[test]
    fn a_limit_of_one_chat_stops_that_chat_and_of_two_stops_the_bot() {
        let mut queue = Queue::new(Limits::default(), 0);
        queue.push(row(1, 10, Lane::Reply), 0);
        let mut first = queue.next(0).unwrap();
        first.not_before = 7_000;
        queue.limited(10, 7_000, 0);
        queue.retry(first, 0);
        queue.push(row(2, 20, Lane::Reply), 0);
        let mut second = queue.next(0).unwrap();
        assert_eq!(second.id, 2);
        second.not_before = 5_000;
        queue.limited(20, 5_000, 100);
        queue.retry(second, 100);
        queue.push(row(3, 30, Lane::Reply), 100);
        assert!(
            queue.next(100).is_none(),
            "two chats within seconds mean the bot"
        );
        assert_eq!(ids(&mut queue, 5_000), [2, 3]);
        assert_eq!(ids(&mut queue, 7_000), [1]);
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_pause_longer() {
        let mut queue = Queue::new(Limits::default(), 3_600_000);
        queue.push(row(1, 10, Lane::Reply), 3_600_000);
        let mut first = queue.next(3_600_000).unwrap();
        first.not_before = 3_607_000;
        queue.retry(first, 3_600_000);
        assert!(ids(&mut queue, 0).is_empty());
        assert_eq!(queue.wake_at(0), Some(7_000));
        assert_eq!(ids(&mut queue, 7_000), [1]);
    }

    #[test]
    fn what_waits_for_the_morning_holds_up_nothing_else_in_its_chat() {
        let mut queue = Queue::new(Limits::default(), 0);
        queue.push(row(1, 10, Lane::Sequence), 0);
        let mut held = queue.next(0).unwrap();
        queue.push(row(2, 10, Lane::Edit), 0);
        held.not_before = 60_000;
        queue.later(held, 0);
        assert_eq!(ids(&mut queue, 0), [2]);
        queue.done(10, 2, 0);
        assert_eq!(queue.wake_at(0), Some(60_000));
        assert!(ids(&mut queue, 59_999).is_empty());
        assert_eq!(ids(&mut queue, 60_000), [1]);
    }

    #[test]
    fn a_chat_is_paced_after_its_burst() {
        let mut queue = Queue::new(Limits::default(), 0);
        let mut sent = 0;
        for n in 0..12 {
            queue.push(row(n, 10, Lane::Reply), 0);
        }
        while queue.next(0).is_some() {
            queue.done(10, sent, 0);
            sent += 1;
        }
        assert_eq!(sent, 8);
        assert_eq!(queue.wake_at(0), Some(1_000));
        assert_eq!(ids(&mut queue, 1_000), [8]);
    }
}
