//! The partner's side and the lead's rights, in a real browser. Pictures of each scene go to `target/screenshots/`.

use anyhow::Result;
use tests::browser::Browser;

use crate::demo::Demo;

const LEAD: &str = "#lead-phone .messages";
const LEAD_BUTTON: &str = "#lead-phone .inline-keyboard .key";
const PARTNER: &str = "#partner-phone .messages";
const PARTNER_BUTTON: &str = "#partner-phone .inline-keyboard .key";
const ENTER: &str = "\u{E007}";

#[tokio::test]
async fn process_demo_shows_the_partners_side_and_the_leads_rights() -> Result<()> {
    let demo = Demo::start(&[])?;
    let browser = Browser::open(1280, 900).await?;
    browser.go(&demo.url).await?;
    browser.sees("#operator", "работает").await?;
    browser.sees(PARTNER, "/my_stats").await?;
    settings(&browser).await?;
    links(&browser).await?;
    time_zone(&browser).await?;
    forgotten(&browser).await?;
    assert_eq!(browser.complaints().await?, Vec::<String>::new());
    Ok(())
}

async fn settings(browser: &Browser) -> Result<()> {
    asks(browser, "/my_settings").await?;
    browser.sees(PARTNER, "Картинка недели").await?;
    browser.screenshot("20-settings").await?;
    browser.click(PARTNER_BUTTON, "☀️ Сводка").await?;
    browser.sees(PARTNER, "Во сколько?").await?;
    browser.screenshot("21-digest-hour").await?;
    browser.click(PARTNER_BUTTON, "10:00").await?;
    browser.sees(PARTNER, "Сводка: 10:00").await
}

async fn links(browser: &Browser) -> Result<()> {
    asks(browser, "/my_link").await?;
    browser.sees(PARTNER, "Ваши ссылки").await?;
    browser.screenshot("22-links").await?;
    browser.click("#lead-phone .chip", "reels_weight").await?;
    browser.sees(LEAD, "бот-помощник").await?;
    asks(browser, "/my_leads").await?;
    browser.sees(PARTNER, "Лиды · Все").await?;
    browser.screenshot("23-leads").await?;
    // Whatever time the test runs at, ten in the morning comes within a day.
    for _ in 0..26 {
        browser.click("#skip-hour", "").await?;
        browser.sees("#operator", "впереди").await?;
        if browser.text(PARTNER).await?.contains("Ваши лиды за") {
            break;
        }
    }
    browser.sees(PARTNER, "Ваши лиды за").await?;
    browser.screenshot("24-digest").await?;
    Ok(())
}

async fn time_zone(browser: &Browser) -> Result<()> {
    says(browser, "/timezone").await?;
    browser.sees(LEAD, "где вы живёте").await?;
    browser.screenshot("25-time-zone").await?;
    browser.click(LEAD_BUTTON, "Омск").await?;
    browser.sees(LEAD, "ваше время: Омск").await
}

async fn forgotten(browser: &Browser) -> Result<()> {
    says(browser, "/forget_me").await?;
    browser.click(LEAD_BUTTON, "Да, удалить").await?;
    browser.sees(LEAD, "всё удалено").await?;
    browser.screenshot("26-forgotten").await?;
    Ok(())
}

async fn says(browser: &Browser, text: &str) -> Result<()> {
    browser
        .keys("#lead-phone .input", &format!("{text}{ENTER}"))
        .await
}

async fn asks(browser: &Browser, text: &str) -> Result<()> {
    browser
        .keys("#partner-phone .input", &format!("{text}{ENTER}"))
        .await
}
