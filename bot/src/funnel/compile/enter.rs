//! What starts funnels, over all files: payloads, keywords, commands, the default funnel. PURE.

use std::collections::{BTreeMap, HashMap};

use super::Draft;
use super::index::Index;
use super::problems::{Problems, hint, is_id};
use crate::diagnostic::{Diagnostic, Severity};
use crate::funnel::model::{Funnel, FunnelIx, normalise};
use crate::funnel::spec::Text;
use crate::funnel::words::{Body, Words};
use crate::partner::Partner;
use crate::phrases;

pub(super) struct Triggers {
    pub starts: HashMap<String, FunnelIx>,
    pub keywords: HashMap<String, FunnelIx>,
    pub commands: BTreeMap<String, (FunnelIx, Words)>,
    pub default_funnel: FunnelIx,
}

/// Commands the bot answers itself, for leads and for the partner.
const TAKEN: &[&str] = &[
    "start",
    "help",
    "human",
    "stop",
    "privacy",
    "forget_me",
    "language",
    "timezone",
    "notifications",
    "hot_leads",
    "my_stats",
    "my_leads",
    "my_link",
    "my_settings",
];
/// Payloads with this beginning are invitations of the partner's people.
const INVITATION: &str = "pi_";

pub(super) fn compile(
    drafts: &[Draft],
    list: &[Funnel],
    index: &Index,
    partner: &Partner,
    out: &mut Vec<Diagnostic>,
) -> Triggers {
    let mut triggers = Triggers {
        starts: HashMap::new(),
        keywords: HashMap::new(),
        commands: BTreeMap::new(),
        default_funnel: 0,
    };
    for (ix, draft) in drafts.iter().enumerate() {
        let mut problems = Problems::new(&draft.places);
        starts(ix, draft, drafts, &mut triggers, &mut problems);
        keywords(ix, draft, drafts, &mut triggers, &mut problems);
        commands(ix, draft, drafts, &list[ix], &mut triggers, &mut problems);
        out.append(&mut problems.list);
    }
    triggers.default_funnel = default_funnel(index, partner, out);
    triggers
}

fn starts(
    ix: FunnelIx,
    draft: &Draft,
    drafts: &[Draft],
    triggers: &mut Triggers,
    problems: &mut Problems<'_>,
) {
    for (at, payload) in draft.spec.enter.start.iter().enumerate() {
        let path = format!("enter.start[{at}]");
        let fits = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if payload.is_empty() || payload.len() > 64 || !payload.bytes().all(fits) {
            problems.error(
                &path,
                format!(
                    "\"{payload}\" cannot be in a link; use A-Z, a-z, 0-9, _ and -, at most 64"
                ),
            );
        } else if payload.starts_with(INVITATION) {
            problems.error(&path, format!("\"{payload}\" looks like an invitation of the partner; begin with something other than {INVITATION}"));
        } else if let Some(other) = triggers.starts.insert(payload.clone(), ix) {
            problems.error(&path, format!("start \"{payload}\" already opens funnel \"{}\"; a link can open only one, rename one of them", drafts[other].spec.funnel));
        }
    }
}

fn keywords(
    ix: FunnelIx,
    draft: &Draft,
    drafts: &[Draft],
    triggers: &mut Triggers,
    problems: &mut Problems<'_>,
) {
    for (at, word) in draft.spec.enter.keywords.iter().enumerate() {
        let path = format!("enter.keywords[{at}]");
        let normal = normalise(word);
        if normal.is_empty() {
            problems.error(
                &path,
                "the keyword has no letters; write a word leads would send",
            );
        } else if phrases::is_stop_word(&normal) || phrases::is_human_word(&normal) {
            problems.error(
                &path,
                format!("\"{word}\" always stops the bot or calls a person; choose another word"),
            );
        } else if let Some(other) = triggers.keywords.insert(normal, ix) {
            problems.error(
                &path,
                format!(
                    "keyword \"{word}\" already starts funnel \"{}\"; keep it in one of them",
                    drafts[other].spec.funnel
                ),
            );
        }
    }
}

fn commands(
    ix: FunnelIx,
    draft: &Draft,
    drafts: &[Draft],
    funnel: &Funnel,
    triggers: &mut Triggers,
    problems: &mut Problems<'_>,
) {
    for (name, text) in &draft.spec.enter.commands {
        let path = format!("enter.commands.{name}");
        if !is_id(name, 32) {
            problems.key_error(&path, format!("\"{name}\" cannot be a command; use a-z, 0-9 and _, a letter first, no slash, at most 32"));
        } else if TAKEN.contains(&name.as_str()) {
            problems.key_error(
                &path,
                format!("/{name} is a command of the bot itself; choose another name"),
            );
        } else if let Some((other, _)) = triggers.commands.get(name) {
            problems.key_error(
                &path,
                format!(
                    "/{name} already starts funnel \"{}\"; keep it in one of them",
                    drafts[*other].spec.funnel
                ),
            );
        } else {
            triggers.commands.insert(
                name.clone(),
                (ix, description(&path, text, funnel, problems)),
            );
        }
    }
}

fn description(path: &str, text: &Text, funnel: &Funnel, problems: &mut Problems<'_>) -> Words {
    let mut check = |text: &str| {
        let length = text.chars().count();
        if !(1..=256).contains(&length) {
            problems.error(
                path,
                format!("{length} characters; the menu takes 1 to 256"),
            );
        }
        Some(Body::Static(text.into()))
    };
    let by_language = match text {
        Text::Plain(text) => vec![check(text)],
        Text::ByLanguage(texts) => funnel
            .languages
            .iter()
            .map(|code| texts.get(code).and_then(|text| check(text)))
            .collect(),
    };
    if by_language.first().is_none_or(Option::is_none) {
        problems.error(
            path,
            format!(
                "no text in {}, the funnel's first language",
                funnel.languages[0]
            ),
        );
    }
    Words { by_language }
}

fn default_funnel(index: &Index, partner: &Partner, out: &mut Vec<Diagnostic>) -> FunnelIx {
    if let Some(ix) = index.funnel(&partner.default_funnel) {
        return ix;
    }
    let wanted = &partner.default_funnel;
    let known_broken = index.broken.iter().any(|id| id == wanted);
    if index.funnels.is_empty() && index.broken.is_empty() {
        out.push(of_config(
            "funnels",
            "no funnel file was found; add one such as funnels/weight.yaml".into(),
        ));
    } else if !wanted.is_empty() && !known_broken {
        let help = hint(
            wanted,
            index.ids(),
            &format!("; add {wanted}.yaml to the funnels, or name another"),
        );
        out.push(of_config(
            "default_funnel",
            format!("no funnel \"{wanted}\"{help}"),
        ));
    }
    0
}

/// A problem of the partner's configuration that shows only when its funnels are loaded.
pub(super) fn of_config(path: &str, message: String) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        file: "config.yaml".into(),
        line: 0,
        column: 0,
        path: path.into(),
        message,
        source: String::new(),
        width: 0,
    }
}
