use super::*;
use crate::store::Class;

pub fn row(id: i64, chat_id: i64, lane: Lane) -> OutboxRow {
    OutboxRow {
        id,
        lead_id: chat_id,
        prev: 0,
        chat_id,
        lane,
        class: if is_bulk(lane) {
            Class::Proactive
        } else {
            Class::Reply
        },
        cause: Default::default(),
        method: "SendMessage".into(),
        payload: String::new(),
        media: String::new(),
        card: 0,
        wish: None,
        tries: 0,
        not_before: 0,
        created_at: 0,
        answered_by: AnsweredBy::Words,
    }
}

pub fn mute(id: i64, chat_id: i64) -> OutboxRow {
    OutboxRow {
        answered_by: AnsweredBy::Nothing,
        ..row(id, chat_id, Lane::Reply)
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
        queue.push(row(id, 10, Lane::Reply), 0);
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
fn mute_replies_leave_one_by_one_and_a_slow_one_holds_up_nobody() {
    let mut queue = Queue::new(Limits::default(), 0);
    queue.push(mute(1, 1), 0);
    queue.push(mute(2, 2), 0);
    queue.push(row(3, 3, Lane::Reply), 0);
    assert_eq!(ids(&mut queue, 0), [1, 3], "a question passes by");
    assert_eq!(queue.wake_at(0), Some(MUTE_MS));
    queue.done(1, 1, 10);
    assert_eq!(ids(&mut queue, 10), [2], "the one before came back");
    queue.push(mute(4, 4), 10);
    assert!(ids(&mut queue, 9 + MUTE_MS).is_empty());
    assert_eq!(ids(&mut queue, 10 + MUTE_MS), [4], "or is slow");
    queue.done(2, 2, 11 + MUTE_MS);
    queue.push(mute(5, 5), 11 + MUTE_MS);
    assert!(ids(&mut queue, 11 + MUTE_MS).is_empty(), "the last counts");
    queue.retry(mute(4, 4), 11 + MUTE_MS);
    assert_eq!(ids(&mut queue, 11 + MUTE_MS), [4], "before the younger");
    assert!(ids(&mut queue, 0).is_empty(), "the clock went back");
    assert_eq!(queue.wake_at(0), Some(MUTE_MS));
    assert_eq!(ids(&mut queue, MUTE_MS), [5]);
}

#[test]
fn in_a_rush_of_any_size_no_mute_reply_waits_long() {
    for (rush, longest) in [(40, 450), (10_000, 1_000)] {
        let mut queue = Queue::new(Limits::default(), 0);
        for chat in 1..=rush {
            queue.push(mute(chat, chat), 0);
        }
        let mut now = 0;
        let mut left = ids(&mut queue, now).len();
        while let Some(at) = queue.wake_at(now) {
            now = at;
            left += ids(&mut queue, now).len();
        }
        assert_eq!(left, usize::try_from(rush).unwrap());
        assert!(now < longest, "{rush} have left after {now} ms");
    }
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
    queue.done(10, 8, 1_000);
    assert_eq!(queue.wake_at(1_000), Some(2_000));
    let quicker = Limits {
        chat_per_second: 4.0,
        ..Limits::default()
    };
    queue.limit(quicker, 1_000);
    assert_eq!(queue.wake_at(1_000), Some(1_250), "live, for chats known");
}
