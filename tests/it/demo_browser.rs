//! The demo as a newcomer plays it, in a real browser. Pictures of each scene go to `target/screenshots/`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tests::browser::Browser;
use tests::programs::root;

use crate::demo::Demo;

const LEAD: &str = "#lead-phone .messages";
const LEAD_BUTTON: &str = "#lead-phone .inline-keyboard .key";
const PARTNER: &str = "#partner-phone .messages";
const ENTER: &str = "\u{E007}";

#[tokio::test]
async fn process_demo_plays_as_a_newcomer_would() -> Result<()> {
    let funnels = Funnels::copy()?;
    let demo = Demo::start(&["--funnels", funnels.path()])?;
    let browser = Browser::open(1280, 800).await?;
    browser.go(&demo.url).await?;
    walk_the_weight_funnel(&browser).await?;
    share_the_contact(&browser).await?;
    finish(&browser).await?;
    handle_the_card(&browser).await?;
    read_why(&browser).await?;
    break_and_mend_a_funnel(&browser, &funnels).await?;
    kill_the_bot(&browser, &demo).await?;
    play_through_faults(&browser).await?;
    skip_a_day(&browser).await?;
    meet_a_kazakh_lead(&browser).await?;
    block_the_bot(&browser).await?;
    look_in_other_windows(&browser).await?;
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    Ok(())
}

async fn walk_the_weight_funnel(browser: &Browser) -> Result<()> {
    browser.sees("#operator", "работает").await?;
    browser.sees("#lead-phone .chips", "reels_weight").await?;
    browser.sees(PARTNER, "/my_stats").await?;
    browser.screenshot("01-first-look").await?;
    browser.click("#lead-phone .chip", "reels_weight").await?;
    browser.sees(LEAD, "бот-помощник").await?;
    browser.click(LEAD_BUTTON, "Собрать план").await?;
    browser.sees(LEAD, "Напишите число").await?;
    say(browser, "7").await?;
    for (question, button) in [
        ("Прежде чем советовать", "Нет"),
        ("Что уже пробовали", "Пока ничего"),
        ("мешает больше всего", "с чего начать"),
        ("Когда хотите начать", "На этой неделе"),
        ("посмотреть ваши ответы", "Да, хочу"),
    ] {
        browser.sees(LEAD, question).await?;
        browser.click(LEAD_BUTTON, button).await?;
    }
    hears(browser, "согласие на обработку").await?;
    browser.screenshot("02-consent").await?;
    browser.click(LEAD_BUTTON, "Даю согласие").await?;
    hears(browser, "Оставьте номер").await?;
    let end = "document.querySelector('#lead-phone .scroller')";
    browser
        .until(
            "the chat to stand at its end",
            &format!("{end}.scrollHeight - {end}.scrollTop - {end}.clientHeight < 2"),
        )
        .await?;
    browser.screenshot("02-funnel").await?;
    Ok(())
}

async fn share_the_contact(browser: &Browser) -> Result<()> {
    browser
        .click("#lead-phone .reply-keyboard [data-kind='contact']", "")
        .await?;
    browser
        .sees("#lead-phone .sheet", "увидит ваш номер: +7 900")
        .await?;
    browser.screenshot("03-share-contact").await?;
    browser
        .click("#lead-phone .sheet-button", "Поделиться")
        .await?;
    browser
        .sees("#lead-phone .contact", "Мария Соколова")
        .await?;
    browser
        .until(
            "the keyboard to go",
            "!document.querySelector('#lead-phone .reply-keyboard')",
        )
        .await
}

async fn finish(browser: &Browser) -> Result<()> {
    browser.click(LEAD_BUTTON, "Напишите в Telegram").await?;
    browser.sees(LEAD, "видит ваши ответы").await?;
    hears(browser, "Можно иногда присылать").await?;
    browser.screenshot("03-offers").await?;
    browser.click(LEAD_BUTTON, "Нет, спасибо").await?;
    hears(browser, "без рассылок").await
}

async fn handle_the_card(browser: &Browser) -> Result<()> {
    browser.sees(PARTNER, "Мария Соколова").await?;
    browser.sees(PARTNER, "+7 900 000-01-01").await?;
    browser.screenshot("04-card").await?;
    browser.click("#partner-phone .key", "✅ Обработан").await?;
    browser.sees(PARTNER, "изменено").await?;
    browser
        .until(
            "no spinner",
            "!document.querySelector('#partner-phone .busy')",
        )
        .await?;
    browser
        .until(
            "the toast to fade",
            "!document.querySelector('#partner-phone .toast')",
        )
        .await?;
    browser.screenshot("05-handled").await?;
    Ok(())
}

async fn read_why(browser: &Browser) -> Result<()> {
    browser.sees("#why", "карточка партнёру").await?;
    browser.sees("#why", "отправлено").await?;
    browser.click("#why .segment", "Все").await?;
    browser.sees("#why", "ответ партнёру").await?;
    browser.click("#why .segment", "Этот лид").await
}

