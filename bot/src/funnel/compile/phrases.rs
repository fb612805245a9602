//! The partner's own phrases, which stand in config.yaml. PURE.

use super::enter::of_config;
use super::index::Index;
use super::texts::unknown_name;
use crate::diagnostic::Diagnostic;
use crate::funnel::html;
use crate::funnel::template::without_code;
use crate::funnel::words::OwnPhrase;
use crate::partner::Partner;

pub(super) fn problems(own: &[OwnPhrase], index: &Index, partner: &Partner) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    for phrase in own {
        let path = format!("texts.{}.{}", phrase.name, phrase.language);
        match &phrase.used {
            Err(problem) => problems.push(of_config(&path, problem.0.clone())),
            Ok(names) => {
                let unknown = names
                    .iter()
                    .filter(|name| *name != "value")
                    .filter_map(|name| unknown_name(name, &index.names, partner));
                problems.extend(unknown.map(|message| of_config(&path, message)));
            }
        }
        let text = &partner.texts[phrase.name][&phrase.language];
        if let Some(message) = html::problem(&without_code(text, "x")) {
            problems.push(of_config(&path, message));
        }
    }
    problems
}
