//! What all files name together: funnels, their steps, and the answers they save. PURE.

use std::collections::{BTreeMap, BTreeSet};

use super::Draft;
use crate::funnel::model::{FunnelIx, StepIx};

pub(super) struct Index {
    pub funnels: Vec<Listed>,
    /// Ids of files that could not be read; what points there is not reported twice.
    pub broken: Vec<String>,
    pub names: BTreeSet<String>,
}

pub(super) struct Listed {
    pub id: String,
    pub first: Option<StepIx>,
    pub steps: BTreeMap<String, StepIx>,
}

impl Index {
    pub fn new(drafts: &[Draft], broken: Vec<String>) -> Self {
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
        }
    }

    pub fn funnel(&self, id: &str) -> Option<FunnelIx> {
        self.funnels.iter().position(|funnel| funnel.id == id)
    }

    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.funnels.iter().map(|funnel| funnel.id.as_str())
    }
}

fn list(draft: &Draft) -> Listed {
    let steps: BTreeMap<String, StepIx> = draft.spec.steps.keys().cloned().zip(0..).collect();
    Listed {
        id: draft.spec.funnel.clone(),
        first: steps.get(&draft.spec.first).copied(),
        steps,
    }
}
