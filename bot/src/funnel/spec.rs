//! The funnel language as it is written: one YAML file, these structs, and nothing else.
//! `funnels/funnel.schema.json` is generated from them; docs/funnels.md explains every key.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::effect::FollowUpKind;
use crate::lead::Purpose;

/// A text for all leads, or one per language code; the funnel's first language is the fallback.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Text {
    Plain(String),
    ByLanguage(BTreeMap<String, String>),
}

impl Text {
    /// In every language it is written in.
    pub(crate) fn all(&self) -> Vec<&str> {
        match self {
            Text::Plain(text) => vec![text],
            Text::ByLanguage(texts) => texts.values().map(String::as_str).collect(),
        }
    }
}

/// One item, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// One funnel file.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FunnelSpec {
    /// Id of the funnel: `[a-z][a-z0-9_]{0,23}`, the same as the file name without `.yaml`.
    pub funnel: String,
    /// What the partner sees in cards and statistics.
    pub title: Text,
    /// Languages the texts come in; the first is the fallback. Default: `[ru]`.
    #[serde(default)]
    pub languages: Vec<String>,
    /// What starts the funnel.
    #[serde(default)]
    pub enter: EnterSpec,
    /// The step a lead sees first.
    pub first: String,
    /// Where leads go who stand on a step that no longer exists: `old: new`.
    #[serde(default)]
    pub moved_to: BTreeMap<String, String>,
    /// What happens at a question without a `silent` of its own when the lead says nothing.
    #[serde(default)]
    pub silent: Vec<SilentSpec>,
    pub steps: BTreeMap<String, StepSpec>,
}

/// Triggers of a funnel; they work from any step of any funnel.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnterSpec {
    /// Deep-link payloads: `t.me/<bot>?start=<payload>`; what follows a `-` names the campaign (`weight-vk_july`).
    #[serde(default)]
    pub start: Vec<String>,
    /// Whole messages (case, ё/е and punctuation at the ends do not matter).
    #[serde(default)]
    pub keywords: Vec<String>,
    /// Bot commands without the slash: `name: description shown in the menu`.
    #[serde(default)]
    pub commands: BTreeMap<String, Text>,
    /// `replace` leaves the funnel the lead was in; `back` returns to the same step afterwards.
    #[serde(default)]
    pub then: Then,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Then {
    #[default]
    Replace,
    Back,
}

/// One step: what the bot says, what it waits for, and where it goes next.
///
/// A target (`to`, `next`, `then`) is a step of this funnel, `@funnel` or `@funnel.step`,
/// or one of the words `end`, `back` (the step before), `human` (ask for a person and stay), `stay`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepSpec {
    /// A message; the step goes on to `next` by itself when nothing is awaited.
    pub say: Option<Text>,
    /// A question; needs `expect` or `buttons`.
    pub ask: Option<Text>,
    /// A/B texts instead of `say`/`ask`; a lead always sees the same one.
    #[serde(default)]
    pub variants: Vec<VariantSpec>,
    /// A picture, video or file sent with the text as its caption.
    pub media: Option<MediaSpec>,
    /// Buttons under the message.
    #[serde(default)]
    pub buttons: Vec<ButtonSpec>,
    /// Buttons per row, 1 to 8. Default: 1.
    pub columns: Option<u8>,
    /// A keyboard in place of the letters, kept until replaced; `remove` takes it away.
    pub keyboard: Option<KeyboardSpec>,
    /// The kind of answer awaited.
    pub expect: Option<ExpectSpec>,
    /// The name under which the answer is kept: `answers.<name>`.
    pub save: Option<String>,
    /// What to say to an answer that does not fit, and for how long.
    pub again: Option<AgainSpec>,
    /// A button that passes over the question.
    pub skip: Option<SkipSpec>,
    /// Several short messages are taken as one answer.
    pub collect: Option<CollectSpec>,
    /// Tags given on entering the step.
    pub tag: Option<OneOrMany>,
    /// Tags taken away on entering the step.
    pub untag: Option<OneOrMany>,
    /// Points added on entering the step, once per lead.
    pub score: Option<ScoreSpec>,
    /// Values kept as answers on entering the step.
    #[serde(default)]
    pub set: BTreeMap<String, serde_json::Value>,
    /// Tells the partner: `contact`, `link`, `hot`, `human`, or a text of your own. For a question: once it is answered.
    pub notify: Option<String>,
    /// What happens by itself when the lead says nothing. Default: what the funnel's own `silent` says; `[]`: nothing.
    pub silent: Option<Vec<SilentSpec>>,
    /// Where to go next; for a question: after the answer.
    pub next: Option<NextSpec>,
    /// Runs another funnel (`@funnel`) and then goes on to `next`.
    pub call: Option<String>,
    /// Sequences the lead gets into, and out of, on entering the step.
    pub enroll: Option<OneOrMany>,
    pub leave: Option<OneOrMany>,
    /// What the step tells: sequences do not repeat it.
    pub content: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// Name of the variant in statistics.
    pub name: String,
    /// Share of leads, relative to the others. Default: 1.
    pub weight: Option<u32>,
    pub text: Text,
}

