//! Notices as messages. PURE.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::judge::{Notice, Turn};

/// More than this at once is one cause, and one message.
const MOST_APART: usize = 4;
/// Names in a summary.
const MOST_NAMES: usize = 12;

/// The messages for these notices, each with the notices it tells.
pub fn messages<'a>(notices: &'a [Notice], host: &str) -> Vec<(String, Vec<&'a Notice>)> {
    if notices.len() <= MOST_APART {
        return notices
            .iter()
            .map(|notice| (one(notice, host), vec![notice]))
            .collect();
    }
    let mut lines = vec![format!("{host}: {} alerts at once", notices.len())];
    for turn in [Turn::Begins, Turn::Ends] {
        for kind in super::judge::Kind::ALL {
            let about: Vec<&str> = notices
                .iter()
                .filter(|notice| notice.turn == turn && notice.incident.kind == kind)
                .map(|notice| notice.incident.about.as_str())
                .collect();
            if about.is_empty() {
                continue;
            }
            let sign = sign(turn);
            let more = match about.len().saturating_sub(MOST_NAMES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let names = about[..about.len().min(MOST_NAMES)].join(", ");
            lines.push(format!("{sign} {}: {names}{more}", word(turn, kind.word())));
        }
    }
    lines.push("look: partnerctl status --problems".to_owned());
    vec![(lines.join("\n"), notices.iter().collect())]
}

fn sign(turn: Turn) -> &'static str {
    match turn {
        Turn::Begins => "🔴",
        Turn::Ends => "🟢",
    }
}

fn word(turn: Turn, kind: &str) -> String {
    match turn {
        Turn::Begins => kind.to_owned(),
        Turn::Ends => format!("over: {kind}"),
    }
}

fn one(notice: &Notice, host: &str) -> String {
    let incident = &notice.incident;
    let title = format!(
        "{} {}: {} ({host})",
        sign(notice.turn),
        incident.about,
        word(notice.turn, incident.kind.word()),
    );
    match notice.turn {
        Turn::Begins => format!(
            "{title}\n{}\nsince {} UTC\nwhat to do: docs/runbooks/{}.md",
            incident.words,
            clock(incident.since),
            incident.kind.word()
        ),
        Turn::Ends => format!(
            "{title}\nit lasted {} min, until {} UTC",
            (incident.gone_since - incident.since).max(0) / 60_000,
            clock(incident.gone_since),
        ),
    }
}

fn clock(ms: i64) -> String {
    Timestamp::from_millisecond(ms).map_or_else(
        |_| ms.to_string(),
        |at| at.to_zoned(TimeZone::UTC).strftime("%H:%M").to_string(),
    )
}

#[cfg(test)]
mod tests {
    use super::super::judge::{Incident, Kind};
    use super::*;

    fn notice(turn: Turn, about: &str) -> Notice {
        Notice {
            key: about.to_owned(),
            turn,
            incident: Incident {
                kind: Kind::Down,
                about: about.to_owned(),
                since: 0,
                words: "it does not answer".to_owned(),
                told: false,
                gone_since: 7 * 60_000,
                patience: 0,
            },
            at: 0,
        }
    }

    #[test]
    fn a_notice_says_what_since_when_and_what_to_do() {
        let two = [notice(Turn::Begins, "north"), notice(Turn::Ends, "north")];
        let texts: Vec<String> = messages(&two, "srv1")
            .into_iter()
            .map(|(text, _)| text)
            .collect();
        assert_eq!(
            texts,
            [
                "🔴 north: down (srv1)\nit does not answer\nsince 00:00 UTC\nwhat to do: docs/runbooks/down.md",
                "🟢 north: over: down (srv1)\nit lasted 7 min, until 00:07 UTC",
            ]
        );
    }

    #[test]
    fn a_host_that_fell_is_one_message() {
        let many: Vec<Notice> = (0..100)
            .map(|n| notice(Turn::Begins, &format!("p{n}")))
            .collect();
        let told = messages(&many, "srv1");
        assert_eq!(told.len(), 1);
        assert!(
            told[0]
                .0
                .starts_with("srv1: 100 alerts at once\n🔴 down: p0, p1")
        );
        assert!(
            told[0].0.contains("p11 and 88 more\nlook:"),
            "{}",
            told[0].0
        );
    }
}
