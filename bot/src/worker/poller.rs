//! Reads updates: the next offset is sent only after the desk has committed what came before.

use std::sync::Arc;
use std::time::Duration;

use teloxide::payloads::{GetUpdates, GetUpdatesSetters};
use teloxide::types::AllowedUpdate;
use tokio::sync::{mpsc, oneshot, watch};

use super::{DeskInput, RawUpdate};
use crate::app::{App, Trouble};
use crate::telegram::{CallError, incoming};

/// Seconds a poll waits for news; Telegram allows up to 50.
const POLL_SECONDS: u32 = 50;
const BATCH: u8 = 100;
/// Without a number nothing moves on; asking at once would only spin.
const NUMBERLESS_PAUSE: Duration = Duration::from_secs(5);

/// Why polling ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Stopped,
    /// No restart can mend it: the token is revoked or wrong.
    TokenRefused(String),
}

/// Polls until told to stop.
pub async fn run(
    app: Arc<App>,
    desk: mpsc::UnboundedSender<DeskInput>,
    mut stop: watch::Receiver<bool>,
) -> Ended {
    let mut offset = None;
    let mut failures = 0;
    loop {
        // The first poll does not wait, so that the bot soon knows whether it is heard.
        let payload = request(
            offset,
            if app.status.facts().polled_once {
                POLL_SECONDS
            } else {
                0
            },
        );
        app.pulse
            .poller_waits(Duration::from_secs(POLL_SECONDS.into()));
        let polled = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ended::Stopped,
            polled = app.client.poll(&payload) => polled,
        };
        let pause = match polled {
            Ok(updates) => {
                failures = 0;
                let some = !updates.is_empty();
                app.status.polled(app.clock.now_ms(), some);
                app.systemd.ready();
                let Some(next) = hand_over(&desk, updates).await else {
                    return Ended::Stopped;
                };
                if next.is_some() || !some {
                    offset = next.or(offset);
                    continue;
                }
                tracing::error!(partner.id = %app.partner().id, "updates came without a number that could be confirmed; asking again");
                NUMBERLESS_PAUSE
            }
            Err(CallError::Refused {
                code: 401 | 404,
                description,
                ..
            }) => return Ended::TokenRefused(description),
            Err(error) => {
                failures += 1;
                trouble(&app, &error, failures)
            }
        };
        app.pulse.poller_waits(pause);
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Ended::Stopped,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// `allowed_updates` goes with every call: Telegram remembers whatever came last.
fn request(offset: Option<i32>, seconds: u32) -> GetUpdates {
    let mut payload = GetUpdates::new()
        .timeout(seconds)
        .limit(BATCH)
        .allowed_updates([
            AllowedUpdate::Message,
            AllowedUpdate::CallbackQuery,
            AllowedUpdate::MyChatMember,
        ]);
    payload.offset = offset;
    payload
}

/// Gives the batch to the desk and waits until it is stored. `None` when the desk is gone.
async fn hand_over(
    desk: &mpsc::UnboundedSender<DeskInput>,
    updates: Vec<Box<serde_json::value::RawValue>>,
) -> Option<Option<i32>> {
    let raws: Vec<RawUpdate> = updates
        .into_iter()
        .filter_map(|raw| {
            Some(RawUpdate {
                update_id: incoming::update_id(raw.get())?,
                raw: Box::<str>::from(raw).into_string(),
            })
        })
        .collect();
    let Some(last) = raws.iter().map(|raw| raw.update_id).max() else {
        return Some(None);
    };
    let (stored, is_stored) = oneshot::channel();
    desk.send(DeskInput::Updates { raws, stored }).ok()?;
    is_stored.await.ok()?;
    Some(i32::try_from(last + 1).ok())
}

/// Says what is wrong, once per change, and how long to wait.
fn trouble(app: &App, error: &CallError, failures: u32) -> Duration {
    let (reason, seconds) = match error {
        CallError::Refused {
            code: 409,
            description,
            ..
        } => (
            format!(
                "somebody else reads this bot's updates ({description}); stop the other program or remove its webhook"
            ),
            10.0,
        ),
        CallError::Refused {
            code: 429,
            retry_after_s,
            ..
        } => {
            let seconds = retry_after_s.unwrap_or(1).max(1);
            (format!("Telegram asks to wait {seconds} s"), seconds as f64)
        }
        other => (
            format!("Telegram is not to be reached: {other}"),
            f64::from(2_u32.pow(failures.min(6) - 1)).min(30.0),
        ),
    };
    let waited = seconds * (1.0 + jitter() * 0.3);
    if app.status.trouble(Trouble::Telegram, Some(reason.clone())) {
        tracing::warn!(partner.id = %app.partner().id, wait_s = waited, "not polling: {reason}");
    }
    Duration::from_secs_f64(waited)
}

/// 0 to 1, so that a fleet does not come back all at once.
fn jitter() -> f64 {
    let mut bytes = [0_u8; 2];
    if getrandom::fill(&mut bytes).is_err() {
        return 0.5;
    }
    f64::from(u16::from_le_bytes(bytes)) / f64::from(u16::MAX)
}
