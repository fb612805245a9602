//! The partner's digest, the picture of the week and /my_settings, on the real program.

use serde_json::{Value, json};

use crate::support::{BOT, PARTNER, PARTNERS, Rig};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 2026-12-07 10:00 in Almaty, a Monday.
const MONDAY_MORNING: i64 = 1_796_619_600_000;

/// A bot whose clock stands at a Monday morning, with digests as the config's defaults have them.
async fn on_monday(more: &str) -> Rig {
    let mut rig = Rig::new();
    rig.set_env("BOT_MOVABLE_CLOCK", "1");
    rig.place.write_config_for(
        "digest: \"09:00\", weekly: true, quiet_hours: \"22:00-08:00\"",
        more,
    );
    rig.start_at(MONDAY_MORNING).await;
    rig.partners_are_there().await;
    rig
}

fn digests(rig: &Rig, partner: i64) -> usize {
    rig.count(partner, "Ваши лиды за")
}

#[tokio::test]
async fn process_a_digest_comes_at_nine_once_and_not_on_an_empty_day() {
    let mut rig = on_monday("").await;
    assert_eq!(digests(&rig, PARTNER), 0, "nothing to tell yet");
    let lead = rig.lead_at_goal("Аружан").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    // To 08:59 of the next day, then past nine.
    rig.skip(23 * HOUR - 60_000).await;
    rig.quiet().await;
    assert_eq!(digests(&rig, PARTNER), 0, "before nine");
    rig.skip(2 * 60_000).await;
    for partner in PARTNERS {
        rig.hears(partner, "Ваши лиды за сутки").await;
        rig.hears(partner, "Новых: 1").await;
        rig.hears(partner, "Аружан").await;
    }
    // A restart and a clock set back within the day tell nothing twice.
    rig.quiet().await;
    assert_eq!(rig.stop().await, 0);
    rig.start().await;
    rig.skip(-3 * HOUR).await;
    rig.skip(5 * HOUR).await;
    rig.quiet().await;
    assert_eq!(digests(&rig, PARTNER), 1);
    // Handled, and nobody new: the next day is empty.
    rig.presses(PARTNER, "Аружан #1");
    rig.hears(PARTNER, "Баллы").await;
    rig.presses(PARTNER, "✅ Обработан");
    rig.hears(PARTNER, "Обработал: Пётр").await;
    rig.skip(DAY).await;
    rig.quiet().await;
    assert_eq!(digests(&rig, PARTNER), 1, "{:?}", rig.heard(PARTNER));
}

#[tokio::test]
async fn process_a_digest_in_doubt_is_not_repeated_and_the_next_tells_all() {
    let mut rig = on_monday("").await;
    let lead = rig.lead_at_goal("Аружан").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    rig.faults(&[
        json!({"method": "sendMessage", "kind": "lost_answer", "times": 9, "chat_id": PARTNER}),
        json!({"method": "sendMessage", "kind": "lost_answer", "times": 9, "chat_id": PARTNERS[1]}),
    ]);
    rig.skip(23 * HOUR + 60_000).await;
    rig.until("the digest is in doubt", |_| digests(&rig, PARTNER) == 1)
        .await;
    rig.quiet().await;
    rig.no_faults();
    assert_eq!(rig.get("/health").await["queue"]["unknown"], 2);
    rig.skip(DAY).await;
    rig.hears(PARTNER, "Ваши лиды за 2 дня").await;
    rig.hears(PARTNER, "Новых: 1").await;
    assert_eq!(digests(&rig, PARTNER), 2);
}

#[tokio::test]
async fn process_a_month_ahead_and_back_brings_one_digest_a_day() {
    let mut rig = on_monday("").await;
    let lead = rig.lead_at_goal("Аружан").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    rig.skip(30 * DAY).await;
    rig.hears(PARTNER, "Ваши лиды за").await;
    rig.quiet().await;
    assert_eq!(
        digests(&rig, PARTNER),
        1,
        "one for the day, none for those before"
    );
    rig.skip(-29 * DAY).await;
    rig.hears(PARTNER, "Ваши лиды за").await;
    rig.quiet().await;
    assert_eq!(
        digests(&rig, PARTNER),
        2,
        "the days go on where the clock is"
    );
}

