//! Texts ready to send: by language, static or a template; and the built-in phrases with a partner's own over them. PURE.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::template::{Kind, TemplateId, TemplateProblem, Templates, is_template};
use crate::phrases::{LANGUAGES, Phrase};

/// A text in the languages of its funnel; `by_language[0]` is the fallback and always there.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub by_language: Vec<Option<Body>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Static(Arc<str>),
    Template(TemplateId),
}

impl Words {
    pub fn get(&self, language: usize) -> Option<&Body> {
        let exact = self.by_language.get(language).and_then(Option::as_ref);
        exact.or_else(|| self.by_language.first().and_then(Option::as_ref))
    }
}

/// `kk-KZ` finds `kk-KZ`, else `kk`.
pub(crate) fn language_index(languages: &[String], wanted: &str) -> Option<usize> {
    let exact = languages
        .iter()
        .position(|code| code.eq_ignore_ascii_case(wanted));
    let short = wanted.split(['-', '_']).next().unwrap_or_default();
    exact.or_else(|| {
        languages
            .iter()
            .position(|code| code.eq_ignore_ascii_case(short))
    })
}

/// The phrases of one partner, compiled.
#[derive(Debug, Default)]
pub struct Phrases {
    languages: Vec<String>,
    words: BTreeMap<Phrase, Words>,
}

/// One of the partner's own phrases and what it names; `Err` when it cannot be read.
#[derive(Debug)]
pub(crate) struct OwnPhrase {
    pub name: &'static str,
    pub language: String,
    pub used: Result<Vec<String>, TemplateProblem>,
}

impl Phrases {
    /// Built-in phrases with the partner's own over them; the own ones come back to be checked.
    pub(crate) fn new(
        templates: &mut Templates,
        texts: &BTreeMap<String, BTreeMap<String, String>>,
    ) -> (Self, Vec<OwnPhrase>) {
        let mut languages: Vec<String> = LANGUAGES.iter().map(|code| (*code).to_owned()).collect();
        for code in texts.values().flat_map(BTreeMap::keys) {
            if !languages.contains(code) {
                languages.push(code.clone());
            }
        }
        let mut phrases = Self {
            languages,
            words: BTreeMap::new(),
        };
        let mut own = Vec::new();
        for phrase in Phrase::ALL {
            let texts = texts.get(phrase.name());
            let words = phrases.languages.iter().map(|code| {
                match texts.and_then(|texts| texts.get(code)) {
                    Some(text) => {
                        let (body, used) = body(templates, *phrase, text);
                        own.push(OwnPhrase {
                            name: phrase.name(),
                            language: code.clone(),
                            used,
                        });
                        body
                    }
                    None if LANGUAGES.contains(&code.as_str()) => {
                        body(templates, *phrase, phrase.built_in(code)).0
                    }
                    None => None,
                }
            });
            let words = Words {
                by_language: words.collect(),
            };
            phrases.words.insert(*phrase, words);
        }
        (phrases, own)
    }

    /// The phrase in `language`, or in the fallback when there is none.
    pub(crate) fn get(&self, phrase: Phrase, language: &str) -> Option<&Body> {
        let words = &self.words.get(&phrase)?.by_language;
        let index = language_index(&self.languages, language).unwrap_or(0);
        words
            .get(index)
            .and_then(Option::as_ref)
            .or_else(|| words.first().and_then(Option::as_ref))
    }
}

fn body(
    templates: &mut Templates,
    phrase: Phrase,
    text: &str,
) -> (Option<Body>, Result<Vec<String>, TemplateProblem>) {
    if !is_template(text) {
        return (Some(Body::Static(text.into())), Ok(Vec::new()));
    }
    let kind = if phrase.is_plain() {
        Kind::Plain
    } else {
        Kind::Html
    };
    match templates.add(kind, text) {
        Ok((id, names)) => (Some(Body::Template(id)), Ok(names)),
        Err(problem) => (None, Err(problem)),
    }
}
