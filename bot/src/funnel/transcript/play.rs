//! Plays a scenario line by line. PURE.

use std::sync::Arc;

use super::check::check;
use super::clock;
use super::compare::{fits, matches, written};
use super::script::{self, Line, Scenario, Sign};
use super::talk::Talk;
use crate::funnel::coverage::Mark;
use crate::funnel::effect::Notice;
use crate::funnel::event::Event;
use crate::funnel::model::Funnels;
use crate::lead::{Consents, Contact, ContactKind, Handoff, Origin, Zone, ZoneSource};
use crate::partner::Partner;

type Problem = (usize, String);

pub(super) fn scenario(
    funnels: &Funnels,
    partner: &Partner,
    scenario: &Scenario,
) -> (Result<(), Problem>, Vec<Mark>) {
    let mut talk = Talk::new(funnels, partner);
    let mut result = Ok(());
    for line in &scenario.lines {
        result = play(&mut talk, line).map_err(|message| (line.number, message));
        if result.is_err() {
            break;
        }
    }
    let last = scenario.lines.last().map_or(0, |line| line.number);
    let result = result.and_then(|()| all_read(&talk).map_err(|message| (last, message)));
    (result, talk.marks)
}

fn play(talk: &mut Talk<'_>, line: &Line) -> Result<(), String> {
    match line.sign {
        Sign::Lead => {
            all_read(talk)?;
            let event = event(talk, &line.text)?;
            talk.take(event);
            Ok(())
        }
        Sign::Clock => {
            all_read(talk)?;
            let ms = clock::wait(&line.text, talk.now_ms, &talk.zone())?;
            talk.wait(ms);
            Ok(())
        }
        Sign::Bot => said(talk, &line.text),
        Sign::Notice => told(talk, &line.text),
        Sign::Check => check(talk, &line.text),
        Sign::Header => header(talk, &line.text),
        Sign::Unknown => Err(format!(
            "\"{}\" begins with none of > < + ! = # and lead:",
            line.text
        )),
    }
}

/// Nothing may be left unread when the talk goes on.
fn all_read(talk: &Talk<'_>) -> Result<(), String> {
    if let Some(seen) = talk.unread.front() {
        return Err(format!(
            "the bot also said, and no line expects it:\n  {}",
            written(seen)
        ));
    }
    match talk.notices.front() {
        Some(notice) => Err(format!(
            "the partner was also told, and no line expects it:\n  ! {}",
            notice_text(notice)
        )),
        None => Ok(()),
    }
}

fn said(talk: &mut Talk<'_>, expected: &str) -> Result<(), String> {
    match talk.unread.pop_front() {
        None => Err(format!(
            "expected\n  < {expected}\nbut the bot said nothing"
        )),
        Some(seen) if matches(expected, &seen) => Ok(()),
        Some(seen) => Err(format!(
            "expected\n  < {expected}\nbut the bot said\n  {}",
            written(&seen)
        )),
    }
}

fn told(talk: &mut Talk<'_>, expected: &str) -> Result<(), String> {
    match talk.notices.pop_front() {
        None => Err(format!(
            "expected\n  ! {expected}\nbut the partner was told nothing"
        )),
        Some(notice) if fits(expected, &notice_text(&notice)) => Ok(()),
        Some(notice) => Err(format!(
            "expected\n  ! {expected}\nbut the partner was told\n  ! {}",
            notice_text(&notice)
        )),
    }
}

fn notice_text(notice: &Notice) -> String {
    match notice {
        Notice::Contact => "contact".into(),
        Notice::Link => "link".into(),
        Notice::Hot => "hot".into(),
        Notice::Human => "human".into(),
        Notice::Text(text) => crate::funnel::html::plain(text),
    }
}

/// What a `>` line does.
fn event(talk: &Talk<'_>, text: &str) -> Result<Event, String> {
    if let Some(button) = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return talk.press(button, false);
    }
    if let Some(inside) = text
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'))
    {
        return special(talk, inside.trim());
    }
    if let Some(command) = text.strip_prefix('/') {
        let (name, args) = command
            .split_once(char::is_whitespace)
            .unwrap_or((command, ""));
        let (name, args) = (name.to_lowercase(), args.trim().to_owned());
        return Ok(match name.as_str() {
            "start" => Event::Start {
                payload: Some(args).filter(|args| !args.is_empty()),
            },
            _ => Event::Command { name, args },
        });
    }
    Ok(Event::Text(text.to_owned()))
}

fn set_zone(name: &str) -> Result<Zone, String> {
    if !crate::sequence::is_zone(name) {
        return Err(format!(
            "\"{name}\" is not a time zone; write it like Asia/Almaty"
        ));
    }
    Ok(Zone {
        name: name.to_owned(),
        source: ZoneSource::Set,
        confidence: 100,
    })
}

