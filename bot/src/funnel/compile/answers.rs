//! Questions: the kind of answer, and whether the keys around it fit together. PURE.

use super::site::Site;
use crate::funnel::effect::FollowUpKind;
use crate::funnel::html::TEXT_LIMIT;
use crate::funnel::model::{Collect, Expect, Silent};
use crate::funnel::spec::{
    CollectSpec, ExpectKind, ExpectRule, ExpectSpec, PhoneButton, PhoneRule, SilentSpec, StepSpec,
};
use crate::funnel::words::Words;
use crate::lead::Purpose;

const ANSWER_LIMIT: usize = 1000;

impl Site<'_> {
    pub fn expect(&mut self, path: &str, spec: &ExpectSpec) -> Option<Expect> {
        match spec {
            ExpectSpec::Kind(kind) => Some(match kind {
                ExpectKind::Text => Expect::Text {
                    min: 1,
                    max: ANSWER_LIMIT,
                },
                ExpectKind::Number => Expect::Number {
                    min: None,
                    max: None,
                    whole: false,
                },
                ExpectKind::Choice => Expect::Choice,
                ExpectKind::Phone => Expect::Phone {
                    regions: Vec::new(),
                },
                ExpectKind::Email => Expect::Email,
                ExpectKind::Date => Expect::Date(Default::default()),
                ExpectKind::Photo => Expect::Photo,
            }),
            ExpectSpec::Rule(rule) => self.rule(path, rule),
        }
    }

    fn rule(&mut self, path: &str, rule: &ExpectRule) -> Option<Expect> {
        let ExpectRule {
            text,
            number,
            phone,
            date,
        } = rule;
        let mut kinds = Vec::new();
        if let Some(text) = text {
            let (min, max) = (
                text.min.unwrap_or(1) as usize,
                text.max.map_or(ANSWER_LIMIT, |max| max as usize),
            );
            self.check_range(&format!("{path}.text"), min <= max);
            kinds.push(Expect::Text { min, max });
        }
        if let Some(number) = number {
            let fits = number
                .min
                .zip(number.max)
                .is_none_or(|(min, max)| min <= max);
            self.check_range(&format!("{path}.number"), fits);
            kinds.push(Expect::Number {
                min: number.min,
                max: number.max,
                whole: number.whole,
            });
        }
        if let Some(phone) = phone {
            self.check_regions(path, phone);
            kinds.push(Expect::Phone {
                regions: phone.regions.clone(),
            });
        }
        if let Some(date) = date {
            kinds.push(Expect::Date(date.when));
        }
        if kinds.len() != 1 {
            self.problems.error(
                path,
                "a question awaits one kind of answer; keep one of text, number, phone and date",
            );
        }
        kinds.into_iter().next()
    }

    fn check_range(&mut self, path: &str, fits: bool) {
        if !fits {
            self.problems
                .error(path, "min is above max, no answer would fit; swap them");
        }
    }

    fn check_regions(&mut self, path: &str, phone: &PhoneRule) {
        for (at, region) in phone.regions.iter().enumerate() {
            if region.len() != 2 || !region.bytes().all(|b| b.is_ascii_uppercase()) {
                self.problems.error(
                    &format!("{path}.phone.regions[{at}]"),
                    format!(
                        "\"{region}\" is not a region; write two capital letters such as RU or KZ"
                    ),
                );
            }
        }
    }

    /// The text of the contact button: `None` when there is none, `Some(None)` for the built-in one.
    pub fn contact_button(&mut self, path: &str, spec: &StepSpec) -> Option<Option<Words>> {
        match spec.expect.as_ref()? {
            ExpectSpec::Kind(ExpectKind::Phone) => Some(None),
            ExpectSpec::Kind(_) => None,
            ExpectSpec::Rule(rule) => match &rule.phone.as_ref()?.button {
                None | Some(PhoneButton::Shown(true)) => Some(None),
                Some(PhoneButton::Shown(false)) => None,
                Some(PhoneButton::Text(text)) => Some(Some(
                    self.plain(&format!("{path}.expect.phone.button"), text),
                )),
            },
        }
    }

    pub fn collect(&mut self, path: &str, spec: &CollectSpec) -> Collect {
        let quiet = spec
            .quiet
            .as_deref()
            .map_or(2_000, |text| self.duration(&format!("{path}.quiet"), text));
        let max = spec
            .max
            .as_deref()
            .map_or(15_000, |text| self.duration(&format!("{path}.max"), text));
        if quiet > max {
            self.problems
                .error(path, "quiet is longer than max; make max the longer one");
        }
        Collect {
            quiet_ms: quiet,
            max_ms: max,
        }
    }

    pub fn silent(&mut self, path: &str, specs: &[SilentSpec]) -> Vec<Silent> {
        let mut branches: Vec<Silent> = Vec::new();
        for (at, branch) in specs.iter().enumerate() {
            let path = format!("{path}[{at}]");
            let earlier = branches.last().map_or(0, |last| last.after_ms);
            let after_ms = self.duration_or(&format!("{path}.after"), &branch.after, earlier + 1);
            if branch.say.is_none() && branch.to.is_none() {
                self.problems
                    .error(&path, "nothing happens here; add \"say\" or \"to\"");
            }
            match branches.last() {
                Some(last) if last.to.is_some() => self.problems.error(&path, "the branch before leaves the step, this one is never reached; delete it, or swap them"),
                Some(last) if last.after_ms >= after_ms => self.problems.error(&format!("{path}.after"), "not later than the branch before; the delays count from the lead's last word"),
                _ => {}
            }
            let say = branch
                .say
                .as_ref()
                .map(|say| self.message(&format!("{path}.say"), say, TEXT_LIMIT));
            let to = branch
                .to
                .as_deref()
                .map(|to| self.target(&format!("{path}.to"), to));
            let kind = branch.kind.unwrap_or_default();
            let purpose = branch.purpose.unwrap_or(match kind {
                FollowUpKind::Reminder => Purpose::Service,
                FollowUpKind::Value | FollowUpKind::Proof | FollowUpKind::Final => {
                    Purpose::Advertising
                }
            });
            branches.push(Silent {
                after_ms,
                kind,
                purpose,
                say,
                to,
            });
        }
        branches
    }
}
