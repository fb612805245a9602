//! Texts with `{{ … }}` and conditions: compiled once, rendered with a lead's facts. PURE.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::Value;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::html;

/// Instructions one text may use; a normal one takes dozens.
const FUEL: u64 = 20_000;
/// Longest value put into a text.
const VALUE_LIMIT: usize = 400;
/// Compiled texts kept at once: each takes about 8 KiB, and a quiet bot needs none.
const MOST_WARM: usize = 64;
const FILTERS_TAKEN_AWAY: &[&str] = &["safe", "pprint", "attr", "escape", "e"];

/// What a source is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A message: values are escaped.
    Html,
    /// A button or a stored value: nothing is escaped.
    Plain,
    /// A condition.
    When,
}

/// A compiled text or condition of one `Templates`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TemplateId(Arc<str>);

/// Why a source was refused; `line` counts from 1 inside the text.
#[derive(Debug, PartialEq, Eq)]
pub struct TemplateProblem(pub String);

/// All templates and conditions of the loaded funnels.
pub struct Templates {
    /// Holds what was used of late.
    warm: Mutex<Environment<'static>>,
    count: usize,
    /// As they are written.
    sources: HashMap<TemplateId, String>,
}

impl std::fmt::Debug for Templates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Templates({})", self.count)
    }
}

impl Default for Templates {
    fn default() -> Self {
        let mut env = Environment::new();
        env.set_undefined_behavior(UndefinedBehavior::Strict);
        env.set_fuel(Some(FUEL));
        env.set_auto_escape_callback(|name| {
            if name.starts_with('h') {
                AutoEscape::Html
            } else {
                AutoEscape::None
            }
        });
        env.set_formatter(|out, state, value| {
            let escape = matches!(state.auto_escape(), AutoEscape::Html);
            print_value(out, value, escape)
        });
        for name in FILTERS_TAKEN_AWAY {
            env.remove_filter(name);
        }
        super::filters::add_to(&mut env);
        Self {
            warm: Mutex::new(env),
            count: 0,
            sources: HashMap::new(),
        }
    }
}

impl Templates {
    /// Compiles `source`; the names it uses come back for the loader to check.
    pub fn add(
        &mut self,
        kind: Kind,
        source: &str,
    ) -> Result<(TemplateId, Vec<String>), TemplateProblem> {
        self.count += 1;
        let letter = match kind {
            Kind::Html => 'h',
            Kind::Plain => 'p',
            Kind::When => 'w',
        };
        let id: Arc<str> = format!("{letter}{}", self.count).into();
        let mut env = self.warm();
        if kind == Kind::When {
            env.compile_expression_owned(source.to_owned())
                .map_err(|e| explain(&e))?;
        }
        env.add_template_owned(id.to_string(), text(&id, source))
            .map_err(|e| explain(&e))?;
        let template = env.get_template(&id).map_err(|e| explain(&e))?;
        let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        env.remove_template(&id);
        drop(env);
        names.sort();
        let id = TemplateId(id);
        self.sources.insert(id.clone(), source.to_owned());
        Ok((id, names))
    }

    /// The text, without its values should they fail to compute: a lead never sees an error.
    pub fn render_or_plain(&self, id: &TemplateId, scope: &Value) -> String {
        let rendered = self.render(id, scope);
        rendered.unwrap_or_else(|_| without_code(self.source(id), ""))
    }

    pub fn render(&self, id: &TemplateId, scope: &Value) -> Result<String, String> {
        let mut env = self.warm();
        if env.get_template(&id.0).is_err() {
            if env.templates().count() >= MOST_WARM {
                env.clear_templates();
            }
            env.add_template_owned(id.0.to_string(), text(&id.0, self.source(id)))
                .map_err(|e| e.to_string())?;
        }
        let template = env.get_template(&id.0).map_err(|e| e.to_string())?;
        template.render(scope.clone()).map_err(|e| e.to_string())
    }

    /// Lets go of everything compiled; it is compiled again when it is used.
    pub fn cool(&self) {
        self.warm().clear_templates();
    }