/// Exactly one kind of media; the value is a file beside the funnel (`media/gift.jpg`) or an https address.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MediaSpec {
    pub photo: Option<String>,
    pub video: Option<String>,
    pub animation: Option<String>,
    pub document: Option<String>,
    pub audio: Option<String>,
    pub voice: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ButtonSpec {
    pub text: Text,
    /// A stable name for statistics and old messages; made from the text and the target when absent.
    pub id: Option<String>,
    /// Where the press leads. Default: the step's `next`.
    pub to: Option<String>,
    /// Opens a link: a name from the partner's `links` or an https address. The opening is recorded.
    pub link: Option<String>,
    /// What `save` keeps when this button is pressed. Default: the text in the funnel's first language.
    pub value: Option<serde_json::Value>,
    pub tag: Option<OneOrMany>,
    pub untag: Option<OneOrMany>,
    pub score: Option<ScoreSpec>,
    /// The button is shown only when this is true.
    pub when: Option<String>,
    /// Tells the partner when pressed: as in a step.
    pub notify: Option<String>,
    /// Sequences the lead gets into, and out of, by pressing.
    pub enroll: Option<OneOrMany>,
    pub leave: Option<OneOrMany>,
    /// The lead agrees by pressing: to `advertising` or to `service` messages. The words they saw are remembered.
    pub consent: Option<Purpose>,
    /// The lead takes their consent back by pressing.
    pub refuse: Option<Purpose>,
}

/// Points, with a reason the partner reads in the lead's card.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ScoreSpec {
    Points(i32),
    Reasoned(ReasonedScore),
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReasonedScore {
    pub points: i32,
    pub reason: Text,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum KeyboardSpec {
    Word(KeyboardWord),
    Rows(Vec<Vec<KeyboardButtonSpec>>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum KeyboardWord {
    Remove,
}

/// The text arrives as an ordinary message and works from any step while the keyboard is shown.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyboardButtonSpec {
    pub text: Text,
    pub to: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ExpectSpec {
    Kind(ExpectKind),
    Rule(ExpectRule),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExpectKind {
    /// Any words.
    Text,
    Number,
    /// One of the step's buttons, pressed or typed.
    Choice,
    /// Shared by the contact button or typed; kept as E.164.
    Phone,
    Email,
    Date,
    Photo,
}

/// Exactly one kind, with its limits.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectRule {
    pub text: Option<TextRule>,
    pub number: Option<NumberRule>,
    pub phone: Option<PhoneRule>,
    pub date: Option<DateRule>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextRule {
    /// Fewest and most characters. Default: 1 and 1000.
    pub min: Option<u32>,
    pub max: Option<u32>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberRule {
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Whole numbers only.
    #[serde(default)]
    pub whole: bool,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PhoneRule {
    /// Regions in which a number without a country code is read, in order. Default: the partner's.
    #[serde(default)]
    pub regions: Vec<String>,
    /// Text of the contact button; `false` hides it.
    pub button: Option<PhoneButton>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PhoneButton {
    Shown(bool),
    Text(Text),
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DateRule {
    /// `any`, `past` or `future`, seen from the partner's today. Default: `any`.
    #[serde(default)]
    pub when: DateWhen,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DateWhen {
    #[default]
    Any,
    Past,
    Future,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgainSpec {
    pub text: Text,
    /// How many times before `then`. Default: 3.
    pub times: Option<u8>,
    /// Where to go after that. Default: `human`.
    pub then: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipSpec {
    pub text: Text,
    pub to: String,
}

/// Waits until the lead pauses for `quiet`, but no longer than `max`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectSpec {
    /// For example `3s`. Default: `2s`.
    pub quiet: Option<String>,
    /// Default: `15s`.
    pub max: Option<String>,
}

/// One branch of silence; the delays count from the lead's last word.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SilentSpec {
    /// For example `90s`, `15m`, `2h`, `1d`.
    pub after: String,
    /// `reminder` (the default) says that the question is open; `value` gives something useful, `proof` shows that it
    /// worked for somebody, `final` says goodbye.
    pub kind: Option<FollowUpKind>,
    /// Default: `service` for a reminder, `advertising` for the others, which carry a way out.
    pub purpose: Option<Purpose>,
    /// Said without leaving the step.
    pub say: Option<Text>,
    /// Goes there.
    pub to: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum NextSpec {
    To(String),
    Cases(Vec<CaseSpec>),
}

/// The first case whose `when` is true wins; the last one has no `when`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CaseSpec {
    pub when: Option<String>,
    pub to: String,
}
