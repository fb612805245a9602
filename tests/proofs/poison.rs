//! One update, template or funnel that breaks everything it touches: it costs its own lead one answer, is tried
//! three times, set aside, and told of once. Everybody else walks through meanwhile.
//!
//! Nothing in the product helps: the panic is a sum that overflows (debug builds check for it), the death is a store
//! made endlessly slow for one row, the template burns its fuel, the funnel goes round for ever.

use std::time::Duration;

use sqlx::Connection;
use tokio::time::Instant;

use super::{Ledger, Order};
use crate::support::{Rig, until};

const PATIENCE: Duration = Duration::from_secs(60);
/// The first death is not counted: only after it are updates stored before they are touched.
const MOST_DEATHS: usize = 5;

pub async fn prove(order: &Order) -> Ledger {
    let walkers = usize::try_from(order.count("walkers", 2, 20)).unwrap();
    let mut ledger = Ledger::default();
    panic_in_a_turn(walkers, &mut ledger).await;
    death_at_an_update(&mut ledger).await;
    endless_funnel(&mut ledger).await;
    control(&mut ledger).await;
    ledger
}

/// Others walk from the first word to the last.
async fn others(rig: &Rig, count: usize) {
    for number in 0..count {
        let lead = rig.lead_at_goal(&format!("Лид{number}")).await;
        rig.finishes(lead, &format!("+7701{:07}", 1_000_000 + number))
            .await;
    }
}

/// Runs statements on the data of a bot that is down.
async fn tamper(rig: &Rig, sql: &'static str) {
    let file = format!("sqlite://{}", rig.place.data.join("bot.db").display());
    let mut store = sqlx::SqliteConnection::connect(&file).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut store).await.unwrap();
    store.close().await.unwrap();
}

async fn dead(rig: &Rig) -> i64 {
    let health = rig.get("/health").await;
    health["queue"]["inbox_dead"].as_i64().unwrap_or(0)
}

async fn is_dead(rig: &Rig, count: i64) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while dead(rig).await != count {
        if Instant::now() > deadline {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    true
}

/// Lines of the log with these words.
fn told(rig: &Rig, words: &str) -> usize {
    rig.log()
        .lines()
        .filter(|line| line.contains(words))
        .count()
}

async fn panic_in_a_turn(walkers: usize, ledger: &mut Ledger) {
    if !cfg!(debug_assertions) {
        return ledger.skip(
            "a panicking update needs a debug build, which checks sums; run it without --release",
        );
    }
    let mut rig = Rig::running().await;
    let victim = rig.person("Бум");
    rig.opens(victim, "weight");
    rig.hears(victim, "С чего начнём?").await;
    rig.quiet().await;
    rig.stop().await;
    // The largest number there is: twenty points more do not fit.
    tamper(&rig, "UPDATE leads SET score = 9223372036854775807").await;
    rig.start().await;
    let pid = rig.bot.as_ref().map(|bot| bot.pid());
    rig.presses(victim, "Начать");
    others(&rig, walkers).await;
    let set_aside = is_dead(&rig, 1).await;
    // What the same lead says later is answered.
    rig.says(victim, "/help");
    let before = rig.heard(victim).len();
    until(|| rig.log(), || rig.heard(victim).len() > before).await;
    ledger.none("panic: not set aside", usize::from(!set_aside));
    ledger.at_least(
        "panic: tries that panicked",
        told(&rig, "attempt to add with overflow\"}") + told(&rig, "panic: attempt"),
        3,
    );
    ledger.at_most("panic: alerts", told(&rig, "set aside"), 1);
    ledger.at_least("panic: alerts, at least", told(&rig, "set aside"), 1);
    let same = rig.bot.as_ref().map(|bot| bot.pid()) == pid;
    ledger.none("panic: process ended", usize::from(!same));
    ledger.told("panic: others who walked through", walkers);
}

/// Writing this lead's row takes for ever, so the process hangs and is killed, as by a watchdog.
async fn death_at_an_update(ledger: &mut Ledger) {
    const ENDLESS: &str = "CREATE TRIGGER endless BEFORE INSERT ON leads WHEN NEW.first_name = 'Бум' BEGIN
        SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4000000000) SELECT i FROM n);
        END";
    let mut rig = Rig::running().await;
    rig.quiet().await;
    rig.stop().await;
    tamper(&rig, ENDLESS).await;
    let (victim, other) = (rig.person("Бум"), rig.person("Аня"));
    rig.opens(victim, "weight");
    rig.opens(other, "weight");
    let mut deaths = 0;
    loop {
        rig.spawn();
        if answered_or_hangs(&rig, other).await {
            break;
        }
        // As a watchdog ends what hangs.
        let bot = rig.bot.take().expect("it runs");
        bot.signal(libc::SIGABRT);
        bot.exit_code(PATIENCE).await;
        deaths += 1;
        assert!(deaths <= MOST_DEATHS, "never set aside\n{}", rig.log());
    }
    ledger.told("death: times the process died at it", deaths);
    ledger.at_least("death: times, at least", deaths, 3);
    ledger.none("death: not set aside", usize::from(!is_dead(&rig, 1).await));
    ledger.at_most("death: alerts", told(&rig, "set aside"), 1);
    ledger.none("death: answers to it", rig.heard(victim).len());
    rig.presses(other, "Начать");
    rig.hears(other, "Сколько килограммов?").await;
}