    fn warm(&self) -> MutexGuard<'_, Environment<'static>> {
        // A panic in a filter leaves nothing half done.
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The condition as its author wrote it.
    pub fn source(&self, id: &TemplateId) -> &str {
        self.sources.get(id).map_or("", String::as_str)
    }

    /// The text outside of any talk, with `…` for each value, and of a choice the words for whoever nothing is known of.
    pub fn without_values(&self, id: &TemplateId) -> String {
        without_code(&last_branch(self.source(id)), "…")
    }

    /// A condition that cannot be computed is false.
    pub fn is_true(&self, id: &TemplateId, scope: &Value) -> bool {
        self.render(id, scope).is_ok_and(|out| out == "1")
    }

    pub fn has_filter(&self, name: &str) -> bool {
        self.warm()
            .empty_state()
            .apply_filter(name, &[])
            .err()
            .is_none_or(|e| e.kind() != ErrorKind::UnknownFilter)
    }
}

/// What is compiled for an id; its letter tells the kind.
fn text(id: &str, source: &str) -> String {
    if id.starts_with('w') {
        format!("{{% if {} %}}1{{% endif %}}", far_when_absent(source))
    } else {
        source.to_owned()
    }
}

/// Whether a text needs rendering at all.
pub fn is_template(text: &str) -> bool {
    text.contains("{{") || text.contains("{%") || text.contains("{#")
}

/// The text as it will be seen, with `value` for each value.
pub(super) fn without_code(text: &str, value: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (end, shown) = match rest[at..].get(..2) {
            Some("{{") => ("}}", value),
            Some("{%") => ("%}", ""),
            Some("{#") => ("#}", ""),
            _ => {
                out.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
                continue;
            }
        };
        out.push_str(&rest[..at]);
        let Some(length) = rest[at..].find(end) else {
            return out;
        };
        out.push_str(shown);
        rest = &rest[at + length + 2..];
    }
    out.push_str(rest);
    out
}

/// Of every `{% if %}` with an `{% else %}`, the words after the last.
fn last_branch(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut opened: Vec<usize> = Vec::new();
    let mut rest = text;
    while let Some((before, code)) = rest.split_once("{%") {
        out.push_str(before);
        let Some((tag, after)) = code.split_once("%}") else {
            return out;
        };
        rest = after;
        match tag.trim_matches(['-', ' ']).split(' ').next() {
            Some("if") => opened.push(out.len()),
            Some("elif" | "else") => out.truncate(opened.last().copied().unwrap_or(out.len())),
            Some("endif") => drop(opened.pop()),
            _ => {
                out.push_str("{%");
                out.push_str(tag);
                out.push_str("%}");
            }
        }
    }
    out.push_str(rest);
    out
}

fn explain(error: &minijinja::Error) -> TemplateProblem {
    let detail = error.detail().unwrap_or("cannot be read");
    TemplateProblem(match error.line() {
        Some(line) if line > 1 => format!("{detail} (line {line} of the text)"),
        _ => detail.to_owned(),
    })
}

/// Makes a comparison with an answer not given false on either side: none sorts below every number,
/// so where a small value would make the comparison true, `far` turns none into infinity.
fn far_when_absent(source: &str) -> String {
    let mut out = String::with_capacity(source.len() + 16);
    let mut rest = source;
    let mut after_greater = false;
    while let Some(at) = rest.find("answers.") {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        if !before.trim().is_empty() {
            after_greater = ends_with_greater(before);
        }
        let end = from[8..]
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .map_or(from.len(), |n| n + 8);
        out.push_str(&from[..end]);
        rest = &from[end..];
        if after_greater || rest.trim_start().starts_with('<') {
            out.push_str("|far");
        }
        after_greater = false;
    }
    out.push_str(rest);
    out
}

fn ends_with_greater(text: &str) -> bool {
    let text = text.trim_end();
    text.ends_with('>') || text.ends_with(">=")
}

fn print_value(
    out: &mut minijinja::Output<'_>,
    value: &Value,
    escape: bool,
) -> Result<(), minijinja::Error> {
    let failed = |_| minijinja::Error::from(ErrorKind::WriteFailure);
    if value.is_undefined() {
        return Err(minijinja::Error::from(ErrorKind::UndefinedError));
    }
    if value.is_none() {
        return Ok(());
    }
    let text = match value.as_str() {
        Some(text) => html::clean(text, VALUE_LIMIT),
        None => html::clean(
            &number_text(value).unwrap_or_else(|| value.to_string()),
            VALUE_LIMIT,
        ),
    };
    let text = if escape { html::escape(&text) } else { text };
    out.write_str(&text).map_err(failed)
}

