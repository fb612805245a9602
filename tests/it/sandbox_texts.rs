//! Texts, buttons and edits: Telegram's limits and the exact words of its refusals.

use partnerctl::sandbox::{NewUser, parse_html};
use serde_json::{Value, json};

use crate::sandbox::{BOT, Rig};

#[tokio::test]
async fn texts_are_counted_in_code_points_after_parsing() {
    let rig = Rig::started();
    let send = |text: String| json!({"chat_id": rig.user, "text": text, "parse_mode": "HTML"});
    rig.ok("sendMessage", send("😀".repeat(4096))).await;
    rig.ok("sendMessage", send(format!("<b>{}</b>", "я".repeat(4096))))
        .await;
    let long = rig.refused("sendMessage", send("я".repeat(4097))).await;
    assert_eq!(long, "400 Bad Request: message is too long");
    let huge = rig.refused("sendMessage", send("x".repeat(32_769))).await;
    assert_eq!(huge, "400 Bad Request: text is too long");
    rig.assert_strict();
}

#[tokio::test]
async fn refused_texts_and_chats() {
    let rig = Rig::started();
    let stranger = rig.world.add_user(NewUser {
        first_name: "Олег".to_owned(),
        ..NewUser::default()
    });
    let blocker = rig.world.add_user(NewUser {
        first_name: "Ира".to_owned(),
        ..NewUser::default()
    });
    rig.world.start(BOT, blocker, None).unwrap();
    rig.world.block(BOT, blocker, true).unwrap();
    let me = rig.user;
    for (chat, text, refusal) in [
        (json!(me), "", "400 Bad Request: message text is empty"),
        (json!(me), " \n ", "400 Bad Request: text must be non-empty"),
        (json!(1), "x", "400 Bad Request: chat not found"),
        (json!(-100_123), "x", "400 Bad Request: chat not found"),
        (json!("@nobody"), "x", "400 Bad Request: chat not found"),
        (json!(""), "x", "400 Bad Request: chat_id is empty"),
        (
            json!(stranger),
            "x",
            "403 Forbidden: bot can't initiate conversation with a user",
        ),
        (
            json!(blocker),
            "x",
            "403 Forbidden: bot was blocked by the user",
        ),
        (
            json!(BOT),
            "x",
            "403 Forbidden: the bot can't send messages to the bot",
        ),
    ] {
        let refused = rig
            .refused("sendMessage", json!({"chat_id": chat, "text": text}))
            .await;
        assert_eq!(refused, refusal, "chat {chat}, text {text:?}");
    }
    rig.ok(
        "sendMessage",
        json!({"chat_id": me.to_string(), "text": "x"}),
    )
    .await;
    rig.assert_strict();
}

#[tokio::test]
async fn a_deactivated_person_cannot_be_written_to() {
    let rig = Rig::started();
    control_post(&rig, "user", json!({"id": rig.user, "deactivated": true})).await;
    let refused = rig
        .refused("sendMessage", json!({"chat_id": rig.user, "text": "x"}))
        .await;
    assert_eq!(refused, "403 Forbidden: user is deactivated");
}

#[tokio::test]
async fn a_mention_by_id_names_the_person() {
    let rig = Rig::started();
    let text = format!(
        "<a href=\"tg://user?id={}\">Вы</a>, <a href=\"tg://user?id=7\">кто-то</a>",
        rig.user
    );
    let sent = json!({"chat_id": rig.user, "text": text, "parse_mode": "HTML"});
    let message = rig.ok("sendMessage", sent).await;
    let entities = message["entities"].as_array().unwrap();
    assert_eq!(entities.len(), 1, "a stranger is not mentioned");
    assert_eq!(entities[0]["user"]["first_name"], "Анна");
    rig.assert_strict();
}

#[tokio::test]
async fn texts_are_trimmed_and_their_entities_with_them() {
    let rig = Rig::started();
    let sent = json!({"chat_id": rig.user, "text": "  <b>Привет</b> мир \n", "parse_mode": "HTML"});
    let message = rig.ok("sendMessage", sent).await;
    assert_eq!(message["text"], "Привет мир");
    assert_eq!(
        message["entities"],
        json!([{"type": "bold", "offset": 0, "length": 6}])
    );
}

