//! The page shows what the Bot API can carry, and shows it literally: no text of a message becomes markup.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tests::browser::Browser;

use crate::demo::Demo;

const TOKEN: &str = "7000000001:DEMO-this-is-no-secret-and-opens-nothing";
const BOT: i64 = 7_000_000_001;
const EVIL: &str = "<img src=x onerror=alert(1)>\u{202E}";

/// A demo with one more lead, whose chat is written to by the bot's token directly.
struct Stage {
    demo: Demo,
    browser: Browser,
    lead: i64,
}

impl Stage {
    async fn set() -> Result<Stage> {
        let demo = Demo::start(&[])?;
        demo.bot_pid().await?;
        let browser = Browser::open(1280, 800).await?;
        let mut stage = Stage {
            demo,
            browser,
            lead: 0,
        };
        let user = json!({ "first_name": EVIL, "language_code": "en" });
        let answer = stage.control("user", user).await?;
        stage.lead = answer["user"]["id"].as_i64().context("no lead")?;
        stage
            .control("start", json!({ "bot": BOT, "user": stage.lead }))
            .await?;
        stage
            .browser
            .go(&format!("{}#{}", stage.demo.url, stage.lead))
            .await?;
        stage.sees("#lead-phone .messages", "bot assistant").await?;
        Ok(stage)
    }

    async fn control(&self, path: &str, body: Value) -> Result<Value> {
        self.call(&format!("control/{path}"), body).await
    }

    /// A Bot API call in place of the bot; answers `result`.
    async fn bot(&self, method: &str, mut body: Value) -> Result<Value> {
        body["chat_id"] = self.lead.into();
        let mut answer = self.call(&format!("bot{TOKEN}/{method}"), body).await?;
        anyhow::ensure!(answer["ok"] == true, "{method}: {answer}");
        Ok(answer["result"].take())
    }

    async fn call(&self, path: &str, body: Value) -> Result<Value> {
        let client = reqwest::Client::new();
        let address = format!("{}{path}", self.demo.url);
        Ok(client
            .post(address)
            .json(&body)
            .send()
            .await?
            .json()
            .await?)
    }

    async fn sees(&self, css: &str, text: &str) -> Result<()> {
        self.browser.sees(css, text).await
    }

    async fn holds(&self, what: &str, expression: &str) -> Result<()> {
        self.browser.until(what, expression).await
    }
}

#[tokio::test]
async fn process_demo_page_shows_every_entity_and_no_markup() -> Result<()> {
    let stage = Stage::set().await?;
    let text = "<b>жир <i>оба</i></b> <u>черта</u> <s>нет</s> <code>код</code> <a href=\"https://example.com/a?b=1\">ссылка</a> \
        <tg-spoiler>тайна</tg-spoiler> &lt;img src=x onerror=alert(1)&gt; 👨‍👩‍👧 <b>после</b>\n<pre><code class=\"language-rust\">fn main() {}</code></pre>\n\
        <blockquote expandable>1\n2\n3\n4\n5</blockquote>\n/stop https://example.org";
    stage
        .bot("sendMessage", json!({ "text": text, "parse_mode": "HTML" }))
        .await?;
    stage.sees("#lead-phone .messages", "тайна").await.ok();
    let last = "[...document.querySelectorAll('#lead-phone .theirs')].at(-1)";
    for (css, words) in [
        ("b i", "оба"),
        ("u", "черта"),
        ("s", "нет"),
        ("code", "код"),
        ("button.link", "ссылка"),
        (".spoiler:not(.shown)", "тайна"),
        ("b:last-of-type", "после"),
        ("pre code", "fn main() {}"),
        ("blockquote.folded", "1"),
    ] {
        let (css, words) = (Value::from(css), Value::from(words));
        stage
            .holds(
                &format!("{words} in {css}"),
                &format!("{last}?.querySelector({css})?.textContent.includes({words})"),
            )
            .await?;
    }
    stage
        .holds(
            "the tag as words",
            &format!("{last}.textContent.includes('<img src=x onerror=alert(1)>')"),
        )
        .await?;
    stage.browser.click("#lead-phone .spoiler", "").await?;
    stage
        .holds(
            "the spoiler open",
            "document.querySelector('#lead-phone .spoiler.shown')",
        )
        .await?;
    stage
        .browser
        .click("#lead-phone .fold", "Развернуть")
        .await?;
    stage.browser.screenshot("20-entities").await?;
    stage.browser.click("#lead-phone .link", "ссылка").await?;
    stage
        .sees("#lead-phone .sheet .address", "https://example.com/a?b=1")
        .await?;
    stage
        .browser
        .click("#lead-phone .sheet-button", "Отмена")
        .await?;
    no_picture_came_from_a_name(&stage).await
}

