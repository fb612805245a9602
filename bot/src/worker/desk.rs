//! The desk: the only place that changes the partner's data. A round takes what has come in, decides with the
//! pure core, writes everything in one transaction, and only then lets anything leave the process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::clock_watch::{ClockWatch, Look};
use super::died;
use super::intake::{Care, LONGEST_RETRY_MS, MOST_PENDING};
use super::live::team_of;
use super::replan::Progress;
use super::rescue::Doubted;
use super::rest;
use super::round::Work;
use super::turn::Turn;
use super::{DeskInput, MayGo, News, Report, SenderInput};
use crate::app::{App, Live, Trouble};
use crate::clock::Clock;
use crate::funnel::Funnels;
use crate::inbound::{self, Schema};
use crate::lead::Reach;
use crate::manners::Settings;
use crate::policy::flood::Flood;
use crate::quick::{QuickMap, QuickSet};
use crate::store::fates::Fates;
use crate::store::{self, Case, Counters, NextTimers, OutboxState, Store};

/// Inputs taken into one round.
const ROUND_INPUTS: usize = 512;
/// Rounds in a row whose rows were refused; more than it takes to set an update aside.
const MOST_REFUSALS: u32 = 8;
/// How long the noted fate of a reply may wait for company: a commit of its own would stand in the next lead's way.
const RIDE_ALONG: Duration = Duration::from_millis(300);
/// Cases kept in memory; the commit makes them true, a failed one throws them away.
const KEEP_CASES: usize = 256;

pub struct Desk {
    pub(super) app: Arc<App>,
    /// The configuration this round goes by.
    pub(super) live: Arc<Live>,
    pub(super) store: Store,
    pub(super) funnels: Arc<Funnels>,
    pub(super) schema: Schema,
    pub(super) counters: Counters,
    pub(super) cases: QuickMap<i64, Case>,
    pub(super) flood: Flood,
    /// The partner's people: of the config and by signed link.
    pub(super) team: BTreeSet<i64>,
    /// It was said that there is nobody to tell.
    pub(super) said_nobody: bool,
    /// What the partner chose in /my_settings.
    pub(super) settings: Settings,
    /// When the next digest is due, and when that was reckoned.
    pub(super) digest_at: Option<i64>,
    pub(super) reckoned_at: i64,
    /// Rows of forgotten people may have left pieces in the file; housekeeping writes it anew.
    pub(super) to_scrub: bool,
    /// Marks already on the list of the erased, in case their round is repeated.
    pub(super) listed: BTreeSet<String>,
    sender: mpsc::UnboundedSender<SenderInput>,
    /// Chats with an update that waits: what follows waits behind it.
    pub(super) held: QuickSet<i64>,
    /// When waiting updates are tried again.
    pub(super) retry_at: Option<i64>,
    pub(super) next_timers: NextTimers,
    pub(super) clock_watch: ClockWatch,
    /// Told to say nothing first; every place is kept.
    pub(super) paused: bool,
    /// The data came from a backup put back then; 0 when it never did.
    pub(super) restored_at: i64,
    /// How far those who wait are planned anew; `None` when nothing changed.
    pub(super) replanning: Option<Progress>,
    /// Chats with a message in doubt, or that had one.
    pub(super) doubtful: QuickSet<i64>,
    /// Messages on their way in which the bot speaks first.
    pub(super) speaking: QuickSet<i64>,
    pub(super) care: Care,
    /// Updates whose try by this process is on the disk: a repeated round is the same try.
    pub(super) counted: QuickSet<i64>,
    /// Whoever is at work when this process fails is to blame: the former one ended by itself, or rows were refused.
    pub(super) strict: bool,
    /// Replies in doubt, by chat.
    pub(super) doubted: QuickMap<i64, Doubted>,
    /// Tells the notes which fates the store has.
    fates_stored: Arc<AtomicU64>,
}

