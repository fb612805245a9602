//! Faults on order: each looks to the client as the real trouble would.

use partnerctl::sandbox::{FaultKind, FaultRule};
use serde_json::{Value, json};

use crate::sandbox::{BOT, Rig};
use crate::sandbox_texts::control_post;

/// Sends one message under a single fault rule; the answer and whether the message is in the chat.
async fn send_under(rule: Value) -> (Result<reqwest::Response, reqwest::Error>, bool) {
    let rig = Rig::started();
    control_post(&rig, "faults", json!({"rules": [rule]})).await;
    let sent = rig
        .request("sendMessage", &json!({"chat_id": rig.user, "text": "x"}))
        .send()
        .await;
    let arrived = rig.world.messages(BOT, rig.user).len() == 2;
    (sent, arrived)
}

#[tokio::test]
async fn error_answers_come_with_their_status_and_words() {
    for (kind, status, description) in [
        ("400", 400, "Bad Request: armed by a fault rule"),
        ("401", 401, "Unauthorized"),
        ("403", 403, "Forbidden: bot was blocked by the user"),
        ("500", 500, "Internal Server Error"),
    ] {
        let (answer, arrived) = send_under(json!({"method": "sendMessage", "kind": kind})).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), status);
        let body: Value = answer.json().await.unwrap();
        assert_eq!(
            (body["error_code"].as_i64(), body["description"].as_str()),
            (Some(status.into()), Some(description))
        );
        assert!(!arrived);
    }
    let own_words =
        json!({"method": "*", "kind": "400", "description": "Bad Request: TOPIC_CLOSED"});
    let (answer, _) = send_under(own_words).await;
    let body: Value = answer.unwrap().json().await.unwrap();
    assert_eq!(body["description"], "Bad Request: TOPIC_CLOSED");
}

#[tokio::test]
async fn a_429_says_when_to_come_back() {
    let (answer, arrived) =
        send_under(json!({"method": "SendMessage", "kind": "429", "retry_after": 7})).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 429);
    assert_eq!(answer.headers()["retry-after"], "7");
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["parameters"]["retry_after"], 7);
    assert_eq!(body["description"], "Too Many Requests: retry after 7");
    assert!(!arrived);
}

#[tokio::test]
async fn broken_answers_break_as_ordered() {
    let (answer, arrived) = send_under(json!({"method": "*", "kind": "502_html"})).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), arrived), (502, false));
    assert!(answer.text().await.unwrap().starts_with("<html>"));

    let (answer, arrived) = send_under(json!({"method": "*", "kind": "bad_json"})).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), arrived), (200, true));
    assert!(answer.json::<Value>().await.is_err());

    let (answer, arrived) = send_under(json!({"method": "*", "kind": "truncated"})).await;
    assert!(
        answer.unwrap().text().await.is_err(),
        "the body must break off"
    );
    assert!(arrived);

    for (kind, carried_out) in [("refuse", false), ("reset", false), ("lost_answer", true)] {
        let (answer, arrived) = send_under(json!({"method": "*", "kind": kind})).await;
        assert!(answer.is_err(), "{kind}");
        assert_eq!(arrived, carried_out, "{kind}");
    }

    let (answer, arrived) =
        send_under(json!({"method": "*", "kind": "slow", "delay_ms": 20})).await;
    assert!(answer.unwrap().status().is_success() && arrived);
}

#[tokio::test]
async fn a_timeout_never_answers() {
    let rig = Rig::started();
    rig.world.set_faults(
        vec![FaultRule::new("sendMessage", FaultKind::Timeout)],
        None,
    );
    let request = rig.request("sendMessage", &json!({"chat_id": rig.user, "text": "x"}));
    let sent = request
        .timeout(std::time::Duration::from_millis(200))
        .send()
        .await;
    assert!(sent.unwrap_err().is_timeout());
    assert_eq!(rig.world.messages(BOT, rig.user).len(), 1);
    assert_eq!(rig.world.calls("sendMessage")[0].fault, Some("timeout"));
}

#[tokio::test]
async fn rules_count_skip_and_end() {
    let rig = Rig::started();
    let rule =
        json!({"method": "sendMessage", "kind": "500", "skip": 1, "times": 2, "chat_id": rig.user});
    control_post(&rig, "faults", json!({"rules": [rule]})).await;
    let mut codes = Vec::new();
    for _ in 0..5 {
        let answer = rig
            .call("sendMessage", json!({"chat_id": rig.user, "text": "x"}))
            .await;
        codes.push(answer["error_code"].as_i64().unwrap_or(200));
    }
    assert_eq!(codes, [200, 500, 500, 200, 200]);
    rig.ok("getMe", json!({})).await;
    let state = reqwest::get(format!("{}/control/faults", rig.sandbox.url()))
        .await
        .unwrap();
    let state: Value = state.json().await.unwrap();
    assert_eq!(
        (
            state["rules"][0]["matched"].as_u64(),
            state["rules"][0]["fired"].as_u64()
        ),
        (Some(5), Some(2))
    );
}

#[tokio::test]
async fn probabilities_repeat_with_their_seed() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let rig = Rig::started();
        let rule = FaultRule {
            probability: 0.3,
            ..FaultRule::new("getMe", FaultKind::Status(500))
        };
        rig.world.set_faults(vec![rule], Some(42));
        let mut run = Vec::new();
        for _ in 0..60 {
            run.push(rig.call("getMe", json!({})).await["ok"] == false);
        }
        runs.push(run);
    }
    let hits = runs[0].iter().filter(|hit| **hit).count();
    assert!((8..=30).contains(&hits), "{hits} of 60 at 0.3");
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn flood_limits_answer_429_when_they_are_on() {
    let rig = Rig::started();
    rig.world.set_flood(true);
    let mut codes = Vec::new();
    for _ in 0..7 {
        let answer = rig
            .call("sendMessage", json!({"chat_id": rig.user, "text": "x"}))
            .await;
        codes.push(answer["error_code"].as_i64().unwrap_or(200));
    }
    assert_eq!(codes, [200, 200, 200, 200, 200, 429, 429]);
    rig.world.advance(std::time::Duration::from_secs(2));
    rig.say("снова").await;
}

#[tokio::test]
async fn any_answer_can_be_put_into_telegrams_mouth() {
    let moved = json!({"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded",
        "parameters": {"migrate_to_chat_id": -1009}});
    let rule = json!({"method": "sendMessage", "kind": "body", "body": moved});
    let (answer, arrived) = send_under(rule).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.json::<Value>().await.unwrap(), moved);
    assert!(!arrived);
    let rule = json!({"method": "*", "kind": "body", "status": 421, "body": "Misdirected"});
    let (answer, _) = send_under(rule).await;
    let answer = answer.unwrap();
    assert_eq!(answer.status(), 421);
    assert_eq!(answer.text().await.unwrap(), "Misdirected");
    assert!(FaultRule::from_json(&json!({"method": "*", "kind": "body"})).is_err());
}

#[test]
fn waits_can_be_drawn_from_a_range() {
    let rule = json!({"method": "*", "kind": "429", "retry_after": 1, "retry_after_to": 30});
    let rule = FaultRule::from_json(&rule).unwrap();
    assert_eq!((rule.retry_after, rule.retry_after_to), (1, Some(30)));
}
