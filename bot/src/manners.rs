//! How the bot behaves towards the partner: config.yaml says it, the partner may change it in /my_settings. PURE.

use serde::{Deserialize, Serialize};

/// What holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manners {
    pub digest: Digest,
    /// A picture of the week on Mondays.
    pub weekly: bool,
    pub quiet: Quiet,
    pub notify: Notify,
    /// The bot answers, but does not speak first to leads.
    pub paused: bool,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners {
            digest: Digest::At(9),
            weekly: true,
            quiet: Quiet::Hours { from: 22, to: 8 },
            notify: Notify::All,
            paused: false,
        }
    }
}

/// The daily digest, at a full hour of the partner's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    Off,
    At(u8),
}

/// Hours in which the partner's phone makes no sound and no digest comes; may go over midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Quiet {
    Off,
    Hours { from: u8, to: u8 },
}

impl Quiet {
    pub fn holds(self, hour: u8) -> bool {
        match self {
            Quiet::Off => false,
            Quiet::Hours { from, to } if from <= to => (from..to).contains(&hour),
            Quiet::Hours { from, to } => hour >= from || hour < to,
        }
    }

    /// The hour itself, or the one at which the quiet around it ends.
    pub fn first_after(self, hour: u8) -> u8 {
        match self {
            Quiet::Hours { to, .. } if self.holds(hour) => to,
            Quiet::Hours { .. } | Quiet::Off => hour,
        }
    }
}

/// Which cards come by themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Notify {
    #[default]
    All,
    /// A contact, a call for a person, a hot lead.
    Important,
    /// None: everybody waits in /hot_leads and in the digest.
    Digest,
}

/// What the partner changed; everything else follows config.yaml.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quiet: Option<Quiet>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notify: Option<Notify>,
}

/// One change the partner may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Digest(Digest),
    Weekly(bool),
    Quiet(Quiet),
    Notify(Notify),
    Paused(bool),
}

/// Hours offered for the digest, and the quiet hours offered; nothing else is taken from a button.
pub const DIGEST_HOURS: [u8; 8] = [7, 8, 9, 10, 12, 18, 19, 20];
pub const QUIET_HOURS: [(u8, u8); 4] = [(21, 9), (22, 8), (23, 7), (0, 7)];

impl Change {
    /// Whether the partner may choose this; a pressed button can carry any bytes.
    pub fn is_offered(self) -> bool {
        match self {
            Change::Digest(Digest::At(hour)) => DIGEST_HOURS.contains(&hour),
            Change::Quiet(Quiet::Hours { from, to }) => QUIET_HOURS.contains(&(from, to)),
            Change::Digest(Digest::Off)
            | Change::Quiet(Quiet::Off)
            | Change::Weekly(_)
            | Change::Notify(_)
            | Change::Paused(_) => true,
        }
    }
}

impl Manners {
    pub fn with(self, change: Change) -> Manners {
        match change {
            Change::Paused(paused) => Manners { paused, ..self },
            other => Settings::default().with(other).over(self),
        }
    }
}

impl Settings {
    /// What holds: the partner's word, else the config's. What no button offers is as if it were not said.
    pub fn over(&self, config: Manners) -> Manners {
        let digest = self
            .digest
            .filter(|digest| Change::Digest(*digest).is_offered());
        let quiet = self
            .quiet
            .filter(|quiet| Change::Quiet(*quiet).is_offered());
        Manners {
            digest: digest.unwrap_or(config.digest),
            weekly: self.weekly.unwrap_or(config.weekly),
            quiet: quiet.unwrap_or(config.quiet),
            notify: self.notify.unwrap_or(config.notify),
            paused: config.paused,
        }
    }

    pub fn with(self, change: Change) -> Settings {
        match change {
            Change::Digest(digest) => Settings {
                digest: Some(digest),
                ..self
            },
            Change::Weekly(on) => Settings {
                weekly: Some(on),
                ..self
            },
            Change::Quiet(quiet) => Settings {
                quiet: Some(quiet),
                ..self
            },
            Change::Notify(notify) => Settings {
                notify: Some(notify),
                ..self
            },
            // Kept by the gate, which is asked before everything the bot says first.
            Change::Paused(_) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_hours_may_go_over_midnight() {
        let night = Quiet::Hours { from: 22, to: 8 };
        let held: Vec<u8> = (0..24).filter(|hour| night.holds(*hour)).collect();
        assert_eq!(held, [0, 1, 2, 3, 4, 5, 6, 7, 22, 23]);
        assert_eq!(night.first_after(7), 8);
        assert_eq!(night.first_after(9), 9);
        let noon = Quiet::Hours { from: 12, to: 14 };
        assert!(noon.holds(13) && !noon.holds(14) && !noon.holds(11));
        assert!((0..24).all(|hour| !Quiet::Off.holds(hour)));
    }

    #[test]
    fn the_partners_word_goes_before_the_config_within_what_is_offered() {
        let config = Manners::default();
        let changed = Settings::default().with(Change::Digest(Digest::At(19)));
        let stored = serde_json::to_string(&changed).unwrap();
        let read: Settings = serde_json::from_str(&stored).unwrap();
        let now = read.over(config);
        assert_eq!(now.digest, Digest::At(19));
        assert!(now.weekly, "{stored}");
        assert!(now.with(Change::Paused(true)).paused);
        let forged = Settings::default().with(Change::Digest(Digest::At(3)));
        assert_eq!(forged.over(config).digest, config.digest);
        assert_eq!(Settings::default().over(config), config);
        let of_newer: Settings = serde_json::from_str(r#"{"colour":"red"}"#).unwrap();
        assert_eq!(of_newer, Settings::default());
    }
}
