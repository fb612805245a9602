//! The picture as Mermaid text, for Markdown. PURE.

use std::fmt::Write;

use super::{Look, picture};
use crate::funnel::model::Funnels;

/// `flowchart TD …`; `None` when there is no such funnel.
pub fn mermaid(funnels: &Funnels, funnel: &str) -> Option<String> {
    let picture = picture(funnels, funnel)?;
    let mut out = format!(
        "---\ntitle: \"{}\"\n---\nflowchart TD\n",
        quoted(&picture.title)
    );
    for (at, node) in picture.nodes.iter().enumerate() {
        let text = if node.text.is_empty() {
            quoted(&node.id)
        } else {
            format!("<b>{}</b><br>{}", quoted(&node.id), quoted(&node.text))
        };
        let (open, close) = match node.look {
            Look::Say => ("[", "]"),
            Look::Ask => ("{{", "}}"),
            Look::Exit => ("([", "])"),
        };
        let _ = writeln!(out, "  n{at}{open}\"{text}\"{close}");
    }
    for edge in &picture.edges {
        let arrow = if edge.dashed { "-.->" } else { "-->" };
        let label = edge
            .label
            .split('\n')
            .map(quoted)
            .collect::<Vec<_>>()
            .join("<br>");
        let label = if label.is_empty() {
            String::new()
        } else {
            format!("|\"{label}\"|")
        };
        let _ = writeln!(out, "  n{} {arrow}{label} n{}", edge.from, edge.to);
    }
    Some(out)
}

fn quoted(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