fn special(talk: &Talk<'_>, text: &str) -> Result<Event, String> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim();
    match word {
        "old" => match rest
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            Some(button) => talk.press(button, true),
            None => Err("\"(old …)\" presses a button; write > (old [Button])".into()),
        },
        "contact" => Ok(Event::Contact {
            phone: rest.to_owned(),
            own: true,
        }),
        "foreign" => Ok(Event::Contact {
            phone: rest.trim_start_matches("contact").trim().to_owned(),
            own: false,
        }),
        "photo" => Ok(Event::Photo {
            file: if rest.is_empty() { "photo" } else { rest }.to_owned(),
        }),
        "zone" => Ok(Event::Zone(set_zone(rest)?)),
        "enroll" => Ok(Event::Enroll {
            sequence: rest.to_owned(),
            by: "партнёр".into(),
        }),
        "leave" => Ok(Event::Leave {
            sequence: rest.to_owned(),
            by: "партнёр".into(),
        }),
        "pause" => Ok(Event::Pause {
            until_ms: talk.now_ms + clock::wait(rest, talk.now_ms, &talk.zone())?,
        }),
        kind => Ok(Event::Other {
            kind: kind.to_owned(),
        }),
    }
}

/// `lead: name Аня, language kk`, `variant: weight.hello=short`, `clock: 2026-11-21T10:00:00Z`.
fn header(talk: &mut Talk<'_>, text: &str) -> Result<(), String> {
    let (what, rest) = text.split_once(':').unwrap_or((text, ""));
    for part in rest
        .split(if what == "clock" { '\n' } else { ',' })
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        match what {
            "lead" => lead_fact(talk, part)?,
            "variant" => {
                let (place, name) = part
                    .split_once('=')
                    .ok_or("write variant: funnel.step=name")?;
                talk.session
                    .variants
                    .insert(place.trim().to_owned(), name.trim().to_owned());
            }
            _ => {
                let moment: jiff::Timestamp = part.parse().map_err(|_| {
                    format!("\"{part}\" is not a moment; write it like 2026-11-21T10:00:00Z")
                })?;
                talk.now_ms = moment.as_millisecond();
            }
        }
    }
    Ok(())
}

fn lead_fact(talk: &mut Talk<'_>, part: &str) -> Result<(), String> {
    let (name, value) = part.split_once(char::is_whitespace).unwrap_or((part, ""));
    let value = value.trim().to_owned();
    let lead = Arc::make_mut(&mut talk.lead);
    match name {
        "name" => {
            (lead.first_name, lead.last_name) = value
                .split_once(' ')
                .map_or((value.clone(), String::new()), |(first, last)| {
                    (first.into(), last.into())
                })
        }
        "language" => lead.language = value,
        "username" => lead.username = Some(value),
        "score" => {
            lead.score = value
                .parse()
                .map_err(|_| format!("\"{value}\" is not a number"))?
        }
        "tags" => lead.tags = value.split_whitespace().map(str::to_owned).collect(),
        "phone" => {
            lead.phone = Some(Contact {
                kind: ContactKind::Phone,
                value,
                origin: Origin::Typed,
            })
        }
        "zone" => lead.zone = set_zone(&value)?,
        "consents" if value == "none" => {
            lead.consents = Consents::default();
            talk.session.offers_asked = false;
        }
        "handoff" if value == "human" => lead.handoff = Handoff::Human,
        other => {
            return Err(format!(
                "\"{other}\" is not known of a lead; write name, language, username, score, tags, phone, zone, consents none or handoff human"
            ));
        }
    }
    Ok(())
}

pub(super) fn record(funnels: &Funnels, partner: &Partner, text: &str) -> String {
    let mut out = String::new();
    let mut talk = Talk::new(funnels, partner);
    let played: Vec<Line> = script::scenarios(text)
        .into_iter()
        .flat_map(|scenario| scenario.lines)
        .collect();
    for (at, raw) in text.lines().enumerate() {
        if raw.starts_with("##") {
            talk = Talk::new(funnels, partner);
        }
        let line = played.iter().find(|line| line.number == at + 1);
        if raw.starts_with(['<', '!']) || (raw.starts_with([' ', '\t']) && !out.ends_with("\n\n")) {
            continue;
        }
        out.push_str(raw);
        out.push('\n');
        let Some(line) =
            line.filter(|line| matches!(line.sign, Sign::Lead | Sign::Clock | Sign::Header))
        else {
            continue;
        };
        let _ = play(&mut talk, line);
        for seen in talk.unread.drain(..) {
            out.push_str(&format!("{}\n", written(&seen)));
        }
        for notice in talk.notices.drain(..) {
            out.push_str(&format!(
                "! {}\n",
                notice_text(&notice).replace('\n', "\n  ")
            ));
        }
    }
    out
}
