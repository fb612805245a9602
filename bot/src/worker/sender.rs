//! Speaks: takes messages in the queue's order, calls Telegram, and reports every fate to the desk.

#[cfg(test)]
mod by_hand;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use teloxide::payloads::AnswerCallbackQuery;
use teloxide::requests::Payload;
use teloxide::types::CallbackQueryId;
use tokio::sync::{mpsc, watch};

use super::flight::{Done, Flight, fly, is_claimed_first, with};
use super::queue::Queue;
use super::uploads::Uploads;
use super::{Aside, DeskInput, MayGo, News, Report, SenderInput};
use crate::app::App;
use crate::policy::{self, Doubt};
use crate::quick::QuickMap;
use crate::store::fates::{Fate, Fates};
use crate::store::{Class, OutboxRow, OutboxState, Settled};
use crate::telegram::outgoing;
use crate::telegram::verdict::Verdict;

/// What a call taught, beside the fate of its message.
struct Learnt {
    news: News,
    noted: u64,
}

pub struct Sender {
    app: Arc<App>,
    desk: mpsc::UnboundedSender<DeskInput>,
    queue: Queue,
    uploads: Arc<Uploads>,
    flights: FuturesUnordered<Flight>,
    fates: Arc<Mutex<Fates>>,
    /// Calls of each message that could not leave, for the growing pause.
    failures: QuickMap<i64, u32>,
    /// Repairs of each message (plain text, new chat, new file): bounded.
    repairs: QuickMap<i64, u8>,
}

/// How long a stop waits for messages already under way.
const DRAIN: Duration = Duration::from_secs(10);
const MOST_REPAIRS: u8 = 3;

impl Sender {
    pub fn new(
        app: Arc<App>,
        desk: mpsc::UnboundedSender<DeskInput>,
        uploads: Uploads,
        fates: Fates,
    ) -> Sender {
        let queue = Queue::new(app.live().limits, app.clock.now_ms());
        Sender {
            app,
            desk,
            queue,
            uploads: Arc::new(uploads),
            flights: FuturesUnordered::new(),
            fates: Arc::new(Mutex::new(fates)),
            failures: QuickMap::default(),
            repairs: QuickMap::default(),
        }
    }

