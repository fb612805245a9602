//! Strict by the Bot API schema in both directions.

use partnerctl::sandbox::check_object;
use serde_json::{Value, json};

use crate::sandbox::{BOT, Rig};

#[tokio::test]
async fn what_the_schema_does_not_allow_is_refused_and_noted() {
    let rig = Rig::started();
    let chat = rig.user;
    let message = |extra: Value| {
        let mut params = json!({"chat_id": chat, "text": "x"});
        params
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        params
    };
    let button = |button: Value| message(json!({"reply_markup": {"inline_keyboard": [[button]]}}));
    let strict = |text: &str| format!("400 Bad Request: sandbox: {text}");
    for (method, params, refusal) in [
        (
            "sendMesage",
            json!({}),
            "404 Not Found: method not found".to_owned(),
        ),
        (
            "sendMessage",
            json!({"chat_id": chat}),
            strict("field \"text\" is required in sendMessage"),
        ),
        (
            "sendMessage",
            message(json!({"txt": "y"})),
            strict("field \"txt\" is unknown in sendMessage"),
        ),
        (
            "sendMessage",
            message(json!({"parse_mode": null})),
            strict("field \"parse_mode\" must be String, not null"),
        ),
        (
            "sendMessage",
            message(json!({"protect_content": "true"})),
            strict("field \"protect_content\" must be Boolean, not a String"),
        ),
        (
            "sendMessage",
            message(json!({"chat_id": 1.5})),
            strict("field \"chat_id\" must be Integer or String, not a Float"),
        ),
        (
            "sendMessage",
            button(json!({"text": "x", "data": "y"})),
            strict(
                "field \"reply_markup.inline_keyboard[0][0].data\" is unknown in InlineKeyboardButton",
            ),
        ),
        (
            "sendMessage",
            button(json!({"callback_data": "y"})),
            strict(
                "field \"reply_markup.inline_keyboard[0][0].text\" is required in InlineKeyboardButton",
            ),
        ),
        (
            "sendMessage",
            message(json!({"entities": [{"type": "bold", "offset": "0", "length": 1}]})),
            strict("field \"entities[0].offset\" must be Integer, not a String"),
        ),
        (
            "sendMessage",
            message(json!({"reply_markup": {"remove_keyboard": false}})),
            strict("field \"reply_markup.remove_keyboard\" must be True, not a Boolean"),
        ),
        (
            "setMyCommands",
            json!({"commands": [], "scope": {"type": "everyone"}}),
            strict("field \"scope.type\" names no kind of BotCommandScope"),
        ),
        (
            "setMyCommands",
            json!({"commands": [], "scope": {"type": "chat"}}),
            strict("field \"scope.chat_id\" is required in BotCommandScopeChat"),
        ),
        (
            "sendPhoto",
            json!({"chat_id": chat, "photo": "attach://p"}),
            strict("attach://p names no file of the request"),
        ),
        (
            "sendDice",
            json!({"chat_id": chat}),
            "501 sandbox: method sendDice is in the Bot API but not simulated".to_owned(),
        ),
        (
            "sendMessage",
            message(json!({"message_thread_id": 2})),
            "501 sandbox: field message_thread_id of sendMessage is not simulated".to_owned(),
        ),
        (
            "sendMessage",
            message(json!({"parse_mode": "MarkdownV2"})),
            "501 sandbox: parse mode markdownv2 is not simulated; use HTML".to_owned(),
        ),
    ] {
        let before = rig.world.violations().len();
        assert_eq!(
            rig.refused(method, params.clone()).await,
            refusal,
            "{params}"
        );
        assert_eq!(
            rig.world.violations().len(),
            before + 1,
            "{method} {params}"
        );
    }
    let call = &rig.world.calls("sendMessage")[0];
    assert_eq!(
        call.violations,
        ["field \"text\" is required in sendMessage"]
    );
    assert_eq!(rig.world.messages(BOT, chat).len(), 1, "nothing was sent");
}

