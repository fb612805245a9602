//! After a turn: what happened in it lets the lead into sequences and out of others. PURE.

use super::Turn;
use super::sequence::words;
use crate::funnel::effect::Effect;
use crate::funnel::model::Signal;
use crate::lead::{ContactKind, Handoff, Matter, Purpose};

impl Turn<'_> {
    /// First out, then in: what lets a lead into one sequence may take them out of another.
    pub(super) fn heed_signals(&mut self) {
        if self.funnels.sequences.is_empty() {
            return;
        }
        if self
            .effects
            .iter()
            .any(|effect| matches!(effect, Effect::Zone(_)))
        {
            self.replan_all();
        }
        for purpose in self.refused() {
            self.leave_all(Some(purpose), "лид отказался");
        }
        for ix in 0..self.funnels.sequences.len() {
            let sequence = &self.funnels.sequences[ix];
            let inside = self.session.enrollments.get(&*sequence.id);
            let inside = inside.is_some_and(|enrollment| enrollment.is_inside());
            if !inside || self.enrolled.contains(&ix) {
                continue;
            }
            if let Some(signal) = sequence.stop_on.iter().find(|signal| self.heard(signal)) {
                let why = format!("остановлена: {}", words(signal));
                self.leave_sequence(ix, &why);
            }
        }
        for ix in 0..self.funnels.sequences.len() {
            let sequence = &self.funnels.sequences[ix];
            if let Some(signal) = sequence.enter.iter().find(|signal| self.heard(signal)) {
                self.enroll(ix, &words(signal));
            }
        }
    }

    /// Purposes refused in this turn, wherever that was said.
    fn refused(&self) -> Vec<Purpose> {
        let said = self.effects.iter().filter_map(|effect| match effect {
            Effect::Consent {
                matter: Matter::Messages(purpose),
                yes: false,
                ..
            } => Some(*purpose),
            _ => None,
        });
        said.collect()
    }

    /// Whether the turn brought it about.
    fn heard(&self, signal: &Signal) -> bool {
        if *signal == Signal::Reply {
            return self.replied;
        }
        if *signal == Signal::Came {
            return self.came;
        }
        self.effects.iter().any(|effect| match (signal, effect) {
            (Signal::Contact, Effect::Contact(_)) => true,
            (Signal::Phone, Effect::Contact(contact)) => contact.kind == ContactKind::Phone,
            (Signal::Email, Effect::Contact(contact)) => contact.kind == ContactKind::Email,
            (Signal::Human, Effect::Handoff(handoff)) => *handoff != Handoff::Bot,
            (Signal::Unsubscribed, Effect::OptOut(out)) => *out,
            (Signal::Tag(wanted), Effect::Tag { tag, on }) => *on && tag == wanted,
            (Signal::Entered(wanted), Effect::Entered { funnel, .. }) => funnel == wanted,
            (Signal::Ended(wanted), Effect::Ended { funnel }) => funnel == wanted,
            (Signal::Link(wanted), Effect::LinkOpened { name, .. }) => name == wanted,
            _ => false,
        })
    }
}
