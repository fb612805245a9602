//! What the rest of the program asks of the loaded funnels. PURE.

use super::html;
use super::model::{Expect, Funnel, Funnels, Step, StepText};
use super::words::{Body, Words};
use crate::phrases::Phrase;

impl Funnels {
    /// Lets go of what is made again when it is needed.
    pub fn cool(&self) {
        self.templates.cool();
    }

    /// Changes whenever a funnel file does.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Ids of the funnels.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.talks().map(|(_, funnel)| &*funnel.id)
    }

    /// Ids of the sequences, in the order of their files.
    pub fn sequences(&self) -> impl Iterator<Item = &str> {
        self.sequences.iter().map(|sequence| &*sequence.id)
    }

    /// What the partner calls a sequence; the id when it is not loaded.
    pub fn sequence_title(&self, sequence: &str, language: &str) -> String {
        match self.sequence(sequence) {
            None => sequence.to_owned(),
            Some((_, known)) => {
                let words = &self.list[known.home];
                self.static_text(&words.title, words.language(language))
            }
        }
    }

    /// What the partner calls a funnel; the id when it is not loaded.
    pub fn title(&self, funnel: &str, language: &str) -> String {
        let Some(ix) = self.by_id.get(funnel) else {
            return funnel.to_owned();
        };
        let funnel = &self.list[*ix];
        self.static_text(&funnel.title, funnel.language(language))
    }

    /// The menu of a lead: commands with their descriptions, those of the funnels first.
    pub fn commands(&self, language: &str) -> Vec<(String, String)> {
        let mut commands = Vec::new();
        for (name, (funnel, words)) in &self.commands {
            let language = self.list[*funnel].language(language);
            commands.push((name.clone(), self.static_text(words, language)));
        }
        for (name, phrase) in BUILT_IN {
            if *name != "language" || self.all_languages().len() > 1 {
                let text = self
                    .phrases
                    .get(*phrase, language)
                    .map(|body| self.static_body(body));
                commands.push(((*name).to_owned(), text.unwrap_or_default()));
            }
        }
        commands
    }

    /// Whether an answer is awaited there.
    pub fn is_asking(&self, place: &super::session::Place) -> bool {
        let Some(ix) = self.by_id.get(&*place.funnel) else {
            return false;
        };
        let funnel = &self.list[*ix];
        funnel
            .find(&place.step)
            .is_some_and(|step| funnel.steps[step].is_question)
    }

    /// Deep-link payloads that open a funnel, with the funnel's id.
    pub fn start_words(&self) -> Vec<(&str, &str)> {
        let mut words: Vec<_> = self
            .starts
            .iter()
            .map(|(word, ix)| (word.as_str(), &*self.list[*ix].id))
            .collect();
        words.sort_unstable();
        words
    }

    pub fn default_funnel(&self) -> &str {
        &self.list[self.default_funnel].id
    }

    pub fn step_exists(&self, funnel: &str, step: &str) -> bool {
        self.by_id
            .get(funnel)
            .is_some_and(|ix| self.list[*ix].by_id.contains_key(step))
    }

    /// Where a lead on that step stands now: the step itself or its successor by `moved_to`.
    pub fn successor(&self, funnel: &str, step: &str) -> Option<&str> {
        let funnel = &self.list[*self.by_id.get(funnel)?];
        funnel.find(step).map(|ix| &*funnel.steps[ix].id)
    }

    /// The question whose answer is kept under `name`, in plain words, for the lead's card.
    pub fn question(&self, name: &str, language: &str) -> Option<String> {
        let (funnel, step) = self.asking(name).next()?;
        let words = match step.text.as_ref()? {
            StepText::One(words) => words,
            StepText::Variants(variants) => &variants.first()?.text,
        };
        Some(html::plain(
            &self.static_text(words, funnel.language(language)),
        ))
    }

    /// A kept answer as people write it: a date with its day first, a photo as a sign.
    pub fn answer_text(&self, name: &str, value: &str) -> String {
        if self.is_photo(name) {
            return "📷".into();
        }
        value.parse::<jiff::civil::Date>().map_or_else(
            |_| value.to_owned(),
            |date| date.strftime("%d.%m.%Y").to_string(),
        )
    }

    /// Whether the answer kept under this name is a picture the lead sent.
    pub fn is_photo(&self, name: &str) -> bool {
        let mut steps = self.list.iter().flat_map(|funnel| &funnel.steps);
        steps.any(|step| step.expect == Some(Expect::Photo) && step.save.as_deref() == Some(name))
    }

    /// Steps that keep their answer under `name`, in the order of their files.
    fn asking(&self, name: &str) -> impl Iterator<Item = (&Funnel, &Step)> {
        let steps = self.list.iter().flat_map(|funnel| {
            let mut steps: Vec<&Step> = funnel.steps.iter().collect();
            steps.sort_by_key(|step| step.line);
            steps.into_iter().map(move |step| (funnel, step))
        });
        steps.filter(move |(_, step)| step.save.as_deref() == Some(name))
    }

    /// A built-in phrase outside of any talk.
    pub fn phrase(&self, phrase: Phrase, language: &str) -> String {
        self.phrases
            .get(phrase, language)
            .map(|body| self.static_body(body))
            .unwrap_or_default()
    }

    /// Every language any funnel or the partner speaks.
    pub(crate) fn all_languages(&self) -> Vec<String> {
        let mut all = self.languages.clone();
        for code in self.list.iter().flat_map(|funnel| &funnel.languages) {
            if !all.contains(code) {
                all.push(code.clone());
            }
        }
        all
    }

    pub(crate) fn static_text(&self, words: &Words, language: usize) -> String {
        words
            .get(language)
            .map(|body| self.static_body(body))
            .unwrap_or_default()
    }

    /// A text outside of any talk: values of a lead are left out.
    fn static_body(&self, body: &Body) -> String {
        match body {
            Body::Static(text) => text.to_string(),
            Body::Template(id) => self.templates.without_values(id),
        }
    }
}

const BUILT_IN: &[(&str, Phrase)] = &[
    ("start", Phrase::CommandStart),
    ("help", Phrase::CommandHelp),
    ("human", Phrase::CommandHuman),
    ("language", Phrase::CommandLanguage),
    ("timezone", Phrase::CommandTimezone),
    ("notifications", Phrase::CommandNotifications),
    ("privacy", Phrase::CommandPrivacy),
    ("stop", Phrase::CommandStop),
    ("forget_me", Phrase::CommandForgetMe),
];
