//! Funnels ready to run: ids are indices, texts are split by language, templates and conditions are compiled. PURE.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::effect::{FollowUpKind, MediaKind, MediaSource, Notice};
use super::spec::{DateWhen, Then};
pub(crate) use super::spec_sequence::Reentry;
use super::template::{TemplateId, Templates};
use super::wish::Beside;
use super::words::{Phrases, Words, language_index};
use crate::lead::Purpose;
use crate::quick::QuickMap;
use crate::sequence::{Missed, Rule};

pub type FunnelIx = usize;
pub type StepIx = usize;

/// Every loaded funnel of one partner.
#[derive(Debug)]
pub struct Funnels {
    pub(crate) list: Vec<Funnel>,
    pub(crate) by_id: QuickMap<Arc<str>, FunnelIx>,
    pub(crate) templates: Templates,
    /// Start payload to funnel.
    pub(crate) starts: HashMap<String, FunnelIx>,
    /// Normalised keyword to funnel.
    pub(crate) keywords: HashMap<String, FunnelIx>,
    /// Command without its slash to funnel and description.
    pub(crate) commands: BTreeMap<String, (FunnelIx, Words)>,
    pub(crate) phrases: Phrases,
    /// Every name some step saves or sets.
    pub(crate) names: Arc<BTreeSet<String>>,
    pub(crate) links: Arc<BTreeMap<String, String>>,
    pub(crate) default_funnel: FunnelIx,
    pub(crate) languages: Vec<String>,
    pub(crate) hash: String,
    pub(crate) sequences: Vec<Sequence>,
    pub(crate) sequence_ids: HashMap<Arc<str>, usize>,
}

/// One sequence, compiled. What its steps say lies in a funnel of its own that no lead can stand in.
#[derive(Debug)]
pub(crate) struct Sequence {
    pub id: Arc<str>,
    /// Its texts, media and buttons: `Funnels::list[home]`, called `~<id>`.
    pub home: FunnelIx,
    pub purpose: Purpose,
    pub paused: bool,
    pub enter: Vec<Signal>,
    pub enter_when: Option<TemplateId>,
    pub reentry: Reentry,
    pub min_gap_ms: i64,
    pub stop_on: Vec<Signal>,
    /// One for each step of `home`, in the order of the file.
    pub plans: Vec<StepPlan>,
}

/// When a step of a sequence is said, and to whom.
#[derive(Debug)]
pub(crate) struct StepPlan {
    pub rule: Rule,
    pub when: Option<TemplateId>,
    pub missed: Missed,
    pub max_late_ms: i64,
    pub beside: Beside,
    /// What the lead has seen once it is said.
    pub content: Arc<str>,
    pub repeat: bool,
}

/// Something that happens to a lead and lets them into a sequence or out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Came,
    Contact,
    Phone,
    Email,
    Reply,
    Human,
    /// Always heard; may be written all the same.
    Unsubscribed,
    Tag(String),
    Entered(String),
    Ended(String),
    Link(String),
}

/// Funnels that hold the words of a sequence begin with this; no file can.
pub(crate) const SEQUENCE_MARK: &str = "~";

#[derive(Debug)]
pub(crate) struct Funnel {
    pub id: Arc<str>,
    pub title: Words,
    pub languages: Vec<String>,
    pub then: Then,
    pub first: StepIx,
    pub moved_to: HashMap<String, StepIx>,
    pub steps: Vec<Step>,
    pub by_id: QuickMap<Arc<str>, StepIx>,
    /// For questions that have no `silent` of their own.
    pub silent: Vec<Silent>,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub id: Arc<str>,
    pub text: Option<StepText>,
    pub media: Option<(MediaKind, MediaSource)>,
    pub buttons: Vec<Button>,
    pub columns: usize,
    pub keyboard: Option<Keyboard>,
    pub expect: Option<Expect>,
    /// The contact button of a phone question; `Some(None)` has the built-in text.
    pub contact_button: Option<Option<Words>>,
    pub save: Option<String>,
    pub again: Option<Words>,
    pub times: u8,
    pub after_times: Target,
    /// `again.then` is in the file, not the default.
    pub then_is_written: bool,
    pub skip: Option<Skip>,
    pub collect: Option<Collect>,
    pub tag: Vec<String>,
    pub untag: Vec<String>,
    pub score: Option<Score>,
    pub set: Vec<(String, Setting)>,
    /// Told on entering, or once the question is answered.
    pub notify: Option<Notification>,
    pub is_question: bool,
    /// `None`: the funnel's.
    pub own_silent: Option<Vec<Silent>>,
    pub next: Vec<Case>,
    pub call: Option<FunnelIx>,
    /// Sequences to get into and out of on entering.
    pub enroll: Vec<usize>,
    pub unenroll: Vec<usize>,
    pub content: Option<Arc<str>>,
    /// Of the step's id in its file.
    pub line: usize,
}

#[derive(Debug)]
pub(crate) enum StepText {
    One(Words),
    Variants(Vec<Variant>),
}

#[derive(Debug)]
pub(crate) struct Variant {
    pub name: String,
    pub weight: u32,
    pub text: Words,
}