/// `12.0` reads `12`.
fn number_text(value: &Value) -> Option<String> {
    if !value.is_number() || value.is_integer() {
        return None;
    }
    let number = f64::try_from(value.clone()).ok()?;
    Some(format!("{number}"))
}

#[cfg(test)]
mod tests {
    use super::super::scope::{Facts, scope};
    use super::super::session::Session;
    use super::*;
    use crate::lead::Lead;
    use crate::partner::Partner;

    fn rendered(kind: Kind, source: &str) -> Result<String, String> {
        let mut templates = Templates::default();
        let lead = Arc::new(Lead {
            first_name: "<b>Аня\u{202E}".into(),
            score: 12,
            tags: ["vip".to_owned()].into(),
            ..Lead::default()
        });
        let answers = [
            ("kg".into(), serde_json::json!(12.0)),
            ("city".into(), serde_json::json!("Алматы & Ко")),
        ];
        let session = Session {
            answers: Arc::new(answers.into()),
            ..Session::default()
        };
        let names = Arc::new(["kg", "city", "unsaid"].map(str::to_owned).into());
        let partner = Partner {
            display_name: "Север".into(),
            ..Partner::default()
        };
        let scope = scope(
            &lead,
            &session,
            &partner,
            Facts {
                names,
                ..Facts::default()
            },
        );
        let (id, _) = templates.add(kind, source).map_err(|problem| problem.0)?;
        templates.render(&id, &scope)
    }

    #[test]
    fn values_print_as_people_read_them_and_cannot_carry_markup() {
        for (source, expected) in [
            ("{{ lead.first_name }}", "&lt;b&gt;Аня"),
            ("{{ answers.kg }} кг", "12 кг"),
            ("{{ answers.city }}", "Алматы &amp; Ко"),
            ("[{{ answers.unsaid }}]", "[]"),
            ("{{ answers.unsaid | default('нет') }}", "нет"),
            (
                "{{ answers.kg | plural('рубль', 'рубля', 'рублей') }}",
                "рублей",
            ),
            ("{{ 1234567 | money }}", "1\u{a0}234\u{a0}567\u{a0}₽"),
            ("{{ 'привет' | capitalize }}", "Привет"),
            ("{{ '2026-12-05' | date }}", "05.12.2026"),
            ("{{ answers.city | date }}", "Алматы &amp; Ко"),
            ("[{{ answers.unsaid | date }}]", "[]"),
            ("{% if 'vip' in lead.tags %}да{% endif %}", "да"),
            ("{{ partner.display_name }}", "Север"),
        ] {
            assert_eq!(
                rendered(Kind::Html, source).as_deref(),
                Ok(expected),
                "{source}"
            );
        }
        assert_eq!(
            rendered(Kind::Plain, "{{ answers.city }}").as_deref(),
            Ok("Алматы & Ко")
        );
    }

    #[test]
    fn unknown_names_and_endless_loops_are_errors() {
        for source in [
            "{{ answers.nobody }}",
            "{{ lead.nothing }}",
            "{{ who }}",
            "{{ lead.first_name | safe }}",
            "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
        ] {
            assert!(rendered(Kind::Html, source).is_err(), "{source}");
        }
    }

    #[test]
    fn a_comparison_with_an_answer_not_given_is_false() {
        for (source, expected) in [
            ("answers.kg > 10", true),
            ("answers.kg <= 12", true),
            ("answers.unsaid < 10", false),
            ("answers.unsaid <= 10", false),
            ("answers.unsaid > 10", false),
            ("10 > answers.unsaid", false),
            ("10 >= answers.unsaid", false),
            ("10 < answers.unsaid", false),
            ("not answers.unsaid", true),
            ("answers.unsaid is none", true),
            ("answers.kg == 12 and lead.score < 50", true),
        ] {
            assert_eq!(
                rendered(Kind::When, source).map(|out| out == "1"),
                Ok(expected),
                "{source}"
            );
        }
    }
}
