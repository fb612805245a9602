//! The texts of a new partner's files. PURE.

use super::wish::Wish;

/// `config.yaml`; `funnels` are the names of the shared ones.
pub fn config(wish: &Wish, funnels: &[String]) -> String {
    let mut lines = vec![
        "# yaml-language-server: $schema=../config.schema.json".to_owned(),
        "# What may stand here: partnerctl config schema. After a change: partnerctl check"
            .to_owned(),
        format!("display_name: {}", quoted(&wish.name)),
        "languages: [ru]".to_owned(),
        format!("timezone: {}", wish.timezone),
    ];
    let default = wish.funnel.as_ref().or(funnels.first());
    lines.extend(default.map(|name| format!("default_funnel: {}", quoted(name))));
    let ids: Vec<String> = wish.telegram_ids.iter().map(ToString::to_string).collect();
    lines.push(
        "\n# The people who receive the leads; more can join by `partnerctl invite`.".to_owned(),
    );
    lines.push(format!("partner: {{ telegram_ids: [{}] }}", ids.join(", ")));
    lines.push(
        "\n# A lead is hot from this score on; the same lead is told of once per cooldown."
            .to_owned(),
    );
    lines.push("hot: { score: 50, cooldown: 24h }".to_owned());
    let links = [("shop", &wish.shop), ("registration", &wish.registration)];
    let links: Vec<String> = links
        .into_iter()
        .filter_map(|(name, url)| Some(format!("  {name}: {}", quoted(url.as_ref()?))))
        .collect();
    if !links.is_empty() {
        lines.push(format!("\nlinks:\n{}", links.join("\n")));
    }
    if !wish.tags.is_empty() {
        let tags = wish
            .tags
            .iter()
            .map(|(key, value)| format!("{}: {}", quoted(key), quoted(value)));
        let tags: Vec<String> = tags.collect();
        lines.push(format!(
            "\n# For the operator: partnerctl status --tag city=almaty\ntags: {{ {} }}",
            tags.join(", ")
        ));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// `.env`: the secrets.
pub fn env(wish: &Wish) -> String {
    let mut lines = vec![format!("BOT_TOKEN={}", wish.token.expose())];
    lines.extend(
        wish.api_url
            .iter()
            .map(|url| format!("TELEGRAM_API_URL={}", single(url))),
    );
    lines.extend(
        wish.proxy
            .iter()
            .map(|url| format!("TELEGRAM_PROXY={}", single(url.expose()))),
    );
    lines.push(String::new());
    lines.join("\n")
}

/// JSON strings are YAML strings.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Addresses hold no quotes; one that does is refused when the file is read.
fn single(text: &str) -> String {
    format!("'{}'", text.replace(['\n', '\r'], " "))
}
