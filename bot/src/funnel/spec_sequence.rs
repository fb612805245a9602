//! The language of sequences as it is written: `funnels/sequences/<id>.yaml`. docs/sequences.md explains every key.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::{ButtonSpec, MediaSpec, OneOrMany, ScoreSpec, Text, VariantSpec};
use super::wish::Beside;
use crate::lead::Purpose;
use crate::sequence::Missed;

/// One sequence: messages that come by themselves, one after another, each at its time.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SequenceSpec {
    /// Id of the sequence: `[a-z][a-z0-9_]{0,22}`, the same as the file name without `.yaml`.
    pub sequence: String,
    /// What the partner sees.
    pub title: Text,
    /// Languages the texts come in; the first is the fallback. Default: `[ru]`.
    #[serde(default)]
    pub languages: Vec<String>,
    /// `advertising` (the default) needs consent and carries a way out; `service` belongs to what the lead asked for.
    #[serde(default)]
    pub purpose: Purpose,
    /// Nobody is written to; everybody keeps their place.
    #[serde(default)]
    pub paused: bool,
    /// How leads get in, beside the `enroll` of funnels.
    #[serde(default)]
    pub enter: SequenceEnterSpec,
    /// Whether a lead may get in again. Default: `never`.
    #[serde(default)]
    pub reentry: Reentry,
    /// At least that long after the end (`after_end`) or the last entry (`always`).
    pub min_gap: Option<String>,
    /// What takes a lead out: `contact`, `phone`, `email`, `reply`, `human`, `bought`, `unsubscribed`, `tag x`,
    /// `entered funnel`, `ended funnel`, `link name`. Saying stop always does.
    #[serde(default)]
    pub stop_on: Vec<String>,
    /// Days of the lead's own calendar: `[mon..fri]`. A step may have its own.
    pub days: Option<OneOrMany>,
    /// Hours of the lead's own day for steps without `at`: `09:00-21:00`. A step may have its own.
    pub window: Option<String>,
    /// What becomes of a step that could not be said on time. Default: `late`.
    pub missed: Option<Missed>,
    /// Later than that a step is left out. Default: `12h`; for `next_window`, `3d`.
    pub max_late: Option<String>,
    /// What becomes of a step that is due while the lead is in the middle of a talk. Default: `wait`.
    pub while_in_funnel: Option<Beside>,
    /// Says its steps again to a lead who enters again. Default: what was seen is not repeated.
    #[serde(default)]
    pub repeat: bool,
    /// What took the place of steps that are gone: `old: new`.
    #[serde(default)]
    pub moved_to: BTreeMap<String, String>,
    pub steps: Vec<SequenceStepSpec>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SequenceEnterSpec {
    /// `came`, `contact`, `phone`, `email`, `tag x`, `entered funnel`, `ended funnel`, `link name`.
    #[serde(default)]
    pub on: Vec<String>,
    /// Who may get in, however they come.
    pub when: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reentry {
    #[default]
    Never,
    /// Once they are out.
    AfterEnd,
    /// Even from inside: they begin anew.
    Always,
}

/// One message and its time.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SequenceStepSpec {
    /// Id of the step: `[a-z][a-z0-9_]{0,23}`. It stays when the text changes.
    pub id: String,
    /// How long after the step before it (after entering, for the first): `2h`, `1d`. With `at`, days of the calendar.
    pub after: Option<String>,
    /// What the lead's clock shows: `10:00`.
    pub at: Option<String>,
    pub days: Option<OneOrMany>,
    pub window: Option<String>,
    /// Looked at right before the message: when it is false, the step is passed over.
    pub when: Option<String>,
    pub say: Option<Text>,
    /// A/B texts instead of `say`; a lead always sees the same one.
    #[serde(default)]
    pub variants: Vec<VariantSpec>,
    pub media: Option<MediaSpec>,
    /// `to` is `@funnel`, `@funnel.step` or `human`.
    #[serde(default)]
    pub buttons: Vec<ButtonSpec>,
    pub columns: Option<u8>,
    pub tag: Option<OneOrMany>,
    pub untag: Option<OneOrMany>,
    pub score: Option<ScoreSpec>,
    pub notify: Option<String>,
    /// What the step tells: a lead who has seen this content, wherever, is not shown it again. Default: the step itself.
    pub content: Option<String>,
    /// Said even when the lead has seen it.
    pub repeat: Option<bool>,
    pub missed: Option<Missed>,
    pub max_late: Option<String>,
    pub while_in_funnel: Option<Beside>,
}
