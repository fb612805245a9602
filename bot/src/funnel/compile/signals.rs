//! What lets a lead into a sequence or out of it, in words: `contact`, `tag vip`, `ended weight`. PURE.

use super::index::Index;
use super::problems::hint;
use crate::funnel::model::Signal;
use crate::partner::Partner;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    In,
    Out,
}

const IN: &[&str] = &[
    "came",
    "contact",
    "phone",
    "email",
    "tag x",
    "entered x",
    "ended x",
    "link x",
];
const OUT: &[&str] = &[
    "contact",
    "phone",
    "email",
    "reply",
    "human",
    "bought",
    "unsubscribed",
    "tag x",
    "entered x",
    "ended x",
    "link x",
];
/// The tag of somebody who has bought: nobody need write a step that gives it.
const BOUGHT: &str = "bought";

pub(super) fn parse(
    text: &str,
    way: Way,
    index: &Index,
    partner: &Partner,
) -> Result<Signal, String> {
    let (word, name) = match text.trim().split_once(char::is_whitespace) {
        Some((word, name)) => (word, Some(name.trim())),
        None => (text.trim(), None),
    };
    let signal = match (word, name) {
        ("contact", None) => Signal::Contact,
        ("phone", None) => Signal::Phone,
        ("email", None) => Signal::Email,
        ("came", None) if way == Way::In => Signal::Came,
        ("reply", None) if way == Way::Out => Signal::Reply,
        ("human", None) if way == Way::Out => Signal::Human,
        ("unsubscribed", None) if way == Way::Out => Signal::Unsubscribed,
        ("bought", None) if way == Way::Out => Signal::Tag(BOUGHT.into()),
        ("tag", Some(tag)) => known_tag(tag, index)?,
        ("entered", Some(funnel)) => Signal::Entered(known_funnel(funnel, index)?),
        ("ended", Some(funnel)) => Signal::Ended(known_funnel(funnel, index)?),
        ("link", Some(link)) => known_link(link, partner)?,
        ("tag" | "entered" | "ended" | "link", None) => {
            return Err(format!("\"{word}\" needs a name; write \"{word} x\""));
        }
        _ => return Err(unknown(text, way)),
    };
    Ok(signal)
}

fn unknown(text: &str, way: Way) -> String {
    let known = match way {
        Way::In => IN,
        Way::Out => OUT,
    };
    let words: Vec<&str> = known
        .iter()
        .map(|word| word.trim_end_matches(" x"))
        .collect();
    let all = format!("; write {}", known.join(", "));
    let help = hint(text, words, &all);
    format!("nothing that happens to a lead is called \"{text}\"{help}")
}

fn known_tag(tag: &str, index: &Index) -> Result<Signal, String> {
    if tag == BOUGHT || index.tags.contains(tag) {
        return Ok(Signal::Tag(tag.to_owned()));
    }
    let help = hint(
        tag,
        index.tags.iter().map(String::as_str),
        "; add \"tag\" to the step or button that gives it",
    );
    Err(format!("nothing gives the tag \"{tag}\"{help}"))
}

fn known_funnel(funnel: &str, index: &Index) -> Result<String, String> {
    if index.funnel(funnel).is_some() || index.broken.iter().any(|broken| broken == funnel) {
        return Ok(funnel.to_owned());
    }
    let help = hint(
        funnel,
        index.ids(),
        &format!("; add {funnel}.yaml to the funnels"),
    );
    Err(format!("no funnel \"{funnel}\"{help}"))
}

fn known_link(link: &str, partner: &Partner) -> Result<Signal, String> {
    // Links a new partner has only later.
    if partner.links.contains_key(link) || ["shop", "registration"].contains(&link) {
        return Ok(Signal::Link(link.to_owned()));
    }
    let help = hint(
        link,
        partner.links.keys().map(String::as_str),
        &format!("; add links.{link} to config.yaml"),
    );
    Err(format!("no link \"{link}\"{help}"))
}