/// tokio-cron-scheduler keeps the offset of its start and forgets a job after one long delay: digests know neither.
#[tokio::test]
async fn process_neither_summer_time_nor_a_long_sleep_moves_a_digest() {
    let mut rig = Rig::new();
    rig.set_env("BOT_MOVABLE_CLOCK", "1");
    rig.place
        .write_config_for("digest: \"09:00\", weekly: false, quiet_hours: \"off\"", "");
    let config = rig.place.partner.join("config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("Asia/Almaty", "Europe/Berlin")).unwrap();
    // Noon of the last day of winter time.
    rig.start_at(1_806_145_200_000).await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Аружан").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    // In one step to 08:59 of summer time, then past nine: an hour before nine by the offset of the start.
    rig.skip(20 * HOUR - 60_000).await;
    rig.quiet().await;
    assert_eq!(digests(&rig, PARTNER), 0, "{:?}", rig.heard(PARTNER));
    rig.skip(2 * 60_000).await;
    rig.hears(PARTNER, "Ваши лиды за сутки").await;
}

#[tokio::test]
async fn process_the_week_comes_as_a_picture() {
    let mut rig = on_monday("").await;
    for name in ["Аружан", "Тимур", "Ольга"] {
        let lead = rig.lead_at_goal(name).await;
        rig.finishes(lead, "+77011234567").await;
    }
    rig.skip(7 * DAY).await;
    rig.until("the picture came", |_| {
        rig.count(PARTNER, "Неделя 7–13 декабря") == 1
    })
    .await;
    rig.quiet().await;
    let photo = rig
        .world
        .messages(BOT, PARTNER)
        .into_iter()
        .find(|message| message["photo"].is_array())
        .expect("a photo");
    let drawn = std::fs::read_to_string(rig.place.data.join("weeks/2026-12-14.svg")).unwrap();
    assert!(drawn.contains(">3</text>"), "{drawn}");
    assert!(
        photo["caption"]
            .as_str()
            .is_some_and(|text| text.contains("первая неделя")),
        "{photo}"
    );
    rig.skip(HOUR).await;
    rig.quiet().await;
    assert_eq!(rig.count(PARTNER, "Неделя 7–13"), 1);
}

#[tokio::test]
async fn process_settings_hold_at_once_and_over_a_restart() {
    let mut rig = on_monday("").await;
    rig.says(PARTNER, "/my_settings");
    rig.hears(PARTNER, "Сводка: 09:00").await;
    rig.presses(PARTNER, "☀️ Сводка");
    rig.hears(PARTNER, "Во сколько?").await;
    rig.presses(PARTNER, "12:00");
    rig.hears(PARTNER, "Сводка: 12:00").await;
    rig.presses(PARTNER, "🔔 Карточки");
    rig.hears(PARTNER, "Только сводка").await;
    rig.presses(PARTNER, "только сводка");
    rig.hears(PARTNER, "Карточки: только сводка").await;
    let lead = rig.lead_at_goal("Аружан").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    assert_eq!(rig.count(PARTNER, "Оставил(а) контакт"), 0);
    assert_eq!(rig.stop().await, 0);
    rig.start().await;
    rig.skip(24 * HOUR).await;
    rig.quiet().await;
    assert_eq!(digests(&rig, PARTNER), 0, "ten is before twelve");
    rig.skip(3 * HOUR).await;
    rig.hears(PARTNER, "Аружан").await;
}

#[tokio::test]
async fn process_at_night_cards_make_no_sound() {
    let mut rig = on_monday("").await;
    rig.skip(14 * HOUR).await;
    let lead = rig.lead_at_goal("Аружан").await;
    rig.finishes(lead, "+77011234567").await;
    rig.hears(PARTNER, "Оставил(а) контакт").await;
    let silent = rig
        .calls_to("sendMessage", PARTNER)
        .iter()
        .filter(|call| call.params.get("disable_notification") == Some(&Value::Bool(true)))
        .count();
    assert_eq!(silent, 1);
}

#[tokio::test]
async fn process_lists_filter_and_page() {
    let rig = on_monday("").await;
    for number in 1..=8 {
        let lead = rig.lead_at_goal(&format!("Гость{number}")).await;
        if number == 3 {
            rig.finishes(lead, "+77011234567").await;
        }
    }
    rig.says(PARTNER, "/my_leads");
    rig.hears(PARTNER, "8 человек").await;
    rig.hears(PARTNER, "Гость8").await;
    rig.presses(PARTNER, "▶");
    rig.hears(PARTNER, "Гость1").await;
    rig.presses(PARTNER, "С контактом");
    rig.hears(PARTNER, "1 человек").await;
    rig.hears(PARTNER, "Гость3").await;
    rig.presses(PARTNER, "🏷 Метки");
    rig.hears(PARTNER, "Метки").await;
    rig.says(PARTNER, "/my_link");
    rig.hears(PARTNER, "start=weight").await;
}
