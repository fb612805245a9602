//! `partnerctl why` and `invite` talk to the bot's socket.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use partnerctl::host::RecordingHost;
use serde_json::{Value, json};

use crate::create::{Ground, NORTH};

/// A bot's socket that gives these answers, one connection each, to whatever is asked after its path was noted.
fn answering(ground: &Ground, answers: Vec<Value>) -> std::thread::JoinHandle<Vec<String>> {
    let data = ground.root.join("partners/north/data");
    fs::create_dir_all(&data).unwrap();
    let listener = UnixListener::bind(data.join("bot.sock")).unwrap();
    std::thread::spawn(move || {
        let mut asked = Vec::new();
        let mut answers = answers.into_iter();
        while answers.len() > 0 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut buffer).unwrap() {
                    // Somebody who only looked whether the bot is there.
                    0 => break,
                    count => request.extend(&buffer[..count]),
                }
            }
            let request = String::from_utf8(request).unwrap();
            let Some(line) = request.lines().next() else {
                continue;
            };
            asked.push(line.to_owned());
            let answer = answers.next().unwrap();
            let status = if answer["lead"].is_null() && answer["link"].is_null() {
                "404 Not Found"
            } else {
                "200 OK"
            };
            let body = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream
                .write_all(format!("{head}{body}").as_bytes())
                .unwrap();
        }
        asked
    })
}

#[tokio::test]
async fn a_running_bot_tells_a_leads_story_and_signs_an_invitation() {
    let ground = Ground::new();
    let host = RecordingHost::default();
    let mut create = NORTH.to_vec();
    create.extend(["--timezone", "Asia/Almaty"]);
    assert_eq!(ground.run(&create, &host).await, 0);
    host.take_out();
    host.take_err();
    let story = json!({
        "lead": { "id": 12, "first_name": "Анна", "last_name": "" },
        "items": [
            { "at": 1_795_229_933_696_i64, "kind": "event", "text": "шаг weight.hello", "state": null, "reason": null },
            { "at": 1_795_229_934_000_i64, "kind": "send", "text": "Привет!", "state": "sent", "reason": "ответ на слова лида" },
        ],
    });
    let bot = answering(
        &ground,
        vec![
            story,
            json!({ "error": "no lead" }),
            json!({ "link": "https://t.me/north_bot?start=pi_TEST" }),
        ],
    );
    let at = ["--dir", "ROOT/partners"];
    assert_eq!(
        ground
            .run(&[&["why", "north", "#12"][..], &at].concat(), &host)
            .await,
        0,
        "{}",
        host.take_err()
    );
    assert_eq!(
        host.take_out(),
        "#12 Анна\n2026-11-21 07:58:53+05:00 > шаг weight.hello\n2026-11-21 07:58:54+05:00 < Привет! [sent]\n                            ответ на слова лида\n"
    );
    assert_eq!(
        ground
            .run(&[&["why", "north", "13"][..], &at].concat(), &host)
            .await,
        5
    );
    assert_eq!(
        host.take_err(),
        "error: no lead #13; the numbers are on the cards and in /hot_leads\n"
    );
    assert_eq!(
        ground
            .run(&[&["invite", "north"][..], &at].concat(), &host)
            .await,
        0
    );
    assert_eq!(host.take_out(), "https://t.me/north_bot?start=pi_TEST\n");
    let asked = [
        "GET /why?lead=12 HTTP/1.1",
        "GET /why?lead=13 HTTP/1.1",
        "POST /invite HTTP/1.1",
    ];
    assert_eq!(bot.join().unwrap(), asked);
}
