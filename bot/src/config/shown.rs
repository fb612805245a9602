//! A configuration as it is in effect, defaults filled in, secrets left out. PURE.

use serde_json::{Value, json};

use super::Config;

/// What `partnerctl config show` prints and a running bot answers to `/config`.
pub fn shown(config: &Config) -> Value {
    let partner = &config.partner;
    json!({
        "display_name": partner.display_name,
        "languages": partner.languages,
        "timezone": partner.timezone,
        "links": partner.links,
        "default_funnel": partner.default_funnel,
        "funnels": config.funnels.only,
        "phone_regions": partner.phone_regions,
        "texts": partner.texts,
        "partner": { "telegram_ids": config.team.telegram_ids },
        "hot": { "score": config.hot.score, "cooldown_ms": config.hot.cooldown_ms },
        "limits": {
            "inputs_at_once": config.limits.inputs_at_once,
            "inputs_per_second": config.limits.inputs_per_second,
            "messages_per_second": config.limits.messages_per_second,
        },
        "telegram": {
            "bot_id": config.telegram.bot_id,
            "api_url": config.telegram.api_url,
            "proxy": config.telegram.proxy.as_ref().map(|_| "set"),
        },
    })
}
