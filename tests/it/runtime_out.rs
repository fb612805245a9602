//! What goes out: replies at least once, the bot's own words at most once, every fate known.

use partnerctl::sandbox::Call;
use serde_json::{Value, json};

use crate::support::{BOT, Rig, until};

#[tokio::test]
async fn process_messages_to_a_chat_keep_their_order() {
    let rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    let fault = json!({"method": "sendMessage", "kind": "500", "times": 1, "chat_id": lead});
    rig.faults(&[fault]);
    rig.says(lead, "25");
    rig.says(lead, "Хочу бегать");
    rig.hears(lead, "Когда начнём?").await;
    let heard = rig.heard(lead);
    assert_eq!(
        heard[heard.len() - 2..],
        ["Зачем вам это?", "Когда начнём?"],
        "the second waited for the first"
    );
}

#[tokio::test]
async fn process_a_429_of_one_chat_delays_that_chat_as_long_as_told() {
    let rig = Rig::running().await;
    let limited = rig.lead_at_goal("Аня").await;
    let free = rig.lead_at_goal("Олег").await;
    let fault = json!({"method": "sendMessage", "kind": "429", "retry_after": 2, "times": 1, "chat_id": limited});
    rig.faults(&[fault]);
    rig.says(limited, "25");
    let before = rig.calls_to("sendMessage", limited).len();
    rig.until("Telegram asked to wait", |_| {
        rig.calls_to("sendMessage", limited)
            .iter()
            .any(|call| call.code == Some(429))
    })
    .await;
    rig.finishes(free, "+77011234567").await;
    assert_eq!(rig.count(limited, "Зачем вам это?"), 0, "too early");
    rig.hears(limited, "Зачем вам это?").await;
    let calls = rig.calls_to("sendMessage", limited);
    let at: Vec<i64> = calls.iter().rev().take(2).map(|call| call.at_ms).collect();
    assert!(at[0] - at[1] >= 2_000, "{} ms", at[0] - at[1]);
    assert!(calls.len() <= before + 2);
}

#[tokio::test]
async fn process_a_429_is_obeyed_over_a_restart() {
    let mut rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    let fault = json!({"method": "sendMessage", "kind": "429", "retry_after": 3, "times": 1});
    rig.faults(&[fault]);
    rig.says(lead, "25");
    let limited = |rig: &Rig| {
        let calls = rig.calls_to("sendMessage", lead);
        calls.into_iter().find(|call| call.code == Some(429))
    };
    rig.until("Telegram asked to wait", |_| limited(&rig).is_some())
        .await;
    assert_eq!(rig.stop().await, 0);
    rig.start().await;
    rig.hears(lead, "Зачем вам это?").await;
    let calls = rig.calls_to("sendMessage", lead);
    let waited = calls.last().unwrap().at_ms - limited(&rig).unwrap().at_ms;
    assert!(waited >= 2_900, "{waited} ms");
}

#[tokio::test]
async fn process_who_cannot_be_reached_is_marked_until_they_come_back() {
    let mut rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.stop().await;
    rig.says(lead, "25");
    rig.world.block(BOT, lead, true).unwrap();
    rig.start().await;
    reach(&rig, 1, "blocked").await;
    rig.quiet().await;
    rig.world.block(BOT, lead, false).unwrap();
    reach(&rig, 1, "active").await;
    rig.says(lead, "Хочу бегать");
    rig.hears(lead, "Когда начнём?").await;

    let gone = rig.lead_at_goal("Олег").await;
    rig.faults(&[
        json!({"method": "sendMessage", "kind": "403", "chat_id": gone, "times": 1,
                         "description": "Forbidden: user is deactivated"}),
    ]);
    rig.says(gone, "25");
    reach(&rig, 2, "deactivated").await;
    rig.quiet().await;
}

