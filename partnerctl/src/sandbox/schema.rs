//! The Bot API schema, compiled once into tables that a request can be checked against quickly.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

const SOURCE: &str = include_str!("../../data/botapi-10.3.json");

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let raw: RawSchema<'static> =
        serde_json::from_str(SOURCE).expect("the schema in data/ is valid JSON of the known shape");
    Schema::compile(&raw)
});

/// The compiled Bot API schema that ships with this program.
pub fn schema() -> &'static Schema {
    &SCHEMA
}

/// Methods by name in any case, and the types they use.
pub struct Schema {
    methods: Vec<Method>,
    spellings: HashMap<String, usize>,
    objects: Vec<Object>,
    by_name: HashMap<&'static str, usize>,
}

/// One method: its proper name and its parameters.
pub struct Method {
    pub name: &'static str,
    pub params: Object,
}

/// Named fields, or the variants of an abstract type.
pub struct Object {
    pub name: &'static str,
    pub fields: HashMap<&'static str, Field>,
    pub required: Vec<&'static str>,
    pub variants: Vec<Variant>,
}

/// One field's type.
pub struct Field {
    pub ty: Ty,
}

/// A concrete type behind an abstract one, with the value of the field that tells it apart.
pub struct Variant {
    pub object: usize,
    pub tag: Option<(&'static str, String)>,
}

/// What a value may be.
#[derive(Clone, Debug)]
pub enum Ty {
    Integer,
    Float,
    Str,
    Boolean,
    True,
    File,
    Object(usize),
    Array(Box<Ty>),
    OneOf(Vec<Ty>),
}

impl Schema {
    /// The method of that name in any case.
    pub fn method(&self, name: &str) -> Option<&Method> {
        let index = match self.spellings.get(name) {
            Some(index) => index,
            None => self.spellings.get(&name.to_ascii_lowercase())?,
        };
        Some(&self.methods[*index])
    }

    /// The type of that exact name.
    pub fn object(&self, name: &str) -> Option<&Object> {
        self.by_name.get(name).map(|&index| &self.objects[index])
    }

    pub(super) fn object_at(&self, index: usize) -> &Object {
        &self.objects[index]
    }

    fn compile(raw: &RawSchema<'static>) -> Schema {
        let names: Vec<&'static str> = raw.types.keys().copied().collect();
        let by_name: HashMap<_, _> = names.iter().enumerate().map(|(i, &n)| (n, i)).collect();
        let mut objects: Vec<Object> = raw
            .types
            .iter()
            .map(|(name, object)| compile_object(name, object, &by_name))
            .collect();
        for index in 0..objects.len() {
            if objects[index].fields.is_empty() {
                objects[index].variants = variants(objects[index].name, &objects);
            }
        }
        let mut methods = Vec::new();
        let mut spellings = HashMap::new();
        for (name, object) in &raw.methods {
            // The two spellings that clients use are found without building a lower-case copy.
            for spelling in [name.to_ascii_lowercase(), (*name).to_owned(), pascal(name)] {
                spellings.insert(spelling, methods.len());
            }
            methods.push(Method {
                name,
                params: compile_object(name, object, &by_name),
            });
        }
        Schema {
            methods,
            spellings,
            objects,
            by_name,
        }
    }
}

fn compile_object(
    name: &'static str,
    raw: &RawObject<'static>,
    by_name: &HashMap<&'static str, usize>,
) -> Object {
    let fields = raw
        .fields
        .iter()
        .map(|(&field, raw)| {
            (
                field,
                Field {
                    ty: one_of(&raw.types, by_name),
                },
            )
        })
        .collect();
    let required = raw
        .fields
        .iter()
        .filter(|(_, field)| field.required)
        .map(|(&name, _)| name)
        .collect();
    Object {
        name,
        fields,
        required,
        variants: Vec::new(),
    }
}

fn one_of(types: &[&'static str], by_name: &HashMap<&'static str, usize>) -> Ty {
    match types {
        [one] => ty(one, by_name),
        many => Ty::OneOf(many.iter().map(|one| ty(one, by_name)).collect()),
    }
}

fn ty(name: &'static str, by_name: &HashMap<&'static str, usize>) -> Ty {
    if let Some(item) = name.strip_prefix("Array of ") {
        return Ty::Array(Box::new(ty(item, by_name)));
    }
    match name {
        "Integer" => Ty::Integer,
        "Float" => Ty::Float,
        "String" => Ty::Str,
        "Boolean" => Ty::Boolean,
        "True" => Ty::True,
        "InputFile" => Ty::File,
        other => Ty::Object(by_name[other]),
    }
}

/// The schema lists abstract types without their members; names and one tag field give them back.
fn variants(name: &'static str, objects: &[Object]) -> Vec<Variant> {
    let prefix = match name {
        "MaybeInaccessibleMessage" => return message_variants(objects),
        "InputPollMedia" | "InputPollOptionMedia" => "InputMedia",
        other => other,
    };
    let member = |object: &Object| {
        let suffix = object.name.strip_prefix(prefix)?;
        let tag = ["status", "type", "source"]
            .into_iter()
            .find(|t| object.required.contains(t));
        (!suffix.is_empty() && !object.fields.is_empty())
            .then(|| tag.map(|t| (t, tag_of(prefix, suffix))))
    };
    let is_tagged = |object: &Object| matches!(member(object), Some(Some(_)));
    let any_tagged = objects.iter().any(is_tagged);
    objects
        .iter()
        .enumerate()
        .filter_map(|(index, object)| {
            Some(Variant {
                object: index,
                tag: member(object)?,
            })
        })
        // `ChatMemberUpdated` only shares the prefix of `ChatMember`: it carries no tag.
        .filter(|variant| variant.tag.is_some() || !any_tagged)
        .collect()
}

fn message_variants(objects: &[Object]) -> Vec<Variant> {
    let at = |name| objects.iter().position(|o| o.name == name);
    ["Message", "InaccessibleMessage"]
        .into_iter()
        .filter_map(at)
        .map(|object| Variant { object, tag: None })
        .collect()
}

fn tag_of(prefix: &str, suffix: &str) -> String {
    match (prefix, suffix) {
        ("ChatMember", "Owner") => "creator".to_owned(),
        ("ChatMember", "Banned") => "kicked".to_owned(),
        _ => snake(suffix),
    }
}

fn snake(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

fn pascal(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |c| {
        c.to_ascii_uppercase().to_string() + chars.as_str()
    })
}

#[derive(Deserialize)]
struct RawSchema<'a> {
    #[serde(borrow)]
    methods: BTreeMap<&'a str, RawObject<'a>>,
    #[serde(borrow)]
    types: BTreeMap<&'a str, RawObject<'a>>,
}

#[derive(Deserialize)]
struct RawObject<'a> {
    #[serde(borrow)]
    fields: BTreeMap<&'a str, RawField<'a>>,
}

#[derive(Deserialize)]
struct RawField<'a> {
    required: bool,
    #[serde(borrow)]
    types: Vec<&'a str>,
}
