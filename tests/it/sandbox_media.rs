//! Files, albums, copies, commands and profiles.

use serde_json::{Value, json};

use crate::sandbox::{BOT, Rig};

async fn upload(rig: &Rig, method: &str, field: &str, bytes: &[u8]) -> Value {
    let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name("gift.pdf");
    let form = reqwest::multipart::Form::new()
        .text("chat_id", rig.user.to_string())
        .text("caption", "<b>Подарок</b>")
        .text("parse_mode", "HTML")
        .part(field.to_owned(), part);
    let request = reqwest::Client::new().post(rig.url(method)).multipart(form);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn an_upload_comes_back_by_file_id_and_by_download() {
    let rig = Rig::started();
    let sent = upload(&rig, "SendDocument", "document", b"%PDF\r\n--x\r\n\r\nend").await;
    let document = &sent["result"]["document"];
    assert_eq!(document["file_name"], "gift.pdf", "{sent}");
    assert_eq!(sent["result"]["caption"], "Подарок");
    assert_eq!(sent["result"]["caption_entities"][0]["type"], "bold");
    let id = document["file_id"].as_str().unwrap();
    let again = rig
        .ok("sendDocument", json!({"chat_id": rig.user, "document": id}))
        .await;
    assert_eq!(&again["document"], document);
    let file = rig.ok("getFile", json!({"file_id": id})).await;
    let url = format!(
        "{}/file/bot{}/{}",
        rig.sandbox.url(),
        crate::sandbox::TOKEN,
        file["file_path"].as_str().unwrap()
    );
    assert_eq!(
        reqwest::get(url)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap()
            .as_ref(),
        b"%PDF\r\n--x\r\n\r\nend"
    );
    rig.assert_strict();
}

#[tokio::test]
async fn a_file_id_belongs_to_one_bot_and_one_kind() {
    let rig = Rig::started();
    let sent = upload(&rig, "sendPhoto", "photo", b"GIF89a").await;
    let id = sent["result"]["photo"][0]["file_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let send = |kind: &str, id: &str| json!({"chat_id": rig.user, kind: id});
    for (method, params, refusal) in [
        (
            "sendPhoto",
            send("photo", "AgADnonsense"),
            "400 Bad Request: wrong file identifier/HTTP URL specified",
        ),
        (
            "sendVideo",
            send("video", &id),
            "400 Bad Request: type of file mismatch: a photo can't be sent as video",
        ),
        (
            "sendPhoto",
            send("photo", ""),
            "400 Bad Request: there is no photo in the request",
        ),
    ] {
        assert_eq!(rig.refused(method, params).await, refusal);
    }
    rig.world
        .add_bot("654321:OTHER-TEST", "other_bot", "Other")
        .unwrap();
    rig.world.start(654_321, rig.user, None).unwrap();
    let url = format!("{}/bot654321:OTHER-TEST/sendPhoto", rig.sandbox.url());
    let request = reqwest::Client::new().post(url).json(&send("photo", &id));
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(
        answer["description"],
        "Bad Request: wrong file identifier/HTTP URL specified"
    );
    let text = upload(&rig, "sendPhoto", "photo", b"no picture").await;
    assert_eq!(text["description"], "Bad Request: IMAGE_PROCESS_FAILED");
    let empty = upload(&rig, "sendPhoto", "photo", b"").await;
    assert_eq!(empty["description"], "Bad Request: file must be non-empty");
    rig.assert_strict();
}

#[tokio::test]
async fn captions_end_at_1024() {
    let rig = Rig::started();
    let photo = |caption: String| json!({"chat_id": rig.user, "photo": "https://a.ru/x.jpg", "caption": caption});
    rig.ok("sendPhoto", photo("я".repeat(1024))).await;
    let long = rig.refused("sendPhoto", photo("я".repeat(1025))).await;
    assert_eq!(long, "400 Bad Request: message caption is too long");
}

#[tokio::test]
async fn albums_hold_two_to_ten_of_a_kind() {
    let rig = Rig::started();
    let item = |kind: &str| json!({"type": kind, "media": "https://a.ru/x"});
    let album = |items: Vec<Value>| json!({"chat_id": rig.user, "media": items});
    let sent = rig
        .ok("sendMediaGroup", album(vec![item("photo"), item("video")]))
        .await;
    assert_eq!(sent.as_array().unwrap().len(), 2);
    assert_eq!(sent[0]["media_group_id"], sent[1]["media_group_id"]);
    let mixed = rig
        .refused(
            "sendMediaGroup",
            album(vec![item("photo"), item("document")]),
        )
        .await;
    assert_eq!(
        mixed,
        "400 Bad Request: can't use the media of the specified type in the album"
    );
    let many = rig
        .refused("sendMediaGroup", album(vec![item("photo"); 11]))
        .await;
    assert_eq!(
        many,
        "400 Bad Request: too many messages to send as an album"
    );
    let lost = json!({"type": "photo", "media": "AgADnonsense"});
    let wrapped = rig
        .refused("sendMediaGroup", album(vec![item("photo"), lost]))
        .await;
    assert_eq!(
        wrapped,
        "400 Bad Request: failed to send message #2 with the error message \"Wrong file identifier/HTTP URL specified\""
    );
    rig.assert_strict();
    let one = rig
        .refused("sendMediaGroup", album(vec![item("photo")]))
        .await;
    assert!(one.contains("2 to 10"), "{one}");
}

#[tokio::test]
async fn media_can_be_edited_and_copied() {
    let rig = Rig::started();
    let photo = rig
        .ok(
            "sendPhoto",
            json!({"chat_id": rig.user, "photo": "https://a.ru/x.jpg", "caption": "раз"}),
        )
        .await;
    let id = &photo["message_id"];
    let at = |extra: Value| {
        let mut params = json!({"chat_id": rig.user, "message_id": id});
        params
            .as_object_mut()
            .unwrap()
            .extend(extra.as_object().unwrap().clone());
        params
    };
    let text = rig
        .refused("editMessageText", at(json!({"text": "x"})))
        .await;
    assert_eq!(
        text,
        "400 Bad Request: there is no text in the message to edit"
    );
    let edited = rig
        .ok("editMessageCaption", at(json!({"caption": "два"})))
        .await;
    assert_eq!(edited["caption"], "два");
    let media = json!({"type": "video", "media": "https://a.ru/x.mp4", "caption": "три"});
    let edited = rig
        .ok("editMessageMedia", at(json!({"media": media})))
        .await;
    assert!(edited["video"].is_object() && edited.get("photo").is_none());
    let copied = rig
        .ok(
            "copyMessage",
            at(json!({"from_chat_id": rig.user, "caption": "четыре"})),
        )
        .await;
    let last = rig.world.last_message(BOT, rig.user).unwrap();
    assert_eq!(
        (&last["message_id"], &last["caption"]),
        (&copied["message_id"], &json!("четыре"))
    );
    let absent = json!({"chat_id": rig.user, "from_chat_id": rig.user, "message_id": 99});
    assert_eq!(
        rig.refused("copyMessage", absent.clone()).await,
        "400 Bad Request: message to copy not found"
    );
    assert_eq!(
        rig.refused("forwardMessage", absent).await,
        "400 Bad Request: message to forward not found"
    );
    rig.assert_strict();
}

#[tokio::test]
async fn commands_have_scopes_and_languages() {
    let rig = Rig::started();
    let set = |name: &str, scope: Value, language: &str| json!({"commands": [{"command": name, "description": "d"}], "scope": scope, "language_code": language});
    let chat = json!({"type": "chat", "chat_id": rig.user});
    rig.ok("setMyCommands", set("all", json!({"type": "default"}), ""))
        .await;
    rig.ok("setMyCommands", set("kz", json!({"type": "default"}), "kk"))
        .await;
    assert_eq!(shown(&rig).await, "all");
    rig.ok("setMyCommands", set("mine", chat.clone(), "")).await;
    assert_eq!(shown(&rig).await, "mine");
    rig.ok("deleteMyCommands", json!({"scope": chat})).await;
    assert_eq!(shown(&rig).await, "all");
    for (command, description, refusal) in [
        ("Big", "d", "400 Bad Request: BOT_COMMAND_INVALID"),
        ("", "d", "400 Bad Request: command must be non-empty"),
        (
            "x",
            "",
            "400 Bad Request: command description must be non-empty",
        ),
    ] {
        let commands = json!({"commands": [{"command": command, "description": description}]});
        assert_eq!(rig.refused("setMyCommands", commands).await, refusal);
    }
    rig.ok("setMyName", json!({"name": "Помощник"})).await;
    assert_eq!(
        rig.ok("getMyName", json!({"language_code": "ru"})).await["name"],
        "Помощник"
    );
    rig.assert_strict();
}

/// The first command the person's phone offers.
async fn shown(rig: &Rig) -> String {
    let url = format!(
        "{}/control/chat?bot={BOT}&user={}",
        rig.sandbox.url(),
        rig.user
    );
    let chat: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    chat["commands"][0]["command"].as_str().unwrap().to_owned()
}