#[test]
fn html_is_parsed_as_telegram_does() {
    let entity = |kind: &str, offset: u64, length: u64| json!({"type": kind, "offset": offset, "length": length});
    let link = |offset: u64, length: u64, url: &str| json!({"type": "text_link", "offset": offset, "length": length, "url": url});
    let rows: [(&str, &str, Vec<Value>); 13] = [
        ("просто", "просто", vec![]),
        (
            "<b>a</b><i>b</i>",
            "ab",
            vec![entity("bold", 0, 1), entity("italic", 1, 1)],
        ),
        (
            "<b>a<i>b</i></b>",
            "ab",
            vec![entity("bold", 0, 2), entity("italic", 1, 1)],
        ),
        ("😀<u>x</u>", "😀x", vec![entity("underline", 2, 1)]),
        ("&lt;b&gt; &amp; &quot;&#1071;&#x42F;", "<b> & \"ЯЯ", vec![]),
        ("&nbsp; &copy; & x", "&nbsp; &copy; & x", vec![]),
        (
            "<a href=\"https://a.ru/x?y=1&amp;z=2\">т</a>",
            "т",
            vec![link(0, 1, "https://a.ru/x?y=1&z=2")],
        ),
        ("<a href='nonsense'>т</a>", "т", vec![]),
        ("<B>x</B >", "x", vec![entity("bold", 0, 1)]),
        ("<b></b>x", "x", vec![]),
        (
            "<pre><code class=\"language-rust\">x</code></pre>",
            "x",
            vec![json!({"type": "pre", "offset": 0, "length": 1, "language": "rust"})],
        ),
        (
            "<blockquote expandable>x</blockquote>",
            "x",
            vec![entity("expandable_blockquote", 0, 1)],
        ),
        (
            "<span class=\"tg-spoiler\">x</span>",
            "x",
            vec![entity("spoiler", 0, 1)],
        ),
    ];
    for (html, text, entities) in rows {
        assert_eq!(parse_html(html), Ok((text.to_owned(), entities)), "{html}");
    }
}

#[tokio::test]
async fn bad_html_is_refused_in_telegrams_words() {
    let rig = Rig::started();
    for (html, problem) in [
        ("<x>a</x>", "Unsupported start tag \"x\" at byte offset 0"),
        ("я <br> a", "Unsupported start tag \"br\" at byte offset 3"),
        (
            "<b>a",
            "Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            "<b>a</i>",
            "Unmatched end tag at byte offset 4, expected \"</b>\", found \"</i>\"",
        ),
        ("a</b>", "Unexpected end tag at byte offset 1"),
        ("a < b", "Unsupported start tag \"\" at byte offset 2"),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        (
            "<span>a</span>",
            "Tag \"span\" must have class \"tg-spoiler\" at byte offset 0",
        ),
        (
            "<a href=x_y>a</a>",
            "Unexpected end of name token at byte offset 8",
        ),
        ("<a href=\"x>a</a>", "Unclosed start tag at byte offset 0"),
        (
            "<a / >a</a>",
            "Empty attribute name in the tag \"a\" at byte offset 0",
        ),
        (
            "&#xD83D;",
            "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units",
        ),
    ] {
        let sent = json!({"chat_id": rig.user, "text": html, "parse_mode": "HTML"});
        let refused = rig.refused("sendMessage", sent).await;
        assert_eq!(
            refused,
            format!("400 Bad Request: can't parse entities: {problem}"),
            "{html}"
        );
    }
    rig.assert_strict();
}

