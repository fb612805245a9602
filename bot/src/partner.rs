//! What the pure core may know of the partner whose bot this is. PURE.

use std::collections::BTreeMap;

/// Consents asked for by the bot itself, each with a text of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AskConsent {
    /// To keep a contact, before a funnel asks for one.
    pub contact: bool,
    /// To useful letters and offers, after a contact.
    pub advertising: bool,
}

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
    /// Which consents the bot asks for by itself.
    pub consent: AskConsent,
    /// Replaces built-in phrases: name, then language.
    pub texts: BTreeMap<String, BTreeMap<String, String>>,
}
