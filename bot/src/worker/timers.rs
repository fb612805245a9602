//! What is due: the lead's own words and the partner's at once, the bot's own words through the gate and at a rate.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use super::clock_watch::Look;
use super::desk::Desk;
use super::gate::{held, unsaid};
use super::intake::panic_text;
use super::round::Work;
use super::turn::{Cause, Turn};
use crate::clock::Clock;
use crate::funnel::event::Event;
use crate::policy::Decision;
use crate::store::{Case, FIRST_LANES, Lane, OWN_LANES, TimerRow, Wish, lane_of};

/// Timers that speak for the lead or to the partner, in one round.
const OWN_PER_ROUND: usize = 200;
/// Timers of the bot's own words in one round: a reply waits for the round it comes in.
const FIRST_PER_ROUND: usize = 25;

impl Desk {
    /// Looks at both clocks; a jump is said once and freezes what the bot says first.
    pub(super) fn watch_clock(&mut self) {
        let look = Look {
            wall_ms: Clock::wall_ms(),
            steady_ms: Clock::steady_ms(),
        };
        let Some(by_ms) = self.clock_watch.look(look) else {
            return;
        };
        self.app.meters.clock_jumps.add(1);
        self.app.status.clock_jumped(self.app.clock.now_ms(), by_ms);
        tracing::error!(
            partner.id = %self.app.partner().id,
            "the system's clock jumped by {} s; for a minute the bot only answers, check the host's time service",
            by_ms / 1_000
        );
    }

    /// Nothing is said first until told otherwise; kept over restarts by whoever asks.
    pub(super) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
        self.app.status.paused(paused);
    }

    /// When the desk must look at its timers next.
    pub(super) fn timers_due_at(&self, now: i64) -> Option<i64> {
        let ready = self.replanning.is_none() && self.room_to_speak() > 0;
        let first = self.next_timers.first.filter(|_| ready);
        let first = first.filter(|_| !self.paused).map(|at| {
            let frozen = self.clock_watch.frozen_for();
            if frozen > 0 { at.max(now + frozen) } else { at }
        });
        self.next_timers.own.into_iter().chain(first).min()
    }

    pub(super) async fn fire_timers(&mut self, work: &mut Work) -> sqlx::Result<()> {
        for lane in OWN_LANES {
            for timer in self.store.due_timers(lane, work.now, OWN_PER_ROUND).await? {
                self.fire(work, timer).await?;
            }
        }
        // While paused, frozen or planned anew nothing moves: every place is kept as it is.
        if self.paused || self.replanning.is_some() || self.clock_watch.frozen_for() > 0 {
            return Ok(());
        }
        let mut room = self.room_to_speak().min(FIRST_PER_ROUND);
        for lane in FIRST_LANES {
            if room == 0 {
                break;
            }
            let due = self.store.due_timers(lane, work.now, room).await?;
            room -= due.len();
            for timer in due {
                self.fire(work, timer).await?;
            }
        }
        Ok(())
    }

    async fn fire(&mut self, work: &mut Work, timer: TimerRow) -> sqlx::Result<()> {
        if work.has_timer_op(timer.lead_id, &timer.name) {
            return Ok(());
        }
        work.merge(Turn {
            timers: vec![(timer.lead_id, timer.name.clone(), None)],
            ..Turn::default()
        });
        let Some(case) = self.store.case(timer.lead_id).await? else {
            return Ok(());
        };
        let case = self.case(work, case.lead.chat_id).await?.unwrap_or(case);
        let lead = case.lead.id;
        let turn = AssertUnwindSafe(self.timer_turn(work, case, timer))
            .catch_unwind()
            .await;
        match turn {
            Ok(Ok(turn)) => work.merge(turn),
            Ok(Err(error)) => tracing::error!(lead.id = lead, "timer failed: {error:#}"),
            Err(panic) => tracing::error!(
                lead.id = lead,
                "timer failed: {}",
                panic_text(panic.as_ref())
            ),
        }
        Ok(())
    }

    /// A timer of a lead came due: the bot speaks first, if the gate lets it.
    async fn timer_turn(
        &mut self,
        work: &mut Work,
        mut case: Case,
        timer: TimerRow,
    ) -> anyhow::Result<Turn> {
        let now = work.now;
        let wish = self
            .funnels
            .wish(&case.session, &timer.name, &timer.data, now);
        let wish = wish.map(|wish| Wish::of(&wish));
        let mut event = Event::Timer {
            name: timer.name.clone(),
            data: timer.data.clone(),
        };
        let mut refused = None;
        if let Some(wish) = &wish {
            match self.decide(Some(&case), wish, now) {
                Decision::Send { .. } => {}
                Decision::Wait { until, reason } => {
                    work.hold(held(&timer, until, reason));
                    return Ok(Turn::default());
                }
                Decision::Drop { reason } => {
                    refused = Some(reason);
                    event = Event::Unsaid {
                        name: timer.name.clone(),
                        data: timer.data.clone(),
                        reason: reason.words().to_owned(),
                        lasting: reason.is_lasting(),
                    };
                }
            }
        }
        let before = case.clone();
        let outcome = self.advance(&mut case, event, now)?;
        // A collected answer is the lead's own word; silence and sequences are the bot's.
        let why = match lane_of(&timer.name) {
            Lane::Reply => "reply",
            Lane::FollowUp => "silence",
            _ => "sequence",
        };
        let cause = Cause {
            now,
            why,
            wish,
            callback_id: None,
        };
        let mut turn = Turn::from_outcome(case, before.session.place.clone(), outcome, &cause);
        self.once_only(&mut turn).await?;
        if let Some(reason) = refused {
            let event = unsaid(&before, &timer, reason, now);
            turn.events.insert(0, event);
        }
        let work = Work::new(now, self.counters);
        self.tell_partner(&work, before.lead.score, &mut turn)
            .await?;
        Ok(turn)
    }

    /// What was planned before, in whatever way it ended, is not said again.
    async fn once_only(&mut self, turn: &mut Turn) -> sqlx::Result<()> {
        let mut fresh = Vec::with_capacity(turn.outbox.len());
        for mut row in std::mem::take(&mut turn.outbox) {
            let intent = row.wish.as_ref().map_or("", |wish| wish.intent.as_str());
            if !intent.is_empty() && self.store.has_intent(row.lead_id, intent).await? {
                tracing::warn!(
                    lead.id = row.lead_id,
                    "\"{intent}\" was said before and is left out"
                );
                // Without its intent: the row only tells that it was left out.
                row.wish = None;
                turn.dropped.push((row, crate::policy::Reason::Said));
                continue;
            }
            fresh.push(row);
        }
        turn.outbox = fresh;
        let Some(case) = &mut turn.case else {
            return Ok(());
        };
        for wish in turn.outbox.iter().filter_map(|row| row.wish.as_ref()) {
            case.spoken.note(&wish.intent, turn.now);
        }
        Ok(())
    }
}