#[derive(Debug)]
pub(crate) struct Button {
    pub id: Arc<str>,
    pub text: Words,
    pub action: ButtonAction,
    pub value: Option<serde_json::Value>,
    /// The text in the funnel's first language, markup and all as written.
    pub plain: String,
    pub tag: Vec<String>,
    pub untag: Vec<String>,
    pub score: Option<Score>,
    pub when: Option<TemplateId>,
    pub notify: Option<Notification>,
    pub enroll: Vec<usize>,
    pub unenroll: Vec<usize>,
    pub consent: Option<Consent>,
}

/// What a press says about a purpose.
#[derive(Debug)]
pub(crate) enum Consent {
    /// With the version of the words agreed to.
    Yes(Purpose, String),
    No(Purpose),
}

#[derive(Debug)]
pub(crate) enum ButtonAction {
    To(Target),
    /// The step's `next`.
    Next,
    Link {
        name: String,
        url: String,
    },
}

#[derive(Debug)]
pub(crate) struct Score {
    pub points: i32,
    pub reason: Option<Words>,
}

#[derive(Debug)]
pub(crate) enum Setting {
    Value(serde_json::Value),
    Template(TemplateId),
}

#[derive(Debug)]
pub(crate) enum Notification {
    Notice(Notice),
    Text(Words),
}

#[derive(Debug)]
pub(crate) enum Keyboard {
    Remove,
    Rows(Vec<Vec<KeyboardButton>>),
}

#[derive(Debug)]
pub(crate) struct KeyboardButton {
    pub text: Words,
    pub to: Target,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expect {
    Text {
        min: usize,
        max: usize,
    },
    Number {
        min: Option<f64>,
        max: Option<f64>,
        whole: bool,
    },
    Choice,
    Phone {
        regions: Vec<String>,
    },
    Email,
    Date(DateWhen),
    Photo,
}

#[derive(Debug)]
pub(crate) struct Skip {
    pub text: Words,
    pub to: Target,
}

#[derive(Debug)]
pub(crate) struct Collect {
    pub quiet_ms: i64,
    pub max_ms: i64,
}

#[derive(Debug)]
pub(crate) struct Silent {
    pub after_ms: i64,
    pub kind: FollowUpKind,
    pub purpose: Purpose,
    pub say: Option<Words>,
    pub to: Option<Target>,
}

#[derive(Debug)]
pub(crate) struct Case {
    pub when: Option<TemplateId>,
    pub to: Target,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    /// A step of the same funnel.
    Step(StepIx),
    Funnel(FunnelIx, StepIx),
    End,
    Back,
    Human,
    Stay,
}

impl Funnel {
    /// The step of that id, or its successor by `moved_to`.
    pub fn find(&self, id: &str) -> Option<StepIx> {
        self.by_id
            .get(id)
            .or_else(|| self.moved_to.get(id))
            .copied()
    }

    /// Gives back room that lists kept while they grew: a step of one button keeps room for three more, and that is a
    /// fifth of all funnels.
    pub fn tighten(&mut self) {
        self.silent.shrink_to_fit();
        self.steps.shrink_to_fit();
        for step in &mut self.steps {
            step.buttons.shrink_to_fit();
            step.next.shrink_to_fit();
            step.set.shrink_to_fit();
            if let Some(silent) = &mut step.own_silent {
                silent.shrink_to_fit();
            }
        }
    }

    /// The language of this funnel's texts for a lead: exact, then by its first part, then the fallback.
    pub fn language(&self, wanted: &str) -> usize {
        language_index(&self.languages, wanted).unwrap_or(0)
    }
}

impl Step {
    /// Whether a lead must do something before the step goes on by itself.
    pub fn awaits(&self) -> bool {
        self.expect.is_some()
            || self.buttons.iter().any(Button::leads_on)
            || self.next.iter().any(|case| case.to == Target::Stay)
    }
}

impl Funnel {
    /// What happens at a step when the lead says nothing.
    pub fn silent(&self, step: StepIx) -> &[Silent] {
        let step = &self.steps[step];
        match &step.own_silent {
            Some(own) => own,
            None if step.awaits() => &self.silent,
            None => &[],
        }
    }

    /// Whether it holds the words of a sequence.
    pub fn is_sequence(&self) -> bool {
        self.id.starts_with(SEQUENCE_MARK)
    }
}

impl Funnels {
    /// Funnels that leads walk through.
    pub(crate) fn talks(&self) -> impl Iterator<Item = (FunnelIx, &Funnel)> {
        self.list
            .iter()
            .enumerate()
            .filter(|(_, funnel)| !funnel.is_sequence())
    }

    pub(crate) fn sequence(&self, id: &str) -> Option<(usize, &Sequence)> {
        let ix = *self.sequence_ids.get(id)?;
        Some((ix, &self.sequences[ix]))
    }
}

impl Step {
    /// Buttons of the reply keyboard, row by row.
    pub fn keys(&self) -> impl Iterator<Item = &KeyboardButton> {
        let rows = match &self.keyboard {
            Some(Keyboard::Rows(rows)) => rows.as_slice(),
            Some(Keyboard::Remove) | None => &[],
        };
        rows.iter().flatten()
    }
}

impl Button {
    pub fn leads_on(&self) -> bool {
        !matches!(self.action, ButtonAction::Link { .. })
    }
}

/// Letters as people mean them: case, ё, and punctuation at the ends do not matter.
pub(crate) fn normalise(text: &str) -> String {
    text.trim_matches(|c: char| !c.is_alphanumeric())
        .chars()
        .flat_map(char::to_lowercase)
        .map(|c| if c == 'ё' { 'е' } else { c })
        .collect::<String>()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}
