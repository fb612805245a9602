//! The JSON schema of funnel files, for editors. PURE.

use super::spec::FunnelSpec;

/// `funnels/funnel.schema.json`: what `# yaml-language-server: $schema=funnel.schema.json` gives an editor.
pub fn schema() -> String {
    let mut schema = schemars::schema_for!(FunnelSpec);
    schema.insert("title".into(), "A funnel".into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
