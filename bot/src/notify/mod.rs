//! Telling the partner about a lead: when, and with which facts.

pub mod agenda;
pub mod chart;
pub mod digest;
pub mod view;

use std::collections::BTreeMap;

use crate::config::Hot;
use crate::funnel::Funnels;
use crate::funnel::effect::Notice;
use crate::manners::Notify;
use crate::panel::Office;
use crate::panel::local::clock_time;
use crate::panel::screen::Screen;
use crate::store::{Case, EventRow};

/// Once per crossing, and not again before the cool-down is over. PURE.
pub fn became_hot(score_before: i64, after: &Case, hot: &Hot, now: i64) -> bool {
    score_before < hot.score
        && after.lead.score >= hot.score
        && (after.hot_at == 0 || now - after.hot_at >= hot.cooldown_ms)
}

/// Whether the partner wants to be told of this by a card. PURE.
pub fn wants(notify: Notify, notices: &[Notice]) -> bool {
    let important = |notice: &Notice| match notice {
        Notice::Contact | Notice::Human | Notice::Hot => true,
        Notice::Link | Notice::Text(_) => false,
    };
    match notify {
        Notify::All => true,
        Notify::Important => notices.iter().any(important),
        Notify::Digest => false,
    }
}

/// What a card tells beyond the lead's row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    pub funnel: Option<String>,
    pub answers: Vec<(String, String)>,
    pub scores: Vec<(i64, String)>,
    pub handled_time: String,
    /// The bot says nothing first to this lead.
    pub hushed: bool,
}

/// Reads the facts of a card; `fresh` are the events of this very turn, not yet stored.
pub async fn facts(
    office: &mut Office<'_>,
    case: &Case,
    fresh: &[EventRow],
) -> sqlx::Result<Facts> {
    let mut events = office
        .store
        .lead_events(case.lead.id, ["score", "answer", "entered"])
        .await?;
    events.extend_from_slice(fresh);
    let handled_time = clock_time(case.handled_at, office.timezone);
    Ok(Facts {
        handled_time,
        hushed: case.session.paused_until_ms > office.now,
        ..tell(office.funnels, office.language(), &events)
    })
}

/// Events as a partner reads them: the last answer to each question, every score, the latest funnel. PURE.
fn tell(funnels: &Funnels, language: &str, events: &[EventRow]) -> Facts {
    let mut facts = Facts::default();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for event in events {
        match event.kind {
            "score" => facts.scores.push((event.points, event.value.to_string())),
            // A called funnel is a part of the one that called it.
            "entered" if event.value != "call" => {
                facts.funnel = Some(funnels.title(&event.funnel, language))
            }
            "answer" => {
                let question = funnels.question(&event.name, language);
                let line = (
                    question.unwrap_or_else(|| event.name.to_string()),
                    funnels.answer_text(&event.name, &event.value),
                );
                match places.get(event.name.as_str()) {
                    Some(index) => facts.answers[*index] = line,
                    None => {
                        places.insert(&event.name, facts.answers.len());
                        facts.answers.push(line);
                    }
                }
            }
            _ => {}
        }
    }
    facts
}

pub fn screen(facts: &Facts, case: &Case, notices: &[Notice], hot: &Hot) -> Screen {
    view::card(&view::Card {
        case,
        notices,
        funnel: facts.funnel.clone(),
        answers: facts.answers.clone(),
        scores: facts.scores.clone(),
        handled_time: facts.handled_time.clone(),
        hot_score: hot.score,
        hushed: facts.hushed,
    })
}

/// What is left of a card when its person was forgotten; by their own wish or not.
pub fn forgotten(lead: i64, own_wish: bool) -> Screen {
    let html = if own_wish {
        format!("🗑 Лид #{lead} попросил удалить свои данные. Они удалены.")
    } else {
        format!("🗑 Данные лида #{lead} удалены.")
    };
    Screen {
        html,
        rows: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::lead::Lead;

    fn case(score: i64, hot_at: i64) -> Case {
        Case {
            lead: Arc::new(Lead {
                score,
                ..Lead::default()
            }),
            hot_at,
            ..Case::default()
        }
    }

    #[test]
    fn the_partner_chooses_which_cards_come() {
        let link = [Notice::Link, Notice::Text("спросил цену".into())];
        let contact = [Notice::Link, Notice::Contact];
        assert!(wants(Notify::All, &link) && wants(Notify::All, &contact));
        assert!(!wants(Notify::Important, &link) && wants(Notify::Important, &contact));
        assert!(!wants(Notify::Digest, &contact));
    }

    #[test]
    fn hot_is_told_once_per_crossing_and_rests() {
        let hot = Hot {
            score: 50,
            cooldown_ms: 1_000,
        };
        assert!(became_hot(40, &case(50, 0), &hot, 10));
        assert!(!became_hot(50, &case(60, 10), &hot, 20), "already hot");
        assert!(
            !became_hot(40, &case(50, 10), &hot, 500),
            "crossed again too soon"
        );
        assert!(became_hot(40, &case(50, 10), &hot, 1_010));
    }
}
