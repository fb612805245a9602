//! What is wrong, compared with what was known to be wrong. PURE.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// Everything that can be wrong, with its runbook: `docs/runbooks/<word>.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    Down,
    CrashLoop,
    TokenRevoked,
    SecondPoller,
    Disk,
    Backlog,
    ErrorRate,
    BackupTooOld,
}

impl Kind {
    pub const ALL: [Kind; 8] = [
        Kind::Down,
        Kind::CrashLoop,
        Kind::TokenRevoked,
        Kind::SecondPoller,
        Kind::Disk,
        Kind::Backlog,
        Kind::ErrorRate,
        Kind::BackupTooOld,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Kind::Down => "down",
            Kind::CrashLoop => "crash-loop",
            Kind::TokenRevoked => "token-revoked",
            Kind::SecondPoller => "second-poller",
            Kind::Disk => "disk",
            Kind::Backlog => "backlog",
            Kind::ErrorRate => "error-rate",
            Kind::BackupTooOld => "backup-too-old",
        }
    }
}

/// A bot as it was found at one look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BotSeen {
    pub id: String,
    /// It was started and not stopped since: it should run.
    pub wanted: bool,
    pub running: bool,
    /// systemd has given up on it.
    pub failed: bool,
    /// The code of its last end.
    pub exit_code: Option<i64>,
    /// Since its unit was started.
    pub restarts: u64,
    /// Why it waits, in its own words; empty when all is well.
    pub reason: String,
    /// How long the oldest update or message has been waiting.
    pub lag_ms: i64,
    pub errors_per_minute: i64,
    /// When its newest backup was taken; 0 for never.
    pub backup_at: i64,
}

/// One look at a host.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Look {
    pub now: i64,
    pub bots: Vec<BotSeen>,
    /// (directory, percent free, bytes free)
    pub disks: Vec<(String, u64, u64)>,
    /// Backups are set up here.
    pub backups: bool,
}

/// From where on something is an incident.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub down_minutes: f64,
    /// Restarts within ten minutes.
    pub restarts: u64,
    pub disk_free_percent: u64,
    pub lag_minutes: f64,
    pub errors_per_minute: i64,
    pub backup_hours: f64,
    /// How long a second poller, a backlog or errors must last to be worth a message.
    pub lasting_minutes: f64,
    /// What is over must stay so for this long before it is told: a bot that comes and goes is one incident.
    pub quiet_minutes: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            down_minutes: 1.0,
            restarts: 3,
            disk_free_percent: 10,
            lag_minutes: 5.0,
            errors_per_minute: 20,
            backup_hours: 30.0,
            lasting_minutes: 1.0,
            quiet_minutes: 2.0,
        }
    }
}

const MINUTE: i64 = 60_000;
const CRASH_WINDOW: i64 = 10 * MINUTE;

fn minutes(number: f64) -> i64 {
    (number * MINUTE as f64) as i64
}

/// One thing that is wrong, from its first look to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    pub kind: Kind,
    /// The partner, or the disk.
    pub about: String,
    pub since: i64,
    pub words: String,
    /// The operator knows.
    pub told: bool,
    /// Not seen any more since; 0 while it lasts.
    pub gone_since: i64,
    /// How long it must last before it is worth waking somebody, in milliseconds.
    pub patience: i64,
}

/// What is remembered from look to look; kept on disk.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub incidents: BTreeMap<String, Incident>,
    /// (when, restarts) by bot, within the window.
    pub restarts: BTreeMap<String, Vec<(i64, u64)>>,
    pub looked_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    Begins,
    Ends,
}

/// Something to tell; the memory changes only once it was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub key: String,
    pub turn: Turn,
    pub incident: Incident,
    pub at: i64,
}

/// Takes one look into the memory; what is to be told now.
pub fn judge(memory: &mut Memory, look: &Look, limits: &Limits) -> Vec<Notice> {
    let found = wrong(memory, look, limits);
    let mut seen = BTreeSet::new();
    for Finding {
        kind,
        about,
        words,
        patience,
    } in found
    {
        let key = format!("{}/{about}", kind.word());
        seen.insert(key.clone());
        let incident = memory.incidents.entry(key).or_insert(Incident {
            kind,
            about,
            since: look.now,
            words: String::new(),
            told: false,
            gone_since: 0,
            patience,
        });
        incident.words = words;
        incident.patience = patience;
        incident.gone_since = 0;
    }
    let mut notices = Vec::new();
    for (key, incident) in &mut memory.incidents {
        if !seen.contains(key) && incident.gone_since == 0 {
            incident.gone_since = look.now;
        }
        let turn = match (incident.told, incident.gone_since) {
            (false, 0) if look.now - incident.since >= incident.patience => Turn::Begins,
            (true, gone) if gone > 0 && look.now - gone >= minutes(limits.quiet_minutes) => {
                Turn::Ends
            }
            _ => continue,
        };
        notices.push(Notice {
            key: key.clone(),
            turn,
            incident: incident.clone(),
            at: look.now,
        });
    }
    // What came and went before anybody was told is nobody's business.
    memory
        .incidents
        .retain(|_, incident| incident.told || incident.gone_since == 0);
    memory.looked_at = look.now;
    notices
}