async fn reach(rig: &Rig, lead: i64, wanted: &str) {
    for _ in 0..400 {
        let why = rig.get(&format!("/why?lead={lead}")).await;
        if why["lead"]["reach"] == wanted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("lead {lead} is never {wanted}\n{}", rig.log());
}

#[tokio::test]
async fn process_refusals_are_repaired_once_or_recorded() {
    let rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    let refused = |times: u64, words: &str| json!({"method": "sendMessage", "kind": "400", "times": times, "chat_id": lead, "description": words});
    rig.faults(&[refused(
        1,
        "Bad Request: can't parse entities: Unsupported start tag \"x\"",
    )]);
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
    let calls = rig.calls_to("sendMessage", lead);
    let [.., with_markup, bare] = &calls[..] else {
        panic!("{calls:?}")
    };
    assert_eq!(with_markup.params["parse_mode"], "HTML");
    assert!(!bare.params.contains_key("parse_mode"), "{bare:?}");

    // Refused for good: recorded, and the talk goes on.
    rig.faults(&[refused(1, "Bad Request: TOPIC_CLOSED")]);
    rig.says(lead, "Хочу бегать");
    rig.quiet().await;
    assert_eq!(rig.get("/health").await["totals"]["failed"], 1);
    let story = rig.story(1).await;
    let failed = story.iter().find(|item| item["state"] == "failed").unwrap();
    assert!(
        failed["reason"].as_str().unwrap().contains("TOPIC_CLOSED"),
        "{failed}"
    );
    rig.says(lead, "Сегодня");
    rig.hears(lead, "Оставьте телефон.").await;
}

#[tokio::test]
async fn process_a_card_survives_a_lead_who_hides_their_profile() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    let lead = rig.lead_at_goal("Аня").await;
    let shy = json!({"id": lead, "private_links": true});
    let url = format!("{}/control/user", rig.url());
    let answer = reqwest::Client::new().post(url).json(&shy).send().await;
    assert!(answer.unwrap().status().is_success());
    rig.finishes(lead, "+77011234567").await;
    for partner in crate::support::PARTNERS {
        rig.hears(partner, "Оставил(а) контакт").await;
        let card = rig.world.last_message(BOT, partner).unwrap();
        let buttons = card["reply_markup"]["inline_keyboard"].to_string();
        assert!(
            buttons.contains("p:done:1") && !buttons.contains("tg://"),
            "{buttons}"
        );
    }
}

#[tokio::test]
async fn process_a_file_is_uploaded_once_and_again_when_telegram_forgot_it() {
    let mut rig = Rig::running().await;
    let gift = async |rig: &Rig, name: &str| {
        let lead = rig.person(name);
        rig.opens(lead, "weight");
        rig.hears(lead, "С чего начнём?").await;
        rig.presses(lead, "Подарок");
        rig.hears(lead, "Держите подарок.").await;
        rig.quiet().await;
    };
    gift(&rig, "Аня").await;
    gift(&rig, "Олег").await;
    rig.stop().await;
    rig.start().await;
    gift(&rig, "Ира").await;
    rig.faults(&[json!({"method": "sendPhoto", "kind": "400", "times": 1,
        "description": "Bad Request: wrong file identifier/HTTP URL specified"})]);
    gift(&rig, "Яна").await;
    gift(&rig, "Лев").await;
    let uploads: Vec<bool> = rig
        .world
        .calls("sendPhoto")
        .iter()
        .map(|call| !call.files.is_empty())
        .collect();
    assert_eq!(
        uploads,
        [true, false, false, false, true, false],
        "uploaded, by id twice (also after a restart), refused, uploaded again, by id"
    );
}

#[tokio::test]
async fn process_words_go_alone_when_their_file_is_gone() {
    let rig = Rig::running().await;
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
    std::fs::remove_dir_all(rig.place.funnels().join("media")).unwrap();
    rig.presses(lead, "Подарок");
    rig.hears(lead, "Держите подарок.").await;
    rig.quiet().await;
    assert!(rig.calls_to("sendPhoto", lead).is_empty());
    assert!(rig.log().contains("sent without its file"), "{}", rig.log());
}

async fn is_in_doubt(kind: &'static str, executed: bool) {
    let rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    let rule = |times: u64| json!({"method": "sendMessage", "kind": kind, "times": times, "chat_id": lead});
    rig.faults(&[rule(1)]);
    rig.says(lead, "25");
    rig.until("sent again", |_| {
        rig.calls_to("sendMessage", lead).len() == 4
    })
    .await;
    rig.quiet().await;
    let copies = rig.count(lead, "Зачем вам это?");
    assert_eq!(copies, if executed { 2 } else { 1 }, "{kind}");
    assert_eq!(rig.get("/health").await["queue"]["unknown"], 0, "{kind}");
    // Twice in doubt: no third copy, but a visible row.
    rig.faults(&[rule(9)]);
    rig.says(lead, "Хочу бегать");
    rig.quiet().await;
    assert_eq!(
        rig.calls_to("sendMessage", lead).len(),
        6,
        "{kind}: sent twice"
    );
    assert_eq!(rig.get("/health").await["queue"]["unknown"], 1, "{kind}");
    let story = rig.story(1).await;
    let row = story.iter().find(|item| item["state"] == "unknown");
    assert!(
        row.is_some_and(|row| row["text"] == "Когда начнём?"),
        "{kind}: {story:?}"
    );
    rig.no_faults();
    rig.says(lead, "завтра");
    rig.hears(lead, "Оставьте телефон.").await;
}

