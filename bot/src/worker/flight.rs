//! One call to Telegram: the gate's last word, the note that it leaves, the answer and what it means.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::uploads::Uploads;
use super::{DeskInput, MayGo};
use crate::app::App;
use crate::store::fates::Fates;
use crate::store::{Class, MediaRow, OutboxRow};
use crate::telegram::verdict::{Verdict, classify};

pub(super) type Flight = Pin<Box<dyn Future<Output = Done> + Send>>;

/// A call that came back.
pub(super) struct Done {
    pub row: OutboxRow,
    pub word: MayGo,
    pub verdict: Option<Verdict>,
    pub media: Option<MediaRow>,
}

/// Notes something.
pub(super) fn with<T>(fates: &Mutex<Fates>, note: impl FnOnce(&mut Fates) -> T) -> T {
    // A panic leaves at worst half a note, which is told apart when it is read.
    note(&mut fates.lock().unwrap_or_else(PoisonError::into_inner))
}

/// One call, from the gate's last word to Telegram's answer.
pub(super) async fn fly(
    app: Arc<App>,
    uploads: Arc<Uploads>,
    desk: mpsc::UnboundedSender<DeskInput>,
    fates: Arc<Mutex<Fates>>,
    row: OutboxRow,
) -> Done {
    let mut word = MayGo::Yes;
    if is_claimed_first(row.class) {
        word = claim(&desk, &row).await;
        if word != MayGo::Yes {
            return Done {
                row,
                word,
                verdict: None,
                media: None,
            };
        }
        with(&fates, |fates| fates.begun(&[row.id]));
    }
    tracing::trace!(outbox.id = row.id, "calling Telegram");
    if row.media.is_empty() {
        let verdict = classify(&app.client.send(&row.method, &row.payload).await);
        return Done {
            row,
            word,
            verdict: Some(verdict),
            media: None,
        };
    }
    let now = app.clock.now_ms();
    let (verdict, media) = uploads
        .send(&app.client, &row.method, &row.payload, &row.media, now)
        .await;
    Done {
        row,
        word,
        verdict: Some(verdict),
        media,
    }
}

/// Whose intent is durable before the call: what must not be repeated, and what must be marked when it is.
pub(super) fn is_claimed_first(class: Class) -> bool {
    match class {
        Class::Proactive | Class::Notification | Class::Digest => true,
        Class::Reply | Class::Edit => false,
    }
}

/// At most once: the intent is durable before the call, and the gate is asked at the last moment.
async fn claim(desk: &mpsc::UnboundedSender<DeskInput>, row: &OutboxRow) -> MayGo {
    let (may_go, answer) = oneshot::channel();
    let asked = desk.send(DeskInput::Claim {
        row: Box::new(row.clone()),
        may_go,
    });
    match asked {
        Ok(()) => answer.await.unwrap_or(MayGo::No),
        Err(_) => MayGo::No,
    }
}
