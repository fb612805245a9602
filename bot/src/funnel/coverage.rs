//! Which steps and branches of the funnels were walked. PURE.

use super::model::{FunnelIx, StepIx};

/// A part of a step that was walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Mark {
    pub at: (FunnelIx, StepIx),
    pub part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    Step,
    Button(usize),
    Skip,
    Case(usize),
    Silent(usize),
    /// The answer did not fit and was asked for again.
    Again,
    /// It did not fit too many times.
    Then,
    /// A button of the reply keyboard.
    Key(usize),
}