/// Call when the notice has reached the operator.
pub fn told(memory: &mut Memory, notice: &Notice) {
    match notice.turn {
        Turn::Begins => {
            if let Some(incident) = memory.incidents.get_mut(&notice.key) {
                incident.told = true;
            }
        }
        Turn::Ends => drop(memory.incidents.remove(&notice.key)),
    }
}

/// Something wrong at this look.
struct Finding {
    kind: Kind,
    about: String,
    words: String,
    patience: i64,
}

fn wrong(memory: &mut Memory, look: &Look, limits: &Limits) -> Vec<Finding> {
    let mut found = Vec::new();
    for bot in &look.bots {
        let mut add = |kind, words: String, patience| {
            found.push(Finding {
                kind,
                about: bot.id.clone(),
                words,
                patience,
            });
        };
        if bot.wanted {
            running(memory, look.now, bot, limits, &mut add);
        }
        if look.backups && bot.wanted {
            backup(look.now, bot, limits, &mut add);
        }
    }
    let known: BTreeSet<&String> = look.bots.iter().map(|bot| &bot.id).collect();
    memory.restarts.retain(|id, _| known.contains(id));
    for (directory, percent, bytes) in &look.disks {
        if *percent < limits.disk_free_percent {
            let words = format!("{percent} % free ({} MiB) at {directory}", bytes >> 20);
            found.push(Finding {
                kind: Kind::Disk,
                about: directory.clone(),
                words,
                patience: 0,
            });
        }
    }
    found
}

/// Its own words for a 409.
pub fn is_second_poller(bot: &BotSeen) -> bool {
    bot.reason.starts_with("somebody else reads")
}

/// It ended because a restart cannot mend it.
pub fn is_refused(bot: &BotSeen) -> bool {
    bot.failed && bot.exit_code == Some(HOPELESS)
}

/// The bot's own exit code for what a restart cannot mend.
const HOPELESS: i64 = 78;

fn running(
    memory: &mut Memory,
    now: i64,
    bot: &BotSeen,
    limits: &Limits,
    add: &mut impl FnMut(Kind, String, i64),
) {
    if is_refused(bot) {
        let words = match bot.reason.is_empty() {
            true => "it ended with 78: the token or the configuration is refused".to_owned(),
            false => bot.reason.clone(),
        };
        add(Kind::TokenRevoked, words, 0);
    } else if bot.failed {
        let code = bot
            .exit_code
            .map_or("a signal".into(), |code| code.to_string());
        add(
            Kind::Down,
            format!("systemd has given up on it after {code}"),
            0,
        );
    } else if !bot.running {
        add(
            Kind::Down,
            "it does not answer".to_owned(),
            minutes(limits.down_minutes),
        );
    }
    let history = memory.restarts.entry(bot.id.clone()).or_default();
    // A unit that was started anew counts from nothing.
    if history
        .last()
        .is_some_and(|(_, restarts)| *restarts > bot.restarts)
    {
        history.clear();
    }
    history.retain(|(at, _)| now - at <= CRASH_WINDOW);
    history.push((now, bot.restarts));
    let since = history.first().map_or(0, |(_, restarts)| *restarts);
    let restarts = bot.restarts - since.min(bot.restarts);
    if restarts >= limits.restarts {
        add(
            Kind::CrashLoop,
            format!("restarted {restarts} times within ten minutes"),
            0,
        );
    }
    let lasting = minutes(limits.lasting_minutes);
    if is_second_poller(bot) {
        add(Kind::SecondPoller, bot.reason.clone(), lasting);
    }
    if bot.lag_ms >= minutes(limits.lag_minutes) {
        let waited = crate::output::span(bot.lag_ms);
        let words = format!("the oldest update or message has been waiting for {waited}");
        add(Kind::Backlog, words, lasting);
    }
    if bot.errors_per_minute >= limits.errors_per_minute {
        let words = format!("{} errors within the last minute", bot.errors_per_minute);
        add(Kind::ErrorRate, words, lasting);
    }
}

