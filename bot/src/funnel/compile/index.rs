//! What all files name together: funnels, their steps, and the answers they save. PURE.

use std::collections::{BTreeMap, BTreeSet};

use super::Draft;
use super::sequences::SequenceDraft;
use crate::funnel::model::{FunnelIx, StepIx};
use crate::funnel::spec::OneOrMany;

pub(super) struct Index {
    pub funnels: Vec<Listed>,
    /// Ids of files that could not be read; what points there is not reported twice.
    pub broken: Vec<String>,
    pub names: BTreeSet<String>,
    pub sequences: Vec<String>,
    /// Sequences not in use, with a funnel they need and this partner does not use.
    pub idle: BTreeMap<String, String>,
    /// Tags that some step or button gives.
    pub tags: BTreeSet<String>,
}

pub(super) struct Listed {
    pub id: String,
    pub first: Option<StepIx>,
    pub steps: BTreeMap<String, StepIx>,
}

impl Index {
    pub fn new(
        drafts: &[Draft],
        sequences: &[SequenceDraft],
        idle: BTreeMap<String, String>,
        broken: Vec<String>,
    ) -> Self {
        let funnels = drafts.iter().map(list).collect();
        let steps = drafts.iter().flat_map(|draft| draft.spec.steps.values());
        let names = steps
            .flat_map(|step| step.save.iter().chain(step.set.keys()))
            .cloned()
            .collect();
        Self {
            funnels,
            broken,
            names,
            sequences: sequences
                .iter()
                .map(|draft| draft.spec.sequence.clone())
                .collect(),
            idle,
            tags: tags(drafts, sequences),
        }
    }

    pub fn funnel(&self, id: &str) -> Option<FunnelIx> {
        self.funnels.iter().position(|funnel| funnel.id == id)
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.funnels.iter().map(|funnel| funnel.id.as_str())
    }
}

fn tags(drafts: &[Draft], sequences: &[SequenceDraft]) -> BTreeSet<String> {
    let funnels = drafts.iter().map(|draft| &draft.spec);
    let all = funnels.chain(sequences.iter().map(|draft| &draft.words));
    let steps = all.flat_map(|spec| spec.steps.values());
    let given = steps.flat_map(|step| {
        let buttons = step.buttons.iter().filter_map(|button| button.tag.as_ref());
        step.tag.iter().chain(buttons)
    });
    given
        .flat_map(|tags| match tags {
            OneOrMany::One(tag) => std::slice::from_ref(tag),
            OneOrMany::Many(tags) => tags.as_slice(),
        })
        .cloned()
        .collect()
}

fn list(draft: &Draft) -> Listed {
    let steps: BTreeMap<String, StepIx> = draft.spec.steps.keys().cloned().zip(0..).collect();
    Listed {
        id: draft.spec.funnel.clone(),
        first: steps.get(&draft.spec.first).copied(),
        steps,
    }
}
