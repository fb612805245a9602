//! When nobody has written for a while: what a burst has piled up is given back.

use std::time::Duration;

use super::desk::Desk;
use crate::memory;
use crate::quick::QuickMap;

/// How long nothing has come in.
pub(super) const QUIET: Duration = Duration::from_secs(2);

impl Desk {
    /// Everything let go here is made again when it is needed.
    pub(super) async fn rest(&mut self) {
        self.cases = QuickMap::default();
        self.funnels.cool();
        self.app.client.rest();
        if let Err(error) = self.store.rest().await {
            tracing::debug!(partner.id = %self.app.partner().id, "the store kept its memory: {error}");
        }
        memory::give_back();
    }
}
