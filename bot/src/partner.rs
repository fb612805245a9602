//! What the pure core may know of the partner whose bot this is. PURE.

use std::collections::BTreeMap;

/// Facts from `config.yaml` and `.env` that texts and funnels use; no secrets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Partner {
    /// `[a-z0-9-]{1,32}`
    pub id: String,
    pub display_name: String,
    /// Without `@`; empty until getMe answered.
    pub bot_username: String,
    /// First is the fallback.
    pub languages: Vec<String>,
    /// IANA name, for example `Asia/Almaty`.
    pub timezone: String,
    /// `links.shop`, `links.registration`, and whatever the partner adds.
    pub links: BTreeMap<String, String>,
    /// The funnel of a bare /start.
    pub default_funnel: String,
    /// Regions in which a phone without a country code is read, in order.
    pub phone_regions: Vec<String>,
    /// Replaces built-in phrases: name, then language.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
}
