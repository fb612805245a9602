//! Sequences: getting in, the step that is due, getting out. PURE.

use super::{FirstWord, Refusal, Turn};
use crate::funnel::coverage::Part;
use crate::funnel::effect::{Effect, Origin};
use crate::funnel::event::{TimerData, TimerName, Waiting};
use crate::funnel::model::{Reentry, Sequence, Signal, StepIx};
use crate::funnel::place::zone_of;
use crate::funnel::session::Enrollment;
use crate::lead::{Purpose, Zone};
use crate::sequence::{Verdict, judge};

/// A step that comes due in a pause is looked at again that much later, at its hour.
const PAUSE_MS: i64 = 20 * 3_600_000;

impl<'a> Turn<'a> {
    /// Gets the lead into a sequence, if they may.
    pub(super) fn enroll(&mut self, ix: usize, by: &str) {
        let sequence = &self.funnels.sequences[ix];
        let id = sequence.id.to_string();
        if let Some(why) = self.barred(sequence) {
            if !why.is_empty() {
                self.effects.push(Effect::NotEnrolled { sequence: id, why });
            }
            return;
        }
        let now = self.desk.now_ms;
        let before = self.session.enrollments.get(&id);
        let entry = before.map_or(0, |enrollment| enrollment.entry) + 1;
        let enrollment = Enrollment {
            entry,
            joined_ms: now,
            anchor_ms: now,
            ..Enrollment::default()
        };
        self.session.enrollments.insert(id.clone(), enrollment);
        self.enrolled.push(ix);
        self.effects.push(Effect::Enrolled {
            sequence: id,
            entry,
            by: by.to_owned(),
        });
        self.wait_for_next(ix, None);
    }

    /// Why the lead may not get in; empty when it goes without saying.
    fn barred(&mut self, sequence: &'a Sequence) -> Option<String> {
        let now = self.desk.now_ms;
        if let Some(before) = self.session.enrollments.get(&*sequence.id) {
            let since = match (sequence.reentry, before.ended_ms) {
                (Reentry::Never, None) | (Reentry::AfterEnd, None) => return Some(String::new()),
                (Reentry::Never, Some(_)) => return Some("второй раз не входят".into()),
                (Reentry::AfterEnd, Some(ended)) => ended,
                (Reentry::Always, _) => before.joined_ms,
            };
            if now.saturating_sub(since) < sequence.min_gap_ms {
                return Some("с прошлого раза прошло мало времени".into());
            }
        }
        if self.lead.opted_out {
            return Some("лид просил не писать".into());
        }
        if sequence.purpose == Purpose::Advertising && self.refuses_advertising() {
            return Some("лид отказался от рекламы".into());
        }
        if let Some(signal) = self.held_stop(sequence) {
            return Some(format!(
                "уже есть то, что её останавливает: {}",
                words(signal)
            ));
        }
        match &sequence.enter_when {
            Some(when) if !self.is_true(when) => Some("условие входа не выполнено".into()),
            _ => None,
        }
    }

    /// Takes the lead out.
    pub(super) fn leave_sequence(&mut self, ix: usize, why: &str) {
        let id = self.funnels.sequences[ix].id.to_string();
        self.end_enrollment(&id, why, true);
    }

    fn end_enrollment(&mut self, id: &str, why: &str, cancel: bool) {
        let now = self.desk.now_ms;
        let Some(enrollment) = self.session.enrollments.get_mut(id) else {
            return;
        };
        if !enrollment.is_inside() {
            return;
        }
        enrollment.ended_ms = Some(now);
        enrollment.passed = Vec::new();
        self.effects.push(Effect::Left {
            sequence: id.to_owned(),
            why: why.to_owned(),
        });
        if cancel {
            self.effects.push(Effect::Cancel {
                name: TimerName::Sequence(id.to_owned()),
            });
        }
    }

    /// Takes the lead out of every sequence, or out of those of one purpose.
    pub(super) fn leave_all(&mut self, purpose: Option<Purpose>, why: &str) {
        let inside: Vec<String> = self.inside();
        for id in inside {
            let of = self.funnels.sequence(&id).map(|(_, known)| known.purpose);
            if purpose.is_none() || of.is_none() || of == purpose {
                self.end_enrollment(&id, why, true);
            }
        }
    }

