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

/// A replaced phrase that cannot be used: its name, language and what is wrong.
#[derive(Debug)]
pub(crate) struct PhraseProblem {
    pub name: String,
    pub language: String,
    pub problem: TemplateProblem,
}

impl Phrases {
    /// Built-in phrases with the partner's own over them.
    pub(crate) fn new(
        templates: &mut Templates,
        texts: &BTreeMap<String, BTreeMap<String, String>>,
    ) -> (Self, Vec<PhraseProblem>) {
        let mut problems = Vec::new();
        let mut languages: Vec<String> = LANGUAGES.iter().map(|code| (*code).to_owned()).collect();
        for code in texts.values().flat_map(BTreeMap::keys) {
            if !languages.contains(code) {
                languages.push(code.clone());
            }
        }
        let mut words = BTreeMap::new();
        for phrase in Phrase::ALL {
            let own = texts.get(phrase.name());
            let mut by_language = Vec::with_capacity(languages.len());
            for code in &languages {
                let built_in = LANGUAGES
                    .contains(&code.as_str())
                    .then(|| phrase.built_in(code));
                let text = own
                    .and_then(|texts| texts.get(code))
                    .map(String::as_str)
                    .or(built_in);
                by_language.push(text.and_then(|text| match body(templates, *phrase, text) {
                    Ok(body) => Some(body),
                    Err(problem) => {
                        problems.push(PhraseProblem {
                            name: phrase.name().into(),
                            language: code.clone(),
                            problem,
                        });
                        None
                    }
                }));
            }
            words.insert(*phrase, Words { by_language });
        }
        (Self { languages, words }, problems)
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

fn body(templates: &mut Templates, phrase: Phrase, text: &str) -> Result<Body, TemplateProblem> {
    if !is_template(text) {
        return Ok(Body::Static(text.into()));
    }
    let kind = if phrase.is_plain() {
        Kind::Plain
    } else {
        Kind::Html
    };
    templates.add(kind, text).map(|(id, _)| Body::Template(id))
}