fn backup(now: i64, bot: &BotSeen, limits: &Limits, add: &mut impl FnMut(Kind, String, i64)) {
    let age = now - bot.backup_at;
    if bot.backup_at == 0 {
        add(Kind::BackupTooOld, "it has no backup".to_owned(), 0);
    } else if age >= minutes(limits.backup_hours * 60.0) {
        add(
            Kind::BackupTooOld,
            format!("its newest backup is {} old", crate::output::span(age)),
            0,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn well(id: &str) -> BotSeen {
        BotSeen {
            id: id.to_owned(),
            wanted: true,
            running: true,
            backup_at: 1,
            ..BotSeen::default()
        }
    }

    /// Looks once a minute; every line is `minute turn key`, told at once.
    fn story(looks: &[Vec<BotSeen>]) -> Vec<String> {
        let mut memory = Memory::default();
        let mut said = Vec::new();
        for (minute, bots) in looks.iter().enumerate() {
            let minute = i64::try_from(minute).expect("a small number");
            let look = Look {
                now: minute * MINUTE + 1,
                bots: bots.clone(),
                disks: Vec::new(),
                backups: false,
            };
            for notice in judge(&mut memory, &look, &Limits::default()) {
                said.push(format!("{minute} {:?} {}", notice.turn, notice.key));
                told(&mut memory, &notice);
            }
            // What is kept on disk must read back as it was.
            let text = serde_json::to_string(&memory).expect("json");
            memory = serde_json::from_str(&text).expect("the same");
        }
        said
    }

    #[test]
    fn a_bot_that_is_down_is_told_once_and_its_return_once() {
        let down = BotSeen {
            running: false,
            ..well("north")
        };
        let mut looks = vec![vec![well("north")]];
        looks.extend(vec![vec![down]; 5]);
        looks.extend(vec![vec![well("north")]; 5]);
        assert_eq!(story(&looks), ["2 Begins down/north", "8 Ends down/north"]);
    }

    #[test]
    fn a_short_absence_and_a_bot_that_was_stopped_are_nobodys_business() {
        let gone = BotSeen {
            running: false,
            ..well("north")
        };
        let stopped = BotSeen {
            wanted: false,
            ..gone.clone()
        };
        let looks = [
            vec![gone.clone()],
            vec![well("north")],
            vec![stopped.clone()],
            vec![stopped],
        ];
        assert_eq!(story(&looks), [""; 0]);
    }

    #[test]
    fn each_trouble_has_its_own_name() {
        let mut looks = vec![vec![well("a")]];
        let bad = BotSeen {
            restarts: 4,
            reason: "somebody else reads this bot's updates".to_owned(),
            lag_ms: 5 * MINUTE,
            errors_per_minute: 90,
            ..well("a")
        };
        looks.extend(vec![vec![bad]; 2]);
        assert_eq!(
            story(&looks),
            [
                "1 Begins crash-loop/a",
                "2 Begins backlog/a",
                "2 Begins error-rate/a",
                "2 Begins second-poller/a",
            ]
        );
        let refused = BotSeen {
            running: false,
            failed: true,
            exit_code: Some(78),
            ..well("b")
        };
        assert_eq!(story(&[vec![refused]]), ["0 Begins token-revoked/b"]);
    }

    #[test]
    fn what_could_not_be_told_is_told_at_the_next_look() {
        let mut memory = Memory::default();
        let look = |now| Look {
            now,
            disks: vec![("/var".to_owned(), 3, 3 << 20)],
            ..Look::default()
        };
        let limits = Limits::default();
        assert_eq!(judge(&mut memory, &look(1), &limits).len(), 1);
        let again = judge(&mut memory, &look(2), &limits);
        assert_eq!(again[0].incident.words, "3 % free (3 MiB) at /var");
        told(&mut memory, &again[0]);
        assert_eq!(judge(&mut memory, &look(3), &limits), []);
    }

    #[test]
    fn backups_are_missed_only_where_they_are_set_up() {
        let bot = BotSeen {
            backup_at: 0,
            ..well("a")
        };
        let mut look = Look {
            now: 1,
            bots: vec![bot],
            ..Look::default()
        };
        let limits = Limits::default();
        assert_eq!(judge(&mut Memory::default(), &look, &limits), []);
        look.backups = true;
        assert_eq!(judge(&mut Memory::default(), &look, &limits).len(), 1);
        look.bots[0].backup_at = 1;
        look.now = 31 * 60 * MINUTE;
        let late = judge(&mut Memory::default(), &look, &limits);
        assert_eq!(late[0].incident.words, "its newest backup is 1d 6h old");
    }
}