    fn inside(&self) -> Vec<String> {
        let all = self.session.enrollments.iter();
        all.filter(|(_, enrollment)| enrollment.is_inside())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// A step is due, or (`unsaid`) it was and the gate has refused it.
    pub(super) fn sequence_due(
        &mut self,
        id: &str,
        waiting: &Waiting,
        unsaid: Option<Refusal<'_>>,
    ) {
        let Some((ix, sequence)) = self.funnels.sequence(id) else {
            self.end_enrollment(id, "серии больше нет", false);
            return;
        };
        let entry = self.session.enrollments.get(id);
        if entry.is_none_or(|known| !known.is_inside() || known.entry != waiting.entry) {
            return self.ignore("the lead is no longer in the sequence");
        }
        if let Some(signal) = self.held_stop(sequence) {
            let why = format!("остановлена: {}", words(signal));
            return self.end_enrollment(id, &why, false);
        }
        let mut meant = waiting.planned_ms;
        if let Some(refusal) = unsaid
            && let Some(at) = self.next_step(ix)
        {
            if refusal.lasting {
                return self.end_enrollment(id, refusal.reason, false);
            }
            self.pass(ix, at, meant, Some(refusal.reason));
            if self.next_step(ix).is_none() {
                let why = format!("пройдена; последний шаг не сказан: {}", refusal.reason);
                return self.end_enrollment(id, &why, false);
            }
            meant = i64::MIN;
        }
        self.go_through(ix, sequence, waiting, (meant, unsaid.is_none()));
    }

    /// Says at most one step; passes over those that cannot be said; waits for the next. `asked`: the gate has let the
    /// first of them through; any other is asked about anew before it is said.
    fn go_through(
        &mut self,
        ix: usize,
        sequence: &'a Sequence,
        waiting: &Waiting,
        (meant, asked): (i64, bool),
    ) {
        let now = self.desk.now_ms;
        let mut asked = asked;
        let paused_until = if sequence.paused {
            i64::MAX
        } else {
            self.session.paused_until_ms
        };
        let mut meant = meant;
        while let Some(at) = self.next_step(ix) {
            let plan = &sequence.plans[at];
            let (_, zone) = zone_of(&self.lead.zone, self.desk.partner);
            let anchor = self.anchor(ix);
            let planned = plan.rule.due(anchor, &zone);
            let is_waited_for = *self.funnels.list[sequence.home].steps[at].id == *waiting.step;
            let planned = if is_waited_for {
                planned.max(meant)
            } else {
                planned
            };
            if planned > now {
                return self.wait_for(ix, at, planned, planned);
            }
            if paused_until > now {
                let again = match paused_until {
                    i64::MAX => now.saturating_add(PAUSE_MS),
                    until => until,
                };
                let again = plan.rule.next(again, &zone);
                return self.wait_for(ix, at, again, again);
            }
            match judge(
                plan.missed,
                plan.max_late_ms,
                &plan.rule,
                planned,
                now,
                &zone,
            ) {
                Verdict::Later(due) => return self.wait_for(ix, at, planned, due),
                Verdict::Skip => self.pass(ix, at, planned, Some("опоздал")),
                Verdict::Say if !asked => return self.wait_for(ix, at, planned, now),
                Verdict::Say => {
                    let said = self.say_step(ix, sequence, at, planned);
                    if said {
                        return self.wait_for_next(ix, Some(now));
                    }
                }
            }
            (meant, asked) = (i64::MIN, false);
        }
        self.end_enrollment(&sequence.id.clone(), "пройдена", false);
    }

    /// Whether the step was said; if not, it is behind the lead all the same.
    fn say_step(&mut self, ix: usize, sequence: &'a Sequence, at: StepIx, planned: i64) -> bool {
        let plan = &sequence.plans[at];
        if !plan.repeat && self.session.seen.contains(&*plan.content) {
            self.pass(ix, at, planned, Some("это лид уже видел"));
            return false;
        }
        if let Some(when) = &plan.when
            && !self.is_true(when)
        {
            self.mark_of((sequence.home, at), Part::Unless);
            self.pass(ix, at, planned, Some("условие не выполнено"));
            return false;
        }
        let step = &self.funnels.list[sequence.home].steps[at];
        let entry = self.session.enrollments[&*sequence.id].entry;
        let here = self.at.replace((sequence.home, at));
        let variant = self.choose_variant(step).map(|chosen| chosen.name.clone());
        self.first_word = Some(FirstWord {
            purpose: sequence.purpose,
            origin: Origin::Sequence {
                sequence: sequence.id.to_string(),
                step: step.id.to_string(),
                entry,
                variant,
            },
            intent: format!("seq:{}:{entry}:{}", sequence.id, step.id),
            stale_at_ms: planned.saturating_add(plan.max_late_ms),
            way_out: Some(sequence.id.to_string()),
            said: 0,
        });
        self.mark(Part::Step);
        self.apply_entry(step);
        self.show();
        self.first_word = None;
        self.at = here;
        self.session.seen.insert(plan.content.to_string());
        self.pass(ix, at, planned, None);
        true
    }

    /// The step is behind the lead, for `why` when it was not said.
    fn pass(&mut self, ix: usize, at: StepIx, planned: i64, why: Option<&str>) {
        let sequence = &self.funnels.sequences[ix];
        let step = self.funnels.list[sequence.home].steps[at].id.to_string();
        if let Some(enrollment) = self.session.enrollments.get_mut(&*sequence.id) {
            enrollment.passed.push(step.clone());
            enrollment.anchor_ms = planned;
        }
        if let Some(why) = why {
            self.effects.push(Effect::Passed {
                sequence: sequence.id.to_string(),
                step,
                why: why.to_owned(),
            });
        }
    }

    fn next_step(&self, ix: usize) -> Option<StepIx> {
        let sequence = &self.funnels.sequences[ix];
        let enrollment = self.session.enrollments.get(&*sequence.id)?;
        self.funnels.ahead(sequence, &enrollment.passed)
    }

    fn anchor(&self, ix: usize) -> i64 {
        let id = &*self.funnels.sequences[ix].id;
        self.session
            .enrollments
            .get(id)
            .map_or(self.desk.now_ms, |enrollment| enrollment.anchor_ms)
    }

    /// Waits for the step ahead, or ends. `said`: a step was said just now, so the next one does not follow at once.
    fn wait_for_next(&mut self, ix: usize, said: Option<i64>) {
        let sequence = &self.funnels.sequences[ix];
        let Some(at) = self.next_step(ix) else {
            return self.end_enrollment(&sequence.id, "пройдена", false);
        };
        let (_, zone) = zone_of(&self.lead.zone, self.desk.partner);
        let rule = &sequence.plans[at].rule;
        let mut planned = rule.due(self.anchor(ix), &zone);
        if let Some(now) = said
            && planned <= now
        {
            planned = rule.due(now, &zone);
            if let Some(enrollment) = self.session.enrollments.get_mut(&*sequence.id) {
                enrollment.anchor_ms = now;
            }
        }
        self.wait_for(ix, at, planned, planned);
    }

    fn wait_for(&mut self, ix: usize, at: StepIx, planned_ms: i64, at_ms: i64) {
        let sequence = &self.funnels.sequences[ix];
        let Some(enrollment) = self.session.enrollments.get(&*sequence.id) else {
            return;
        };
        let (zone, _) = zone_of(&self.lead.zone, self.desk.partner);
        let data = TimerData::Sequence(Waiting {
            step: self.funnels.list[sequence.home].steps[at].id.to_string(),
            entry: enrollment.entry,
            passed: enrollment.passed.clone(),
            anchor_ms: enrollment.anchor_ms,
            planned_ms,
            zone: zone.to_owned(),
        });
        self.effects.push(Effect::Schedule {
            name: TimerName::Sequence(sequence.id.to_string()),
            at_ms,
            data,
        });
    }

    /// Keeps every place until then; when the pause is over, what came due in it goes on at its next fit time.
    pub(super) fn pause(&mut self, until_ms: i64) {
        let now = self.desk.now_ms;
        self.session.paused_until_ms = until_ms;
        if until_ms > now {
            return;
        }
        for id in self.inside() {
            let Some((ix, sequence)) = self.funnels.sequence(&id) else {
                continue;
            };
            let Some(at) = self.next_step(ix) else {
                continue;
            };
            let (_, zone) = zone_of(&self.lead.zone, self.desk.partner);
            let rule = &sequence.plans[at].rule;
            let planned = rule.due(self.anchor(ix), &zone);
            let again = if planned > now {
                planned
            } else {
                rule.next(now, &zone)
            };
            self.wait_for(ix, at, again, again);
        }
    }

    pub(super) fn move_zone(&mut self, zone: Zone) {
        self.lead_mut().zone = zone.clone();
        self.scope = None;
        self.effects.push(Effect::Zone(zone));
    }

    /// The lead's clock stands elsewhere: the same hour is another instant.
    pub(super) fn replan_all(&mut self) {
        for id in self.inside() {
            if let Some((ix, _)) = self.funnels.sequence(&id) {
                self.wait_for_next(ix, None);
            }
        }
    }

    /// Something that lasts (a contact, a tag) and takes leads out of this sequence.
    fn held_stop(&self, sequence: &'a Sequence) -> Option<&'a Signal> {
        sequence.stop_on.iter().find(|signal| match signal {
            Signal::Contact => self.lead.phone.is_some() || self.lead.email.is_some(),
            Signal::Phone => self.lead.phone.is_some(),
            Signal::Email => self.lead.email.is_some(),
            Signal::Tag(tag) => self.lead.tags.contains(tag),
            Signal::Came
            | Signal::Reply
            | Signal::Human
            | Signal::Unsubscribed
            | Signal::Entered(_)
            | Signal::Ended(_)
            | Signal::Link(_) => false,
        })
    }
}

/// The signal as the file writes it.
pub(super) fn words(signal: &Signal) -> String {
    match signal {
        Signal::Came => "came".into(),
        Signal::Contact => "contact".into(),
        Signal::Phone => "phone".into(),
        Signal::Email => "email".into(),
        Signal::Reply => "reply".into(),
        Signal::Human => "human".into(),
        Signal::Unsubscribed => "unsubscribed".into(),
        Signal::Tag(tag) => format!("tag {tag}"),
        Signal::Entered(funnel) => format!("entered {funnel}"),
        Signal::Ended(funnel) => format!("ended {funnel}"),
        Signal::Link(link) => format!("link {link}"),
    }
}