async fn break_and_mend_a_funnel(browser: &Browser, funnels: &Funnels) -> Result<()> {
    funnels.replace("to: goal\n", "to: gaol\n")?;
    browser.sees("#banner", "weight.yaml:").await?;
    browser.sees("#banner", "did you mean \"goal\"").await?;
    browser.sees("#banner .caret", "^^^^").await?;
    browser.screenshot("06-broken-funnel").await?;
    say(browser, "/weight").await?;
    hears(browser, "бот-помощник").await?;
    browser.click(LEAD_BUTTON, "Собрать план").await?;
    hears(browser, "Напишите число").await?;
    funnels.replace("to: gaol\n", "to: goal\n")?;
    browser.sees("#notices", "Воронки обновлены").await?;
    browser
        .until(
            "the banner to go",
            "document.querySelector('#banner').hidden",
        )
        .await
}

async fn kill_the_bot(browser: &Browser, demo: &Demo) -> Result<()> {
    let before = demo.bot_pid().await?;
    browser.click("#kill", "").await?;
    say(browser, "3").await?;
    browser.sees("#why", "Бот снова работает").await?;
    assert_ne!(demo.bot_pid().await?, before);
    hears(browser, "Прежде чем советовать").await?;
    browser.screenshot("07-killed").await?;
    Ok(())
}

async fn play_through_faults(browser: &Browser) -> Result<()> {
    browser.click("[data-fault='429']", "").await?;
    browser.click(LEAD_BUTTON, "Да, есть").await?;
    hears(browser, "лучше менять вместе с врачом").await?;
    browser.sees("#why", "Помеха: 429").await?;
    browser.screenshot("08-faults").await?;
    browser.click("[data-fault='429']", "").await
}

async fn skip_a_day(browser: &Browser) -> Result<()> {
    browser.click("#skip-day", "").await?;
    browser.sees("#operator", "впереди на 1 д").await?;
    say(browser, "/weight").await?;
    browser
        .until(
            "a message of the next day",
            "document.querySelectorAll('#lead-phone .date').length === 2",
        )
        .await
}

async fn meet_a_kazakh_lead(browser: &Browser) -> Result<()> {
    browser.click("#new-lead", "").await?;
    browser.click(".choice span", "казахский").await?;
    browser.screenshot("09-new-lead").await?;
    browser.click("#new-lead-ok", "").await?;
    browser.sees("#lead-phone .wide-button", "Начать").await?;
    browser.click("#lead-phone .wide-button", "Начать").await?;
    browser.sees(LEAD, "бот-көмекшімін").await?;
    browser.screenshot("10-kazakh").await?;
    browser.click(".lead-chip", "Мария").await?;
    browser.sees(LEAD, "бот-помощник").await
}

async fn block_the_bot(browser: &Browser) -> Result<()> {
    browser.click("#lead-phone [aria-label='Ещё']", "").await?;
    browser
        .click("#lead-phone .sheet-button", "Заблокировать")
        .await?;
    browser.sees("#why", "закрыл бота").await?;
    browser
        .click("#lead-phone .wide-button", "Разблокировать")
        .await?;
    browser.sees("#why", "вернулся в бота").await
}

async fn look_in_other_windows(browser: &Browser) -> Result<()> {
    browser.colours("dark").await?;
    browser.screenshot("11-dark").await?;
    browser.resize(400, 780).await?;
    browser.screenshot("12-narrow").await?;
    browser.click("#tabs button", "Почему").await?;
    browser.sees("#operator", "работает").await?;
    browser.screenshot("13-narrow-why").await?;
    Ok(())
}

async fn say(browser: &Browser, text: &str) -> Result<()> {
    browser
        .keys("#lead-phone .input", &format!("{text}{ENTER}"))
        .await
}

/// Waits until the newest message of the lead's chat holds the words.
async fn hears(browser: &Browser, words: &str) -> Result<()> {
    let text = serde_json::Value::from(words);
    let newest = "[...document.querySelectorAll('#lead-phone .theirs')].at(-1)?.innerText";
    browser
        .until(
            &format!("{words:?} as the newest message"),
            &format!("{newest}?.includes({text})"),
        )
        .await
}

/// A copy of the shipped funnels that may be edited.
struct Funnels {
    dir: PathBuf,
}

impl Funnels {
    fn copy() -> Result<Funnels> {
        let dir = std::env::temp_dir().join(format!("funnels-test-{}", std::process::id()));
        copy_tree(&root().join("funnels"), &dir)?;
        Ok(Funnels { dir })
    }

    fn path(&self) -> &str {
        self.dir.to_str().expect("temporary paths are UTF-8")
    }

    /// Edits the weight funnel as an editor would: a new file takes the place of the old one.
    fn replace(&self, from: &str, to: &str) -> Result<()> {
        let file = self.dir.join("weight.yaml");
        let text = std::fs::read_to_string(&file)?;
        let (head, tail) = text
            .split_once(from)
            .with_context(|| format!("no {from:?} in {}", file.display()))?;
        let draft = self.dir.join("weight.yaml.draft");
        std::fs::write(&draft, format!("{head}{to}{tail}"))?;
        std::fs::rename(draft, file)?;
        Ok(())
    }
}

impl Drop for Funnels {
    fn drop(&mut self) {
        crate::support::clear(&self.dir);
    }
}

fn copy_tree(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
