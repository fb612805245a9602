//! The network is gone for minutes while leads go on talking: the bot stays up, and afterwards everything that was
//! said is answered in its order, no faster than Telegram allows.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::cable::{Cable, Line};
use super::{Ledger, Order};
use crate::support::{BOT, Rig, TOKEN};

/// What each talker hears after the cut, in this order.
const BACKLOG: [&str; 3] = ["Когда начнём?", "Оставьте телефон.", "Спасибо!"];
const SILENT: &str = "Вы ещё здесь?";
const SILENCE_MS: i64 = 2 * 3_600_000;
/// Telegram's word for messages that answer nobody; a second may hold the end of one and the start of the next.
const BULK_PER_SECOND: usize = 30;

pub async fn prove(order: &Order) -> Ledger {
    let seconds = order.count("seconds", 4, 1_200);
    let talkers = usize::try_from(order.count("talkers", 9, 300)).unwrap();
    let silent = usize::try_from(order.count("silent", 40, 200)).unwrap();
    let mut ledger = Ledger::default();
    let seen = cut(Duration::from_secs(seconds), talkers, silent, false).await;
    ledger.told("seconds without a network", seconds);
    ledger.told("leads talking meanwhile", talkers);
    ledger.none("restarts", seen.restarts);
    ledger.none("talkers who are not answered in full", seen.unanswered);
    ledger.none("talkers answered out of order", seen.disordered);
    ledger.told("replies that came twice", seen.repeated);
    ledger.none("silent leads asked twice", seen.asked_twice);
    ledger.none(
        "silent leads neither asked nor in doubt",
        silent.saturating_sub(seen.asked + seen.doubts),
    );
    ledger.told("messages in doubt, each with a row", seen.doubts);
    ledger.told("seconds until all was answered", seen.drained_s);
    ledger.none("answered with 429", seen.limited);
    ledger.at_most("most messages to one chat in 5 s", seen.chat_rush, 8 + 5);
    ledger.at_most(
        "most first words in one second",
        seen.bulk_rush,
        BULK_PER_SECOND,
    );
    let mut unanswered = 0;
    // What is lost is what the poll under way carries; once in a while none is.
    for _ in 0..5 {
        unanswered = cut(Duration::from_secs(2), 9, 0, true).await.unanswered;
        if unanswered > 0 {
            break;
        }
    }
    ledger.at_least(
        "control, confirmed before stored: not answered",
        unanswered,
        1,
    );
    ledger
}

struct Seen {
    restarts: usize,
    unanswered: usize,
    disordered: usize,
    repeated: usize,
    asked: usize,
    asked_twice: usize,
    doubts: usize,
    drained_s: f64,
    limited: usize,
    chat_rush: usize,
    bulk_rush: usize,
}

