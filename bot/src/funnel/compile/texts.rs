//! Texts: languages, limits, markup, and templates that name only what exists. PURE.

use std::collections::BTreeSet;

use super::problems::hint;
use super::site::Site;
use crate::funnel::html;
use crate::funnel::scope::LEAD_NAMES;
use crate::funnel::spec::Text;
use crate::funnel::template::{Kind, TemplateId, is_template, without_code};
use crate::funnel::words::{Body, Words};
use crate::partner::Partner;

/// Longest text of a button; phones cut longer ones.
const BUTTON_LIMIT: usize = 64;

impl Site<'_> {
    /// A message of at most `limit` visible characters.
    pub fn message(&mut self, path: &str, text: &Text, limit: usize) -> Words {
        self.words(path, text, Kind::Html, limit)
    }

    /// A text without markup: a button, a title.
    pub fn plain(&mut self, path: &str, text: &Text) -> Words {
        self.words(path, text, Kind::Plain, BUTTON_LIMIT)
    }

    fn words(&mut self, path: &str, text: &Text, kind: Kind, limit: usize) -> Words {
        match text {
            Text::Plain(text) => Words {
                by_language: vec![self.body(path, text, kind, limit)],
            },
            Text::ByLanguage(texts) => {
                for code in texts
                    .keys()
                    .filter(|code| !self.languages.contains(code))
                    .cloned()
                    .collect::<Vec<_>>()
                {
                    let help = hint(
                        &code,
                        self.languages.iter().map(String::as_str),
                        &format!("; add {code} to languages"),
                    );
                    self.problems.key_error(
                        &format!("{path}.{code}"),
                        format!("the funnel has no language \"{code}\"{help}"),
                    );
                }
                let fallback = self.languages[0].clone();
                if !texts.contains_key(&fallback) {
                    self.problems.key_error(path, format!("no text in {fallback}, the funnel's first language; it is shown where another is missing"));
                }
                let languages = self.languages.clone();
                let body = |code: &String| {
                    texts
                        .get(code)
                        .and_then(|text| self.body(&format!("{path}.{code}"), text, kind, limit))
                };
                Words {
                    by_language: languages.iter().map(body).collect(),
                }
            }
        }
    }

    fn body(&mut self, path: &str, text: &str, kind: Kind, limit: usize) -> Option<Body> {
        let shown = without_code(text, "x");
        if shown.trim().is_empty() {
            self.problems.error(
                path,
                "the text is empty; write something, or delete the key",
            );
            return None;
        }
        let length = if kind == Kind::Html {
            html::visible_len(&shown)
        } else {
            shown.chars().count()
        };
        if length > limit {
            self.problems.error(path, too_long(length, limit));
        }
        if kind == Kind::Html
            && let Some(problem) = html::problem(&shown)
        {
            self.problems.error(path, problem);
        }
        if !is_template(text) {
            return Some(Body::Static(text.trim_end().into()));
        }
        self.template(path, text.trim_end(), kind)
            .map(Body::Template)
    }

    pub fn condition(&mut self, path: &str, text: &str) -> Option<TemplateId> {
        self.template(path, text, Kind::When)
    }

    pub fn template(&mut self, path: &str, text: &str, kind: Kind) -> Option<TemplateId> {
        match self.templates.add(kind, text) {
            Ok((id, names)) => {
                for name in names {
                    if let Some(problem) = unknown_name(&name, &self.index.names, self.partner) {
                        self.problems.error(path, problem);
                    }
                }
                for filter in filters_in(text, kind) {
                    if !self.templates.has_filter(&filter) {
                        self.problems.error(path, format!("no filter \"{filter}\"; there are default, plural, money, date, capitalize, upper, lower, round and join"));
                    }
                }
                Some(id)
            }
            Err(problem) => {
                self.problems
                    .error(path, format!("{}; {}", problem.0, how_to_write(text, kind)));
                None
            }
        }
    }
}

fn how_to_write(text: &str, kind: Kind) -> &'static str {
    match kind {
        Kind::When if text.contains('=') && !text.contains("==") => "to compare, write ==",
        Kind::When => "write a condition such as lead.score > 20 or answers.city == 'Алматы'",
        Kind::Html | Kind::Plain => {
            "a value is written {{ lead.first_name }}, a choice {% if lead.phone %}…{% endif %}"
        }
    }
}

fn too_long(length: usize, limit: usize) -> String {
    match limit {
        html::TEXT_LIMIT => format!(
            "{length} characters; Telegram takes {limit} in a message, split it into two steps"
        ),
        html::CAPTION_LIMIT => format!(
            "{length} characters; Telegram takes {limit} under media, move the rest to a step after it"
        ),
        _ => format!("{length} characters; a button shows at most {limit}, shorten it"),
    }
}

/// What is wrong with a name a template uses; `None` when it exists.
pub(super) fn unknown_name(
    name: &str,
    saved: &BTreeSet<String>,
    partner: &Partner,
) -> Option<String> {
    let mut parts = name.split('.');
    let (root, rest) = (parts.next().unwrap_or_default(), parts.next());
    let links = |link: &str| {
        let help = hint(
            link,
            partner.links.keys().map(String::as_str),
            &format!("; add links.{link} to config.yaml"),
        );
        (!partner.links.contains_key(link)).then(|| format!("no link \"{link}\"{help}"))
    };
    match (root, rest) {
        ("lead", Some(field)) if LEAD_NAMES.contains(&field) => None,
        ("answers", Some(field)) if saved.contains(field) => None,
        ("answers", Some(field)) => {
            let help = hint(
                field,
                saved.iter().map(String::as_str),
                "; add \"save\" or \"set\" to the step that learns it",
            );
            Some(format!("no step saves \"{field}\"{help}"))
        }
        ("partner", Some("display_name"))
        | ("bot", Some("username"))
        | ("answers" | "range", None) => None,
        ("partner", Some("links")) => parts.next().and_then(links),
        ("links", Some(link)) => links(link),
        _ => {
            let known = LEAD_NAMES.iter().map(|field| format!("lead.{field}"));
            let known = known.chain(saved.iter().map(|field| format!("answers.{field}")));
            let known: Vec<String> = known
                .chain(["partner.display_name".into(), "bot.username".into()])
                .collect();
            let help = hint(
                name,
                known.iter().map(String::as_str),
                "; names start with lead, answers, partner, links or bot",
            );
            Some(format!("nothing is called \"{name}\"{help}"))
        }
    }
}

/// Names after a `|` inside code.
fn filters_in(text: &str, kind: Kind) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut rest = text;
    while let Some(code) = next_code(&mut rest, kind) {
        let mut quote = None;
        for (at, character) in code.char_indices() {
            match (quote, character) {
                (Some(open), close) if open == close => quote = None,
                (None, '"' | '\'') => quote = Some(character),
                (None, '|') => {
                    let name = code[at + 1..].trim_start();
                    let end = name
                        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                        .unwrap_or(name.len());
                    found.insert(name[..end].to_owned());
                }
                _ => {}
            }
        }
    }
    found.remove("");
    found
}

fn next_code<'a>(rest: &mut &'a str, kind: Kind) -> Option<&'a str> {
    if kind == Kind::When {
        return Some(std::mem::take(rest)).filter(|code| !code.is_empty());
    }
    let start = rest.find("{{").into_iter().chain(rest.find("{%")).min()?;
    let end = rest[start..]
        .find("}}")
        .into_iter()
        .chain(rest[start..].find("%}"))
        .min()?
        + start;
    let code = &rest[start + 2..end];
    *rest = &rest[end + 2..];
    Some(code)
}
