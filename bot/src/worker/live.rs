//! Another configuration between two rounds: the desk is the only one to replace it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::SenderInput;
use super::desk::Desk;
use crate::app::Live;
use crate::policy::flood::Flood;
use crate::store::Store;

impl Desk {
    /// What follows from the configuration follows the new one.
    pub(super) async fn take_over(&mut self, live: Arc<Live>) -> sqlx::Result<()> {
        if *live == *self.live {
            return Ok(());
        }
        self.team = team_of(&live, &mut self.store).await?;
        if live.flood != self.live.flood {
            self.flood = Flood::new(live.flood);
        }
        if live.limits != self.live.limits {
            self.send(SenderInput::Limits(live.limits));
        }
        self.live = live.clone();
        self.app.go_live(live);
        self.reckon_digest(self.app.clock.now_ms()).await;
        Ok(())
    }
}

/// The partner's people: of the config and by signed link.
pub(super) async fn team_of(live: &Live, store: &mut Store) -> sqlx::Result<BTreeSet<i64>> {
    let bound = store.team().await?.into_iter().map(|member| member.user_id);
    Ok(live.telegram_ids.iter().copied().chain(bound).collect())
}
