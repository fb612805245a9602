//! Every answer Telegram is known to give, put into its mouth once: what becomes of the message, and of the lead.
//!
//! Answers to polls are `runtime_in`: 401, 404, 409 (a second poller), 429, 5xx, a gateway's page, cut and broken
//! answers, resets, refused connections, no address, no TLS. A 429 over a restart, files that Telegram forgot, markup
//! it refuses and leads who come back are `runtime_out`; a process that dies in mid-call is the proof `kill`.

use serde_json::{Value, json};

use crate::support::{BOT, PARTNER, Rig, until};

/// What must become of a reply whose first call is answered in this way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// It arrives, this many calls later.
    Arrives(usize),
    /// It is given up, and the story says why.
    Failed,
    /// So it is, and the lead counts as gone.
    Gone(&'static str),
    /// It waits for the token to be mended.
    Waits,
}

use Fate::{Arrives, Failed, Gone, Waits};

/// Code, words, fate. Texts are those of the Bot API server, whose letters may change their case.
const ANSWERS: &[(u16, &str, Fate)] = &[
    (
        403,
        "Forbidden: bot was blocked by the user",
        Gone("blocked"),
    ),
    (
        403,
        "FORBIDDEN: Bot Was Blocked By The User",
        Gone("blocked"),
    ),
    (403, "Forbidden: user is deactivated", Gone("deactivated")),
    (
        403,
        "Forbidden: bot can't initiate conversation with a user",
        Gone("blocked"),
    ),
    (403, "Forbidden: bot was kicked from the group chat", Failed),
    (
        403,
        "Forbidden: bot is not a member of the channel chat",
        Failed,
    ),
    (403, "Forbidden: the group chat was deleted", Failed),
    (403, "Forbidden: bot can't send messages to bots", Failed),
    (403, "Forbidden: bot can't send messages to the bot", Failed),
    (400, "Bad Request: chat not found", Gone("blocked")),
    (400, "Bad Request: private chat not found", Gone("blocked")),
    (400, "Bad Request: PEER_ID_INVALID", Gone("blocked")),
    (400, "Bad Request: TOPIC_CLOSED", Failed),
    (400, "Bad Request: TOPIC_DELETED", Failed),
    (400, "Bad Request: message thread not found", Failed),
    (400, "Bad Request: CHAT_WRITE_FORBIDDEN", Failed),
    (
        400,
        "Bad Request: not enough rights to send text messages to the chat",
        Failed,
    ),
    (400, "Bad Request: message is too long", Failed),
    (400, "Bad Request: message caption is too long", Failed),
    (400, "Bad Request: BUTTON_DATA_INVALID", Failed),
    (400, "Bad Request: message to be replied not found", Failed),
    (400, "Bad Request: something nobody has seen before", Failed),
    (
        400,
        "Bad Request: can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        Arrives(2),
    ),
    (
        400,
        "Bad Request: failed to send message #1 with the error message \"Too Many Requests: retry after 1\"",
        Arrives(2),
    ),
    (401, "Unauthorized", Waits),
    (404, "Not Found", Waits),
    (421, "Misdirected Request", Arrives(2)),
    (429, "Too Many Requests: retry after 1", Arrives(2)),
    (500, "Internal Server Error: restart", Arrives(2)),
    (502, "Bad Gateway", Arrives(2)),
    (503, "Service Unavailable", Arrives(2)),
    (504, "Gateway Timeout", Arrives(2)),
];

/// Ways in which an answer is none, and how often the lead hears the message in the end.
const BROKEN: &[(&str, usize)] = &[
    ("502_html", 1),
    ("refuse", 1),
    ("reset", 1),
    ("lost_answer", 2),
    ("truncated", 1),
    ("bad_json", 1),
    ("slow", 1),
];

const ASKED: &str = "Зачем вам это?";

fn answer(code: u16, words: &str) -> Value {
    let mut body = json!({"ok": false, "error_code": code, "description": words});
    if code == 429 {
        body["parameters"] = json!({"retry_after": 1});
    }
    body
}

