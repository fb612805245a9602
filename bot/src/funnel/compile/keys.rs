//! Whether the keys of a step fit together. PURE.

use super::site::Site;
use crate::funnel::spec::{ExpectKind, ExpectSpec, NextSpec, PhoneButton, StepSpec};

impl Site<'_> {
    /// Keys that mean nothing, or the wrong thing, together.
    pub fn check_keys(&mut self, path: &str, spec: &StepSpec) {
        self.check_text_keys(path, spec);
        self.check_question_keys(path, spec);
        self.check_keyboard_keys(path, spec);
        self.check_way_on(path, spec);
    }

    fn check_text_keys(&mut self, path: &str, spec: &StepSpec) {
        let texts = [
            spec.say.is_some(),
            spec.ask.is_some(),
            !spec.variants.is_empty(),
        ];
        let texts = texts.iter().filter(|there| **there).count();
        if texts > 1 {
            self.problems.key_error(
                path,
                "a step has one text; keep one of \"say\", \"ask\" and \"variants\"",
            );
        }
        if texts == 0 && (spec.expect.is_some() || !spec.buttons.is_empty()) {
            self.problems
                .key_error(path, "nothing is said here; add \"ask\" with the question");
        }
        if spec.say.is_some() && spec.expect.is_some() {
            self.problems.key_error(
                &format!("{path}.expect"),
                "an answer is awaited, but nothing is asked; write \"ask\" instead of \"say\"",
            );
        }
        if spec.ask.is_some() && spec.expect.is_none() && spec.buttons.is_empty() {
            self.problems.key_error(
                &format!("{path}.ask"),
                "no answer is awaited; add \"expect\" or \"buttons\", or write \"say\"",
            );
        }
    }

    fn check_question_keys(&mut self, path: &str, spec: &StepSpec) {
        let at = |key: &str| format!("{path}.{key}");
        let awaits =
            spec.expect.is_some() || spec.buttons.iter().any(|button| button.link.is_none());
        if matches!(spec.expect, Some(ExpectSpec::Kind(ExpectKind::Choice)))
            && !spec.buttons.iter().any(|b| b.link.is_none())
        {
            self.problems.error(
                &at("expect"),
                "there is nothing to choose from; add \"buttons\"",
            );
        }
        let orphans = [
            ("again", spec.again.is_some()),
            ("save", spec.save.is_some()),
        ];
        for (key, there) in orphans {
            if there && !awaits {
                self.problems.key_error(
                    &at(key),
                    format!("no answer is awaited; \"{key}\" needs \"expect\" or \"buttons\""),
                );
            }
        }
        if spec.skip.is_some() && spec.expect.is_none() {
            self.problems.key_error(
                &at("skip"),
                "there is no question to pass over; add \"expect\", or make it one of the buttons",
            );
        }
        if spec.collect.is_some() && !awaits_text(spec) {
            self.problems.key_error(
                &at("collect"),
                "only words come in several messages; write \"expect: text\"",
            );
        }
        if spec.silent.as_ref().is_some_and(|own| !own.is_empty()) && !awaits && !stays(spec) {
            self.problems.key_error(&at("silent"), "the step waits for nothing, so nobody is silent here; add \"expect\" or \"buttons\"");
        }
        if let Some(name) = &spec.save {
            self.check_name(&at("save"), name);
        } else if spec.expect.is_some() && !keeps_itself(spec) {
            self.problems
                .warning(&at("expect"), "the answer is kept nowhere; add \"save\"");
        }
    }

    fn check_keyboard_keys(&mut self, path: &str, spec: &StepSpec) {
        let keyboard = format!("{path}.keyboard");
        if spec.keyboard.is_some() && (!spec.buttons.is_empty() || spec.skip.is_some()) {
            self.problems.key_error(&keyboard, "a message carries buttons or a keyboard, not both; put one of them into a step before or after");
        } else if spec.keyboard.is_some() && is_phone(spec) {
            self.problems.key_error(&keyboard, "the contact button takes the keyboard's place here; put the keyboard into another step");
        } else if spec.keyboard.is_some()
            && spec.say.is_none()
            && spec.ask.is_none()
            && spec.variants.is_empty()
            && spec.media.is_none()
        {
            self.problems
                .key_error(&keyboard, "a keyboard comes with a message; add \"say\"");
        }
    }

    fn check_way_on(&mut self, path: &str, spec: &StepSpec) {
        if spec.call.is_some() && (spec.expect.is_some() || !spec.buttons.is_empty()) {
            self.problems.key_error(
                &format!("{path}.call"),
                "a step asks or calls, not both; call in a step of its own",
            );
        }
        if spec.next.is_some() {
            return;
        }
        if spec.call.is_some() {
            self.problems.key_error(
                path,
                "nothing follows the call; add \"next\", or \"next: end\" to finish there",
            );
        } else if spec.expect.is_some() && !is_choice(spec) {
            self.problems.key_error(
                path,
                "nothing follows the answer; add \"next\", or \"next: end\" to finish there",
            );
        } else if !spec.buttons.iter().any(|button| button.link.is_none()) && spec.expect.is_none()
        {
            self.problems.key_error(path, "a dead end: nothing is awaited and nothing follows; add \"next\", or \"next: end\" to finish here");
        } else if spec
            .buttons
            .iter()
            .filter(|button| button.link.is_none())
            .all(|button| button.when.is_some())
        {
            self.problems.warning(
                path,
                "every button has a condition; add \"next\" for leads who see none of them",
            );
        }
    }
}

fn awaits_text(spec: &StepSpec) -> bool {
    match &spec.expect {
        Some(ExpectSpec::Kind(kind)) => *kind == ExpectKind::Text,
        Some(ExpectSpec::Rule(rule)) => rule.text.is_some(),
        None => false,
    }
}

fn is_phone(spec: &StepSpec) -> bool {
    match &spec.expect {
        Some(ExpectSpec::Kind(kind)) => *kind == ExpectKind::Phone,
        Some(ExpectSpec::Rule(rule)) => rule
            .phone
            .as_ref()
            .is_some_and(|phone| !matches!(phone.button, Some(PhoneButton::Shown(false)))),
        None => false,
    }
}

fn is_choice(spec: &StepSpec) -> bool {
    matches!(spec.expect, Some(ExpectSpec::Kind(ExpectKind::Choice)))
}

/// Phones and e-mails go to the lead's card, a choice may matter only by its buttons.
fn keeps_itself(spec: &StepSpec) -> bool {
    match &spec.expect {
        Some(ExpectSpec::Kind(kind)) => matches!(
            kind,
            ExpectKind::Phone | ExpectKind::Email | ExpectKind::Choice
        ),
        Some(ExpectSpec::Rule(rule)) => rule.phone.is_some(),
        None => true,
    }
}

fn stays(spec: &StepSpec) -> bool {
    matches!(&spec.next, Some(NextSpec::To(to)) if to == "stay")
}
