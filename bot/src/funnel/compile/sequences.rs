//! A sequence file: when each step is meant, who gets in and what takes them out. What the steps say is compiled
//! as the steps of a funnel are. PURE.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::civil::Time;

use super::index::Index;
use super::problems::{Problems, hint, is_id};
use super::signals;
use super::site::{ID_LIMIT, Site};
use super::{MediaFiles, time};
use crate::diagnostic::Diagnostic;
use crate::funnel::model::{
    Funnel, FunnelIx, Reentry, SEQUENCE_MARK, Sequence, Signal, StepIx, StepPlan,
};
use crate::funnel::spec::{FunnelSpec, NextSpec, OneOrMany, StepSpec, Then};
use crate::funnel::spec_sequence::{SequenceSpec, SequenceStepSpec};
use crate::funnel::template::Templates;
use crate::partner::Partner;
use crate::quick::QuickMap;
use crate::sequence::{Days, Missed, Rule, Window};
use crate::yaml::Places;

const HOUR_MS: i64 = 3_600_000;

/// A file that could be read as a sequence, with its words in the form of a funnel.
pub(super) struct SequenceDraft {
    pub spec: SequenceSpec,
    pub words: FunnelSpec,
    pub places: Places,
    pub media: Option<Arc<MediaFiles>>,
}

impl SequenceDraft {
    pub fn new(spec: SequenceSpec, places: Places, media: Option<Arc<MediaFiles>>) -> Self {
        let steps = spec.steps.iter().map(|step| (step.id.clone(), words(step)));
        let words = FunnelSpec {
            funnel: format!("{SEQUENCE_MARK}{}", spec.sequence),
            title: spec.title.clone(),
            languages: spec.languages.clone(),
            enter: Default::default(),
            first: String::new(),
            moved_to: BTreeMap::new(),
            silent: Vec::new(),
            steps: steps.collect(),
        };
        Self {
            spec,
            words,
            places,
            media,
        }
    }

    /// Funnels it names: it is of use only where all of them are.
    pub fn needs(spec: &SequenceSpec) -> BTreeSet<String> {
        let buttons = spec.steps.iter().flat_map(|step| &step.buttons);
        let targets = buttons.filter_map(|button| button.to.as_deref()?.strip_prefix('@'));
        let targets = targets.map(|target| target.split('.').next().unwrap_or_default());
        let signals = spec.stop_on.iter().chain(&spec.enter.on);
        let named = signals.filter_map(|signal| match signal.split_once(' ') {
            Some(("entered" | "ended", funnel)) => Some(funnel.trim()),
            _ => None,
        });
        targets.chain(named).map(str::to_owned).collect()
    }
}

/// What the step says, as a step of a funnel that ends there.
fn words(step: &SequenceStepSpec) -> StepSpec {
    StepSpec {
        say: step.say.clone(),
        variants: step.variants.clone(),
        media: step.media.clone(),
        buttons: step.buttons.clone(),
        columns: step.columns,
        tag: step.tag.clone(),
        untag: step.untag.clone(),
        score: step.score.clone(),
        notify: step.notify.clone(),
        next: Some(NextSpec::To("end".into())),
        ..StepSpec::default()
    }
}

/// `ix` is where its words will lie among the funnels.
pub(super) fn compile(
    ix: FunnelIx,
    draft: &SequenceDraft,
    index: &Index,
    partner: &Partner,
    templates: &mut Templates,
) -> (Sequence, Funnel, Vec<Diagnostic>) {
    let mut languages = draft.words.languages.clone();
    if languages.is_empty() {
        languages.push("ru".into());
    }
    let site = Site {
        ix,
        spec: &draft.words,
        index,
        partner,
        templates,
        problems: Problems::new(&draft.places),
        languages,
        media: draft.media.clone(),
    };
    let mut series = Series {
        site,
        spec: &draft.spec,
    };
    let (sequence, funnel) = series.compile(ix, draft.places.file());
    (sequence, funnel, series.site.problems.list)
}

struct Series<'a> {
    site: Site<'a>,
    spec: &'a SequenceSpec,
}