#[tokio::test]
async fn process_every_answer_of_telegram_has_its_consequence() {
    let rig = Rig::running().await;
    let (mut leads, mut rules) = (Vec::new(), Vec::new());
    for (code, words, _) in ANSWERS {
        let lead = rig.lead_at_goal("Аня").await;
        leads.push(lead);
        rules.push(
            json!({"method": "sendMessage", "kind": "body", "chat_id": lead, "times": 1,
            "status": code, "body": answer(*code, words)}),
        );
    }
    for (kind, _) in BROKEN {
        let lead = rig.lead_at_goal("Олег").await;
        leads.push(lead);
        rules.push(json!({"method": "sendMessage", "kind": kind, "chat_id": lead, "times": 1}));
    }
    rig.quiet().await;
    rig.faults(&rules);
    for lead in &leads {
        rig.says(*lead, "25");
    }
    for (index, (code, words, fate)) in ANSWERS.iter().enumerate() {
        let number = i64::try_from(index).unwrap() + 1;
        let lead = leads[index];
        let row = settled(&rig, number, *fate).await;
        let told = format!("{code} {words}: {fate:?}, but {row}");
        let reach = rig.get(&format!("/why?lead={number}")).await["lead"]["reach"].clone();
        // Two questions were asked before.
        let calls = rig.calls_to("sendMessage", lead).len() - 2;
        match fate {
            Arrives(wanted) => {
                assert_eq!((calls, rig.count(lead, ASKED)), (*wanted, 1), "{told}");
                assert_eq!(reach, "active", "{told}");
            }
            Failed => {
                assert!(row["reason"].as_str().unwrap().contains(words), "{told}");
                assert_eq!((calls, reach), (1, json!("active")), "{told}");
            }
            Gone(how) => assert_eq!((calls, reach), (1, json!(how)), "{told}"),
            Waits => assert_eq!(calls, 1, "{told}"),
        }
    }
    for ((kind, copies), lead) in BROKEN.iter().zip(&leads[ANSWERS.len()..]) {
        let told = || format!("{kind}: {:?}", rig.heard(*lead));
        until(told, || rig.count(*lead, ASKED) == *copies).await;
    }
    // Nobody is stuck: whoever was refused an answer is answered the next time.
    rig.no_faults();
    for (lead, (_, words, fate)) in leads.iter().zip(ANSWERS) {
        if !matches!(fate, Waits) {
            rig.says(*lead, "Хочу бегать");
            let told = || format!("{words}: {:?}", rig.heard(*lead));
            until(told, || rig.count(*lead, "Когда начнём?") == 1).await;
        }
    }
}

