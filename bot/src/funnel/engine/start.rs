//! `/start`, with and without a payload. PURE.

use compact_str::format_compact;

use super::Turn;
use crate::funnel::effect::Effect;
use crate::funnel::model::FunnelIx;
use crate::lead::Touch;
use crate::phrases::Phrase;

impl Turn<'_> {
    pub(super) fn start(&mut self, payload: Option<&str>) {
        self.opt_in();
        let payload = payload.map(str::trim).filter(|payload| !payload.is_empty());
        if let Some(payload) = payload {
            self.touch(payload);
            if let Some(funnel) = self.started_by(payload) {
                self.lost = None;
                return self.begin(funnel, format_compact!("start:{payload}"), false);
            }
        }
        if self.recover() {
            return;
        }
        if self.at.is_none() {
            return self.begin_default(payload);
        }
        if self.is_at_the_beginning() {
            return self.show_again();
        }
        let over = self.own_button(Phrase::StartOver, "start", "over");
        self.say_phrase_under(Phrase::WelcomeBack, vec![vec![over]]);
        self.show_again();
    }

    pub(super) fn begin_default(&mut self, payload: Option<&str>) {
        self.lost = None;
        let by = payload.map_or_else(
            || "start".into(),
            |payload| format_compact!("start:{payload}"),
        );
        self.begin(self.funnels.default_funnel, by, false);
    }

    fn started_by(&self, payload: &str) -> Option<FunnelIx> {
        let starts = &self.funnels.starts;
        let short = payload.split('-').next().unwrap_or_default();
        starts.get(payload).or_else(|| starts.get(short)).copied()
    }

    /// The first source stays, the last one follows; links of unknown funnels are sources too.
    fn touch(&mut self, payload: &str) {
        let (start, campaign) = match payload.split_once('-') {
            Some((start, campaign)) => (start, Some(campaign.to_owned())),
            None => (payload, None),
        };
        let touch = Touch {
            start: start.to_owned(),
            campaign,
            at: self.desk.now_ms,
        };
        let lead = self.lead_mut();
        lead.first_touch.get_or_insert_with(|| touch.clone());
        lead.last_touch = Some(touch);
        self.scope = None;
    }

    fn is_at_the_beginning(&self) -> bool {
        let first = self.funnels.default_funnel;
        self.at == Some((first, self.funnels.list[first].first)) && self.session.trail.is_empty()
    }

    pub(super) fn opt_in(&mut self) {
        if self.lead.opted_out {
            self.lead_mut().opted_out = false;
            self.effects.push(Effect::OptOut(false));
            self.say_phrase(Phrase::Resumed);
        }
    }
}
