//! From funnel to funnel: triggers, jumps, calls and the way home. PURE.

use compact_str::CompactString;

use super::Turn;
use crate::funnel::effect::Effect;
use crate::funnel::model::{FunnelIx, StepIx, Target};
use crate::funnel::session::{Frame, Place, Return};

const MOST_FRAMES: usize = 8;

impl Turn<'_> {
    /// Begins a funnel from a trigger; with `come_back` the lead returns here when it ends.
    pub(super) fn begin(&mut self, funnel: FunnelIx, by: CompactString, come_back: bool) {
        let home = self.at.filter(|(current, _)| *current != funnel);
        if !come_back {
            self.session.stack.clear();
        } else if home.is_some() {
            self.push_frame(Return::Show);
        }
        self.session.trail.clear();
        let target = &self.funnels.list[funnel];
        self.effects.push(Effect::Entered {
            funnel: target.id.as_ref().into(),
            by,
        });
        let next = self.arrive(funnel, target.first);
        self.walk(next);
    }

    /// A jump into a funnel that waits for a return takes its return address with it.
    pub(super) fn jump(&mut self, funnel: FunnelIx) {
        self.session.trail.clear();
        let id = &self.funnels.list[funnel].id;
        if let Some(at) = self
            .session
            .stack
            .iter()
            .position(|frame| *frame.funnel == **id)
        {
            self.session.stack.truncate(at);
        }
        if self.at.is_none_or(|(current, _)| current != funnel) {
            self.effects.push(Effect::Entered {
                funnel: id.as_ref().into(),
                by: "step".into(),
            });
        }
    }

    pub(super) fn call(&mut self, called: FunnelIx) -> Option<Target> {
        self.push_frame(Return::Next);
        self.session.trail.clear();
        let funnel = &self.funnels.list[called];
        self.effects.push(Effect::Entered {
            funnel: funnel.id.as_ref().into(),
            by: "call".into(),
        });
        self.arrive(called, funnel.first)
    }

    fn push_frame(&mut self, then: Return) {
        let Some(place) = self.session.place.clone() else {
            return;
        };
        if self.session.stack.len() == MOST_FRAMES {
            self.session.stack.remove(0);
        }
        let trail = std::mem::take(&mut self.session.trail);
        self.session.stack.push(Frame {
            funnel: place.funnel,
            step: place.step,
            then,
            trail,
        });
    }

    pub(super) fn end(&mut self) -> Option<Target> {
        if let Some(funnel) = self.funnel() {
            self.effects.push(Effect::Ended {
                funnel: funnel.id.as_ref().into(),
            });
        }
        self.leave();
        self.session.trail.clear();
        while let Some(frame) = self.session.stack.pop() {
            let Some(&funnel) = self.funnels.by_id.get(&*frame.funnel) else {
                continue;
            };
            let Some(at) = self.funnels.list[funnel].find(&frame.step) else {
                continue;
            };
            return self.come_back((funnel, at), frame);
        }
        self.at = None;
        self.session.place = None;
        None
    }

    fn come_back(&mut self, at: (FunnelIx, StepIx), frame: Frame) -> Option<Target> {
        let step = self.step_at(at);
        self.at = Some(at);
        self.session.visit = self.session.visit.wrapping_add(1);
        self.session.place = Some(Place {
            funnel: frame.funnel,
            step: step.id.as_ref().into(),
        });
        self.session.trail = frame.trail;
        match frame.then {
            Return::Next => self.next_of(step),
            Return::Show => {
                self.show();
                if self.awaits(step) {
                    None
                } else {
                    self.next_of(step)
                }
            }
        }
    }
}
