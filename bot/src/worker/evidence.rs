//! A press on a message, or a reply to it, proves that it arrived: doubt about it ends.

use super::desk::Desk;
use crate::store::{Case, Doubtful, OutboxState, Settled};
use crate::telegram::incoming::{Incoming, Seen, What};
use crate::telegram::outgoing::strip_tags;

/// Telegram tells full seconds, and two clocks differ.
const SLACK_MS: i64 = 5_000;

impl Desk {
    /// The message in doubt that this update proves to have arrived.
    pub(super) async fn evidence(
        &mut self,
        incoming: &Incoming,
        case: Option<&Case>,
        now: i64,
    ) -> sqlx::Result<Option<Settled>> {
        let Some(seen) = &incoming.seen else {
            return Ok(None);
        };
        if !incoming.private || !self.doubtful.contains(&incoming.chat_id) {
            return Ok(None);
        }
        let lead = case.map_or(0, |case| case.lead.id);
        let doubtful = self
            .store
            .doubtful(lead, incoming.chat_id, seen.message_id)
            .await?;
        let pressed = match &incoming.what {
            What::Press { data, .. } => Some(data.as_str()),
            _ => None,
        };
        let proof = if pressed.is_some() {
            "дошло: лид нажал кнопку под ним"
        } else {
            "дошло: лид ответил на него"
        };
        let proven = doubtful
            .iter()
            .rev()
            .find(|row| is_proven(row, seen, pressed));
        Ok(proven.map(|row| Settled {
            id: row.id,
            state: OutboxState::Sent,
            reason: proof.to_owned(),
            tries: row.tries,
            not_before: 0,
            message_id: seen.message_id,
            at: now,
        }))
    }
}

fn is_proven(row: &Doubtful, seen: &Seen, pressed: Option<&str>) -> bool {
    let payload: serde_json::Value = serde_json::from_str(&row.payload).unwrap_or_default();
    let said = ["text", "caption"]
        .iter()
        .find_map(|field| payload[field].as_str());
    let has_button = pressed.is_none_or(|data| !data.is_empty() && row.payload.contains(data));
    seen.at + SLACK_MS >= row.created_at
        && has_button
        && said.is_some_and(|said| bare(&strip_tags(said)) == bare(&seen.words))
}

fn bare(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_message_itself_is_a_proof() {
        let row = Doubtful {
            id: 5,
            payload: r#"{"text":"<b>Рецепты</b> &amp; советы","reply_markup":{"inline_keyboard":[[{"text":"Да","callback_data":"1:w:a:3:b"}]]}}"#.into(),
            created_at: 100_000,
            tries: 1,
        };
        let seen = |words: &str, at: i64| Seen {
            message_id: 9,
            words: words.into(),
            at,
        };
        assert!(is_proven(&row, &seen("Рецепты & советы", 99_000), None));
        assert!(is_proven(
            &row,
            &seen("Рецепты & советы", 101_000),
            Some("1:w:a:3:b")
        ));
        assert!(!is_proven(
            &row,
            &seen("Рецепты & советы", 101_000),
            Some("1:w:a:2:b")
        ));
        assert!(!is_proven(&row, &seen("Рецепты", 101_000), None));
        assert!(
            !is_proven(&row, &seen("Рецепты & советы", 90_000), None),
            "an older message"
        );
    }
}
