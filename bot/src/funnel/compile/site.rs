//! One funnel file while it is compiled. PURE.

use std::collections::HashMap;
use std::sync::Arc;

use super::index::{Index, Listed};
use super::problems::{Problems, hint, is_id};
use super::{Draft, MediaFiles};
use crate::diagnostic::Diagnostic;
use crate::funnel::model::{Funnel, FunnelIx};
use crate::funnel::spec::FunnelSpec;
use crate::funnel::template::Templates;
use crate::partner::Partner;

/// Longest funnel and step id; with a button id they must fit into 64 bytes of callback data.
pub(super) const ID_LIMIT: usize = 24;
const RESERVED: &[&str] = &["end", "back", "human", "stay"];

/// Everything the parts of the compiler share about the file they work on.
pub(super) struct Site<'a> {
    pub ix: FunnelIx,
    pub spec: &'a FunnelSpec,
    pub index: &'a Index,
    pub partner: &'a Partner,
    pub templates: &'a mut Templates,
    pub problems: Problems<'a>,
    pub languages: Vec<String>,
    pub media: Option<Arc<MediaFiles>>,
}

pub(super) fn compile<'a>(
    ix: FunnelIx,
    draft: &'a Draft,
    index: &'a Index,
    partner: &'a Partner,
    templates: &'a mut Templates,
) -> (Funnel, Vec<Diagnostic>) {
    let spec = &draft.spec;
    let mut languages = spec.languages.clone();
    if languages.is_empty() {
        languages.push("ru".into());
    }
    let problems = Problems::new(&draft.places);
    let mut site = Site {
        ix,
        spec,
        index,
        partner,
        templates,
        problems,
        languages,
        media: draft.media.clone(),
    };
    let funnel = site.funnel(draft.places.file());
    (funnel, site.problems.list)
}

impl Site<'_> {
    pub fn listed(&self) -> &Listed {
        &self.index.funnels[self.ix]
    }

    fn funnel(&mut self, file: &str) -> Funnel {
        self.check_id(file);
        self.check_languages();
        let spec = self.spec;
        let title = self.plain("title", &spec.title);
        let first = self.first();
        let moved_to = self.moved_to();
        let steps: Vec<_> = spec
            .steps
            .iter()
            .map(|(id, step)| self.step(&format!("steps.{id}"), id, step))
            .collect();
        let by_id = steps
            .iter()
            .enumerate()
            .map(|(ix, step)| (step.id.clone(), ix))
            .collect();
        Funnel {
            id: spec.funnel.as_str().into(),
            title,
            languages: self.languages.clone(),
            then: spec.enter.then,
            first,
            moved_to,
            steps,
            by_id,
            silent: self.silent("silent", &spec.silent),
        }
    }

    fn check_id(&mut self, file: &str) {
        let id = &self.spec.funnel;
        let stem = file.rsplit('/').next().unwrap_or_default();
        let stem = stem.strip_suffix(".yaml").unwrap_or(stem);
        if !is_id(id, ID_LIMIT) {
            self.problems.error("funnel", format!("\"{id}\" cannot be an id; use a-z, 0-9 and _, a letter first, at most {ID_LIMIT}"));
        } else if id != stem {
            self.problems.error(
                "funnel",
                format!(
                    "the file is named {stem}.yaml; write \"funnel: {stem}\" or rename the file"
                ),
            );
        }
        for step in self.spec.steps.keys() {
            let path = format!("steps.{step}");
            if RESERVED.contains(&step.as_str()) {
                self.problems.key_error(
                    &path,
                    format!("\"{step}\" is a word of the language; give the step another name"),
                );
            } else if !is_id(step, ID_LIMIT) {
                self.problems.key_error(&path, format!("\"{step}\" cannot be an id; use a-z, 0-9 and _, a letter first, at most {ID_LIMIT}"));
            }
        }
    }

    pub fn check_languages(&mut self) {
        for (at, code) in self.spec.languages.iter().enumerate() {
            let short = code.split('-').next().unwrap_or_default();
            if !(2..=3).contains(&short.len()) || !short.bytes().all(|b| b.is_ascii_lowercase()) {
                self.problems.error(
                    &format!("languages[{at}]"),
                    format!(
                        "\"{code}\" is not a language code; write two letters such as ru, kk or en"
                    ),
                );
            }
        }
    }

    fn first(&mut self) -> usize {
        let first = &self.spec.first;
        match self.listed().first {
            Some(ix) => ix,
            None => {
                let help = hint(
                    first,
                    self.spec.steps.keys().map(String::as_str),
                    "; name one of the steps below",
                );
                self.problems
                    .error("first", format!("no step \"{first}\"{help}"));
                0
            }
        }
    }

    fn moved_to(&mut self) -> HashMap<String, usize> {
        let mut moved = HashMap::new();
        for (old, new) in &self.spec.moved_to {
            let path = format!("moved_to.{old}");
            if self.spec.steps.contains_key(old) {
                self.problems.key_error(
                    &path,
                    format!("step \"{old}\" still exists; delete this line, or the step"),
                );
            }
            match self.listed().steps.get(new).copied() {
                Some(ix) => {
                    moved.insert(old.clone(), ix);
                }
                None => {
                    let help = hint(
                        new,
                        self.spec.steps.keys().map(String::as_str),
                        "; name a step that exists",
                    );
                    self.problems
                        .error(&path, format!("no step \"{new}\"{help}"));
                }
            }
        }
        moved
    }
}
