//! One step: its text, what it gives and takes, and whether its keys fit together. PURE.

use super::problems::{hint, is_id};
use super::site::Site;
use crate::funnel::effect::Notice;
use crate::funnel::html::{CAPTION_LIMIT, TEXT_LIMIT};
use crate::funnel::model::{
    Keyboard, KeyboardButton, Notification, Score, Setting, Step, StepText, Target, Variant,
};
use crate::funnel::spec::{KeyboardSpec, OneOrMany, ScoreSpec, StepSpec, Text};
use crate::funnel::template::{Kind, is_template};

const TAG_LIMIT: usize = 40;

impl Site<'_> {
    /// The step written at `path`.
    pub fn step(&mut self, path: &str, id: &str, spec: &StepSpec) -> Step {
        let path = path.to_owned();
        let at = |key: &str| format!("{path}.{key}");
        self.check_keys(&path, spec);
        let buttons = self.buttons(&path, id, spec);
        let next = self.next(&at("next"), spec.next.as_ref());
        let again = spec.again.as_ref();
        Step {
            id: id.into(),
            text: self.step_text(&path, spec),
            media: spec
                .media
                .as_ref()
                .and_then(|media| self.media_file(&at("media"), media)),
            buttons,
            columns: self.columns(&path, spec),
            keyboard: spec
                .keyboard
                .as_ref()
                .map(|keyboard| self.keyboard(&at("keyboard"), keyboard)),
            expect: spec
                .expect
                .as_ref()
                .and_then(|expect| self.expect(&at("expect"), expect)),
            contact_button: self.contact_button(&path, spec),
            save: spec.save.clone(),
            again: again.map(|again| self.message(&at("again.text"), &again.text, TEXT_LIMIT)),
            times: again.and_then(|again| again.times).unwrap_or(3).max(1),
            after_times: match again.and_then(|again| again.then.as_deref()) {
                Some(then) => self.target(&at("again.then"), then),
                None => Target::Human,
            },
            then_is_written: again.is_some_and(|again| again.then.is_some()),
            line: self.problems.line(&path),
            skip: spec.skip.as_ref().map(|skip| self.skip(&at("skip"), skip)),
            collect: spec
                .collect
                .as_ref()
                .map(|collect| self.collect(&at("collect"), collect)),
            tag: self.tags(&at("tag"), spec.tag.as_ref()),
            untag: self.tags(&at("untag"), spec.untag.as_ref()),
            score: spec
                .score
                .as_ref()
                .map(|score| self.score(&at("score"), score)),
            set: self.settings(&at("set"), spec),
            notify: spec
                .notify
                .as_deref()
                .map(|notify| self.notify(&at("notify"), notify)),
            is_question: spec.ask.is_some() || spec.expect.is_some(),
            own_silent: spec
                .silent
                .as_deref()
                .map(|silent| self.silent(&at("silent"), silent)),
            enroll: self.sequences(&at("enroll"), spec.enroll.as_ref()),
            unenroll: self.sequences(&at("leave"), spec.leave.as_ref()),
            content: spec
                .content
                .as_deref()
                .map(|content| self.content(&at("content"), content)),
            next,
            call: spec
                .call
                .as_deref()
                .and_then(|call| self.call(&at("call"), call)),
        }
    }

    fn step_text(&mut self, path: &str, spec: &StepSpec) -> Option<StepText> {
        let limit = if spec.media.is_some() {
            CAPTION_LIMIT
        } else {
            TEXT_LIMIT
        };
        if let Some(text) = &spec.say {
            return Some(StepText::One(self.message(
                &format!("{path}.say"),
                text,
                limit,
            )));
        }
        if let Some(text) = &spec.ask {
            return Some(StepText::One(self.message(
                &format!("{path}.ask"),
                text,
                limit,
            )));
        }
        if spec.variants.is_empty() {
            return None;
        }
        let mut names = Vec::new();
        let mut variants = Vec::new();
        for (at, variant) in spec.variants.iter().enumerate() {
            let path = format!("{path}.variants[{at}]");
            if names.contains(&variant.name.as_str()) {
                self.problems.error(
                    &format!("{path}.name"),
                    format!(
                        "two variants are called \"{}\"; give each its own name",
                        variant.name
                    ),
                );
            }
            names.push(variant.name.as_str());
            let text = self.message(&format!("{path}.text"), &variant.text, limit);
            variants.push(Variant {
                name: variant.name.clone(),
                weight: variant.weight.unwrap_or(1),
                text,
            });
        }
        if variants.iter().all(|variant| variant.weight == 0) {
            self.problems.error(
                &format!("{path}.variants"),
                "every variant has weight 0, nobody would see one; give one a weight",
            );
        }
        Some(StepText::Variants(variants))
    }

    fn columns(&mut self, path: &str, spec: &StepSpec) -> usize {
        let columns = spec.columns.unwrap_or(1);
        let path = format!("{path}.columns");
        if !(1..=8).contains(&columns) {
            self.problems.error(
                &path,
                format!("{columns} buttons in a row do not fit; write 1 to 8"),
            );
        } else if spec.columns.is_some() && spec.buttons.is_empty() {
            self.problems.key_error(
                &path,
                "the step has no buttons to put in columns; delete it, or add buttons",
            );
        }
        usize::from(columns.clamp(1, 8))
    }

    fn keyboard(&mut self, path: &str, spec: &KeyboardSpec) -> Keyboard {
        let rows = match spec {
            KeyboardSpec::Word(_) => return Keyboard::Remove,
            KeyboardSpec::Rows(rows) => rows,
        };
        if rows.iter().all(Vec::is_empty) {
            self.problems.error(
                path,
                "the keyboard is empty; add buttons, or write \"keyboard: remove\"",
            );
        }
        let mut out = Vec::new();
        for (row, buttons) in rows.iter().enumerate() {
            let button = |(column, button): (usize, &crate::funnel::spec::KeyboardButtonSpec)| {
                let path = format!("{path}[{row}][{column}]");
                let text = self.plain(&format!("{path}.text"), &button.text);
                KeyboardButton {
                    text,
                    to: self.target(&format!("{path}.to"), &button.to),
                }
            };
            out.push(buttons.iter().enumerate().map(button).collect());
        }
        Keyboard::Rows(out)
    }

    pub fn tags(&mut self, path: &str, tags: Option<&OneOrMany>) -> Vec<String> {
        let tags = match tags {
            None => return Vec::new(),
            Some(OneOrMany::One(tag)) => vec![tag.clone()],
            Some(OneOrMany::Many(tags)) => tags.clone(),
        };
        for tag in &tags {
            let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
            if tag.is_empty() || tag.chars().count() > TAG_LIMIT || !tag.chars().all(fits) {
                self.problems.error(path, format!("\"{tag}\" cannot be a tag; use letters, digits, _ and -, at most {TAG_LIMIT}"));
            }
        }
        tags
    }

    pub fn score(&mut self, path: &str, spec: &ScoreSpec) -> Score {
        match spec {
            ScoreSpec::Points(points) => Score {
                points: *points,
                reason: None,
            },
            ScoreSpec::Reasoned(score) => {
                let reason = self.plain(&format!("{path}.reason"), &score.reason);
                Score {
                    points: score.points,
                    reason: Some(reason),
                }
            }
        }
    }

    pub fn notify(&mut self, path: &str, text: &str) -> Notification {
        match text {
            "contact" => Notification::Notice(Notice::Contact),
            "link" => Notification::Notice(Notice::Link),
            "hot" => Notification::Notice(Notice::Hot),
            "human" => Notification::Notice(Notice::Human),
            own => {
                if !own.contains(' ') {
                    let help = hint(own, ["contact", "link", "hot", "human"], "");
                    if !help.is_empty() {
                        self.problems
                            .error(path, format!("no notice \"{own}\"{help}"));
                    }
                }
                Notification::Text(self.message(path, &Text::Plain(own.to_owned()), TEXT_LIMIT))
            }
        }
    }

    fn settings(&mut self, path: &str, spec: &StepSpec) -> Vec<(String, Setting)> {
        let mut settings = Vec::new();
        for (name, value) in &spec.set {
            let path = format!("{path}.{name}");
            self.check_name(&path, name);
            let setting = match value.as_str() {
                Some(text) if is_template(text) => match self.template(&path, text, Kind::Plain) {
                    Some(id) => Setting::Template(id),
                    None => continue,
                },
                _ => Setting::Value(value.clone()),
            };
            settings.push((name.clone(), setting));
        }
        settings
    }

    pub fn check_name(&mut self, path: &str, name: &str) {
        if !is_id(name, 32) {
            self.problems.error(path, format!("\"{name}\" cannot be a name for answers; use a-z, 0-9 and _, a letter first, at most 32"));
        }
    }
}