#[tokio::test]
async fn what_telegram_finds_in_plain_texts() {
    let rig = Rig::started();
    rig.world
        .send(
            BOT,
            rig.user,
            "/help@demo_bot см. https://a.ru/x, @nick_name (#тег) a@b.kz 1.5",
        )
        .unwrap();
    let update = rig.updates(json!({"offset": -1})).await;
    let found: Vec<String> = update[0]["message"]["entities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| {
            format!(
                "{} {} {}",
                e["type"].as_str().unwrap(),
                e["offset"],
                e["length"]
            )
        })
        .collect();
    let expected = [
        "bot_command 0 14",
        "url 19 14",
        "mention 35 10",
        "hashtag 47 4",
        "email 53 6",
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn buttons_have_their_rules() {
    let rig = Rig::started();
    let private = rig.world.add_user(NewUser {
        first_name: "Ян".to_owned(),
        ..NewUser::default()
    });
    let control = json!({"id": private, "private_links": true});
    control_post(&rig, "user", control).await;
    let inline = |button: Value| json!({"inline_keyboard": [[button]]});
    let data = |data: String| inline(json!({"text": "x", "callback_data": data}));
    let url = |url: &str| inline(json!({"text": "x", "url": url}));
    let own = format!("tg://user?id={}", rig.user);
    let hidden = format!("tg://user?id={private}");
    let no_action = "400 Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard";
    for (markup, outcome) in [
        (data("я".repeat(32)), ""),
        (
            data("я".repeat(32) + "x"),
            "400 Bad Request: BUTTON_DATA_INVALID",
        ),
        (inline(json!({"text": "x"})), no_action),
        (
            inline(json!({"text": " ", "callback_data": "x"})),
            "400 Bad Request: inline keyboard button text must be non-empty",
        ),
        (url("https://a.ru"), ""),
        (url(&own), ""),
        (
            url(&hidden),
            "400 Bad Request: BUTTON_USER_PRIVACY_RESTRICTED",
        ),
        (
            url("tg://user?id=5"),
            "400 Bad Request: BUTTON_USER_INVALID",
        ),
        (
            url("http://localhost/x"),
            "400 Bad Request: inline keyboard button URL 'http://localhost/x' is invalid: Wrong HTTP URL",
        ),
        (
            json!({"keyboard": [[{"text": "📱", "request_contact": true}], ["Позже"]]}),
            "",
        ),
        (
            json!({"keyboard": [[{"text": ""}]]}),
            "400 Bad Request: keyboard button text must be non-empty",
        ),
        (json!({"remove_keyboard": true}), ""),
        (json!({"force_reply": true}), ""),
    ] {
        let sent = json!({"chat_id": rig.user, "text": "?", "reply_markup": markup});
        if outcome.is_empty() {
            rig.ok("sendMessage", sent).await;
        } else {
            assert_eq!(rig.refused("sendMessage", sent).await, outcome, "{markup}");
        }
    }
    rig.assert_strict();
}

#[tokio::test]
async fn edits_change_or_say_why_not() {
    let rig = Rig::started();
    let theirs = rig.world.messages(BOT, rig.user)[0]["message_id"].clone();
    let mine = rig.say("старое").await;
    let edit =
        |id: &Value, text: &str| json!({"chat_id": rig.user, "message_id": id, "text": text});
    let edited = rig.ok("editMessageText", edit(&mine.into(), "новое")).await;
    assert_eq!(edited["text"], "новое");
    assert!(edited["edit_date"].is_i64());
    let same = "400 Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";
    for (id, text, refusal) in [
        (json!(mine), "новое", same),
        (
            json!(999),
            "x",
            "400 Bad Request: message to edit not found",
        ),
        (theirs, "x", "400 Bad Request: message can't be edited"),
        (json!(mine), "", "400 Bad Request: message text is empty"),
    ] {
        assert_eq!(
            rig.refused("editMessageText", edit(&id, text)).await,
            refusal
        );
    }
    let target = json!({"chat_id": rig.user, "message_id": mine});
    let caption = rig.refused("editMessageCaption", target.clone()).await;
    assert_eq!(
        caption,
        "400 Bad Request: there is no caption in the message to edit"
    );
    let same_markup = rig.refused("editMessageReplyMarkup", target.clone()).await;
    assert_eq!(same_markup, same);
    rig.ok("deleteMessage", target.clone()).await;
    let gone = rig.refused("deleteMessage", target.clone()).await;
    assert_eq!(gone, "400 Bad Request: message to delete not found");
    rig.assert_strict();
}

#[tokio::test]
async fn replies_name_a_message_that_exists() {
    let rig = Rig::started();
    let reply = |id: i64, anyway: bool| {
        let parameters = json!({"message_id": id, "allow_sending_without_reply": anyway});
        json!({"chat_id": rig.user, "text": "ответ", "reply_parameters": parameters})
    };
    let sent = rig.ok("sendMessage", reply(1, false)).await;
    assert_eq!(sent["reply_to_message"]["text"], "/start");
    let refused = rig.refused("sendMessage", reply(99, false)).await;
    assert_eq!(refused, "400 Bad Request: message to be replied not found");
    rig.ok("sendMessage", reply(99, true)).await;
    rig.assert_strict();
}

/// A call of the control API that must succeed.
pub async fn control_post(rig: &Rig, path: &str, body: Value) -> Value {
    let url = format!("{}/control/{path}", rig.sandbox.url());
    let answer = reqwest::Client::new()
        .post(url)
        .json(&body)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    answer.json().await.unwrap()
}