impl Series<'_> {
    fn compile(&mut self, ix: FunnelIx, file: &str) -> (Sequence, Funnel) {
        let spec = self.spec;
        self.check_ids(file);
        self.site.check_languages();
        let title = self.site.plain("title", &spec.title);
        let (mut steps, mut plans) = (Vec::new(), Vec::new());
        for (at, step) in spec.steps.iter().enumerate() {
            let path = format!("steps[{at}]");
            self.check_step(&path, at, step);
            steps.push(
                self.site
                    .step(&path, &step.id, &self.site.spec.steps[&step.id]),
            );
            plans.push(self.plan(&path, step));
        }
        let by_id: QuickMap<Arc<str>, StepIx> = steps
            .iter()
            .enumerate()
            .map(|(ix, step)| (step.id.clone(), ix))
            .collect();
        let funnel = Funnel {
            id: self.site.spec.funnel.as_str().into(),
            title,
            languages: self.site.languages.clone(),
            then: Then::Replace,
            first: 0,
            moved_to: self.moved_to(&by_id),
            steps,
            by_id,
            silent: Vec::new(),
        };
        let sequence = Sequence {
            id: spec.sequence.as_str().into(),
            home: ix,
            purpose: spec.purpose,
            paused: spec.paused,
            enter: self.signals("enter.on", &spec.enter.on, signals::Way::In),
            enter_when: spec
                .enter
                .when
                .as_deref()
                .and_then(|when| self.site.condition("enter.when", when)),
            reentry: spec.reentry,
            min_gap_ms: self.min_gap(),
            stop_on: self.signals("stop_on", &spec.stop_on, signals::Way::Out),
            plans,
        };
        (sequence, funnel)
    }

    fn check_ids(&mut self, file: &str) {
        let id = &self.spec.sequence;
        let limit = ID_LIMIT - SEQUENCE_MARK.len();
        let stem = file.rsplit('/').next().unwrap_or_default();
        let stem = stem.strip_suffix(".yaml").unwrap_or(stem);
        let problems = &mut self.site.problems;
        if !is_id(id, limit) {
            problems.error(
                "sequence",
                format!(
                    "\"{id}\" cannot be an id; use a-z, 0-9 and _, a letter first, at most {limit}"
                ),
            );
        } else if id != stem {
            problems.error(
                "sequence",
                format!(
                    "the file is named {stem}.yaml; write \"sequence: {stem}\" or rename the file"
                ),
            );
        }
        if self.spec.steps.is_empty() {
            problems.error("steps", "a sequence without steps says nothing; add one");
        }
        let mut seen = BTreeSet::new();
        for (at, step) in self.spec.steps.iter().enumerate() {
            let path = format!("steps[{at}].id");
            if !is_id(&step.id, ID_LIMIT) {
                problems.error(&path, format!("\"{}\" cannot be an id; use a-z, 0-9 and _, a letter first, at most {ID_LIMIT}", step.id));
            } else if !seen.insert(&step.id) {
                problems.error(
                    &path,
                    format!("two steps are called \"{}\"; give each its own id", step.id),
                );
            }
        }
    }

    fn check_step(&mut self, path: &str, at: usize, step: &SequenceStepSpec) {
        let problems = &mut self.site.problems;
        if step.say.is_none() && step.variants.is_empty() && step.media.is_none() {
            problems.error(
                path,
                "nothing is said here; add \"say\", \"variants\" or \"media\"",
            );
        }
        if at > 0 && step.after.is_none() && step.at.is_none() {
            problems.error(
                path,
                "comes together with the step before it; add \"after\", \"at\" or both",
            );
        }
        for (button_at, button) in step.buttons.iter().enumerate() {
            let path = format!("{path}.buttons[{button_at}]");
            match button.to.as_deref() {
                Some("human") => {}
                Some(to) if to.starts_with('@') => {}
                Some("end" | "back" | "stay") => problems.error(
                    &format!("{path}.to"),
                    "a button of a sequence leads into a funnel; write \"@funnel\", \"@funnel.step\" or human",
                ),
                Some(to) => problems.error(
                    &format!("{path}.to"),
                    format!("a button of a sequence leads into a funnel; write \"@{to}\", \"@funnel.step\" or human"),
                ),
                None if button.link.is_none() => {
                    problems.error(&path, "the button leads nowhere; add \"to\" or \"link\"")
                }
                None => {}
            }
        }
    }

    fn plan(&mut self, path: &str, step: &SequenceStepSpec) -> StepPlan {
        let at = |key: &str| format!("{path}.{key}");
        let missed = step.missed.or(self.spec.missed).unwrap_or_default();
        let max_late = match (&step.max_late, &self.spec.max_late) {
            (Some(text), _) => self.site.duration(&at("max_late"), text),
            (None, Some(text)) => self.site.duration("max_late", text),
            (None, None) if missed == Missed::NextWindow => 72 * HOUR_MS,
            (None, None) => 12 * HOUR_MS,
        };
        let content = match &step.content {
            Some(content) => self.site.content(&at("content"), content),
            None => format!("{}.{}", self.spec.sequence, step.id).into(),
        };
        StepPlan {
            rule: self.rule(path, step),
            when: step
                .when
                .as_deref()
                .and_then(|when| self.site.condition(&at("when"), when)),
            missed,
            max_late_ms: max_late,
            beside: step
                .while_in_funnel
                .or(self.spec.while_in_funnel)
                .unwrap_or_default(),
            content,
            repeat: step.repeat.unwrap_or(self.spec.repeat),
        }
    }

    fn rule(&mut self, path: &str, step: &SequenceStepSpec) -> Rule {
        let at = |key: &str| format!("{path}.{key}");
        let after_ms = step
            .after
            .as_deref()
            .map_or(0, |after| self.site.duration(&at("after"), after));
        let clock = step.at.as_deref().and_then(|text| {
            let time = time::clock(text);
            if time.is_none() {
                self.site.problems.error(
                    &at("at"),
                    format!("\"{text}\" is not a time of day; write it like \"10:00\""),
                );
            }
            time
        });
        let days = match (&step.days, &self.spec.days) {
            (Some(days), _) => self.days(&at("days"), days),
            (None, Some(days)) => self.days("days", days),
            (None, None) => Days::ALL,
        };
        let window = match (&step.window, &self.spec.window) {
            (Some(_), _) if clock.is_some() => {
                self.site.problems.key_error(
                    &at("window"),
                    "the step has its hour in \"at\"; keep one of them",
                );
                None
            }
            (Some(window), _) => self.window(&at("window"), window),
            (None, Some(window)) if clock.is_none() => self.window("window", window),
            (None, _) => None,
        };
        Rule {
            after_ms,
            at: clock,
            days,
            window,
        }
    }

    fn days(&mut self, path: &str, days: &OneOrMany) -> Days {
        let words: Vec<&str> = match days {
            OneOrMany::One(day) => vec![day],
            OneOrMany::Many(days) => days.iter().map(String::as_str).collect(),
        };
        Days::parse(words).unwrap_or_else(|problem| {
            self.site.problems.error(path, problem);
            Days::ALL
        })
    }

    fn window(&mut self, path: &str, text: &str) -> Option<Window> {
        let parts = text.split_once(['-', '–']);
        let times: Option<(Time, Time)> =
            parts.and_then(|(from, to)| Some((time::clock(from)?, time::clock(to)?)));
        match times {
            Some((from, to)) if from == to => {
                self.site.problems.error(
                    path,
                    "the window opens and closes at once; delete it for the whole day",
                );
                None
            }
            Some((from, to)) => Some(Window { from, to }),
            None => {
                self.site.problems.error(
                    path,
                    format!("\"{text}\" is not a window; write it like \"09:00-21:00\""),
                );
                None
            }
        }
    }

    fn min_gap(&mut self) -> i64 {
        let Some(text) = &self.spec.min_gap else {
            return 0;
        };
        if self.spec.reentry == Reentry::Never {
            self.site.problems.key_error(
                "min_gap",
                "nobody enters twice; write \"reentry: after_end\" as well, or delete it",
            );
        }
        self.site.duration("min_gap", text)
    }

    fn signals(&mut self, path: &str, words: &[String], way: signals::Way) -> Vec<Signal> {
        let mut found = Vec::new();
        for (at, word) in words.iter().enumerate() {
            match signals::parse(word, way, self.site.index, self.site.partner) {
                Ok(signal) => found.push(signal),
                Err(problem) => self.site.problems.error(&format!("{path}[{at}]"), problem),
            }
        }
        found
    }

    fn moved_to(&mut self, by_id: &QuickMap<Arc<str>, StepIx>) -> HashMap<String, StepIx> {
        let mut moved = HashMap::new();
        for (old, new) in &self.spec.moved_to {
            let path = format!("moved_to.{old}");
            if by_id.contains_key(old.as_str()) {
                self.site.problems.key_error(
                    &path,
                    format!("step \"{old}\" still exists; delete this line, or the step"),
                );
            }
            match by_id.get(new.as_str()) {
                Some(ix) => {
                    moved.insert(old.clone(), *ix);
                }
                None => {
                    let help = hint(
                        new,
                        by_id.keys().map(|id| &**id),
                        "; name a step that exists",
                    );
                    self.site
                        .problems
                        .error(&path, format!("no step \"{new}\"{help}"));
                }
            }
        }
        moved
    }
}