    /// Runs until told to stop; then lets calls under way come back and leaves the rest for the next start.
    pub async fn run(
        mut self,
        mut inputs: mpsc::UnboundedReceiver<SenderInput>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            self.app.pulse.sender_turns();
            self.take_off();
            let wake = self.wake_in();
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                input = inputs.recv() => match input {
                    Some(input) => self.accept(input),
                    None => break,
                },
                Some(done) = self.flights.next(), if !self.flights.is_empty() => self.settle_all(done),
                () = tokio::time::sleep(wake.unwrap_or_default()), if wake.is_some() => {}
            }
        }
        let _ = tokio::time::timeout(DRAIN, self.drain(inputs)).await;
    }

    async fn drain(&mut self, mut inputs: mpsc::UnboundedReceiver<SenderInput>) {
        while let Ok(input) = inputs.try_recv() {
            self.accept(input);
        }
        self.take_off();
        while let Some(done) = self.flights.next().await {
            self.settle_all(done);
            self.take_off();
        }
    }

    fn accept(&mut self, input: SenderInput) {
        match input {
            SenderInput::Rows(rows) => {
                let now = self.app.clock.now_ms();
                for row in rows {
                    self.queue.push(row, now);
                }
            }
            SenderInput::Asides(asides) => {
                for aside in asides {
                    self.answer(aside);
                }
            }
            SenderInput::Answered(signs) => {
                let now = self.app.clock.now_ms();
                for sign in &signs {
                    if let Some(id) = self.queue.answered(sign, now) {
                        self.with_fates(|fates| fates.arrived(id));
                    }
                }
            }
            SenderInput::Limits(limits) => self.queue.limit(limits, self.app.clock.now_ms()),
            SenderInput::Withdrawn(rows) => {
                let now = self.app.clock.now_ms();
                for (chat_id, id) in rows {
                    if let Some(row) = self.queue.withdraw(chat_id, id, now) {
                        // The desk knows, but a report that it goes again may still be on its way there.
                        self.leave_unsaid(row, true, now);
                    }
                }
            }
        }
    }

    /// A press is answered beside everything else: it waits for nobody and nobody waits for it.
    fn answer(&mut self, aside: Aside) {
        let app = self.app.clone();
        let flight = async move {
            let mut payload = AnswerCallbackQuery::new(CallbackQueryId(aside.callback_id));
            payload.text = aside.text.map(|text| text.chars().take(200).collect());
            let json = outgoing::to_json(&payload);
            // Its failure changes nothing: the spinner ends by itself.
            let _ = app.client.send(AnswerCallbackQuery::NAME, &json).await;
        };
        #[expect(clippy::disallowed_methods, reason = "worker/ is where tasks are made")]
        tokio::spawn(flight);
    }

    fn take_off(&mut self) {
        let now = self.app.clock.now_ms();
        let room = self
            .queue
            .most_under_way()
            .saturating_sub(self.flights.len());
        let rows: Vec<OutboxRow> = std::iter::from_fn(|| self.queue.next(now))
            .take(room)
            .collect();
        let leaving = rows.iter().filter(|row| !is_claimed_first(row.class));
        let leaving: Vec<i64> = leaving.map(|row| row.id).collect();
        self.with_fates(|fates| fates.begun(&leaving));
        for row in rows {
            let flight = fly(
                self.app.clone(),
                self.uploads.clone(),
                self.desk.clone(),
                self.fates.clone(),
                row,
            );
            self.flights.push(Box::pin(flight));
        }
    }

    fn with_fates<T>(&self, note: impl FnOnce(&mut Fates) -> T) -> T {
        with(&self.fates, note)
    }

    fn wake_in(&mut self) -> Option<Duration> {
        if self.flights.len() >= self.queue.most_under_way() {
            return None;
        }
        let now = self.app.clock.now_ms();
        let at = self.queue.wake_at(now)?;
        // The clock may be moved, so no sleep is longer than this.
        Some(Duration::from_millis(
            u64::try_from(at - now).unwrap_or(0).clamp(1, 30_000),
        ))
    }

    /// All that came back, before anything else leaves: the sooner a fate is noted, the less a kill leaves in doubt.
    fn settle_all(&mut self, done: Done) {
        self.settle(done);
        while let Some(Some(done)) = self.flights.next().now_or_never() {
            self.settle(done);
        }
        self.with_fates(Fates::write);
    }

    fn settle(&mut self, done: Done) {
        let Done {
            mut row,
            word,
            verdict,
            media,
        } = done;
        let now = self.app.clock.now_ms();
        let news = media.map_or(News::None, News::File);
        tracing::trace!(outbox.id = row.id, "Telegram answered");
        let Some(verdict) = verdict else {
            // The gate did not let it go; the desk has written why.
            match word {
                MayGo::Later(until) => {
                    row.not_before = until;
                    self.queue.later(row, now);
                }
                MayGo::Yes | MayGo::No => self.queue.done(row.chat_id, row.id, now),
            }
            return;
        };
        let is_overtaken = self.queue.is_overtaken(row.chat_id, row.id);
        if is_overtaken && verdict.may_go_again() {
            if let Verdict::Limited { after_ms } = verdict {
                self.app.meters.limited.add(1);
                let until = now.saturating_add(after_ms);
                self.queue.limited(row.chat_id, until, now);
            }
            let may_have_arrived = matches!(verdict, Verdict::Ambiguous(_)) || row.tries > 0;
            return self.leave_unsaid(row, may_have_arrived, now);
        }
        let news = Learnt {
            news,
            noted: self.note(row.id, &verdict),
        };
        if let Verdict::Unreachable(_, why) = &verdict
            && row.class == Class::Notification
        {
            tracing::error!(
                outbox.id = row.id,
                chat = row.chat_id,
                "one of the partner's people cannot be told of leads: {why}; they must open the bot and press Start"
            );
        }
        match verdict {
            Verdict::Sent(sent) => {
                self.app.meters.sent.add(1);
                let reason = if sent.needless { "already so" } else { "" };
                self.finish(row, OutboxState::Sent, reason, sent.message_id, news, now);
            }
            Verdict::NotSent(why) => {
                let pause = self.pause(row.id);
                tracing::debug!(outbox.id = row.id, "not sent, again in {pause} ms: {why}");
                row.not_before = now + pause;
                if is_claimed_first(row.class) {
                    // Known not to have left: a crash from here on leaves no doubt.
                    self.again(row, &why, news, now);
                } else {
                    self.queue.retry(row, now);
                }
            }
            Verdict::Limited { after_ms } => {
                self.app.meters.limited.add(1);
                row.not_before = now.saturating_add(after_ms);
                self.queue.limited(row.chat_id, row.not_before, now);
                self.again(row, "Telegram asked to wait", news, now);
            }
            Verdict::Ambiguous(why) => self.doubt(row, &why, news, now),
            Verdict::Unreachable(reach, why) => self.finish(
                row,
                OutboxState::Failed,
                &why,
                0,
                Learnt {
                    news: News::Unreachable(reach),
                    ..news
                },
                now,
            ),
            Verdict::TokenRefused(why) => {
                // The poller ends the process; the message stays due.
                row.not_before = now + 30_000;
                self.again(row, &why, news, now);
            }
            Verdict::Refused(why) => self.refuse(row, &why, news, now),
            repair @ (Verdict::Migrated(_)
            | Verdict::Unparsable(_)
            | Verdict::PrivateProfile
            | Verdict::NoFile(_)
            | Verdict::StaleFile(_)) => {
                self.repair(row, repair, news, now);
            }
        }
    }

    /// Its question is answered, so it need not go again; behind newer words it would only confuse.
    fn leave_unsaid(&mut self, row: OutboxRow, may_have_arrived: bool, now: i64) {
        let (state, why) = if may_have_arrived {
            (OutboxState::Sent, policy::WENT_ON)
        } else {
            (OutboxState::Dropped, policy::ANSWERED_BEFORE)
        };
        let learnt = Learnt {
            news: News::None,
            noted: self.with_fates(|fates| fates.ended(row.id, Fate::Sent(0))),
        };
        self.finish(row, state, why, 0, learnt, now);
    }

    /// Notes the fate before anything else is done about it.
    fn note(&self, id: i64, verdict: &Verdict) -> u64 {
        let fate = match verdict {
            Verdict::Sent(sent) => Fate::Sent(sent.message_id),
            Verdict::Ambiguous(_) => return 0,
            Verdict::NotSent(_)
            | Verdict::Limited { .. }
            | Verdict::Unreachable(..)
            | Verdict::Migrated(_)
            | Verdict::Unparsable(_)
            | Verdict::PrivateProfile
            | Verdict::StaleFile(_)
            | Verdict::NoFile(_)
            | Verdict::TokenRefused(_)
            | Verdict::Refused(_) => Fate::Back,
        };
        self.with_fates(|fates| fates.ended(id, fate))
    }

    fn doubt(&mut self, mut row: OutboxRow, why: &str, news: Learnt, now: i64) {
        row.tries += 1;
        match policy::after_doubt(row.class, row.tries, now - row.created_at) {
            Doubt::Again => {
                if row.class == Class::Notification {
                    outgoing::mark_repeated(&mut row.payload);
                }
                row.not_before = now + 1_000 * row.tries.clamp(1, 60);
                self.again(row, why, news, now);
            }
            Doubt::Unknown => {
                self.app.meters.unknown.add(1);
                tracing::warn!(
                    outbox.id = row.id,
                    lead.id = row.lead_id,
                    "it is unknown whether a message arrived: {why}"
                );
                self.finish(row, OutboxState::Unknown, why, 0, news, now);
            }
        }
    }

    fn repair(&mut self, mut row: OutboxRow, verdict: Verdict, news: Learnt, now: i64) {
        let repairs = self.repairs.entry(row.id).or_default();
        *repairs += 1;
        if *repairs > MOST_REPAIRS {
            return self.refuse(row, "repaired in every way and still refused", news, now);
        }
        let repaired = match &verdict {
            Verdict::Migrated(chat_id) => outgoing::with_chat(&row.payload, *chat_id),
            Verdict::Unparsable(_) => outgoing::as_plain(&row.payload),
            Verdict::PrivateProfile => outgoing::without_profiles(&row.payload),
            Verdict::NoFile(_) => {
                row.media.clear();
                row.method = "SendMessage".into();
                outgoing::without_media(&row.payload)
            }
            _ => Some(row.payload.clone()),
        };
        let why = match verdict {
            Verdict::Unparsable(why) => {
                tracing::error!(
                    outbox.id = row.id,
                    lead.id = row.lead_id,
                    "markup refused, sent bare: {why}"
                );
                why
            }
            Verdict::NoFile(why) => {
                tracing::error!(
                    outbox.id = row.id,
                    lead.id = row.lead_id,
                    "sent without its file: {why}"
                );
                why
            }
            Verdict::Migrated(chat_id) => format!("the chat moved to {chat_id}"),
            _ => "repaired".to_owned(),
        };
        match repaired {
            Some(payload) => {
                row.payload = payload;
                self.again(row, &why, news, now);
            }
            None => self.refuse(row, &why, news, now),
        }
    }

    fn refuse(&mut self, row: OutboxRow, why: &str, news: Learnt, now: i64) {
        self.app.meters.failed.add(1);
        tracing::error!(
            outbox.id = row.id,
            lead.id = row.lead_id,
            "a message was refused for good: {why}"
        );
        self.finish(row, OutboxState::Failed, why, 0, news, now);
    }

    /// Durable before it is tried again, so that a restart obeys too.
    fn again(&mut self, row: OutboxRow, why: &str, news: Learnt, now: i64) {
        self.report(&row, OutboxState::Due, why, 0, news, now);
        self.queue.retry(row, now);
    }

    fn finish(
        &mut self,
        row: OutboxRow,
        state: OutboxState,
        why: &str,
        message_id: i64,
        news: Learnt,
        now: i64,
    ) {
        self.with_fates(|fates| {
            match state {
                OutboxState::Failed => fates.given_up(row.id, Fate::Failed),
                OutboxState::Unknown => fates.given_up(row.id, Fate::Unknown),
                OutboxState::Due
                | OutboxState::Sending
                | OutboxState::Sent
                | OutboxState::Dropped => {}
            }
            fates.forget(row.id);
        });
        self.failures.remove(&row.id);
        self.repairs.remove(&row.id);
        self.report(&row, state, why, message_id, news, now);
        self.queue.done(row.chat_id, row.id, now);
    }

    fn report(
        &self,
        row: &OutboxRow,
        state: OutboxState,
        why: &str,
        message_id: i64,
        news: Learnt,
        now: i64,
    ) {
        let settled = Settled {
            id: row.id,
            state,
            reason: why.to_owned(),
            tries: row.tries,
            not_before: row.not_before,
            message_id,
            at: now,
        };
        // A desk that is gone means the process is ending; the row stays as it was.
        let _ = self.desk.send(DeskInput::Report(Report {
            settled,
            chat_id: row.chat_id,
            news: news.news,
            noted: news.noted,
        }));
    }

    /// 0.5, 1, 2 … 30 seconds.
    fn pause(&mut self, id: i64) -> i64 {
        let failures = self.failures.entry(id).or_default();
        *failures += 1;
        (250_i64 << (*failures).min(7)).min(30_000)
    }
}
