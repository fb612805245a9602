//! Texts with `{{ … }}` and conditions: compiled once, rendered with a lead's facts. PURE.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, Value};
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use super::html;
use super::session::Session;
use crate::lead::Lead;
use crate::partner::Partner;

/// Instructions one text may use; a normal one takes dozens.
const FUEL: u64 = 20_000;
/// Longest value put into a text.
const VALUE_LIMIT: usize = 400;
const NAME_LIMIT: usize = 64;
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
    env: Environment<'static>,
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
            env,
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
        let text = match kind {
            Kind::Html | Kind::Plain => source.to_owned(),
            Kind::When => {
                self.env
                    .compile_expression_owned(source.to_owned())
                    .map_err(|e| explain(&e))?;
                format!("{{% if {} %}}1{{% endif %}}", far_when_absent(source))
            }
        };
        self.env
            .add_template_owned(id.to_string(), text)
            .map_err(|e| explain(&e))?;
        let template = self.env.get_template(&id).map_err(|e| explain(&e))?;
        let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
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
        let template = self.env.get_template(&id.0).map_err(|e| e.to_string())?;
        template.render(scope.clone()).map_err(|e| e.to_string())
    }

    /// The condition as its author wrote it.
    pub fn source(&self, id: &TemplateId) -> &str {
        self.sources.get(id).map_or("", String::as_str)
    }

    /// The text outside of any talk, with `…` for each value.
    pub fn without_values(&self, id: &TemplateId) -> String {
        without_code(self.source(id), "…")
    }

    /// A condition that cannot be computed is false.
    pub fn is_true(&self, id: &TemplateId, scope: &Value) -> bool {
        self.render(id, scope).is_ok_and(|out| out == "1")
    }

    pub fn has_filter(&self, name: &str) -> bool {
        self.env
            .empty_state()
            .apply_filter(name, &[])
            .err()
            .is_none_or(|e| e.kind() != ErrorKind::UnknownFilter)
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

/// Everything templates may name, taken from a turn.
#[derive(Debug)]
struct Scope {
    lead: Lead,
    answers: BTreeMap<String, serde_json::Value>,
    names: Arc<BTreeSet<String>>,
    links: Arc<BTreeMap<String, String>>,
    display_name: String,
    bot_username: String,
    value: Option<Value>,
}

/// What a scope needs beside lead, session and partner.
#[derive(Debug, Default)]
pub struct Facts {
    /// Names of answers; those not given are none.
    pub names: Arc<BTreeSet<String>>,
    pub links: Arc<BTreeMap<String, String>>,
    /// What a built-in phrase speaks of.
    pub value: Option<Value>,
}

/// The facts of one lead as a template sees them.
pub fn scope(lead: &Lead, session: &Session, partner: &Partner, facts: Facts) -> Value {
    let Facts {
        names,
        links,
        value,
    } = facts;
    Value::from_object(Root(Arc::new(Scope {
        lead: lead.clone(),
        answers: session.answers.clone(),
        names,
        links,
        display_name: partner.display_name.clone(),
        bot_username: partner.bot_username.clone(),
        value,
    })))
}

#[derive(Debug)]
struct Root(Arc<Scope>);
#[derive(Debug)]
struct LeadFacts(Arc<Scope>);
#[derive(Debug)]
struct Answers(Arc<Scope>);
#[derive(Debug)]
struct PartnerFacts(Arc<Scope>);
#[derive(Debug)]
struct Links(Arc<Scope>);

impl Object for Root {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let scope = self.0.clone();
        Some(match key {
            "lead" => Value::from_object(LeadFacts(scope)),
            "answers" => Value::from_object(Answers(scope)),
            "partner" => Value::from_object(PartnerFacts(scope)),
            "links" => Value::from_object(Links(scope)),
            "bot" => Value::from_iter([("username", Value::from(scope.bot_username.as_str()))]),
            "value" => scope.value.clone()?,
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["lead", "answers", "partner", "links", "bot"])
    }
}

impl Object for LeadFacts {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let lead = &self.0.lead;
        let name = |text: &str| Value::from(html::clean(text, NAME_LIMIT));
        Some(match key.as_str()? {
            "first_name" => name(&lead.first_name),
            "last_name" => name(&lead.last_name),
            "name" => name(format!("{} {}", lead.first_name, lead.last_name).trim()),
            "username" => optional(lead.username.as_deref()),
            "phone" => optional(lead.phone.as_ref().map(|c| c.value.as_str())),
            "email" => optional(lead.email.as_ref().map(|c| c.value.as_str())),
            "score" => Value::from(lead.score),
            "language" => Value::from(lead.language.as_str()),
            "source" => optional(lead.first_touch.as_ref().map(|touch| touch.start.as_str())),
            "tags" => lead
                .tags
                .iter()
                .map(String::as_str)
                .map(Value::from)
                .collect(),
            _ => return None,
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(LEAD_NAMES)
    }
}

/// What `lead.` offers.
pub const LEAD_NAMES: &[&str] = &[
    "first_name",
    "last_name",
    "name",
    "username",
    "phone",
    "email",
    "score",
    "language",
    "source",
    "tags",
];

impl Object for Answers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        match self.0.answers.get(name) {
            Some(value) => Some(from_json(value)),
            None if self.0.names.contains(name) => Some(Value::from(())),
            None => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.mapped_enumerator(|this| {
            Box::new(this.0.answers.keys().map(|name| Value::from(name.as_str())))
        })
    }
}

impl Object for PartnerFacts {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "display_name" => Some(Value::from(self.0.display_name.as_str())),
            "links" => Some(Value::from_object(Links(self.0.clone()))),
            _ => None,
        }
    }
}

impl Object for Links {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.0
            .links
            .get(key.as_str()?)
            .map(|url| Value::from(url.as_str()))
    }
}

fn from_json(value: &serde_json::Value) -> Value {
    match value {
        serde_json::Value::Null => Value::from(()),
        serde_json::Value::Bool(flag) => Value::from(*flag),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Value::from(whole),
            None => Value::from(number.as_f64().unwrap_or_default()),
        },
        serde_json::Value::String(text) => Value::from(text.as_str()),
        serde_json::Value::Array(items) => items.iter().map(from_json).collect(),
        serde_json::Value::Object(fields) => Value::from_iter(
            fields
                .iter()
                .map(|(name, value)| (name.as_str(), from_json(value))),
        ),
    }
}

fn optional(text: Option<&str>) -> Value {
    text.map_or_else(|| Value::from(()), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(kind: Kind, source: &str) -> Result<String, String> {
        let mut templates = Templates::default();
        let lead = Lead {
            first_name: "<b>Аня\u{202E}".into(),
            score: 12,
            tags: ["vip".to_owned()].into(),
            ..Lead::default()
        };
        let mut session = Session::default();
        session.answers.insert("kg".into(), serde_json::json!(12.0));
        session
            .answers
            .insert("city".into(), serde_json::json!("Алматы & Ко"));
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
