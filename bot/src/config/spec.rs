//! `config.yaml` as it is written. `partners/config.schema.json` is generated from these structs.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::contact::ContactPolicySpec;
use crate::funnel::spec::{OneOrMany, Text};

/// One partner's bot. Secrets (BOT_TOKEN and the like) belong to `.env` beside this file.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigSpec {
    /// How leads see the partner: `{{ partner.display_name }}`. Default: BOT_DISPLAY_NAME of `.env`.
    pub display_name: Option<String>,
    /// Languages of the bot, the first is the fallback: `ru`, or `[ru, kk, en]`. Default: `ru`.
    pub languages: Option<OneOrMany>,
    /// The partner's time zone by its IANA name. Default: `Europe/Moscow`.
    pub timezone: Option<String>,
    /// Links that texts and buttons use by name: `shop`, `registration`, and any of your own.
    pub links: BTreeMap<String, String>,
    /// The funnel of a /start without a payload. Default: the first of `funnels`.
    pub default_funnel: Option<String>,
    /// Names of the funnels in use. Default: all that are found.
    pub funnels: Option<Vec<String>>,
    /// The people who receive the leads.
    pub partner: PartnerSpec,
    /// When a lead counts as hot.
    pub hot: HotSpec,
    /// Countries in which phones without a country code are read, in order. Default: `[RU, KZ]`.
    pub phone_regions: Option<Vec<String>>,
    /// Which consents the bot asks for by itself.
    pub consent: ConsentSpec,
    /// What /privacy answers: a text, or the https address of your privacy policy.
    pub privacy: Option<Text>,
    /// Replaces built-in phrases by their names.
    pub texts: BTreeMap<String, Text>,
    /// Words to choose partners by: `partnerctl status --tag city=almaty`. The bot itself does not look at them.
    pub tags: BTreeMap<String, String>,
    /// When and how often the bot may speak first.
    pub contact_policy: ContactPolicySpec,
    /// How long personal data is kept.
    pub retention: RetentionSpec,
    /// Protection against floods.
    pub limits: LimitsSpec,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PartnerSpec {
    /// Telegram ids of the partner's people. More can join by `partnerctl invite`.
    pub telegram_ids: Vec<i64>,
    /// The full hour of the daily digest by the partner's clock, for example `09:00`, or `off`. Default: `09:00`.
    pub digest: Option<String>,
    /// Whether a picture of the week comes on Mondays. Default: true.
    pub weekly: Option<bool>,
    /// Full hours in which the partner's phone makes no sound, for example `22:00-08:00`, or `off`. Default: `22:00-08:00`.
    pub quiet_hours: Option<String>,
    /// Which cards come by themselves: `all`, `important` (contacts, calls for a person, hot leads) or `digest` (none). Default: `all`.
    pub notify: Option<NotifySpec>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NotifySpec {
    All,
    Important,
    Digest,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionSpec {
    /// Leads who left no contact, counted from their last word. Default: `365d`.
    pub talk: Option<String>,
    /// Leads who left a contact. Default: `1095d`.
    pub contact: Option<String>,
    /// The words of messages, counted from the sending; that they were sent stays. Default: `180d`.
    pub messages: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsentSpec {
    /// Before a phone or an e-mail is asked for: may it be kept? Default: true.
    pub contact: Option<bool>,
    /// After a contact was left: may useful letters and offers be sent? Default: true.
    pub advertising: Option<bool>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HotSpec {
    /// The score from which a lead is hot. Default: 50.
    pub score: Option<i32>,
    /// How long the partner is not told again of the same hot lead, for example `24h`. Default: `24h`.
    pub cooldown: Option<String>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSpec {
    /// Messages and presses one lead may send at once before being asked to slow down. 0: no limit. Default: 30.
    pub inputs_at_once: Option<u32>,
    /// How many per second after that. Default: 2.
    pub inputs_per_second: Option<f64>,
    /// Messages the bot sends per second over all chats; 0, no limits at all, is for a Telegram on this machine only. Default: 25.
    pub messages_per_second: Option<u32>,
    /// To one person, after a burst of eight. Telegram asks for about one. Default: 1.
    pub chat_messages_per_second: Option<f64>,
}
