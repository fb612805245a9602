//! Who is sent to next: order within a chat, lanes between chats, limits for both. PURE.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Sign;
use crate::quick::QuickMap;
use crate::store::{AnsweredBy, Class, Lane, OutboxRow};
use crate::telegram::pace::{Bucket, Limits};

/// Messages that are not under way yet.
pub struct Queue {
    limits: Limits,
    chats: QuickMap<i64, Chat>,
    /// Chats whose first message may go now, by lane and age.
    ready: BTreeSet<(Lane, i64, i64)>,
    /// The same, when it is a mute one.
    ready_mute: BTreeSet<(Lane, i64, i64)>,
    /// The mute message that left last and is under way still: when, and which.
    mute: Option<(i64, i64)>,
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
    ReadyMute(Lane, i64),
    Waiting(i64),
}

/// Two chats limited within this time mean the bot is limited.
const BOT_WIDE_MS: i64 = 3_000;
/// Telegram tells full seconds, and two clocks differ.
pub const CLOCKS_DIFFER_MS: i64 = 5_000;
/// Mute messages leave one by one, for after a kill each one under way goes again. When Telegram is slow the next waits
/// no longer than this.
const MUTE_MS: i64 = 25;
/// The more of them wait, the shorter the pause: at a steady rate each waits about this long in all, in a rush of any
/// size under a second.
const MUTE_RUSH_MS: i64 = 250;
/// Idle chats are forgotten beyond this many.
const KEEP_CHATS: usize = 512;

impl Queue {
    pub fn new(limits: Limits, now: i64) -> Queue {
        Queue {
            limits,
            chats: QuickMap::default(),
            ready: BTreeSet::new(),
            ready_mute: BTreeSet::new(),
            mute: None,
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
        for (chat_id, chat) in &mut self.chats {
            chat.pace.change(chat_rate(&limits, *chat_id), now);
        }
        for (_, chat_id) in std::mem::take(&mut self.waiting) {
            self.place(chat_id, now);
        }
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
        let (lane, _, chat_id) = self.first_ready(now)?;
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
        if is_mute(&row) {
            self.mute = Some((now, row.id));
        }
        if !limits_off {
            chat.pace.take(now);
        }
        Some(row)
    }

    fn first_ready(&self, now: i64) -> Option<(Lane, i64, i64)> {
        let asking = self.ready.first();
        let mute = self.ready_mute.first();
        let mute = mute.filter(|_| self.mute_at(now) <= now);
        asking.into_iter().chain(mute).min().copied()
    }

    /// When a mute message may leave.
    fn mute_at(&self, now: i64) -> i64 {
        let before = self.mute.filter(|_| !self.limits.off);
        let waiting = i64::try_from(self.ready_mute.len()).unwrap_or(i64::MAX);
        let pause = MUTE_RUSH_MS / (waiting.max(1) - 1 + MUTE_RUSH_MS / MUTE_MS);
        before.map_or(now, |(left_at, _)| left_at + pause)
    }

    /// When `next` may have something, if nothing new comes.
    pub fn wake_at(&mut self, now: i64) -> Option<i64> {
        let asking = self.ready.first().map(|(lane, _, _)| {
            if is_bulk(*lane) {
                self.bulk.ready_at(now)
            } else {
                now
            }
        });
        let mute = self.ready_mute.first();
        let mute = mute.map(|_| self.mute_at(now));
        let next = asking.into_iter().chain(mute).fold(i64::MAX, i64::min);
        let waiting = self.waiting.first().map(|(at, _)| *at);
        let parked = self.parked.first_key_value().map(|((at, _), _)| *at);
        let next = waiting.into_iter().chain(parked).fold(next, i64::min);
        (next < i64::MAX).then(|| next.max(self.frozen_until))
    }

    /// The message to this chat is settled; the chat's next may follow.
    pub fn done(&mut self, chat_id: i64, id: i64, now: i64) {
        self.came_back(chat_id, id);
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
        self.came_back(chat_id, row.id);
        let chat = self.chat(chat_id, now);
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
        self.came_back(row.chat_id, row.id);
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

    /// Neither what waited for this message nor what was answered concerns it any more.
    fn came_back(&mut self, chat_id: i64, id: i64) {
        self.mute = self.mute.filter(|(_, mute)| *mute != id);
        if let Some(chat) = self.chats.get_mut(&chat_id) {
            chat.busy = chat.busy.filter(|busy| busy.id != id);
            chat.answered.retain(|(answered, _)| *answered != id);
        }
    }

    fn chat(&mut self, chat_id: i64, now: i64) -> &mut Chat {
        let limits = self.limits;
        self.chats.entry(chat_id).or_insert_with(|| Chat {
            rows: VecDeque::new(),
            busy: None,
            answered: Vec::new(),
            pace: Bucket::new(
                if chat_id < 0 {
                    limits.group_burst
                } else {
                    limits.chat_burst
                },
                chat_rate(&limits, chat_id),
                now,
            ),
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
            Place::ReadyMute(lane, id) => drop(self.ready_mute.remove(&(lane, id, chat_id))),
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
        if at <= now && is_mute(first) {
            chat.place = Place::ReadyMute(first.lane, first.id);
            self.ready_mute.insert((first.lane, first.id, chat_id));
        } else if at <= now {
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
        self.mute = self.mute.map(|(left_at, id)| (left_at - by, id));
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

fn chat_rate(limits: &Limits, chat_id: i64) -> f64 {
    if chat_id < 0 {
        limits.group_per_minute / 60.0
    } else {
        limits.chat_per_second
    }
}

fn is_bulk(lane: Lane) -> bool {
    match lane {
        Lane::Reply | Lane::Notification | Lane::Edit => false,
        Lane::FollowUp | Lane::Sequence | Lane::Broadcast => true,
    }
}

/// Asks nothing, so no act of the lead will tell that it arrived, and it is said again after a kill.
fn is_mute(row: &OutboxRow) -> bool {
    row.class == Class::Reply && row.answered_by == AnsweredBy::Nothing
}

#[cfg(test)]
pub(super) mod tests;
