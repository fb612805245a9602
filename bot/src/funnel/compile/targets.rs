//! Where things lead: `step`, `@funnel`, `@funnel.step`, `end`, `back`, `human`, `stay`. PURE.

use super::problems::{hint, is_id};
use super::site::Site;
use crate::funnel::model::{Case, FunnelIx, Target};
use crate::funnel::spec::NextSpec;

impl Site<'_> {
    /// The target written at `path`; a wrong one is reported and stands as `stay`.
    pub fn target(&mut self, path: &str, text: &str) -> Target {
        match text {
            "end" => Target::End,
            "back" => Target::Back,
            "human" => Target::Human,
            "stay" => Target::Stay,
            other => match other.strip_prefix('@') {
                Some(rest) => self.other_funnel(path, rest),
                None => self.own_step(path, other),
            },
        }
    }

    fn own_step(&mut self, path: &str, id: &str) -> Target {
        let Some(own) = self.index.funnels.get(self.ix) else {
            // A sequence: that its buttons lead into funnels is said where its steps are checked.
            return Target::Stay;
        };
        if let Some(ix) = own.steps.get(id) {
            return Target::Step(*ix);
        }
        let known = self
            .spec
            .steps
            .keys()
            .map(String::as_str)
            .chain(["end", "back", "human", "stay"]);
        let otherwise = if self.index.funnel(id).is_some() {
            format!("; for the funnel of that name write \"@{id}\"")
        } else {
            "; add it under steps, or write end, back, human or stay".to_owned()
        };
        let help = hint(id, known, &otherwise);
        self.problems.error(path, format!("no step \"{id}\"{help}"));
        Target::Stay
    }

    fn other_funnel(&mut self, path: &str, text: &str) -> Target {
        let (funnel, step) = match text.split_once('.') {
            Some((funnel, step)) => (funnel, Some(step)),
            None => (text, None),
        };
        let Some(ix) = self.known_funnel(path, funnel) else {
            return Target::Stay;
        };
        let listed = &self.index.funnels[ix];
        let Some(step) = step else {
            return Target::Funnel(ix, listed.first.unwrap_or(0));
        };
        match listed.steps.get(step) {
            Some(step) if ix == self.ix => Target::Step(*step),
            Some(step) => Target::Funnel(ix, *step),
            None => {
                let help = hint(
                    step,
                    listed.steps.keys().map(String::as_str),
                    &format!("; write \"@{funnel}\" for its first step"),
                );
                self.problems.error(
                    path,
                    format!("no step \"{step}\" in funnel \"{funnel}\"{help}"),
                );
                Target::Stay
            }
        }
    }

    /// The funnel named at `path`; nothing is said about one whose own file is broken.
    fn known_funnel(&mut self, path: &str, id: &str) -> Option<FunnelIx> {
        let found = self.index.funnel(id);
        if found.is_none() && !self.index.broken.iter().any(|broken| broken == id) {
            let help = hint(
                id,
                self.index.ids(),
                &format!("; add {id}.yaml to the funnels"),
            );
            self.problems
                .error(path, format!("no funnel \"{id}\"{help}"));
        }
        found
    }

    pub fn call(&mut self, path: &str, text: &str) -> Option<FunnelIx> {
        let Some(id) = text.strip_prefix('@') else {
            let example = if is_id(text, 64) { text } else { "funnel" };
            self.problems.error(
                path,
                format!("call runs another funnel; write \"@{example}\""),
            );
            return None;
        };
        self.known_funnel(path, id)
    }

    pub fn next(&mut self, path: &str, next: Option<&NextSpec>) -> Vec<Case> {
        match next {
            None => Vec::new(),
            Some(NextSpec::To(text)) => vec![Case {
                when: None,
                to: self.target(path, text),
            }],
            Some(NextSpec::Cases(cases)) => {
                let last = cases.len().saturating_sub(1);
                if cases.is_empty() {
                    self.problems.error(
                        path,
                        "no case; write a step, or cases with \"when\" and \"to\"",
                    );
                }
                for (at, case) in cases.iter().enumerate() {
                    if case.when.is_none() && at != last {
                        self.problems.error(&format!("{path}[{at}]"), "the cases after this one are never reached; add \"when\", or put it last");
                    }
                    if case.when.is_some() && at == last {
                        self.problems.error(
                            &format!("{path}[{at}]"),
                            "nothing is left when no case fits; add a last case with only \"to\"",
                        );
                    }
                }
                let cases = cases.iter().enumerate();
                cases
                    .map(|(at, case)| self.case(&format!("{path}[{at}]"), case))
                    .collect()
            }
        }
    }

    fn case(&mut self, path: &str, case: &crate::funnel::spec::CaseSpec) -> Case {
        let when = case
            .when
            .as_deref()
            .and_then(|when| self.condition(&format!("{path}.when"), when));
        Case {
            when,
            to: self.target(&format!("{path}.to"), &case.to),
        }
    }
}
