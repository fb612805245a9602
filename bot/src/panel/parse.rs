//! What the partner asks for: commands and the words on the panel's buttons. PURE.

use crate::lead::{LeadId, cities};
use crate::manners::{Change, Digest, Notify, Quiet};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Home,
    Stats(Period),
    Hot {
        page: u32,
    },
    Leads(Filter, u32),
    Tags,
    Link,
    Settings,
    /// One setting with all it may be.
    Choose(Choice),
    Set(Change),
    Card(LeadId),
    Handle(LeadId),
    Unhandle(LeadId),
    /// The card again, in the place of what was opened from it.
    Again(LeadId),
    /// Say nothing first to this lead, or speak again.
    Hush(LeadId),
    Unhush(LeadId),
    /// The lead's clock, with all it may be: the near cities, or the others.
    Clock(LeadId, Cities),
    /// By a city's id.
    SetClock(LeadId, &'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cities {
    Near,
    Other,
}

/// Which leads a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    All,
    New,
    Hot,
    Waiting,
    Contact,
    /// By the hash of a tag: a button has no room for every name.
    Tag(u32),
}

impl Filter {
    pub fn tag(name: &str) -> Filter {
        let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Filter::Tag(hash)
    }

    const NAMED: [(Filter, &'static str); 5] = [
        (Filter::All, "all"),
        (Filter::New, "new"),
        (Filter::Hot, "hot"),
        (Filter::Waiting, "wait"),
        (Filter::Contact, "contact"),
    ];

    fn words(self) -> String {
        match (
            self,
            Filter::NAMED.iter().find(|(filter, _)| *filter == self),
        ) {
            (_, Some((_, word))) => (*word).to_owned(),
            (Filter::Tag(hash), None) => format!("tag-{hash:08x}"),
            (_, None) => String::new(),
        }
    }

    fn read(word: &str) -> Option<Filter> {
        if let Some(hash) = word.strip_prefix("tag-") {
            return u32::from_str_radix(hash, 16).ok().map(Filter::Tag);
        }
        Filter::NAMED
            .iter()
            .find(|(_, name)| *name == word)
            .map(|(filter, _)| *filter)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Digest,
    Quiet,
    Notify,
}

impl Choice {
    const NAMED: [(Choice, &'static str); 3] = [
        (Choice::Digest, "digest"),
        (Choice::Quiet, "quiet"),
        (Choice::Notify, "notify"),
    ];
}

fn change_words(change: Change) -> String {
    let on = |on: bool| if on { "on" } else { "off" };
    match change {
        Change::Digest(Digest::Off) => "digest=off".to_owned(),
        Change::Digest(Digest::At(hour)) => format!("digest={hour}"),
        Change::Weekly(weekly) => format!("weekly={}", on(weekly)),
        Change::Quiet(Quiet::Off) => "quiet=off".to_owned(),
        Change::Quiet(Quiet::Hours { from, to }) => format!("quiet={from}-{to}"),
        Change::Notify(notify) => format!("notify={}", notify_word(notify)),
        Change::Paused(paused) => format!("pause={}", on(paused)),
    }
}

fn notify_word(notify: Notify) -> &'static str {
    match notify {
        Notify::All => "all",
        Notify::Important => "important",
        Notify::Digest => "digest",
    }
}

/// Only what the screens offer.
fn read_change(words: &str) -> Option<Change> {
    let (name, value) = words.split_once('=')?;
    let on = || match value {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    };
    let change = match (name, value) {
        ("digest", "off") => Change::Digest(Digest::Off),
        ("digest", hour) => Change::Digest(Digest::At(hour.parse().ok()?)),
        ("quiet", "off") => Change::Quiet(Quiet::Off),
        ("quiet", hours) => {
            let (from, to) = hours.split_once('-')?;
            Change::Quiet(Quiet::Hours {
                from: from.parse().ok()?,
                to: to.parse().ok()?,
            })
        }
        ("notify", word) => {
            let all = [Notify::All, Notify::Important, Notify::Digest];
            let notify = all
                .into_iter()
                .find(|notify| notify_word(*notify) == word)?;
            Change::Notify(notify)
        }
        ("weekly", _) => Change::Weekly(on()?),
        ("pause", _) => Change::Paused(on()?),
        _ => return None,
    };
    change.is_offered().then_some(change)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Today,
    Week,
    Month,
    All,
}

impl Period {
    pub const ALL: [Period; 4] = [Period::Today, Period::Week, Period::Month, Period::All];

    pub fn word(self) -> &'static str {
        match self {
            Period::Today => "today",
            Period::Week => "week",
            Period::Month => "month",
            Period::All => "all",
        }
    }
}

/// A command of the panel, or `None` when it belongs to the funnels.
pub fn command(name: &str) -> Option<Request> {
    match name {
        "my_stats" => Some(Request::Stats(Period::Today)),
        "hot_leads" => Some(Request::Hot { page: 0 }),
        "my_leads" => Some(Request::Leads(Filter::All, 0)),
        "my_link" => Some(Request::Link),
        "my_settings" => Some(Request::Settings),
        "panel" => Some(Request::Home),
        _ => None,
    }
}

/// The words of a button after `p:`; `None` for anything we never wrote.
pub fn button(words: &str) -> Option<Request> {
    let (verb, rest) = words.split_once(':').unwrap_or((words, ""));
    let lead = || rest.parse::<LeadId>().ok().filter(|id| *id > 0);
    match verb {
        "home" => Some(Request::Home),
        "stats" => Period::ALL
            .into_iter()
            .find(|period| period.word() == rest)
            .map(Request::Stats),
        "hot" => rest.parse().ok().map(|page| Request::Hot { page }),
        "leads" => {
            let (filter, page) = rest.split_once(':')?;
            Some(Request::Leads(Filter::read(filter)?, page.parse().ok()?))
        }
        "tags" => Some(Request::Tags),
        "link" => Some(Request::Link),
        "set" => Some(Request::Settings),
        "choose" => Choice::NAMED
            .iter()
            .find(|(_, name)| *name == rest)
            .map(|(choice, _)| Request::Choose(*choice)),
        "do" => read_change(rest).map(Request::Set),
        "card" => lead().map(Request::Card),
        "done" => lead().map(Request::Handle),
        "undo" => lead().map(Request::Unhandle),
        "again" => lead().map(Request::Again),
        "hush" => lead().map(Request::Hush),
        "speak" => lead().map(Request::Unhush),
        "clock" => lead().map(|lead| Request::Clock(lead, Cities::Near)),
        "clocks" => lead().map(|lead| Request::Clock(lead, Cities::Other)),
        "zone" => {
            let (lead, city) = rest.split_once(':')?;
            let lead = lead.parse::<LeadId>().ok().filter(|id| *id > 0)?;
            Some(Request::SetClock(lead, cities::find(city)?.id))
        }
        _ => None,
    }
}

/// The words on a button that asks for this.
pub fn words(request: Request) -> String {
    match request {
        Request::Home => "p:home".to_owned(),
        Request::Stats(period) => format!("p:stats:{}", period.word()),
        Request::Hot { page } => format!("p:hot:{page}"),
        Request::Leads(filter, page) => format!("p:leads:{}:{page}", filter.words()),
        Request::Tags => "p:tags".to_owned(),
        Request::Link => "p:link".to_owned(),
        Request::Settings => "p:set".to_owned(),
        Request::Choose(choice) => {
            let name = Choice::NAMED.iter().find(|(known, _)| *known == choice);
            format!("p:choose:{}", name.map_or("", |(_, name)| name))
        }
        Request::Set(change) => format!("p:do:{}", change_words(change)),
        Request::Card(lead) => format!("p:card:{lead}"),
        Request::Handle(lead) => format!("p:done:{lead}"),
        Request::Unhandle(lead) => format!("p:undo:{lead}"),
        Request::Again(lead) => format!("p:again:{lead}"),
        Request::Hush(lead) => format!("p:hush:{lead}"),
        Request::Unhush(lead) => format!("p:speak:{lead}"),
        Request::Clock(lead, Cities::Near) => format!("p:clock:{lead}"),
        Request::Clock(lead, Cities::Other) => format!("p:clocks:{lead}"),
        Request::SetClock(lead, city) => format!("p:zone:{lead}:{city}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_say_what_they_mean() {
        let all = [
            Request::Home,
            Request::Stats(Period::Month),
            Request::Hot { page: 3 },
            Request::Leads(Filter::Contact, 2),
            Request::Leads(Filter::tag("вес"), 0),
            Request::Tags,
            Request::Link,
            Request::Settings,
            Request::Choose(Choice::Notify),
            Request::Set(Change::Digest(Digest::At(9))),
            Request::Set(Change::Digest(Digest::Off)),
            Request::Set(Change::Quiet(Quiet::Hours { from: 22, to: 8 })),
            Request::Set(Change::Quiet(Quiet::Off)),
            Request::Set(Change::Notify(Notify::Important)),
            Request::Set(Change::Weekly(false)),
            Request::Set(Change::Paused(true)),
            Request::Card(7),
            Request::Handle(7),
            Request::Unhandle(7),
            Request::Again(7),
            Request::Hush(7),
            Request::Unhush(7),
            Request::Clock(7, Cities::Near),
            Request::Clock(7, Cities::Other),
            Request::SetClock(7, "oms"),
        ];
        for request in all {
            let words = words(request);
            assert_eq!(
                button(words.strip_prefix("p:").unwrap()),
                Some(request),
                "{words}"
            );
        }
        for forged in [
            "",
            "done",
            "done:",
            "done:-1",
            "done:x",
            "stats:never",
            "hot:-1",
            "drop:1",
            "leads:everybody:0",
            "leads:tag-zz:0",
            "leads:all",
            "do:digest=3",
            "do:quiet=1-23",
            "do:pause=maybe",
            "do:colour=red",
            "choose:colour",
            "hush:0",
            "zone:7",
            "zone:7:atlantis",
            "zone:-7:oms",
        ] {
            assert_eq!(button(forged), None, "{forged}");
        }
    }
}
