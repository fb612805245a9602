//! What differs between two versions of the files, whoever is inside. PURE.

use std::collections::BTreeSet;

use crate::funnel::effect::MediaSource;
use crate::funnel::model::{Funnel, Funnels, SEQUENCE_MARK, Step, StepText};
use crate::funnel::words::{Body, Words};

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    NewFile(String),
    LostFile(String),
    /// `moved_to` names the step that took its place.
    LostStep {
        file: String,
        step: String,
        moved_to: Option<String>,
    },
    NewStep {
        file: String,
        step: String,
        at: usize,
    },
    NewText {
        file: String,
        step: String,
    },
}

pub(super) fn between(live: &Funnels, next: &Funnels) -> Vec<Change> {
    let mut found = Vec::new();
    let ids = |funnels: &Funnels| -> BTreeSet<String> {
        funnels
            .list
            .iter()
            .map(|file| file.id.to_string())
            .collect()
    };
    let (old, new) = (ids(live), ids(next));
    found.extend(new.difference(&old).map(|id| Change::NewFile(id.clone())));
    found.extend(old.difference(&new).map(|id| Change::LostFile(id.clone())));
    for id in old.intersection(&new) {
        let before = &live.list[live.by_id[id.as_str()]];
        let after = &next.list[next.by_id[id.as_str()]];
        compare((live, before), (next, after), &mut found);
    }
    found
}

fn compare(
    (live, before): (&Funnels, &Funnel),
    (next, after): (&Funnels, &Funnel),
    out: &mut Vec<Change>,
) {
    let file = before.id.to_string();
    for step in &before.steps {
        let Some(&at) = after.by_id.get(&step.id) else {
            let moved = after
                .find(&step.id)
                .map(|ix| after.steps[ix].id.to_string());
            out.push(Change::LostStep {
                file: file.clone(),
                step: step.id.to_string(),
                moved_to: moved,
            });
            continue;
        };
        if said(live, step) != said(next, &after.steps[at]) {
            out.push(Change::NewText {
                file: file.clone(),
                step: step.id.to_string(),
            });
        }
    }
    for (at, step) in after.steps.iter().enumerate() {
        if !before.by_id.contains_key(&step.id) {
            out.push(Change::NewStep {
                file: file.clone(),
                step: step.id.to_string(),
                at,
            });
        }
    }
}

/// Everything a lead reads at a step, as written.
fn said(funnels: &Funnels, step: &Step) -> Vec<String> {
    let mut texts = Vec::new();
    match &step.text {
        None => {}
        Some(StepText::One(words)) => written(funnels, words, &mut texts),
        Some(StepText::Variants(variants)) => {
            for variant in variants {
                texts.push(format!("{}:{}", variant.name, variant.weight));
                written(funnels, &variant.text, &mut texts);
            }
        }
    }
    for button in &step.buttons {
        written(funnels, &button.text, &mut texts);
    }
    if let Some((kind, source)) = &step.media {
        // An edited copy lies in another directory: the same file there is the same file.
        let source = match source {
            MediaSource::File(path) => path.file_name().map(|name| name.to_string_lossy()),
            MediaSource::Url(url) => Some(url.into()),
        };
        texts.push(format!("{kind:?} {source:?}"));
    }
    texts
}

fn written(funnels: &Funnels, words: &Words, out: &mut Vec<String>) {
    for body in &words.by_language {
        out.push(match body {
            None => String::new(),
            Some(Body::Static(text)) => text.to_string(),
            Some(Body::Template(id)) => funnels.templates.source(id).to_owned(),
        });
    }
}

/// `weight` or `sequences/weight_warmup`.
pub(super) fn shown(file: &str) -> String {
    match file.strip_prefix(SEQUENCE_MARK) {
        Some(id) => format!("sequences/{id}"),
        None => file.to_owned(),
    }
}
