//! Forgetting, as the desk does it: the list of the erased first, then the rows, then the pieces in the files.

use super::desk::Desk;
use super::round::Work;
use super::turn::{Turn, forgotten};
use crate::lead::LeadId;
use crate::store::{Forgotten, remember_erased};

/// Where exports of leads may lie, below the data directory.
const EXPORTS: &str = "exports";

impl Desk {
    /// Forgets a lead on somebody else's word; the partner's cards lose what they told.
    pub(super) async fn erase(
        &mut self,
        work: &mut Work,
        lead: LeadId,
        by: String,
    ) -> sqlx::Result<()> {
        let Some(case) = self.case_of(work, lead).await? else {
            return Ok(());
        };
        let mut turn = Turn {
            forget: Some(forgotten(&case, by, work.now)),
            ..Turn::default()
        };
        if let Err(error) = self.erase_cards(work, case.lead.id, &mut turn).await {
            tracing::warn!(lead.id = lead, "cards of a forgotten lead stay: {error:#}");
        }
        work.merge(turn);
        Ok(())
    }

    /// Leads nobody heard of for longer than the config keeps them; a few at a time.
    pub(super) async fn forget_outlived(&mut self, work: &mut Work) -> sqlx::Result<()> {
        let keep = self.live.retention;
        let (talk, contact) = (work.now - keep.talk_ms, work.now - keep.contact_ms);
        let old = self.store.outlived(talk, contact).await?;
        for lead in old {
            self.erase(work, lead, "retention".to_owned()).await?;
        }
        Ok(())
    }

    /// Before the rows go it is durable that they must: a crash in between forgets them at the next start.
    pub(super) async fn mark_erased(&mut self, work: &mut Work) -> sqlx::Result<()> {
        let mut fresh: Vec<Forgotten> = Vec::new();
        for who in &mut work.batch.forgotten {
            who.mark = self.store.mark(who.chat_id).await?;
            if self.listed.insert(who.mark.clone()) {
                fresh.push(who.clone());
            }
        }
        let listed = remember_erased(&self.app.data_dir, &fresh);
        listed.map_err(|error| {
            for who in &fresh {
                self.listed.remove(&who.mark);
            }
            sqlx::Error::Io(error)
        })
    }

    /// After the commit: the log of the database and the exports lose what the rows told.
    pub(super) async fn erase_pieces(&mut self, people: &[Forgotten]) {
        self.to_scrub = true;
        for who in people {
            self.listed.remove(&who.mark);
            let exported = self.app.data_dir.join(EXPORTS);
            let _ = std::fs::remove_file(exported.join(format!("lead-{}.json", who.lead)));
        }
        if let Err(error) = self.store.checkpoint().await {
            tracing::warn!("the database's log is folded in later: {error}");
        }
    }

    /// Housekeeping: old words go, and the file is written anew if somebody was forgotten since the last time.
    pub(super) async fn scrub_when_due(&mut self) -> sqlx::Result<()> {
        let before = self.app.clock.now_ms() - self.live.retention.messages_ms;
        while self.store.blank_messages(before).await? > 0 {
            self.to_scrub = true;
        }
        if std::mem::take(&mut self.to_scrub) {
            self.store.scrub().await?;
        }
        Ok(())
    }

    pub(super) async fn export(&mut self, lead: LeadId) -> sqlx::Result<String> {
        let retention = self.live.retention;
        Ok(self.store.export(lead, &retention).await?.to_string())
    }

    /// The operator is told when the bytes are gone, not before.
    pub(super) async fn prove_erased(&mut self, lead: LeadId) -> sqlx::Result<String> {
        if std::mem::take(&mut self.to_scrub) {
            self.store.scrub().await?;
        }
        Ok(self.store.proof(lead).await?.to_string())
    }
}
