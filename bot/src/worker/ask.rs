//! Questions from outside the desk, answered between rounds.

use serde_json::json;

use super::desk::Desk;
use super::round::Work;
use crate::control::Question;
use crate::panel::local;
use crate::panel::parse::Period;
use crate::policy::Reason;
use crate::store::{FIRST_LANES, lane_of};
use crate::{invite, story};

/// A handled update's id is of no use after two days: Telegram keeps an update for one.
const INBOX_MS: i64 = 2 * 24 * 3_600_000;

impl Desk {
    /// What a question writes, as part of the round.
    pub(super) async fn prepare(
        &mut self,
        work: &mut Work,
        question: &Question,
    ) -> sqlx::Result<()> {
        match question {
            Question::SetFact { name, value } => work.batch.facts.push((name, value.clone())),
            Question::Pause(paused) => {
                work.batch
                    .facts
                    .push(("paused", if *paused { "1" } else { "0" }.to_owned()));
            }
            Question::Erase { lead, by } => {
                self.erase(work, *lead, format!("operator {by}")).await?
            }
            Question::Hush { lead, hushed, by } => self.hush(work, *lead, *hushed, by).await?,
            Question::Tidy => self.forget_outlived(work).await?,
            _ => {}
        }
        Ok(())
    }

    pub(super) async fn answer(&mut self, question: Question) -> sqlx::Result<String> {
        match question {
            Question::Counts => {
                let (pending, dead) = self.store.inbox_counts().await?;
                let (due, unknown) = self.store.outbox_counts().await?;
                Ok(json!({ "inbox_pending": pending, "inbox_dead": dead, "outbox_due": due, "unknown": unknown }).to_string())
            }
            Question::Figures => {
                let now = self.app.clock.now_ms();
                let today = local::window(Period::Today, now, &self.live.timezone).from;
                let figures = self.store.figures(now, today, self.live.hot.score).await?;
                let mut told = json!(figures);
                told["next_digest_at"] = json!(self.digest_at);
                Ok(told.to_string())
            }
            Question::Trail { after, limit } => {
                let items = self.store.recent(after, limit).await?;
                // Overlaps a little, because what is under way still changes its state.
                let next = items
                    .iter()
                    .map(|item| item.at)
                    .max()
                    .map_or(after, |at| at - 15_000)
                    .max(after);
                let items: Vec<_> = items.iter().map(story::tell).collect();
                Ok(json!({ "items": items, "next": next }).to_string())
            }
            Question::Why { lead } => self.why(lead).await,
            Question::Invite => Ok(self.invite()),
            Question::Export { lead } => self.export(lead).await,
            Question::Erase { lead, .. } => self.prove_erased(lead).await,
            Question::Fact { name } => Ok(self.store.fact(name).await?.unwrap_or_default()),
            Question::SetFact { .. } => Ok(String::new()),
            Question::Pause(paused) => {
                self.set_paused(paused);
                Ok(json!({ "paused": paused }).to_string())
            }
            Question::Hush { lead, .. } => Ok(match self.store.case(lead).await? {
                Some(case) => {
                    let now = self.app.clock.now_ms();
                    json!({ "lead": lead, "paused": case.session.paused_until_ms > now })
                        .to_string()
                }
                None => no_lead(lead),
            }),
            Question::Tidy => {
                let gone = self
                    .store
                    .prune_inbox(self.app.clock.now_ms() - INBOX_MS)
                    .await?;
                super::digest::drop_old_pictures(&self.app.data_dir);
                self.scrub_when_due().await?;
                tracing::debug!(partner.id = %self.app.partner().id, "housekeeping removed {gone} old inbox rows");
                Ok(String::new())
            }
        }
    }

    async fn why(&mut self, lead: i64) -> sqlx::Result<String> {
        let Some(case) = self.store.case(lead).await? else {
            return Ok(no_lead(lead));
        };
        let items = self.store.story(lead, 500).await?;
        let mut waits = self.store.timers_of(lead).await?;
        let hushed = case.session.paused_until_ms > self.app.clock.now_ms();
        if self.paused || self.live.contact.suspended || hushed {
            let why = if self.live.contact.suspended {
                Reason::Suspended
            } else if self.paused {
                Reason::Paused
            } else {
                Reason::Hushed
            };
            for timer in waits
                .iter_mut()
                .filter(|timer| FIRST_LANES.contains(&lane_of(&timer.name)))
            {
                timer.held = why.words().to_owned();
            }
        }
        Ok(story::whole(&case, &items, &waits).to_string())
    }

    fn invite(&self) -> String {
        let mut nonce = [0_u8; 6];
        if let Err(error) = getrandom::fill(&mut nonce) {
            return json!({ "error": format!("no random numbers: {error}") }).to_string();
        }
        let token = invite::issue(self.app.invite_key(), nonce, self.app.clock.now_ms());
        let link = format!(
            "https://t.me/{}?start={}{token}",
            self.app.partner().bot_username,
            crate::inbound::INVITE_PREFIX
        );
        json!({ "link": link, "valid_days": invite::VALID_MS / 86_400_000 }).to_string()
    }
}

fn no_lead(lead: i64) -> String {
    json!({ "error": format!("no lead #{lead}; the numbers are on the cards and in /hot_leads") })
        .to_string()
}