/// The name is everywhere: in the chip, over the phone, in the contact, in the partner's card.
async fn no_picture_came_from_a_name(stage: &Stage) -> Result<()> {
    stage
        .control("contact", json!({ "bot": BOT, "user": stage.lead }))
        .await?;
    stage.sees("#lead-phone .contact", "<img src=x").await?;
    stage.sees("#lead-name", "<img src=x").await?;
    stage.browser.screenshot("21-evil-name").await?;
    let pictures = stage
        .browser
        .eval("document.querySelectorAll('img[src=x]').length")
        .await?;
    assert_eq!(pictures, 0);
    assert_eq!(stage.browser.complaints().await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn process_demo_page_follows_edits_deletions_and_answers() -> Result<()> {
    let stage = Stage::set().await?;
    let keyboard = json!({ "inline_keyboard": [
        [{ "text": "Красная", "callback_data": "x", "style": "danger" }, { "text": "Копия", "copy_text": { "text": "abc" } }],
        [{ "text": "Сайт", "url": "https://example.com/shop" }],
    ] });
    let sent = stage
        .bot(
            "sendMessage",
            json!({ "text": "первый", "reply_markup": keyboard }),
        )
        .await?;
    let id = sent["message_id"].clone();
    stage.sees("#lead-phone .messages", "первый").await?;
    stage.browser.click("#lead-phone .key", "Сайт").await?;
    stage
        .sees("#lead-phone .sheet .address", "https://example.com/shop")
        .await?;
    stage
        .holds(
            "the link to open in a tab of its own",
            "document.querySelector('#lead-phone .sheet a[target=_blank][rel~=noopener]')",
        )
        .await?;
    stage
        .browser
        .click("#lead-phone .sheet-button", "Отмена")
        .await?;
    stage.browser.click("#lead-phone .key", "Красная").await?;
    // The bot does not know this button: it answers the press all the same, and the spinner ends.
    stage
        .holds("no spinner", "!document.querySelector('#lead-phone .busy')")
        .await?;
    stage
        .bot(
            "editMessageText",
            json!({ "message_id": id, "text": "второй" }),
        )
        .await?;
    stage.sees("#lead-phone .messages", "второй").await?;
    stage.sees("#lead-phone .messages", "изменено").await?;
    stage
        .bot("deleteMessage", json!({ "message_id": id }))
        .await?;
    stage
        .holds(
            "the message to go",
            "!document.querySelector('#lead-phone .messages').innerText.includes('второй')",
        )
        .await?;
    let reply = json!({ "keyboard": [[{ "text": "Раз" }, { "text": "Два" }]], "resize_keyboard": true, "one_time_keyboard": true, "input_field_placeholder": "Выберите" });
    stage
        .bot(
            "sendMessage",
            json!({ "text": "выбор", "reply_markup": reply }),
        )
        .await?;
    stage
        .holds(
            "the placeholder",
            "document.querySelector('#lead-phone .input').placeholder === 'Выберите'",
        )
        .await?;
    stage
        .browser
        .click("#lead-phone .reply-keyboard .key", "Два")
        .await?;
    stage.sees("#lead-phone .messages", "Два").await?;
    stage
        .holds(
            "the keyboard to fold",
            "!document.querySelector('#lead-phone .reply-keyboard')?.checkVisibility()",
        )
        .await?;
    assert_eq!(stage.browser.complaints().await?, Vec::<String>::new());
    Ok(())
}