/// Waits for the row of the question to come to its end.
async fn settled(rig: &Rig, lead: i64, fate: Fate) -> Value {
    let wanted = match fate {
        Arrives(_) => "sent",
        Failed | Gone(_) => "failed",
        Waits => "due",
    };
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    loop {
        let story = rig.story(lead).await;
        let row = story.into_iter().find(|item| item["text"] == ASKED);
        let row = row.unwrap_or_default();
        let refused = row["reason"].as_str().is_some_and(|why| why.contains("40"));
        let tried = !matches!(fate, Waits) || refused;
        if row["state"] == wanted && tried || tokio::time::Instant::now() > deadline {
            return row;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn process_a_chat_that_moved_is_followed() {
    let rig = Rig::running().await;
    let lead = rig.lead_at_goal("Аня").await;
    let moved = json!({"ok": false, "error_code": 400,
        "description": "Bad Request: group chat was upgraded to a supergroup chat",
        "parameters": {"migrate_to_chat_id": -1_001_234_567_890_i64}});
    let taken = json!({"ok": true, "result": {"message_id": 77, "date": 1}});
    rig.faults(&[
        json!({"method": "sendMessage", "kind": "body", "chat_id": lead, "times": 1, "body": moved}),
        json!({"method": "sendMessage", "kind": "body", "chat_id": -1_001_234_567_890_i64, "status": 200, "body": taken}),
    ]);
    rig.says(lead, "25");
    rig.until("the message follows the chat", |_| {
        rig.calls_to("sendMessage", -1_001_234_567_890).len() == 1
    })
    .await;
    rig.quiet().await;
    let story = rig.story(1).await;
    let row = story.iter().find(|item| item["text"] == ASKED).unwrap();
    assert_eq!(row["state"], "sent", "{row}");
}

#[tokio::test]
async fn process_what_is_needless_or_too_late_harms_nothing() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    let refused = |method: &str, words: &str| json!({"method": method, "kind": "400", "description": words, "times": 1});
    let lead = rig.person("Аня");
    rig.opens(lead, "weight");
    rig.hears(lead, "С чего начнём?").await;
    rig.faults(&[refused(
        "answerCallbackQuery",
        "Bad Request: query is too old and response timeout expired or query ID is invalid",
    )]);
    rig.presses(lead, "Начать");
    rig.hears(lead, "Сколько килограммов?").await;
    rig.finishes(lead, "+77011234567").await;
    rig.hears(PARTNER, "Оставил(а) контакт").await;
    let card = rig.world.last_message(BOT, PARTNER).unwrap();
    let id = card["message_id"].as_i64().unwrap();
    for words in [
        "Bad Request: message is not modified: specified new message content and reply markup are exactly the same",
        "Bad Request: message to edit not found",
        "Bad Request: message can't be edited",
    ] {
        rig.faults(&[refused("editMessageText", words)]);
        for data in ["p:done:1", "p:undo:1"] {
            rig.world.press(BOT, PARTNER, id, data, true).unwrap();
        }
        rig.quiet().await;
        let health = rig.get("/health").await;
        assert_eq!(health["totals"]["failed"], 0, "{words}: {health}");
    }
    assert_eq!(rig.get("/health").await["queue"]["unknown"], 0);
}

#[tokio::test]
async fn process_words_go_alone_when_telegram_does_not_take_the_file() {
    let rig = Rig::running().await;
    for words in [
        "Bad Request: failed to get HTTP URL content",
        "Bad Request: wrong type of the web page content",
        "Bad Request: file is too big",
        "Bad Request: PHOTO_INVALID_DIMENSIONS",
        "Bad Request: IMAGE_PROCESS_FAILED",
    ] {
        let lead = rig.person("Аня");
        rig.opens(lead, "weight");
        rig.hears(lead, "С чего начнём?").await;
        rig.faults(&[
            json!({"method": "sendPhoto", "kind": "400", "description": words, "times": 1}),
        ]);
        rig.presses(lead, "Подарок");
        rig.hears(lead, "Держите подарок.").await;
        rig.quiet().await;
        assert_eq!(rig.calls_to("sendPhoto", lead).len(), 1, "{words}");
        assert!(rig.log().contains(words), "the operator is told: {words}");
    }
}

#[tokio::test]
async fn process_a_card_that_cannot_be_delivered_is_told_to_the_operator() {
    let rig = Rig::running().await;
    rig.partners_are_there().await;
    rig.faults(&[
        json!({"method": "sendMessage", "kind": "403", "chat_id": PARTNER,
        "description": "Forbidden: bot can't initiate conversation with a user"}),
    ]);
    let lead = rig.lead_at_goal("Аня").await;
    rig.finishes(lead, "+77011234567").await;
    rig.quiet().await;
    let told = || rig.log();
    until(told, || rig.log().contains("cannot be told of leads")).await;
    // A group that the partner's cards go to is lost in more ways.
    for (index, (code, words)) in [
        (403, "Forbidden: bot was kicked from the group chat"),
        (403, "Forbidden: the group chat was deleted"),
        (400, "Bad Request: TOPIC_CLOSED"),
        (400, "Bad Request: message thread not found"),
        (400, "Bad Request: CHAT_WRITE_FORBIDDEN"),
    ]
    .into_iter()
    .enumerate()
    {
        rig.faults(&[
            json!({"method": "sendMessage", "kind": "body", "chat_id": PARTNER,
            "status": code, "body": answer(code, words)}),
        ]);
        let lead = rig.lead_at_goal("Олег").await;
        rig.finishes(lead, &format!("+7701123456{index}")).await;
        let line = format!("refused for good: {code} {words}");
        until(told, || rig.log().contains(&line)).await;
        rig.quiet().await;
    }
    let failed = rig.get("/health").await["totals"]["failed"].as_i64();
    assert!(failed >= Some(5), "{failed:?} are counted");
}
