//! A small WebDriver client: Debian's chromium, headless, driven as a person would.

mod driver;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::programs::target_dir;
use driver::Driver;

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(50);
/// The key under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One browser window with a profile of its own.
pub struct Browser {
    driver: Driver,
}

impl Browser {
    pub async fn open(width: u32, height: u32) -> Result<Browser> {
        let browser = Browser {
            driver: Driver::start(width, height).await?,
        };
        browser.resize(width, height).await?;
        Ok(browser)
    }

    /// The size of the page itself, whatever the window around it.
    pub async fn resize(&self, width: u32, height: u32) -> Result<()> {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await?;
        Ok(())
    }

    /// Light or dark, as the system would say.
    pub async fn colours(&self, scheme: &str) -> Result<()> {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", features)
            .await?;
        Ok(())
    }

    pub async fn go(&self, url: &str) -> Result<()> {
        self.driver.post("url", json!({ "url": url })).await?;
        Ok(())
    }

    /// Runs `return <expression>` in the page.
    pub async fn eval(&self, expression: &str) -> Result<Value> {
        let script = format!("return {expression}");
        self.driver
            .post("execute/sync", json!({ "script": script, "args": [] }))
            .await
    }

    /// Waits until `expression` is true in the page; `what` names it in the failure.
    pub async fn until(&self, what: &str, expression: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.eval(&format!("Boolean({expression})")).await? == Value::Bool(true) {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!(
                    "waited in vain for {what}; the page says:\n{}",
                    self.text("body").await?
                );
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits until the element shows `text`.
    pub async fn sees(&self, css: &str, text: &str) -> Result<()> {
        let (css, wanted) = (Value::from(css), Value::from(text));
        let expression = format!("document.querySelector({css})?.innerText.includes({wanted})");
        self.until(&format!("{text:?} in {css}"), &expression).await
    }

    pub async fn text(&self, css: &str) -> Result<String> {
        let css = Value::from(css);
        let text = self
            .eval(&format!("document.querySelector({css})?.innerText ?? ''"))
            .await?;
        Ok(text.as_str().unwrap_or_default().to_owned())
    }

    /// Clicks the last visible element that matches `css` and contains `text`, as a person would: where nothing covers it.
    pub async fn click(&self, css: &str, text: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let failed = match self.find(css, text).await? {
                Some(element) => {
                    let path = format!("element/{element}/click");
                    match self.driver.post(&path, json!({})).await {
                        Ok(_) => return Ok(()),
                        Err(error) => format!("{error:#}"),
                    }
                }
                None => format!("not there; the page says:\n{}", self.text("body").await?),
            };
            if Instant::now() > deadline {
                bail!("cannot click {text:?} in {css}: {failed}");
            }
            sleep(PAUSE).await;
        }
    }

    /// Types with real key presses; `\u{E007}` is Enter.
    pub async fn keys(&self, css: &str, keys: &str) -> Result<()> {
        let element = self.find(css, "").await?;
        let element = element.with_context(|| format!("nothing matches {css}"))?;
        let path = format!("element/{element}/value");
        self.driver.post(&path, json!({ "text": keys })).await?;
        Ok(())
    }

    async fn find(&self, css: &str, text: &str) -> Result<Option<String>> {
        let (css, text) = (Value::from(css), Value::from(text));
        let found = self
            .eval(&format!(
                "[...document.querySelectorAll({css})].filter((e) => e.checkVisibility() && e.textContent.includes({text})).at(-1) ?? null"
            ))
            .await?;
        Ok(found[ELEMENT].as_str().map(ToOwned::to_owned))
    }

    /// Saves what is seen as `target/screenshots/<name>.png`, once nothing moves any more.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        self.until("the end of all animations", "document.getAnimations().every((a) => a.playState !== 'running' || a.effect.getTiming().iterations === Infinity)")
            .await?;
        let shot = self
            .devtools("Page.captureScreenshot", json!({ "format": "png" }))
            .await?;
        let data = shot["data"].as_str().context("no picture")?;
        let dir = target_dir().join("screenshots");
        std::fs::create_dir_all(&dir)?;
        let path = dir.join(format!("{name}.png"));
        std::fs::write(&path, driver::from_base64(data)?)?;
        Ok(path)
    }

    /// What the page complained about since the last call: script errors, refused resources.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let log = self
            .driver
            .post("se/log", json!({ "type": "browser" }))
            .await?;
        let lines = log.as_array().into_iter().flatten();
        Ok(lines
            .filter_map(|line| line["message"].as_str().map(ToOwned::to_owned))
            .collect())
    }

    async fn devtools(&self, command: &str, params: Value) -> Result<Value> {
        let body = json!({ "cmd": command, "params": params });
        self.driver.post("goog/cdp/execute", body).await
    }
}
