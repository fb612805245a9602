//! What the partner asks for: commands and the words on the panel's buttons. PURE.

use crate::lead::LeadId;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    Home,
    Stats(Period),
    Hot { page: u32 },
    Card(LeadId),
    Handle(LeadId),
    Unhandle(LeadId),
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
        "card" => lead().map(Request::Card),
        "done" => lead().map(Request::Handle),
        "undo" => lead().map(Request::Unhandle),
        _ => None,
    }
}

/// The words on a button that asks for this.
pub fn words(request: Request) -> String {
    match request {
        Request::Home => "p:home".to_owned(),
        Request::Stats(period) => format!("p:stats:{}", period.word()),
        Request::Hot { page } => format!("p:hot:{page}"),
        Request::Card(lead) => format!("p:card:{lead}"),
        Request::Handle(lead) => format!("p:done:{lead}"),
        Request::Unhandle(lead) => format!("p:undo:{lead}"),
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
            Request::Card(7),
            Request::Handle(7),
            Request::Unhandle(7),
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
        ] {
            assert_eq!(button(forged), None, "{forged}");
        }
    }
}