#[tokio::test]
async fn all_ways_of_sending_parameters_are_understood() {
    let rig = Rig::started();
    let http = reqwest::Client::new();
    let markup = r#"{"inline_keyboard":[[{"text":"Да","callback_data":"y"}]]}"#;
    let chat = rig.user.to_string();
    let fields = [
        ("chat_id", chat.as_str()),
        ("text", "Привет"),
        ("reply_markup", markup),
        ("protect_content", "true"),
    ];
    let form = fields
        .iter()
        .fold(reqwest::multipart::Form::new(), |form, (name, value)| {
            form.text((*name).to_owned(), (*value).to_owned())
        });
    let json =
        json!({"chat_id": chat, "text": "Привет", "reply_markup": markup, "protect_content": true});
    let requests = [
        http.get(rig.url("sendMessage")).query(&fields),
        http.post(rig.url("SendMessage")).form(&fields),
        http.post(rig.url("sendmessage")).multipart(form),
        http.post(rig.url("SENDMESSAGE")).json(&json),
    ];
    for request in requests {
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["result"]["text"], "Привет", "{answer}");
        assert_eq!(
            answer["result"]["reply_markup"]["inline_keyboard"][0][0]["callback_data"],
            "y"
        );
    }
    let broken = http
        .post(rig.url("sendMessage"))
        .header("content-type", "application/json")
        .body("{");
    assert_eq!(broken.send().await.unwrap().status(), 400);
    assert_eq!(rig.world.violations().len(), 1);
}

#[test]
fn objects_are_checked_to_the_last_field() {
    let user = json!({"id": 1, "is_bot": false, "first_name": "A"});
    let member = json!({"status": "kicked", "user": user, "until_date": 0});
    assert_eq!(check_object("ChatMember", &member), [] as [&str; 0]);
    for (kind, value, problem) in [
        (
            "User",
            json!({"id": 1, "is_bot": false}),
            "field \"first_name\" is required in User",
        ),
        (
            "ChatMember",
            json!({"status": "kicked", "user": user}),
            "field \"until_date\" is required in ChatMemberBanned",
        ),
        (
            "ChatMember",
            json!({"status": "fan", "user": user}),
            "field \"status\" names no kind of ChatMember",
        ),
        (
            "MessageOrigin",
            json!({"type": "user", "date": 1, "sender_user": {"id": 1}}),
            "field \"sender_user.first_name\" is required in User",
        ),
        ("Nonsense", json!({}), "no type Nonsense in the schema"),
    ] {
        let problems = check_object(kind, &value);
        assert!(
            problems.contains(&problem.to_owned()),
            "{kind}: {problems:?}"
        );
    }
}

#[tokio::test]
async fn everything_the_sandbox_sends_fits_the_schema() {
    let rig = Rig::new();
    let (world, user) = (&rig.world, rig.user);
    world.start(BOT, user, Some("x")).unwrap();
    world.send_reply(BOT, user, "ответ", Some(1)).unwrap();
    world.contact(BOT, user, None, None, false).unwrap();
    world
        .contact(BOT, user, Some("+77010000000"), Some(None), true)
        .unwrap();
    world.photo(BOT, user, Some("снимок https://a.ru")).unwrap();
    world.sticker(BOT, user).unwrap();
    world.block(BOT, user, true).unwrap();
    world.block(BOT, user, false).unwrap();
    let markup = json!({"inline_keyboard": [[{"text": "Да", "callback_data": "y"}]]});
    rig.ok(
        "sendMessage",
        json!({"chat_id": user, "text": "?", "reply_markup": markup}),
    )
    .await;
    world.press_text(BOT, user, "Да").unwrap();
    let updates = rig.updates(json!({})).await;
    assert_eq!(updates.len(), 9);
    for update in &updates {
        assert_eq!(check_object("Update", update), [] as [&str; 0], "{update}");
    }
    for (method, params) in [
        ("getMe", json!({})),
        ("getMyCommands", json!({})),
        ("getMyName", json!({})),
        ("getMyDescription", json!({})),
        ("getMyShortDescription", json!({})),
        ("getChatMenuButton", json!({})),
        ("getWebhookInfo", json!({})),
        ("getChat", json!({"chat_id": user})),
        ("getChatMember", json!({"chat_id": user, "user_id": user})),
        (
            "sendContact",
            json!({"chat_id": user, "phone_number": "+7", "first_name": "A"}),
        ),
        (
            "forwardMessage",
            json!({"chat_id": user, "from_chat_id": user, "message_id": 1}),
        ),
        (
            "copyMessage",
            json!({"chat_id": user, "from_chat_id": user, "message_id": 5}),
        ),
    ] {
        rig.ok(method, params).await;
    }
    // Debug builds check results as they leave; a bad one would be noted here.
    rig.assert_strict();
}
