//! From an HTTP request to a checked call: query, JSON, urlencoded and multipart alike.

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use super::api::{Request, Upload};
use super::check;
use super::multipart;
use super::schema::{Method, Ty, schema};

/// Reads the parameters of a call and checks them by the schema. `Err` is a body that cannot be read at all.
pub fn read(
    method: &str,
    query: &str,
    content_type: &str,
    body: &Bytes,
) -> Result<Request, &'static str> {
    let Some(known) = schema().method(method) else {
        return Ok(Request {
            method: Cow::Owned(method.to_owned()),
            params: Map::new(),
            files: HashMap::new(),
            problems: Vec::new(),
            known: false,
        });
    };
    let mut form = Form {
        method: known,
        params: Map::new(),
        files: HashMap::new(),
    };
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        form.text(&name, &value);
    }
    form.body(content_type, body)?;
    let mut problems = check::check_params(&form.params, &known.params);
    problems.extend(form.missing_uploads());
    Ok(Request {
        method: Cow::Borrowed(known.name),
        params: form.params,
        files: form.files,
        problems,
        known: true,
    })
}

struct Form {
    method: &'static Method,
    params: Map<String, Value>,
    files: HashMap<String, Upload>,
}

impl Form {
    fn body(&mut self, content_type: &str, body: &Bytes) -> Result<(), &'static str> {
        let kind = content_type.split(';').next().unwrap_or("").trim();
        match kind.to_ascii_lowercase().as_str() {
            _ if body.is_empty() => {}
            "application/json" => self.json(body)?,
            "application/x-www-form-urlencoded" => {
                for (name, value) in form_urlencoded::parse(body) {
                    self.text(&name, &value);
                }
            }
            "multipart/form-data" => {
                let boundary =
                    multipart::boundary(content_type).ok_or("multipart body without a boundary")?;
                for part in multipart::parse(body, boundary).ok_or("can't parse multipart body")? {
                    self.part(part);
                }
            }
            _ => return Err("unsupported content type of the request"),
        }
        Ok(())
    }

    fn json(&mut self, body: &[u8]) -> Result<(), &'static str> {
        let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
            return Err("can't parse request JSON object");
        };
        if self.params.is_empty() {
            self.params = fields;
        } else {
            self.params.extend(fields);
        }
        // An object may also come as a JSON-encoded string, as in a form.
        for (name, value) in &mut self.params {
            let ty = self
                .method
                .params
                .fields
                .get(name.as_str())
                .map(|field| &field.ty);
            if let (Value::String(text), Some(ty)) = (&*value, ty)
                && is_structure(ty)
                && let Ok(decoded) = serde_json::from_str(text)
            {
                *value = decoded;
            }
        }
        Ok(())
    }

    /// A field of a form, where everything is text: read as its declared type.
    fn text(&mut self, name: &str, text: &str) {
        let ty = self.method.params.fields.get(name).map(|field| &field.ty);
        let value = ty.and_then(|ty| from_text(ty, text));
        self.params
            .insert(name.to_owned(), value.unwrap_or_else(|| text.into()));
    }

    fn part(&mut self, part: multipart::Part) {
        let Some(file_name) = part.file_name else {
            return self.text(&part.name, &String::from_utf8_lossy(&part.bytes));
        };
        if self.method.params.fields.contains_key(part.name.as_str()) {
            let link = format!("attach://{}", part.name);
            self.params.insert(part.name.clone(), link.into());
        }
        let upload = Upload {
            file_name,
            content_type: part.content_type,
            bytes: part.bytes,
        };
        self.files.insert(part.name, upload);
    }

    /// `attach://` links without their part.
    fn missing_uploads(&self) -> Vec<String> {
        let mut links = Vec::new();
        for value in self.params.values() {
            collect_links(value, &mut links);
        }
        let missing = links
            .into_iter()
            .filter(|name| !self.files.contains_key(*name));
        missing
            .map(|name| format!("attach://{name} names no file of the request"))
            .collect()
    }
}

fn collect_links<'v>(value: &'v Value, links: &mut Vec<&'v str>) {
    match value {
        Value::String(text) => links.extend(text.strip_prefix("attach://")),
        Value::Array(items) => items.iter().for_each(|item| collect_links(item, links)),
        Value::Object(fields) => fields
            .values()
            .for_each(|value| collect_links(value, links)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn is_structure(ty: &Ty) -> bool {
    match ty {
        Ty::Object(_) | Ty::Array(_) => true,
        Ty::OneOf(types) => types.iter().all(is_structure),
        Ty::Integer | Ty::Float | Ty::Str | Ty::Boolean | Ty::True | Ty::File => false,
    }
}

fn from_text(ty: &Ty, text: &str) -> Option<Value> {
    match ty {
        Ty::Integer => text.parse::<i64>().ok().map(Value::from),
        Ty::Float => text.parse::<f64>().ok().map(Value::from),
        Ty::Boolean | Ty::True => match text {
            "true" | "True" | "1" => Some(true.into()),
            "false" | "False" | "0" => Some(false.into()),
            _ => None,
        },
        Ty::Str | Ty::File => None,
        Ty::Object(_) | Ty::Array(_) => serde_json::from_str(text).ok(),
        Ty::OneOf(types) => types.iter().find_map(|ty| from_text(ty, text)),
    }
}
