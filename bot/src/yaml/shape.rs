//! Compares a tree with the JSON schema of the type it is meant for, and reports everything at once. PURE.
//!
//! It knows the part of JSON Schema that schemars generates for plain serde structs: objects, arrays, words,
//! numbers, `anyOf`/`oneOf` of these, and `$ref`.

use serde_json::Value as Json;
use serde_yaml::{Mapping, Value};

use super::places::Places;
use super::tree::Node;
use super::words::{did_you_mean, short};
use crate::diagnostic::{Diagnostic, Severity};

/// The value ready for `serde_yaml::from_value`, and what is wrong with it.
pub(super) fn check(node: &Node, schema: &Json, places: &Places) -> (Value, Vec<Diagnostic>) {
    let mut checker = Checker {
        root: schema,
        places,
        problems: Vec::new(),
    };
    let value = checker.value(node, schema, "");
    (value, checker.problems)
}

struct Checker<'a> {
    root: &'a Json,
    places: &'a Places,
    problems: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    fn value(&mut self, node: &Node, schema: &'a Json, path: &str) -> Value {
        let mut branches = Vec::new();
        self.flatten(schema, &mut branches);
        if matches!(node, Node::Broken) {
            return Value::Null;
        }
        let value = node.to_value();
        if branches.iter().any(|branch| takes_anything(branch)) {
            return value;
        }
        let fitting: Vec<&'a Json> = branches
            .iter()
            .copied()
            .filter(|branch| fits(branch, &value))
            .collect();
        match (&fitting[..], node) {
            ([], _) => self.misfit(node, value, &branches, path),
            (_, Node::Scalar { .. }) => self.scalar(value, &fitting, path),
            ([one], _) => self.container(node, one, path),
            (several, _) => self.best(node, several, path),
        }
    }

    /// Leaves of `anyOf`/`oneOf` with `$ref` followed.
    fn flatten(&self, schema: &'a Json, leaves: &mut Vec<&'a Json>) {
        if let Some(name) = schema["$ref"].as_str() {
            let target = name
                .strip_prefix('#')
                .and_then(|name| self.root.pointer(name));
            if let Some(target) = target {
                self.flatten(target, leaves);
            }
            return;
        }
        match schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            Some(branches) => branches.iter().for_each(|one| self.flatten(one, leaves)),
            None => leaves.push(schema),
        }
    }

    fn scalar(&mut self, value: Value, fitting: &[&'a Json], path: &str) -> Value {
        match &value {
            Value::String(text) => {
                let words: Vec<&str> = fitting.iter().flat_map(|leaf| words_of(leaf)).collect();
                let free = fitting.iter().any(|leaf| words_of(leaf).is_empty());
                if !free && !words.contains(&text.as_str()) {
                    let found = short(text, 40);
                    let hint = did_you_mean(text, &words);
                    let message = format!("expected {}, found \"{found}\"{hint}", one_of(&words));
                    self.error(path, message);
                }
            }
            Value::Number(number) => {
                let wrong = fitting.iter().map(|leaf| out_of_range(leaf, number));
                if let Some(message) = wrong.reduce(Option::and).flatten() {
                    self.error(path, message);
                }
            }
            _ => {}
        }
        value
    }

    fn container(&mut self, node: &Node, schema: &'a Json, path: &str) -> Value {
        match node {
            Node::List(items) => Value::Sequence(
                items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| {
                        self.value(item, &schema["items"], &format!("{path}[{index}]"))
                    })
                    .collect(),
            ),
            Node::Map(entries) => self.map(entries, schema, path),
            Node::Scalar { .. } | Node::Broken => node.to_value(),
        }
    }

    fn map(&mut self, entries: &[(String, Node)], schema: &'a Json, path: &str) -> Value {
        let mut mapping = Mapping::new();
        for (key, node) in entries {
            let place = join(path, key);
            let value = match (
                schema["properties"].get(key),
                &schema["additionalProperties"],
            ) {
                (Some(schema), _) => self.value(node, schema, &place),
                (None, Json::Bool(false)) => {
                    self.unknown_key(key, schema, &place);
                    continue;
                }
                (None, rest) => self.value(node, rest, &place),
            };
            mapping.insert(Value::String(key.clone()), value);
        }
        self.missing_keys(entries, schema, path);
        Value::Mapping(mapping)
    }

    fn missing_keys(&mut self, entries: &[(String, Node)], schema: &Json, path: &str) {
        let required = schema["required"].as_array().into_iter().flatten();
        let missing: Vec<String> = required
            .filter_map(Json::as_str)
            .filter(|key| !entries.iter().any(|(name, _)| name == key))
            .map(|key| format!("\"{key}\""))
            .collect();
        if !missing.is_empty() {
            let noun = if missing.len() == 1 { "key" } else { "keys" };
            let message = format!("missing {noun} {}", missing.join(", "));
            let problem = self.places.key_diagnostic(path, Severity::Error, message);
            self.problems.push(problem);
        }
    }

    /// Several branches take a list or a section: the one with the fewest problems was meant.
    fn best(&mut self, node: &Node, branches: &[&'a Json], path: &str) -> Value {
        let before = std::mem::take(&mut self.problems);
        let mut tries: Vec<(Value, Vec<Diagnostic>)> = branches
            .iter()
            .map(|branch| {
                let value = self.container(node, branch, path);
                (value, std::mem::take(&mut self.problems))
            })
            .collect();
        tries.sort_by_key(|(_, problems)| problems.len());
        self.problems = before;
        let Some((value, problems)) = tries.into_iter().next() else {
            return Value::Null;
        };
        self.problems.extend(problems);
        value
    }

    fn misfit(&mut self, node: &Node, value: Value, branches: &[&'a Json], path: &str) -> Value {
        let takes = |kind: &str| branches.iter().any(|leaf| takes(leaf, kind));
        let free_text = branches
            .iter()
            .any(|leaf| self::takes(leaf, "string") && words_of(leaf).is_empty());
        if let (Value::Number(_), Node::Scalar { text, .. }, true) = (&value, node, free_text) {
            // `text: 18` and `code: 0.10` mean these very characters.
            return Value::String(text.clone());
        }
        let expected = expected(branches);
        let message = match (&value, node) {
            (Value::Null, _) => format!("empty; write {expected} or remove the key"),
            (Value::Bool(_), Node::Scalar { text, .. }) if free_text => {
                format!("{text} without quotes is a yes or no; put it in quotes: \"{text}\"")
            }
            (Value::Sequence(_), _) => format!("expected {expected}, found a list"),
            (Value::Mapping(_), _) if takes("array") => {
                format!("expected {expected}, found a section; begin each item with \"- \"")
            }
            (Value::Mapping(_), _) => format!("expected {expected}, found a section"),
            (Value::String(text), Node::Scalar { plain: true, .. })
                if takes("object") && text.contains(':') =>
            {
                format!("expected {expected}; is a space missing after \":\"?")
            }
            (Value::String(text), _) => {
                format!("expected {expected}, found \"{}\"", short(text, 40))
            }
            (_, Node::Scalar { text, .. }) => format!("expected {expected}, found {text}"),
            _ => format!("expected {expected}"),
        };
        self.error(path, message);
        Value::Null
    }

    fn unknown_key(&mut self, key: &str, schema: &Json, place: &str) {
        let known: Vec<&str> = schema["properties"]
            .as_object()
            .map(|all| all.keys().map(String::as_str).collect())
            .unwrap_or_default();
        let mut hint = did_you_mean(key, &known);
        if hint.is_empty() && known.len() <= 24 {
            hint = format!("; known here: {}", known.join(", "));
        }
        let message = format!("unknown key \"{}\"{hint}", short(key, 64));
        let problem = self.places.key_diagnostic(place, Severity::Error, message);
        self.problems.push(problem);
    }

    fn error(&mut self, path: &str, message: String) {
        let problem = self.places.diagnostic(path, Severity::Error, message);
        self.problems.push(problem);
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

fn takes_anything(leaf: &Json) -> bool {
    const LIMITS: [&str; 4] = ["type", "enum", "const", "properties"];
    match leaf {
        Json::Object(keys) => !LIMITS.iter().any(|limit| keys.contains_key(*limit)),
        // `true`, or a keyword that is absent.
        Json::Bool(true) | Json::Null => true,
        _ => false,
    }
}

fn takes(leaf: &Json, kind: &str) -> bool {
    match &leaf["type"] {
        Json::String(name) => name == kind,
        Json::Array(names) => names.iter().any(|name| name == kind),
        _ => kind == "string" && !words_of(leaf).is_empty(),
    }
}

fn fits(leaf: &Json, value: &Value) -> bool {
    match value {
        Value::Null => takes(leaf, "null"),
        Value::Bool(_) => takes(leaf, "boolean"),
        Value::Number(number) if number.is_f64() => takes(leaf, "number"),
        Value::Number(_) => takes(leaf, "integer") || takes(leaf, "number"),
        Value::String(_) => takes(leaf, "string"),
        Value::Sequence(_) => takes(leaf, "array"),
        Value::Mapping(_) => takes(leaf, "object"),
        Value::Tagged(_) => false,
    }
}

fn words_of(leaf: &Json) -> Vec<&str> {
    let many = leaf["enum"].as_array().into_iter().flatten();
    many.chain(leaf.get("const"))
        .filter_map(Json::as_str)
        .collect()
}

fn one_of(words: &[&str]) -> String {
    match words {
        [one] => (*one).to_owned(),
        _ => format!("one of {}", words.join(", ")),
    }
}

/// What to say of a number beyond what the type can hold.
fn out_of_range(leaf: &Json, number: &serde_yaml::Number) -> Option<String> {
    let (type_min, type_max) = match leaf["format"].as_str().unwrap_or_default() {
        "int32" => (f64::from(i32::MIN), f64::from(i32::MAX)),
        "uint32" => (0.0, f64::from(u32::MAX)),
        "uint16" => (0.0, f64::from(u16::MAX)),
        "int64" => (i64::MIN as f64, i64::MAX as f64),
        "uint64" | "uint" => (0.0, u64::MAX as f64),
        _ => (f64::MIN, f64::MAX),
    };
    let min = leaf["minimum"].as_f64().unwrap_or(type_min);
    let max = leaf["maximum"].as_f64().unwrap_or(type_max);
    let value = number.as_f64().unwrap_or(f64::NAN);
    if value.is_finite() && (min..=max).contains(&value) {
        return None;
    }
    if min == f64::MIN || max == f64::MAX {
        return Some(format!("{number} is too large or no number at all"));
    }
    Some(format!("{number} is out of range; from {min} to {max}"))
}

fn expected(branches: &[&Json]) -> String {
    let mut words: Vec<String> = Vec::new();
    let choice: Vec<&str> = branches.iter().flat_map(|leaf| words_of(leaf)).collect();
    if !choice.is_empty() {
        words.push(one_of(&choice));
    }
    let kinds = [
        ("string", "a text"),
        ("integer", "a whole number"),
        ("number", "a number"),
        ("boolean", "true or false"),
        ("array", "a list"),
        ("object", "a section of \"key: value\" lines"),
    ];
    for (kind, word) in kinds {
        let here = |leaf: &&Json| takes(leaf, kind) && words_of(leaf).is_empty();
        if branches.iter().any(here) {
            words.push(word.to_owned());
        }
    }
    words.join(" or ")
}
