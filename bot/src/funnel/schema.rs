//! The JSON schemas of funnel and sequence files, for editors. PURE.

use super::spec::FunnelSpec;
use super::spec_sequence::SequenceSpec;

/// `funnels/funnel.schema.json`: what `# yaml-language-server: $schema=funnel.schema.json` gives an editor.
pub fn schema() -> String {
    written(schemars::schema_for!(FunnelSpec), "A funnel")
}

/// `funnels/sequence.schema.json`, for the files in `funnels/sequences/`.
pub fn sequence_schema() -> String {
    written(schemars::schema_for!(SequenceSpec), "A sequence")
}

fn written(mut schema: schemars::Schema, title: &str) -> String {
    schema.insert("title".into(), title.into());
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