impl Desk {
    /// Opens the books: numbering, team, what a former process left behind.
    pub async fn open(
        app: Arc<App>,
        mut store: Store,
        funnels: Arc<Funnels>,
        sender: mpsc::UnboundedSender<SenderInput>,
    ) -> sqlx::Result<(Desk, Fates)> {
        let counters = store.counters().await?;
        let crashed = store.fact("clean_stop").await?.as_deref() == Some("0");
        let live = app.live();
        let team = team_of(&live, &mut store).await?;
        let pending = store.pending_updates(MOST_PENDING).await?;
        let now = app.clock.now_ms();
        let freeze_ms = app.clock.freeze_ms;
        let mut desk = Desk {
            flood: Flood::new(live.flood),
            live,
            strict: died::by_itself(&app.data_dir),
            app,
            store,
            funnels,
            schema: inbound::schema(),
            counters,
            cases: QuickMap::default(),
            team,
            said_nobody: false,
            settings: Settings::default(),
            digest_at: None,
            reckoned_at: now,
            to_scrub: false,
            listed: BTreeSet::new(),
            sender,
            held: pending.iter().map(|row| row.chat_id).collect(),
            retry_at: (!pending.is_empty()).then_some(now),
            next_timers: NextTimers::default(),
            clock_watch: ClockWatch::new(
                Look {
                    wall_ms: Clock::wall_ms(),
                    steady_ms: Clock::steady_ms(),
                },
                freeze_ms,
            ),
            paused: false,
            restored_at: 0,
            // The calendar may have changed with the program, the files while it was down.
            replanning: Some(Progress::default()),
            doubtful: QuickSet::default(),
            speaking: QuickSet::default(),
            care: if crashed {
                Care::UntilFirstBatch
            } else {
                Care::Off
            },
            counted: QuickSet::default(),
            doubted: QuickMap::default(),
            fates_stored: Arc::default(),
        };
        let fates = desk.rescue(now, crashed).await?;
        desk.fates_stored = fates.stored();
        desk.doubtful = desk.store.doubtful_chats().await?.into_iter().collect();
        let paused = desk.store.fact("paused").await?;
        desk.set_paused(paused.as_deref() == Some("1"));
        let mark = desk.store.fact("restored_at").await?;
        desk.restored_at = mark.and_then(|text| text.parse().ok()).unwrap_or(0);
        desk.next_timers = desk.store.next_timers().await?;
        let settings = desk.store.fact("settings").await?.unwrap_or_default();
        desk.settings = serde_json::from_str(&settings).unwrap_or_default();
        desk.reckon_digest(now).await;
        Ok((desk, fates))
    }