/// Whether the other lead is answered and the poisoned update no longer waits; else the desk answers nobody.
async fn answered_or_hangs(rig: &Rig, other: i64) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = rig.get("/health").await;
        let queue = &health["queue"];
        if !rig.heard(other).is_empty() && queue["inbox_dead"] == 1 {
            return true;
        }
        // The health page waits two seconds for the desk.
        if health["pid"].is_u64() && queue.is_null() {
            return false;
        }
        assert!(
            Instant::now() < deadline,
            "neither: {health}\n{}",
            rig.log()
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

const ROUND: &str = "
funnel: round
title: По кругу
enter: { start: [round] }
first: kg
steps:
  kg: { ask: Сколько?, expect: number, save: kg, next: burn }
  burn:
    say: Горит {% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}ровно.
    buttons: [{ text: Дальше, to: one }]
  one: { say: Раз, next: [{ when: answers.kg > 0, to: two }, { to: end }] }
  two: { say: Два, next: [{ when: answers.kg > 0, to: one }, { to: end }] }
";

async fn endless_funnel(ledger: &mut Ledger) {
    let rig = Rig::new();
    std::fs::write(rig.place.funnels().join("round.yaml"), ROUND).unwrap();
    let mut rig = rig;
    rig.start().await;
    let victim = rig.person("Бум");
    rig.opens(victim, "round");
    rig.hears(victim, "Сколько?").await;
    rig.says(victim, "5");
    rig.hears(victim, "Горит").await;
    let burnt = rig.heard(victim).pop().unwrap_or_default();
    ledger.none(
        "template: code or numbers in what the lead sees",
        usize::from(burnt.contains('{') || burnt.contains('1')),
    );
    rig.presses(victim, "Дальше");
    let began = Instant::now();
    others(&rig, 1).await;
    ledger.told(
        "funnel: ms another lead walked meanwhile",
        began.elapsed().as_millis() as f64,
    );
    let story = rig.story(1).await;
    let sends = story.iter().filter(|item| item["kind"] == "send").count();
    ledger.at_most("funnel: messages of an endless round", sends, 50);
    let said = |item: &&serde_json::Value| {
        item["text"]
            .as_str()
            .is_some_and(|text| text.contains("too many steps"))
    };
    ledger.at_least(
        "funnel: rounds noticed",
        story.iter().filter(said).count(),
        1,
    );
    ledger.none("funnel: updates set aside", dead(&rig).await);
}

/// What fails once and then works is no poison: it is answered, and nobody is told.
async fn control(ledger: &mut Ledger) {
    const REFUSE: &str = "CREATE TRIGGER refuse BEFORE INSERT ON leads WHEN NEW.first_name = 'Бум'
        AND (SELECT tries FROM inbox ORDER BY update_id DESC LIMIT 1) < 2 BEGIN SELECT RAISE(ABORT, 'refused'); END";
    let mut rig = Rig::running().await;
    rig.quiet().await;
    rig.stop().await;
    tamper(&rig, REFUSE).await;
    let lead = rig.person("Бум");
    rig.opens(lead, "weight");
    rig.start().await;
    let deadline = Instant::now() + PATIENCE;
    while rig.heard(lead).is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    ledger.at_least(
        "control, mended at the second try: answers",
        rig.heard(lead).len(),
        1,
    );
    ledger.none("control: set aside", dead(&rig).await);
}
