//! What messages are for. PURE.

use serde::{Deserialize, Serialize};

/// What a message in which the bot speaks first is for; consent and refusal are kept for each.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Belongs to what the lead began or asked for.
    Service,
    /// Everything else; always carries a way out.
    #[default]
    Advertising,
}
