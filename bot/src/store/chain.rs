//! A lead's rows as chains: the lead's row names the newest, every row the one before it, and a row that is gone
//! ends the chain. Written in place of an index by lead, which cost two pages more for every turn.

use sqlx::sqlite::SqliteConnection;

use crate::lead::LeadId;

/// `… IN (EVENTS)`: ids of a lead's events; `$1` is the partner, `$2` the lead.
pub(super) const EVENTS: &str = "WITH RECURSIVE chain(id, prev) AS (
      SELECT e.id, e.prev FROM leads l JOIN events e ON e.partner_id = l.partner_id AND e.id = l.last_event
      WHERE l.partner_id = $1 AND l.id = $2
      UNION ALL
      SELECT e.id, e.prev FROM chain c JOIN events e ON e.partner_id = $1 AND e.id = c.prev
    ) SELECT id FROM chain";

/// The same for messages.
pub(super) const OUTBOX: &str = "WITH RECURSIVE chain(id, prev) AS (
      SELECT o.id, o.prev FROM leads l JOIN outbox o ON o.partner_id = l.partner_id AND o.id = l.last_outbox
      WHERE l.partner_id = $1 AND l.id = $2
      UNION ALL
      SELECT o.id, o.prev FROM chain c JOIN outbox o ON o.partner_id = $1 AND o.id = c.prev
    ) SELECT id FROM chain";

/// Everything of a lead, the lead last: its row is where the chains begin.
/// How many rows of each table went. Timers first, so that nothing can speak to a person who asked to be forgotten.
pub(super) async fn erase(
    connection: &mut SqliteConnection,
    partner: &str,
    lead: LeadId,
) -> sqlx::Result<serde_json::Value> {
    let events = format!("DELETE FROM events WHERE partner_id = $1 AND id IN ({EVENTS})");
    // By ids: with a condition on the card among others SQLite reads all messages.
    let outbox = format!(
        "DELETE FROM outbox WHERE partner_id = $1 AND id IN (
           SELECT id FROM outbox WHERE partner_id = $1 AND card = $2 AND card <> 0
           UNION SELECT id FROM ({OUTBOX}))"
    );
    let mut gone = serde_json::Map::new();
    for (table, statement) in [
        (
            "timers",
            "DELETE FROM timers WHERE partner_id = $1 AND lead_id = $2",
        ),
        ("messages", &outbox),
        ("events", &events),
        (
            "leads",
            "DELETE FROM leads WHERE partner_id = $1 AND id = $2",
        ),
    ] {
        let done = sqlx::query(sqlx::AssertSqlSafe(statement.to_owned()))
            .bind(partner)
            .bind(lead)
            .execute(&mut *connection)
            .await?;
        gone.insert(table.to_owned(), done.rows_affected().into());
    }
    Ok(gone.into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use compact_str::ToCompactString;

    use super::*;
    use crate::lead::Lead;
    use crate::quick::QuickMap;
    use crate::store::{
        AnsweredBy, Batch, Case, Chains, Class, Counters, EventRow, Lane, OutboxRow, OutboxState,
        Settled, Store,
    };
    use crate::worker::round::Work;
    use crate::worker::turn::Turn;

    const LEADS: i64 = 3;

    fn case(lead: LeadId, chains: Chains) -> Case {
        Case {
            lead: Arc::new(Lead {
                id: lead,
                chat_id: lead * 10,
                ..Lead::default()
            }),
            chains,
            ..Case::default()
        }
    }

    fn event(lead_id: LeadId, at: i64) -> EventRow {
        EventRow {
            lead_id,
            at,
            kind: "answer",
            value: at.to_compact_string(),
            ..EventRow::default()
        }
    }

    fn message(lead_id: LeadId, at: i64) -> OutboxRow {
        OutboxRow {
            id: 0,
            lead_id,
            prev: 0,
            chat_id: lead_id * 10,
            lane: Lane::Reply,
            class: Class::Reply,
            cause: "reply".into(),
            method: "SendMessage".into(),
            payload: at.to_string(),
            media: String::new(),
            card: 0,
            wish: None,
            tries: 0,
            not_before: 0,
            created_at: at,
            answered_by: AnsweredBy::Nothing,
        }
    }

    /// Ten rounds in which every lead speaks; all but the last round's messages are sent.
    async fn ten_rounds(store: &mut Store) {
        let mut counters = Counters::default();
        let mut chains = [Chains::default(); LEADS as usize];
        for at in 1..=10 {
            let mut work = Work::new(at, counters);
            for lead in 1..=LEADS {
                work.merge(Turn {
                    case: Some(case(lead, chains[lead as usize - 1])),
                    events: vec![event(lead, at), event(lead, at)],
                    outbox: vec![message(lead, at)],
                    ..Turn::default()
                });
            }
            work.seal(&mut QuickMap::default());
            work.batch
                .settled
                .extend((at < 10).then_some(()).iter().flat_map(|()| {
                    let ids = (counters.outbox + 1)..=(counters.outbox + LEADS);
                    ids.map(|id| Settled {
                        id,
                        state: OutboxState::Sent,
                        reason: String::new(),
                        tries: 0,
                        not_before: 0,
                        message_id: id,
                        at,
                    })
                }));
            store.commit(&work.batch).await.unwrap();
            counters = work.counters;
            for case in &work.batch.cases {
                chains[case.lead.id as usize - 1] = case.chains;
            }
        }
    }

    async fn lines(store: &mut Store, lead: LeadId) -> Vec<(i64, String)> {
        let story = store.story(lead, 500).await.unwrap();
        story.into_iter().map(|item| (item.at, item.kind)).collect()
    }

    #[tokio::test]
    async fn a_leads_rows_are_found_in_order_and_erased_whole() {
        let dir = std::env::temp_dir().join(format!("chain-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut store = crate::store::open(&dir, "test").await.unwrap();
        ten_rounds(&mut store).await;
        for lead in 1..=LEADS {
            let story = lines(&mut store, lead).await;
            assert_eq!(story.len(), 30, "{story:?}");
            assert_eq!(story.iter().filter(|(_, kind)| kind == "send").count(), 10);
            let answers = store.lead_events(lead, ["answer"; 3]).await.unwrap();
            assert!(answers.is_sorted_by_key(|event| event.id));
            assert!(
                answers
                    .iter()
                    .all(|event| event.value == event.at.to_string())
            );
        }
        let batch = Batch {
            forgotten: vec![crate::store::Forgotten {
                lead: 2,
                chat_id: 20,
                ..crate::store::Forgotten::default()
            }],
            ..Batch::default()
        };
        store.commit(&batch).await.unwrap();
        assert_eq!(store.unsettled().await.unwrap().len(), LEADS as usize - 1);
        assert!(store.case(2).await.unwrap().is_none());
        assert_eq!(lines(&mut store, 2).await, []);
        assert!(!lines(&mut store, 3).await.is_empty());
        store.close().await.unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
