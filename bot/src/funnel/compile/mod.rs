//! From funnel files to `Funnels`: every problem of every file at once, or something that cannot go wrong later. PURE but for `load`.

mod answers;
mod buttons;
mod enter;
mod index;
mod keys;
mod load;
mod media;
mod phrases;
mod problems;
mod sequences;
mod signals;
mod site;
mod steps;
mod targets;
mod texts;
mod time;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::model::{Funnel, Funnels, Sequence};
use super::spec::FunnelSpec;
use super::spec_sequence::SequenceSpec;
use super::template::Templates;
use super::words::Phrases;
use crate::diagnostic::{Diagnostic, Severity};
use crate::partner::Partner;
use crate::quick::QuickMap;
use crate::yaml::{self, Places};
pub(crate) use buttons::SKIP;
use index::Index;
pub use load::load;
use sequences::SequenceDraft;
pub(crate) use time::parse as parse_duration;

/// Files a funnel may send, by the path written in it (`media/gift.jpg`), with place and size in bytes.
pub type MediaFiles = BTreeMap<String, (PathBuf, u64)>;

/// One funnel file as it was read.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct SourceFile {
    /// As the operator named it; the part before `.yaml` is the funnel's id.
    pub name: String,
    pub text: String,
    /// `None` when files cannot be looked up: then every name is taken as it is.
    pub media: Option<Arc<MediaFiles>>,
    /// A sequence that rests: the funnel it needs is not in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<String>,
}

impl SourceFile {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            media: None,
            idle: None,
        }
    }

    /// Files of sequences lie in a directory of their own.
    pub(super) fn is_sequence(&self) -> bool {
        let directory = self.name.rsplit('/').nth(1);
        directory == Some(SEQUENCES)
    }

    pub(super) fn id(&self) -> &str {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        file.strip_suffix(".yaml").unwrap_or(file)
    }
}

/// The directory of sequence files, below that of the funnels.
pub(crate) const SEQUENCES: &str = "sequences";

/// What loading came to; `funnels` is there when no diagnostic is an error.
#[derive(Debug, Default)]
pub struct Compiled {
    pub funnels: Option<Funnels>,
    pub diagnostics: Vec<Diagnostic>,
    /// The files as read by `load`, to be kept as the last good ones.
    pub sources: Vec<SourceFile>,
}

/// A file that could be read as a funnel.
struct Draft {
    spec: FunnelSpec,
    places: Places,
    media: Option<Arc<MediaFiles>>,
}

/// Compiles all funnels of a partner together: targets, payloads, keywords and answers reach across files.
pub fn compile(files: &[SourceFile], partner: &Partner) -> Compiled {
    let mut diagnostics = Vec::new();
    let mut drafts = Vec::new();
    let mut broken = Vec::new();
    let (mut sequence_drafts, mut idle) = (Vec::new(), BTreeMap::new());
    for file in files {
        if let Some(needs) = &file.idle {
            idle.insert(file.id().to_owned(), needs.clone());
            continue;
        }
        if file.is_sequence() {
            let (spec, problems, places) = yaml::read::<SequenceSpec>(&file.name, &file.text);
            diagnostics.extend(problems);
            match spec {
                Some(spec) => {
                    sequence_drafts.push(SequenceDraft::new(spec, places, file.media.clone()))
                }
                None => broken.push(file.id().to_owned()),
            }
            continue;
        }
        let (spec, problems, places) = yaml::read::<FunnelSpec>(&file.name, &file.text);
        diagnostics.extend(problems);
        match spec {
            Some(spec) => drafts.push(Draft {
                spec,
                places,
                media: file.media.clone(),
            }),
            None => broken.push(file.id().to_owned()),
        }
    }
    // What stays for as long as the bot runs is made from here on.
    let _ground = crate::memory::level();
    let index = Index::new(&drafts, &sequence_drafts, idle, broken);
    let mut templates = Templates::default();
    let mut list = Vec::new();
    for (ix, draft) in drafts.iter().enumerate() {
        let (funnel, problems) = site::compile(ix, draft, &index, partner, &mut templates);
        diagnostics.extend(problems);
        list.push(funnel);
    }
    let (mut sequences, mut words) = (Vec::new(), Vec::new());
    for draft in &sequence_drafts {
        let ix = list.len() + words.len();
        let (sequence, funnel, problems) =
            sequences::compile(ix, draft, &index, partner, &mut templates);
        diagnostics.extend(problems);
        sequences.push(sequence);
        words.push(funnel);
    }
    let triggers = enter::compile(&drafts, &list, &index, partner, &mut diagnostics);
    let wrong = with_errors(&diagnostics);
    diagnostics.extend(ways::problems(&drafts, &list, &words, &triggers, &wrong));
    let (phrases, own) = Phrases::new(&mut templates, &partner.texts);
    diagnostics.extend(phrases::problems(&own, &index, partner));
    diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    // What a sequence says for all of its steps is looked at for each.
    diagnostics.dedup();
    let ready = !diagnostics
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    list.extend(words);
    let parts = Parts {
        list,
        sequences,
        templates,
        triggers,
        phrases,
    };
    let funnels = ready.then(|| assemble(files, parts, index, partner));
    Compiled {
        funnels,
        diagnostics,
        sources: Vec::new(),
    }
}

/// Files with errors so far; their targets are not all known.
fn with_errors(diagnostics: &[Diagnostic]) -> BTreeSet<String> {
    let errors = diagnostics
        .iter()
        .filter(|problem| problem.severity == Severity::Error);
    errors.map(|problem| problem.file.clone()).collect()
}

/// What the parts of the compiler made.
struct Parts {
    /// Those of sequences last.
    list: Vec<Funnel>,
    sequences: Vec<Sequence>,
    templates: Templates,
    triggers: enter::Triggers,
    phrases: Phrases,
}

fn assemble(files: &[SourceFile], parts: Parts, index: Index, partner: &Partner) -> Funnels {
    let Parts {
        mut list,
        sequences,
        templates,
        triggers,
        phrases,
    } = parts;
    list.iter_mut().for_each(Funnel::tighten);
    let by_id = list
        .iter()
        .enumerate()
        .map(|(ix, funnel)| (funnel.id.clone(), ix))
        .collect::<QuickMap<_, _>>();
    Funnels {
        by_id,
        list,
        templates,
        starts: triggers.starts,
        keywords: triggers.keywords,
        commands: triggers.commands,
        phrases,
        names: Arc::new(index.names),
        links: Arc::new(partner.links.clone()),
        default_funnel: triggers.default_funnel,
        languages: partner.languages.clone(),
        hash: hash(files),
        sequence_ids: sequences
            .iter()
            .enumerate()
            .map(|(ix, sequence)| (sequence.id.clone(), ix))
            .collect(),
        sequences,
    }
}

fn hash(files: &[SourceFile]) -> String {
    let mut sum = Sha256::new();
    for file in files {
        if file.is_sequence() {
            sum.update(SEQUENCES);
        }
        sum.update(file.id());
        sum.update([0]);
        sum.update(&file.text);
        sum.update([0]);
    }
    sum.finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