impl Site<'_> {
    /// Sequences named by `enroll` or `leave`.
    pub fn sequences(&mut self, path: &str, names: Option<&OneOrMany>) -> Vec<usize> {
        let names: Vec<&str> = match names {
            None => return Vec::new(),
            Some(OneOrMany::One(name)) => vec![name],
            Some(OneOrMany::Many(names)) => names.iter().map(String::as_str).collect(),
        };
        let mut found = Vec::new();
        for name in names {
            if let Some(ix) = self.index.sequences.iter().position(|id| id == name) {
                found.push(ix);
            } else if let Some(needs) = self.index.idle.get(name) {
                self.problems.warning(
                    path,
                    format!("sequence \"{name}\" rests: it leads to funnel \"{needs}\", which this partner does not use"),
                );
            } else if !self.index.broken.iter().any(|broken| broken == name) {
                let known = self.index.sequences.iter().map(String::as_str);
                let help = hint(
                    name,
                    known,
                    &format!("; add sequences/{name}.yaml to the funnels"),
                );
                self.problems
                    .error(path, format!("no sequence \"{name}\"{help}"));
            }
        }
        found
    }

    pub fn content(&mut self, path: &str, content: &str) -> Arc<str> {
        if !is_id(content, 40) {
            self.problems.error(path, format!("\"{content}\" cannot name a content; use a-z, 0-9 and _, a letter first, at most 40"));
        }
        content.into()
    }
}
