//! `=` lines: what must hold at that point of the talk. PURE.

use super::talk::Talk;
use crate::lead::{Handoff, Word};

/// Checks `score 30`, `tags a, b`, `step goal`, `answers.x 5`, …; the error says what is there instead.
pub(super) fn check(talk: &Talk<'_>, text: &str) -> Result<(), String> {
    let (what, wanted) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let wanted = wanted.trim();
    let real = match what {
        "score" => talk.lead.score.to_string(),
        "tags" => return check_tags(talk, wanted),
        "step" => return check_step(talk, wanted),
        "in" => inside(talk),
        "waits" => return check_waits(talk, wanted),
        "phone" => talk
            .lead
            .phone
            .as_ref()
            .map_or("-".into(), |contact| contact.value.clone()),
        "email" => talk
            .lead
            .email
            .as_ref()
            .map_or("-".into(), |contact| contact.value.clone()),
        "language" => talk.lead.language.clone(),
        "zone" => talk.lead.zone.name_or(&talk.partner.timezone).to_owned(),
        "source" => talk
            .lead
            .first_touch
            .as_ref()
            .map_or("-".into(), |touch| touch.start.clone()),
        "campaign" => talk
            .lead
            .last_touch
            .as_ref()
            .and_then(|touch| touch.campaign.clone())
            .unwrap_or_else(|| "-".into()),
        "handoff" => handoff(talk.lead.handoff).into(),
        "stopped" => if talk.lead.opted_out { "yes" } else { "no" }.into(),
        "advertising" => consent(talk.lead.consents.advertising.word()).into(),
        "consent" => consent(talk.lead.consents.contact.word()).into(),
        "service" => consent(talk.lead.consents.service.word()).into(),
        other => match other.strip_prefix("answers.") {
            Some(name) => answer(talk, name),
            None => {
                return Err(format!(
                    "\"= {other}\" checks nothing; write score, tags, step, answers.<name>, phone, email, language, zone, source, campaign, handoff, advertising, service, consent, stopped, in or waits"
                ));
            }
        },
    };
    if real == wanted {
        Ok(())
    } else {
        Err(format!("expected {what} {wanted}, but it is {real}"))
    }
}

fn consent(word: Word) -> &'static str {
    match word {
        Word::Silent => "-",
        Word::Yes => "yes",
        Word::No => "no",
    }
}

fn answer(talk: &Talk<'_>, name: &str) -> String {
    match talk.session.answers.get(name) {
        None => "-".into(),
        Some(serde_json::Value::String(text)) => text.replace('\n', " "),
        Some(other) => other.to_string(),
    }
}

fn check_tags(talk: &Talk<'_>, wanted: &str) -> Result<(), String> {
    let mut tags: Vec<&str> = wanted
        .split([',', ' '])
        .map(str::trim)
        .filter(|tag| !tag.is_empty() && *tag != "-")
        .collect();
    tags.sort_unstable();
    let real: Vec<&str> = talk.lead.tags.iter().map(String::as_str).collect();
    let shown = if real.is_empty() {
        "-".to_owned()
    } else {
        real.join(", ")
    };
    if tags == real {
        Ok(())
    } else {
        Err(format!("expected tags {wanted}, but they are {shown}"))
    }
}

/// `step goal`, `step weight.goal`, or `step -` outside of every funnel.
fn check_step(talk: &Talk<'_>, wanted: &str) -> Result<(), String> {
    let real = talk.session.place.as_ref();
    let whole = real.map_or("-".to_owned(), |place| {
        format!("{}.{}", place.funnel, place.step)
    });
    let short = real.map_or("-", |place| place.step.as_str());
    if wanted == whole || wanted == short {
        Ok(())
    } else {
        Err(format!(
            "expected step {wanted}, but the lead is at {whole}"
        ))
    }
}

/// Sequences the lead is in, `-` for none.
fn inside(talk: &Talk<'_>) -> String {
    let all = talk.session.enrollments.iter();
    let names: Vec<&str> = all
        .filter(|(_, enrollment)| enrollment.is_inside())
        .map(|(id, _)| id.as_str())
        .collect();
    if names.is_empty() {
        "-".into()
    } else {
        names.join(", ")
    }
}

/// `waits weight_warmup plate 17.01 10:00` by the lead's clock, or `waits weight_warmup -`.
fn check_waits(talk: &Talk<'_>, wanted: &str) -> Result<(), String> {
    let (sequence, wanted) = wanted
        .split_once(char::is_whitespace)
        .unwrap_or((wanted, ""));
    let real = match talk.waits_for(sequence) {
        None => "-".to_owned(),
        Some((step, due)) => {
            let there = crate::sequence::local(due, &talk.zone());
            format!("{step} {}", there.strftime("%d.%m %H:%M"))
        }
    };
    if real == wanted.trim() {
        Ok(())
    } else {
        Err(format!(
            "expected to wait in {sequence} for {wanted}, but it is {real}"
        ))
    }
}

fn handoff(handoff: Handoff) -> &'static str {
    match handoff {
        Handoff::Bot => "bot",
        Handoff::Waiting => "waiting",
        Handoff::Human => "human",
        Handoff::Closed => "closed",
    }
}