async fn cut(length: Duration, talkers: usize, silent: usize, careless: bool) -> Seen {
    let mut rig = Rig::new();
    let address = rig.url().trim_start_matches("http://").parse().unwrap();
    let cable = Cable::lay(address);
    let env = format!("BOT_TOKEN={TOKEN}\nTELEGRAM_API_URL={}\n", cable.url());
    rig.place.write_env(&env);
    rig.set_env("BOT_MOVABLE_CLOCK", "1");
    rig.start().await;
    rig.world.set_careless(BOT, careless);
    let pid = rig.bot.as_ref().map(|bot| bot.pid());
    let talking = at_question(&rig, talkers).await;
    let mut quiet = Vec::new();
    for number in 0..silent {
        quiet.push(rig.lead_at_goal(&format!("Молчун{number}")).await);
    }
    rig.quiet().await;
    cable.set(Line::Dark);
    // A poll is under way: what it brings is on a wire that carries nothing.
    for (lead, phone) in &talking {
        rig.says(*lead, "Хочу бегать");
        rig.says(*lead, "Завтра");
        rig.says(*lead, phone);
    }
    tokio::time::sleep(length / 2).await;
    if silent > 0 {
        rig.skip(SILENCE_MS + 1_000).await;
    }
    cable.set(Line::Down);
    tokio::time::sleep(length / 2).await;
    let back = Instant::now();
    let back_ms = rig.world.now_ms();
    cable.set(Line::Up);
    let answered = |rig: &Rig| {
        let through = |(lead, _): &&(i64, String)| rig.count(*lead, BACKLOG[2]) > 0;
        talking.iter().filter(through).count()
    };
    let patience = back + Duration::from_secs(if careless { 4 } else { 180 });
    while answered(&rig) < talkers && Instant::now() < patience {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if !careless {
        drained(&rig, talkers).await;
    }
    let drained_s = back.elapsed().as_secs_f64();
    let health = rig.get("/health").await;
    let heard = |lead: i64| -> Vec<String> { rig.heard(lead) };
    let of_backlog = |lead: i64| -> Vec<usize> {
        let place = |text: &String| BACKLOG.iter().position(|prompt| text.contains(prompt));
        heard(lead).iter().filter_map(place).collect()
    };
    let told: Vec<Vec<usize>> = talking.iter().map(|(lead, _)| of_backlog(*lead)).collect();
    let (chat_rush, bulk_rush, limited) = rush(&rig, back_ms);
    Seen {
        restarts: usize::from(health["pid"].as_u64() != pid.map(u64::from)),
        unanswered: talkers - answered(&rig),
        disordered: told.iter().filter(|order| !order.is_sorted()).count(),
        // The phone is answered by two messages that thank.
        repeated: told.iter().map(|order| order.len().saturating_sub(4)).sum(),
        asked: quiet
            .iter()
            .filter(|lead| rig.count(**lead, SILENT) > 0)
            .count(),
        asked_twice: quiet
            .iter()
            .filter(|lead| rig.count(**lead, SILENT) > 1)
            .count(),
        doubts: usize::try_from(health["queue"]["unknown"].as_u64().unwrap_or(0)).unwrap(),
        drained_s,
        limited,
        chat_rush,
        bulk_rush,
    }
}

/// Waits until nothing is left to handle or to send: cards go to a partner at one a second.
async fn drained(rig: &Rig, cards: usize) {
    let deadline = Instant::now() + Duration::from_secs(120 + cards as u64);
    loop {
        let queue = &rig.get("/health").await["queue"];
        if queue["inbox_pending"] == 0 && queue["outbox_due"] == 0 {
            return;
        }
        assert!(Instant::now() < deadline, "never drained: {queue}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Leads at the open question, each with a phone to tell later.
async fn at_question(rig: &Rig, count: usize) -> Vec<(i64, String)> {
    let mut leads = Vec::new();
    for number in 0..count {
        let lead = rig.lead_at_goal(&format!("Лид{number}")).await;
        rig.says(lead, "25");
        leads.push((lead, format!("+7701{:07}", 1_000_000 + number)));
    }
    for (lead, _) in &leads {
        rig.hears(*lead, "Зачем вам это?").await;
    }
    leads
}

/// After the cut: the most messages to one chat in five seconds, the most first words in one second, and 429s.
fn rush(rig: &Rig, since_ms: i64) -> (usize, usize, usize) {
    let mut calls = rig.world.calls("sendMessage");
    calls.retain(|call| call.at_ms >= since_ms && call.code.is_some());
    let mut chats = std::collections::HashMap::<i64, Vec<i64>>::new();
    let mut first = Vec::new();
    for call in &calls {
        let chat = call.params["chat_id"].as_i64().unwrap_or(0);
        chats.entry(chat).or_default().push(call.at_ms);
        if call.params.get("text").and_then(Value::as_str) == Some(SILENT) {
            first.push(call.at_ms);
        }
    }
    let chat = chats.into_values().map(|times| within(times, 5_000)).max();
    let limited = calls.iter().filter(|call| call.code == Some(429)).count();
    (chat.unwrap_or(0), within(first, 1_000), limited)
}

/// The most of these moments that lie within a window of this width.
fn within(mut times: Vec<i64>, width_ms: i64) -> usize {
    times.sort_unstable();
    let inside = |from: &i64| {
        times
            .iter()
            .filter(|at| (*from..*from + width_ms).contains(*at))
            .count()
    };
    times.iter().map(inside).max().unwrap_or(0)
}
