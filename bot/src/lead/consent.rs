//! What a lead allowed, for what purpose, to which words, when and how; and what they took back. PURE.

use serde::{Deserialize, Serialize};

use super::Purpose;

impl Purpose {
    pub const ALL: [Purpose; 2] = [Purpose::Service, Purpose::Advertising];

    pub fn word(self) -> &'static str {
        match self {
            Purpose::Service => "service",
            Purpose::Advertising => "advertising",
        }
    }
}

/// What a consent is about: messages of a purpose, or keeping the lead's contact at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matter {
    Contact,
    Messages(Purpose),
}

impl Matter {
    pub fn word(self) -> &'static str {
        match self {
            Matter::Contact => "contact",
            Matter::Messages(purpose) => purpose.word(),
        }
    }
}

impl From<Purpose> for Matter {
    fn from(purpose: Purpose) -> Self {
        Matter::Messages(purpose)
    }
}

/// Where a lead stands, purpose by purpose. The history is in the lead's story; here is only the last word.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Consents {
    /// To keep and use the lead's contact.
    #[serde(skip_serializing_if = "Stance::is_silent")]
    pub contact: Stance,
    #[serde(skip_serializing_if = "Stance::is_silent")]
    pub service: Stance,
    #[serde(skip_serializing_if = "Stance::is_silent")]
    pub advertising: Stance,
}

/// The last yes and the last no; the later one counts, a tie is a no.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stance {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub given: Option<Given>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<Refused>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Which words were agreed to: a short hash of the text the lead saw.
    pub text_version: String,
    /// Unix milliseconds.
    pub at: i64,
    /// Where: `funnel.step`, `command`.
    pub source: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Which words were refused; empty where none were shown, as for /stop.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text_version: String,
    /// Unix milliseconds.
    pub at: i64,
    pub source: String,
}

/// How the last word reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Never asked, or never answered.
    Silent,
    Yes,
    No,
}

impl Stance {
    pub fn is_silent(&self) -> bool {
        self.given.is_none() && self.refused.is_none()
    }

    pub fn word(&self) -> Word {
        match (&self.given, &self.refused) {
            (None, None) => Word::Silent,
            (Some(_), None) => Word::Yes,
            (Some(given), Some(refused)) if given.at > refused.at => Word::Yes,
            (_, Some(_)) => Word::No,
        }
    }
}

impl Consents {
    pub fn of(&self, matter: impl Into<Matter>) -> &Stance {
        match matter.into() {
            Matter::Contact => &self.contact,
            Matter::Messages(Purpose::Service) => &self.service,
            Matter::Messages(Purpose::Advertising) => &self.advertising,
        }
    }

    fn of_mut(&mut self, matter: Matter) -> &mut Stance {
        match matter {
            Matter::Contact => &mut self.contact,
            Matter::Messages(Purpose::Service) => &mut self.service,
            Matter::Messages(Purpose::Advertising) => &mut self.advertising,
        }
    }

    /// `version` names the words agreed to.
    pub fn give(&mut self, matter: impl Into<Matter>, version: &str, source: &str, at: i64) {
        let stance = self.of_mut(matter.into());
        // A yes after a no in the same millisecond is still a yes: it was said later.
        let after = stance.refused.as_ref().map_or(at, |no| at.max(no.at + 1));
        stance.given = Some(Given {
            text_version: version.to_owned(),
            at: after,
            source: source.to_owned(),
        });
    }

    /// `version` names the words refused, if any were shown.
    pub fn refuse(&mut self, matter: impl Into<Matter>, version: &str, source: &str, at: i64) {
        let stance = self.of_mut(matter.into());
        let after = stance.given.as_ref().map_or(at, |yes| at.max(yes.at));
        stance.refused = Some(Refused {
            text_version: version.to_owned(),
            at: after,
            source: source.to_owned(),
        });
    }
}

/// A short name for the words a lead agreed to.
pub fn text_version<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    format!("{:08x}", hash ^ (hash >> 32))[..8].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_word_counts_and_a_tie_is_a_no() {
        let mut consents = Consents::default();
        assert_eq!(consents.advertising.word(), Word::Silent);
        consents.give(Purpose::Advertising, "a1b2c3d4", "gift.ask", 10);
        assert_eq!(consents.advertising.word(), Word::Yes);
        consents.refuse(Purpose::Advertising, "", "button", 10);
        assert_eq!(consents.advertising.word(), Word::No);
        consents.give(Purpose::Advertising, "a1b2c3d4", "gift.ask", 10);
        assert_eq!(
            consents.advertising.word(),
            Word::Yes,
            "said after the no, even within its millisecond"
        );
        assert_eq!(consents.service.word(), Word::Silent);
    }

    #[test]
    fn a_clock_that_went_back_does_not_revive_a_consent() {
        let mut consents = Consents::default();
        consents.give(Purpose::Advertising, "a", "gift.ask", 1_000);
        consents.refuse(Purpose::Advertising, "", "button", 10);
        assert_eq!(consents.advertising.word(), Word::No);
    }

    #[test]
    fn silence_takes_no_room_in_the_store() {
        let text = serde_json::to_string(&Consents::default()).unwrap_or_default();
        assert_eq!(text, "{}");
    }

    #[test]
    fn other_words_have_another_version() {
        assert_ne!(text_version(["Да", "шлите"]), text_version(["Да, шлите"]));
        assert_eq!(text_version(["Да"]).len(), 8);
    }
}
