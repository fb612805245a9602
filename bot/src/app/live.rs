//! What of the configuration a running bot takes over without a restart: everything but the way to Telegram. PURE.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::config::{self, Config, ContactPolicy, FunnelFiles, Hot, Retention};
use crate::manners::Manners;
use crate::panel;
use crate::partner::Partner;
use crate::policy::flood::FloodLimit;
use crate::telegram::pace::Limits;

#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    pub partner: Partner,
    pub telegram_ids: Vec<i64>,
    pub timezone: TimeZone,
    pub hot: Hot,
    pub retention: Retention,
    /// As the config says; what the partner changed goes before it.
    pub manners: Manners,
    pub limits: Limits,
    pub contact: ContactPolicy,
    pub flood: Option<FloodLimit>,
    pub funnel_files: FunnelFiles,
    /// The same for people, without secrets.
    pub shown: Value,
}

impl Live {
    pub fn of(config: &Config, bot_username: &str) -> Live {
        Live {
            partner: Partner {
                bot_username: bot_username.to_owned(),
                ..config.partner.clone()
            },
            telegram_ids: config.team.telegram_ids.clone(),
            timezone: panel::local::zone(&config.partner.timezone),
            hot: config.hot,
            retention: config.retention,
            manners: config.manners,
            limits: limits(config),
            contact: config.contact.clone(),
            flood: flood(config),
            funnel_files: config.funnels.clone(),
            shown: config::shown(config),
        }
    }

    /// The language the partner reads: the first of theirs.
    pub fn language(&self) -> &str {
        self.partner.languages.first().map_or("ru", String::as_str)
    }
}

fn limits(config: &Config) -> Limits {
    let off = config.limits.messages_per_second == 0;
    Limits {
        chat_per_second: config.limits.chat_messages_per_second,
        bulk_per_second: f64::from(config.limits.messages_per_second.max(1)),
        off,
        ..Limits::default()
    }
}

fn flood(config: &Config) -> Option<FloodLimit> {
    (config.limits.inputs_at_once > 0).then(|| FloodLimit {
        burst: f64::from(config.limits.inputs_at_once),
        per_second: config.limits.inputs_per_second,
    })
}