#[tokio::test]
async fn process_a_reply_in_doubt_is_repeated_once_and_never_lost() {
    tokio::join!(
        is_in_doubt("500", false),
        is_in_doubt("502_html", false),
        is_in_doubt("reset", false),
        is_in_doubt("lost_answer", true),
    );
}

/// A success that cannot be read is a success.
#[tokio::test]
async fn process_an_unreadable_success_is_not_repeated() {
    for kind in ["bad_json", "truncated"] {
        let rig = Rig::running().await;
        let lead = rig.lead_at_goal("Аня").await;
        rig.faults(&[json!({"method": "sendMessage", "kind": kind, "times": 1})]);
        rig.says(lead, "25");
        rig.hears(lead, "Зачем вам это?").await;
        rig.quiet().await;
        assert_eq!(rig.count(lead, "Зачем вам это?"), 1, "{kind}");
    }
}

/// A bot whose clock can be moved, and a lead who fell silent at a question.
async fn silent_lead() -> (Rig, i64) {
    let mut rig = Rig::new();
    rig.set_env("BOT_MOVABLE_CLOCK", "1");
    rig.start().await;
    let lead = rig.lead_at_goal("Аня").await;
    rig.quiet().await;
    (rig, lead)
}

const TWO_HOURS: i64 = 2 * 3_600_000;

#[tokio::test]
async fn process_silence_is_broken_once_over_restarts() {
    let (mut rig, lead) = silent_lead().await;
    rig.kill().await;
    rig.start().await;
    rig.skip(TWO_HOURS - 60_000).await;
    rig.quiet().await;
    assert_eq!(rig.count(lead, "Вы ещё здесь?"), 0, "too early");
    rig.skip(61_000).await;
    rig.hears(lead, "Вы ещё здесь?").await;
    rig.kill().await;
    rig.start().await;
    rig.skip(24 * TWO_HOURS).await;
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
    assert_eq!(rig.count(lead, "Вы ещё здесь?"), 1);
}

/// The bot's own words are under way when something happens; `spoil` returns when it is over.
async fn own_words_once(fault: Value, spoil: impl AsyncFn(&mut Rig)) {
    let (mut rig, lead) = silent_lead().await;
    rig.faults(std::slice::from_ref(&fault));
    let before = rig.calls_to("sendMessage", lead).len();
    rig.skip(TWO_HOURS + 1_000).await;
    rig.until("the words are under way", |_| {
        rig.calls_to("sendMessage", lead).len() > before
    })
    .await;
    spoil(&mut rig).await;
    rig.no_faults();
    rig.quiet().await;
    let calls: Vec<Call> = rig.calls_to("sendMessage", lead);
    assert_eq!(calls.len(), before + 1, "{fault}: called once");
    assert_eq!(rig.get("/health").await["queue"]["unknown"], 1, "{fault}");
    rig.says(lead, "25");
    rig.hears(lead, "Зачем вам это?").await;
    assert!(rig.count(lead, "Вы ещё здесь?") <= 1, "{fault}");
}

#[tokio::test]
async fn process_the_bots_own_words_are_never_said_twice() {
    let send = |kind: &str| json!({"method": "sendMessage", "kind": kind, "delay_ms": 15_000});
    tokio::join!(
        own_words_once(send("lost_answer"), async |_| {}),
        own_words_once(send("500"), async |_| {}),
        own_words_once(send("slow"), async |rig: &mut Rig| {
            rig.kill().await;
            rig.start().await;
        }),
        // Longer than a stop waits.
        own_words_once(send("slow"), async |rig: &mut Rig| {
            assert_eq!(rig.stop().await, 0);
            rig.start().await;
        }),
    );
}

#[tokio::test]
async fn process_a_lead_who_left_or_said_stop_hears_nothing_more() {
    let (mut rig, lead) = silent_lead().await;
    rig.says(lead, "/stop");
    rig.hears(lead, "больше не пишу первым").await;
    let gone = rig.lead_at_goal("Олег").await;
    rig.world.block(BOT, gone, true).unwrap();
    rig.quiet().await;
    rig.skip(3 * TWO_HOURS).await;
    let told = || rig.log();
    until(told, || rig.world.pending_updates(BOT) == 0).await;
    rig.quiet().await;
    assert_eq!(rig.count(lead, "Вы ещё здесь?"), 0);
    assert_eq!(rig.count(gone, "Вы ещё здесь?"), 0);
    assert_eq!(rig.get("/health").await["totals"]["failed"], 0);
}
