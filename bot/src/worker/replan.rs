//! Files, zones or the calendar changed: everybody who waits is planned anew, a page a round, so that nobody who
//! talks waits for it.

use super::desk::Desk;
use super::round::Work;
use crate::funnel::event::TimerData;
use crate::lead::LeadId;
use crate::store::TimerRow;

const PAGE: usize = 500;

/// How far a re-planning has come: after the timer of this lead and name.
pub type Progress = (LeadId, String);

impl Desk {
    /// Begins anew; until it is through, nothing of a sequence is said.
    pub(super) fn replan_all(&mut self) {
        self.app.status.planning(true);
        self.replanning = Some(Progress::default());
    }

    /// Plans the next page. The steps follow from the files as they are now; what the gate holds stays held.
    pub(super) async fn replan_page(&mut self, work: &mut Work) -> sqlx::Result<()> {
        let Some(after) = &self.replanning else {
            return Ok(());
        };
        let page = self.store.waiting(after, PAGE).await?;
        let next = page
            .last()
            .map(|last| (last.lead_id, last.name.to_string()));
        for timer in page {
            if work.has_timer_op(timer.lead_id, &timer.name) {
                continue;
            }
            self.replan(work, &timer);
        }
        work.replanned = Some(next);
        Ok(())
    }

    fn replan(&mut self, work: &mut Work, timer: &TimerRow) {
        let TimerData::Sequence(waiting) = &timer.data else {
            return;
        };
        let zone = waiting.zone.as_str();
        let planned = self
            .funnels
            .replan(&timer.name, &timer.data, zone, work.now);
        let Some((due_at, data)) = planned else {
            // Its turn ends the lead's place in a sequence that is gone, and says so in their story.
            if timer.due_at > work.now {
                work.hold(TimerRow {
                    due_at: work.now,
                    held: String::new(),
                    ..timer.clone()
                });
            }
            return;
        };
        if data != timer.data {
            work.hold(TimerRow {
                due_at,
                data,
                held: String::new(),
                ..timer.clone()
            });
        }
    }
}
