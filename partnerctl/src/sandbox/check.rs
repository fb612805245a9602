//! Checks JSON against the compiled schema, naming every field that does not fit.

use std::fmt;

use serde_json::{Map, Value};

use super::schema::{Object, Schema, Ty, Variant, schema};

/// All the ways in which `params` do not fit the parameters of a method; empty when they do.
pub fn check_params(params: &Map<String, Value>, method: &Object) -> Vec<String> {
    let mut check = Check {
        schema: schema(),
        problems: Vec::new(),
    };
    check.fields(method, params, Path::Root);
    check.problems
}

/// All the ways in which `value` is not a valid object of the named Bot API type.
pub fn check_object(name: &str, value: &Value) -> Vec<String> {
    let mut check = Check {
        schema: schema(),
        problems: Vec::new(),
    };
    match check.schema.object(name) {
        Some(object) => check.object(object, value, Path::Root),
        None => check.problems.push(format!("no type {name} in the schema")),
    }
    check.problems
}

struct Check<'s> {
    schema: &'s Schema,
    problems: Vec<String>,
}

/// Where a value is; a chain on the stack, written out only when something is wrong there.
#[derive(Clone, Copy)]
enum Path<'a> {
    Root,
    Field(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Check<'_> {
    fn value(&mut self, ty: &Ty, value: &Value, path: Path<'_>) {
        let fits = match ty {
            Ty::Integer => value.is_i64() || value.is_u64(),
            Ty::Float => value.is_number(),
            Ty::Str | Ty::File => value.is_string(),
            Ty::Boolean => value.is_boolean(),
            Ty::True => value == &Value::Bool(true),
            Ty::Object(index) => return self.object(self.schema.object_at(*index), value, path),
            Ty::Array(item) => return self.array(item, value, path),
            Ty::OneOf(types) => return self.one_of(types, value, path),
        };
        if !fits {
            self.wrong_type(ty, value, path);
        }
    }

    fn array(&mut self, item: &Ty, value: &Value, path: Path<'_>) {
        let Value::Array(items) = value else {
            return self.problem(path, &format!("must be an Array, not {}", kind(value)));
        };
        for (index, value) in items.iter().enumerate() {
            self.value(item, value, Path::Item(&path, index));
        }
    }

    fn object(&mut self, object: &Object, value: &Value, path: Path<'_>) {
        if object.name == "RichText" && (value.is_string() || value.is_array()) {
            return;
        }
        // Documented: a simple text button may be a String.
        if object.name == "KeyboardButton" && value.is_string() {
            return;
        }
        let Value::Object(fields) = value else {
            return self.problem(
                path,
                &format!("must be {}, not {}", object.name, kind(value)),
            );
        };
        if object.variants.is_empty() {
            self.fields(object, fields, path);
        } else {
            self.variant(object, fields, path);
        }
    }

    fn fields(&mut self, object: &Object, fields: &Map<String, Value>, path: Path<'_>) {
        for (name, value) in fields {
            match object.fields.get(name.as_str()) {
                Some(field) => self.value(&field.ty, value, Path::Field(&path, name)),
                None => self.problem(
                    Path::Field(&path, name),
                    &format!("is unknown in {}", object.name),
                ),
            }
        }
        for name in &object.required {
            if !fields.contains_key(*name) {
                let text = format!("is required in {}", object.name);
                self.problem(Path::Field(&path, name), &text);
            }
        }
    }

    fn variant(&mut self, object: &Object, fields: &Map<String, Value>, path: Path<'_>) {
        if object.name == "MaybeInaccessibleMessage" {
            let gone = fields.get("date") == Some(&Value::from(0));
            let variant = &object.variants[usize::from(gone)];
            return self.fields(self.schema.object_at(variant.object), fields, path);
        }
        let tagged = |variant: &&Variant| match &variant.tag {
            Some((field, tag)) => fields.get(*field).and_then(Value::as_str) == Some(tag),
            None => false,
        };
        if let Some(variant) = object.variants.iter().find(tagged) {
            return self.fields(self.schema.object_at(variant.object), fields, path);
        }
        match object
            .variants
            .first()
            .and_then(|variant| variant.tag.as_ref())
        {
            Some((field, _)) => {
                let text = format!("names no kind of {}", object.name);
                self.problem(Path::Field(&path, field), &text);
            }
            None => self.best(object.variants.iter().map(|v| v.object), fields, path),
        }
    }

    fn one_of(&mut self, types: &[Ty], value: &Value, path: Path<'_>) {
        if let (Value::Object(fields), true) =
            (value, types.iter().any(|t| matches!(t, Ty::Object(_))))
        {
            let objects = types.iter().filter_map(|ty| match ty {
                Ty::Object(index) => Some(*index),
                _ => None,
            });
            return self.best(objects, fields, path);
        }
        if let (Value::Array(items), Ty::Array(_)) = (value, &types[0]) {
            let members: Vec<Ty> = types.iter().filter_map(item_type).collect();
            for (index, item) in items.iter().enumerate() {
                self.tagged_item(&members, item, Path::Item(&path, index));
            }
            return;
        }
        let fits = |ty: &Ty| {
            let mut check = Check {
                schema: self.schema,
                problems: Vec::new(),
            };
            check.value(ty, value, path);
            check.problems.is_empty()
        };
        if !types.iter().any(fits) {
            self.wrong_type(&Ty::OneOf(types.to_vec()), value, path);
        }
    }

    /// Album items: the schema's array of unions, told apart by `type` like their abstract parent.
    fn tagged_item(&mut self, members: &[Ty], item: &Value, path: Path<'_>) {
        let Some(parent) = self
            .schema
            .object("InputMedia")
            .filter(|_| item.get("type").is_some())
        else {
            return self.one_of(members, item, path);
        };
        let allowed = |variant: &Variant| {
            members
                .iter()
                .any(|ty| matches!(ty, Ty::Object(index) if *index == variant.object))
        };
        let tag = item.get("type").and_then(Value::as_str);
        let is_it = |v: &&Variant| v.tag.as_ref().is_some_and(|(_, t)| Some(t.as_str()) == tag);
        match parent.variants.iter().find(is_it) {
            Some(variant) if allowed(variant) => {
                self.object(self.schema.object_at(variant.object), item, path);
            }
            _ => self.problem(Path::Field(&path, "type"), "is not allowed in an album"),
        }
    }

    /// Checks against the first candidate whose required fields are all there, else the nearest one.
    fn best(
        &mut self,
        candidates: impl Iterator<Item = usize> + Clone,
        fields: &Map<String, Value>,
        path: Path<'_>,
    ) {
        let complete = |index: &usize| {
            self.schema
                .object_at(*index)
                .required
                .iter()
                .all(|name| fields.contains_key(*name))
        };
        let known = |index: &usize| {
            let object = self.schema.object_at(*index);
            fields
                .keys()
                .filter(|name| object.fields.contains_key(name.as_str()))
                .count()
        };
        let found = candidates
            .clone()
            .find(complete)
            .or_else(|| candidates.clone().max_by_key(known));
        if let Some(index) = found {
            self.fields(self.schema.object_at(index), fields, path);
        }
    }

    fn wrong_type(&mut self, ty: &Ty, value: &Value, path: Path<'_>) {
        let text = format!("must be {}, not {}", self.words(ty), kind(value));
        self.problem(path, &text);
    }

    fn words(&self, ty: &Ty) -> String {
        match ty {
            Ty::Integer => "Integer".to_owned(),
            Ty::Float => "Float".to_owned(),
            Ty::Str => "String".to_owned(),
            Ty::Boolean => "Boolean".to_owned(),
            Ty::True => "True".to_owned(),
            Ty::File => "InputFile".to_owned(),
            Ty::Object(index) => self.schema.object_at(*index).name.to_owned(),
            Ty::Array(item) => format!("Array of {}", self.words(item)),
            Ty::OneOf(types) => types
                .iter()
                .map(|ty| self.words(ty))
                .collect::<Vec<_>>()
                .join(" or "),
        }
    }

    fn problem(&mut self, path: Path<'_>, text: &str) {
        self.problems.push(match path {
            Path::Root => format!("the value {text}"),
            _ => format!("field \"{path}\" {text}"),
        });
    }
}

fn item_type(ty: &Ty) -> Option<Ty> {
    match ty {
        Ty::Array(item) => Some((**item).clone()),
        _ => None,
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a Boolean",
        Value::Number(n) if n.is_f64() => "a Float",
        Value::Number(_) => "an Integer",
        Value::String(_) => "a String",
        Value::Array(_) => "an Array",
        Value::Object(_) => "an Object",
    }
}
