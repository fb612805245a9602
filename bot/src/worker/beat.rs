//! The sign of life for systemd, given only when the work itself moves: the poller, the desk's writing, the sender.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::{DeskInput, SenderInput};
use crate::app::{App, Facts};
use crate::control::Question;

/// How often the status is told when nobody watches.
const CALM: Duration = Duration::from_secs(60);
/// Given to a promise for a busy machine.
const GRACE: Duration = Duration::from_secs(20);

/// What the workers promise and show.
#[derive(Debug)]
pub struct Pulse {
    started: Instant,
    /// Milliseconds since the start until which the poller may be silent.
    poller: AtomicU64,
    /// The same of a desk that cannot write and tries again.
    desk: AtomicU64,
    /// Turns of the sender's loop.
    sender: AtomicU64,
}

impl Pulse {
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            poller: AtomicU64::new(0),
            desk: AtomicU64::new(0),
            sender: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn promise(&self, place: &AtomicU64, within: Duration) {
        let within = u64::try_from((within + GRACE).as_millis()).unwrap_or(u64::MAX);
        place.store(self.now().saturating_add(within), Ordering::Relaxed);
    }

    /// The poller will move again within this time.
    pub fn poller_waits(&self, at_most: Duration) {
        self.promise(&self.poller, at_most);
    }

    /// The desk cannot write and will try again after this time: alive, and no restart would help.
    pub fn desk_waits(&self, at_most: Duration) {
        self.promise(&self.desk, at_most);
    }

    pub fn sender_turns(&self) {
        self.sender.fetch_add(1, Ordering::Relaxed);
    }

    fn moves(&self, seen: &Seen) -> bool {
        let now = self.now();
        let promised = |place: &AtomicU64| place.load(Ordering::Relaxed) > now;
        promised(&self.poller)
            && (seen.desk_wrote || promised(&self.desk))
            && self.sender.load(Ordering::Relaxed) != seen.sender_before
    }
}

/// What a beat saw.
struct Seen {
    desk_wrote: bool,
    sender_before: u64,
}

/// Beats until the process ends.
pub async fn run(
    app: Arc<App>,
    desk: mpsc::UnboundedSender<DeskInput>,
    sender: mpsc::UnboundedSender<SenderInput>,
) {
    if !app.systemd.is_there() {
        return;
    }
    let interval = app.systemd.watchdog().map_or(CALM, |limit| limit / 4);
    let mut status = String::new();
    loop {
        let seen = Seen {
            sender_before: app.pulse.sender.load(Ordering::Relaxed),
            desk_wrote: nudge(&app, &desk, &sender, interval).await,
        };
        let facts = app.status.facts();
        if app.pulse.moves(&seen) {
            app.systemd.alive();
        } else {
            tracing::error!(partner.id = %app.partner().id, desk_wrote = seen.desk_wrote, "the work does not move; no sign of life for systemd");
        }
        let told = describe(&facts);
        if told != status {
            app.systemd.status(&told);
            status = told;
        }
        tokio::time::sleep(interval).await;
    }
}

/// Has the desk write a line and the sender turn once; whether the desk has written.
async fn nudge(
    app: &App,
    desk: &mpsc::UnboundedSender<DeskInput>,
    sender: &mpsc::UnboundedSender<SenderInput>,
    patience: Duration,
) -> bool {
    let _ = sender.send(SenderInput::Rows(Vec::new()));
    let (reply, wrote) = oneshot::channel();
    let question = Question::SetFact {
        name: "alive_at",
        value: app.clock.now_ms().to_string(),
    };
    if desk.send(DeskInput::Ask { question, reply }).is_err() {
        return false;
    }
    matches!(tokio::time::timeout(patience, wrote).await, Ok(Ok(_)))
}

/// One line for `systemctl status`; reasons never hold a secret.
pub fn describe(facts: &Facts) -> String {
    let reason = facts
        .store_trouble
        .as_ref()
        .or(facts.telegram_trouble.as_ref());
    match (reason, facts.polled_once) {
        (Some(reason), _) => format!("waiting: {reason}"),
        (None, true) if !facts.problems.is_empty() => {
            "running; the funnels on disk have problems, see: partnerctl check".to_owned()
        }
        (None, true) => "running".to_owned(),
        (None, false) => "starting: asking Telegram".to_owned(),
    }
}

/// Keeps a start alive that waits for Telegram, until the first poll.
pub async fn while_starting(app: Arc<App>) {
    loop {
        let facts = app.status.facts();
        if facts.polled_once {
            return;
        }
        app.systemd.starting(&describe(&facts));
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_moves_only_when_all_three_do() {
        let late = |wrote| Seen {
            desk_wrote: wrote,
            sender_before: 0,
        };
        let pulse = Pulse::new();
        pulse.sender_turns();
        assert!(!pulse.moves(&late(true)), "the poller promised nothing");
        pulse.poller_waits(Duration::from_secs(50));
        assert!(pulse.moves(&late(true)));
        assert!(!pulse.moves(&late(false)), "the desk has not written");
        pulse.desk_waits(Duration::from_secs(25));
        assert!(pulse.moves(&late(false)), "a full disk is waited out");
        let stuck = Seen {
            desk_wrote: true,
            sender_before: 1,
        };
        assert!(!pulse.moves(&stuck), "the sender has not turned");
    }
}
