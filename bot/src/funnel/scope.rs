//! What templates and conditions may name: facts of the lead, answers, the partner, links. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectExt, Value};

use super::html;
use super::session::{self, Session};
use crate::lead::Lead;
use crate::partner::Partner;

const NAME_LIMIT: usize = 64;

/// Everything templates may name, taken from a turn.
#[derive(Debug)]
struct Scope {
    lead: Arc<Lead>,
    answers: Arc<session::Answers>,
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
pub fn scope(lead: &Arc<Lead>, session: &Session, partner: &Partner, facts: Facts) -> Value {
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