    /// Works until told to stop, then leaves the books closed.
    pub async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<DeskInput>) -> sqlx::Result<()> {
        let mut taken = Vec::new();
        let mut waiting_since: Option<Instant> = None;
        // A start is a burst too.
        let mut rested = false;
        loop {
            let mut wake = self.wake_in();
            if !rested {
                wake = wake.min(rest::QUIET);
            }
            if let Some(since) = waiting_since {
                wake = wake.min(RIDE_ALONG.saturating_sub(since.elapsed()));
            }
            let first = tokio::select! {
                biased;
                input = inputs.recv() => input,
                () = tokio::time::sleep(wake) => {
                    if !rested && wake >= rest::QUIET {
                        self.rest().await;
                        rested = true;
                    }
                    Some(DeskInput::Wake)
                }
            };
            let Some(first) = first else { break };
            // A sign of life or a question wakes nobody.
            rested = rested && matches!(first, DeskInput::Wake | DeskInput::Ask { .. });
            let before = taken.len();
            taken.push(first);
            drain(&mut inputs, &mut taken);
            // Noted fates hurry nobody: they ride along with the next update, and so never stand in its way.
            if taken.len() < ROUND_INPUTS && taken[before..].iter().all(can_wait) {
                waiting_since.get_or_insert_with(Instant::now);
                continue;
            }
            waiting_since = None;
            let last = taken.iter().any(|input| matches!(input, DeskInput::Stop));
            if !self.until_written(&mut taken).await || last {
                break;
            }
        }
        self.close().await
    }

    /// Repeats the round until it is durable: nothing taken in is ever dropped for a full disk.
    async fn until_written(&mut self, taken: &mut Vec<DeskInput>) -> bool {
        let mut failures: u32 = 0;
        loop {
            match self.round(taken).await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(partner.id = %self.app.partner().id, "the store can be written again");
                        self.app.status.trouble(Trouble::Store, None);
                    }
                    return true;
                }
                Err(error) => {
                    failures += 1;
                    self.app.meters.store_failures.add(1);
                    self.cases.clear();
                    // The round is repeated, so its words must not count twice against a lead's allowance.
                    self.flood = Flood::new(self.live.flood);
                    if store::refuses_rows(&error) && failures <= MOST_REFUSALS {
                        tracing::warn!(partner.id = %self.app.partner().id, "rows were refused, looking for the update at fault: {error}");
                        self.suspect(taken);
                        continue;
                    }
                    let reason = format!(
                        "the store cannot be written ({error}); free the disk or mend its permissions, nothing is lost meanwhile"
                    );
                    if self
                        .app
                        .status
                        .trouble(Trouble::Store, Some(reason.clone()))
                    {
                        tracing::error!(partner.id = %self.app.partner().id, "{reason}");
                    }
                    if *self.app.stop.borrow() {
                        return false;
                    }
                    let pause = Duration::from_millis(200 << failures.min(7));
                    self.app.pulse.desk_waits(pause);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Waiting mends nothing when the rows themselves are refused: updates go one by one, each try counted,
    /// until the one at fault is set aside.
    fn suspect(&mut self, taken: &[DeskInput]) {
        let has_updates = taken
            .iter()
            .any(|input| matches!(input, DeskInput::Updates { .. }));
        if has_updates && self.care == Care::Off {
            self.care = Care::UntilFirstBatch;
        }
        self.counted.clear();
        self.strict = true;
    }

    /// One round: decide, commit, let go. On an error nothing has happened.
    pub async fn round(&mut self, inputs: &mut Vec<DeskInput>) -> sqlx::Result<()> {
        self.watch_clock();
        let now = self.app.clock.now_ms();
        let mut work = Work::new(now, self.counters);
        work.held = self.held.clone();
        // A clock that went back must not make what waits for seconds wait for hours.
        if self.retry_at.is_some_and(|at| at > now + LONGEST_RETRY_MS) {
            self.retry_at = Some(now);
        }
        work.retry_at = self.retry_at;
        for input in inputs.iter() {
            match input {
                DeskInput::Updates { raws, .. } => self.take_in(&mut work, raws).await?,
                DeskInput::Report(report) => self.settle(&mut work, report).await?,
                DeskInput::Claim { row, .. } => self.claim(&mut work, row).await?,
                DeskInput::Ask { question, .. } => self.prepare(&mut work, question).await?,
                DeskInput::Reloaded { .. }
                | DeskInput::Live(_)
                | DeskInput::Wake
                | DeskInput::Stop => {}
            }
        }
        if self.retry_at.is_some_and(|at| at <= now) && work.batch.inbox.is_empty() {
            self.retry_waiting(&mut work).await?;
        }
        if self.timers_due_at(now).is_some_and(|at| at <= now) {
            self.fire_timers(&mut work).await?;
        }
        self.replan_page(&mut work).await?;
        if self.digest_at.is_some_and(|at| at <= now) {
            self.tell_digests(&mut work).await?;
        }
        self.bring_cases(&mut work).await?;
        work.seal(&mut self.cases);
        if !work.batch.forgotten.is_empty() {
            self.mark_erased(&mut work).await?;
        }
        if !work.batch.is_empty() {
            self.store.commit(&work.batch).await?;
            self.app.meters.commits.add(1);
            tracing::trace!("a round is durable");
        }
        self.release(work, inputs).await
    }

    /// A lead's rows hang on its case, so that must be at hand; turns nearly always bring it along.
    async fn bring_cases(&mut self, work: &mut Work) -> sqlx::Result<()> {
        for lead in work.leads_without_case() {
            if let Some(stored) = self.store.case(lead).await? {
                let chat_id = stored.lead.chat_id;
                let case = self.case(work, chat_id).await?.unwrap_or(stored);
                work.cases.insert(chat_id, case);
            }
        }
        Ok(())
    }

    /// After the commit: memory follows the store, then words may leave.
    async fn release(&mut self, mut work: Work, inputs: &mut Vec<DeskInput>) -> sqlx::Result<()> {
        let messages = work.take_messages();
        self.counters = work.counters;
        self.count_speaking(&work, &messages);
        self.team
            .extend(work.batch.members.iter().map(|member| member.user_id));
        self.settings = work.settings.unwrap_or(self.settings);
        if let Some(paused) = work.pause {
            self.set_paused(paused);
        }
        if work.settings.is_some() || self.digest_needs_reckoning(work.now) {
            self.reckon_digest(work.now).await;
        }
        if self.cases.len() > KEEP_CASES {
            self.cases.clear();
        }
        let touches_timers = work.touches_timers
            || self
                .timers_due_at(work.now)
                .is_some_and(|at| at <= work.now);
        if let Some(progress) = work.replanned {
            self.app.status.planning(progress.is_some());
            self.replanning = progress;
        }
        self.held = work.held;
        self.retry_at = work.retry_at;
        self.care = match self.care {
            Care::UntilFirstBatch if work.batch.inbox.len() > work.retried => Care::UntilHandled,
            Care::UntilHandled if self.held.is_empty() => Care::Off,
            care => care,
        };
        let cases = std::mem::take(&mut work.batch.cases);
        for case in cases
            .into_iter()
            .chain(std::mem::take(&mut work.batch.moved))
        {
            self.cases.insert(case.lead.chat_id, case);
        }
        for who in &work.batch.forgotten {
            self.cases.remove(&who.chat_id);
        }
        if !work.batch.forgotten.is_empty() {
            self.erase_pieces(&work.batch.forgotten).await;
        }
        if !work.asides.is_empty() {
            self.send(SenderInput::Asides(work.asides));
        }
        if !work.answered.is_empty() {
            self.send(SenderInput::Answered(work.answered));
        }
        if !messages.is_empty() {
            self.send(SenderInput::Rows(messages));
        }
        self.withdraw(work.withdrawn);
        for input in inputs.drain(..) {
            match input {
                DeskInput::Updates { stored, .. } => drop(stored.send(())),
                DeskInput::Claim { row, may_go } => {
                    let word = work.claims.get(&row.id).copied();
                    let _ = may_go.send(word.unwrap_or(MayGo::No));
                }
                DeskInput::Reloaded { funnels, live } => {
                    self.funnels = funnels;
                    self.take_over(live).await?;
                    self.replan_all();
                }
                DeskInput::Live(reply) => drop(reply.send(self.funnels.clone())),
                DeskInput::Ask { question, reply } => {
                    let answer = self.answer(question).await?;
                    drop(reply.send(answer));
                }
                DeskInput::Report(report) => {
                    self.fates_stored.fetch_max(report.noted, Ordering::Relaxed);
                    self.is_settled(&report);
                }
                DeskInput::Wake | DeskInput::Stop => {}
            }
        }
        if touches_timers {
            self.next_timers = self.store.next_timers().await?;
        }
        Ok(())
    }

    async fn settle(&mut self, work: &mut Work, report: &Report) -> sqlx::Result<()> {
        if report.settled.state == OutboxState::Unknown {
            self.doubtful.insert(report.chat_id);
        }
        work.batch.settled.push(report.settled.clone());
        match &report.news {
            News::None => Ok(()),
            News::File(row) => {
                work.batch.media.push(row.clone());
                Ok(())
            }
            News::Unreachable(reach) => self.mark_reach(work, report.chat_id, *reach).await,
        }
    }

    pub(super) async fn mark_reach(
        &mut self,
        work: &mut Work,
        chat_id: i64,
        reach: Reach,
    ) -> sqlx::Result<()> {
        let Some(case) = self.case(work, chat_id).await? else {
            return Ok(());
        };
        if case.lead.reach != reach {
            work.merge(Turn::reach(case, reach, work.now));
        }
        Ok(())
    }

    pub(super) async fn case(&mut self, work: &Work, chat_id: i64) -> sqlx::Result<Option<Case>> {
        if let Some(case) = work.cases.get(&chat_id) {
            return Ok(Some(case.clone()));
        }
        // Forgotten in this very round: the store and the memory only do not know yet.
        if work
            .batch
            .forgotten
            .iter()
            .any(|who| who.chat_id == chat_id)
        {
            return Ok(None);
        }
        if let Some(case) = self.cases.get(&chat_id) {
            return Ok(Some(case.clone()));
        }
        Ok(self.store.cases_by_chat(&[chat_id]).await?.pop())
    }

    fn wake_in(&self) -> Duration {
        let now = self.app.clock.now_ms();
        let replan = self.replanning.as_ref().map(|_| now);
        let due = self.timers_due_at(now);
        let others = due.into_iter().chain(replan).chain(self.digest_at);
        let next = self.retry_at.into_iter().chain(others).min();
        // The wall clock may jump, so nobody sleeps longer than half a minute.
        let wait = next.map_or(30_000, |at| (at - now).clamp(0, 30_000));
        Duration::from_millis(u64::try_from(wait).unwrap_or(0))
    }

    pub(super) fn send(&self, input: SenderInput) {
        // A sender that is gone means the process is ending; the rows stay due.
        let _ = self.sender.send(input);
    }

    async fn close(mut self) -> sqlx::Result<()> {
        let mut work = Work::new(self.app.clock.now_ms(), self.counters);
        work.batch.facts.push(("clean_stop", "1".to_owned()));
        self.store.commit(&work.batch).await?;
        self.store.checkpoint().await?;
        self.store.close().await
    }
}

fn drain(inputs: &mut mpsc::UnboundedReceiver<DeskInput>, taken: &mut Vec<DeskInput>) {
    while taken.len() < ROUND_INPUTS {
        match inputs.try_recv() {
            Ok(input) => taken.push(input),
            Err(_) => break,
        }
    }
}

/// The fate of a message that was sent, when a note of it survives the process.
fn can_wait(input: &DeskInput) -> bool {
    let DeskInput::Report(report) = input else {
        return false;
    };
    report.noted != 0 && report.settled.state == OutboxState::Sent && report.news == News::None
}
