//! What the bot's books and Telegram's must say alike.

use super::History;
use super::small::{Owed, Step};
use crate::policy;
use crate::store::{Class, StoryItem};

impl History {
    pub(super) async fn compare(&mut self, chat: i64, owed: &Owed) -> Result<(), String> {
        if owed.at.is_none() {
            return Ok(());
        }
        let store = self.machine.store();
        let case = store.cases_by_chat(&[chat]).await.unwrap().pop();
        let case = case.ok_or("the store does not know them")?;
        let mut story = store.story(case.lead.id, 10_000).await.unwrap();
        // It is told by the clock, which steps back here; rows are numbered as they were written.
        story.sort_by_key(|item| item.place);
        same("score", &case.lead.score, &owed.score)?;
        let place = case
            .session
            .place
            .as_ref()
            .map(|place| place.step.to_string());
        let wanted = owed
            .at
            .filter(|at| *at < Step::End)
            .map(|at| at.id().to_owned());
        same("place", &place, &wanted)?;
        let answers: Vec<String> = story
            .iter()
            .filter(|item| item.kind == "answer")
            .map(|item| format!("{}: {}", item.name, item.value))
            .collect();
        same("answers", &answers, &owed.answers)?;
        let sends = story
            .iter()
            .filter(|item| item.kind == "send" && item.chat_id == chat);
        let (replies, own): (Vec<&StoryItem>, Vec<&StoryItem>) =
            sends.partition(|item| item.cause == "reply");
        let texts: Vec<String> = replies.iter().map(|item| text_of(item)).collect();
        same("replies", &texts, &owed.replies)?;
        if own.len() > owed.silences {
            return Err(format!(
                "silence broken {} times, at most {}",
                own.len(),
                owed.silences
            ));
        }
        for (index, item) in replies.iter().enumerate() {
            let is_moot = owed.moot.get(index).copied().unwrap_or(false);
            self.fate_is_right(item, 1, is_moot)
                .map_err(|why| format!("{item:?}: {why}"))?;
        }
        for item in &own {
            self.fate_is_right(item, 0, false)
                .map_err(|why| format!("{item:?}: {why}"))?;
        }
        self.in_order(chat, &replies)?;
        self.tally.messages += replies.len() as u64;
        self.tally.silences += own.len() as u64;
        self.tally.arrived += u64::from(owed.at == Some(Step::End));
        Ok(())
    }

    /// What the outbox says of a message against what Telegram saw of it.
    fn fate_is_right(
        &mut self,
        item: &StoryItem,
        spare: usize,
        is_moot: bool,
    ) -> Result<(), String> {
        let calls = self
            .telegram
            .calls
            .get(&item.outbox_id)
            .cloned()
            .unwrap_or_default();
        self.tally.repeats += calls.delivered.saturating_sub(1) as u64;
        // In doubt a reply goes again; what the bot says first never does.
        if calls.delivered > 1 + spare * calls.doubts {
            return Err(format!("too many copies: {calls:?}"));
        }
        let right = match item.state.as_str() {
            "sent" => calls.delivered > 0 || is_moot && item.reason == policy::WENT_ON,
            "unknown" => calls.doubts > 0,
            "failed" => calls.refused > 0,
            "dropped" if spare > 0 => is_moot && item.reason == policy::ANSWERED_BEFORE,
            "dropped" => calls.delivered == 0,
            _ => false,
        };
        if right {
            Ok(())
        } else {
            Err(format!("Telegram saw {calls:?}"))
        }
    }

    /// Replies reach a chat in the order in which they were written; one said again is never behind newer ones.
    fn in_order(&self, chat: i64, replies: &[&StoryItem]) -> Result<(), String> {
        let Some(order) = self.telegram.order.get(&chat) else {
            return Ok(());
        };
        let is_reply = |id: &&i64| replies.iter().any(|item| item.outbox_id == **id);
        let seen: Vec<i64> = order.iter().filter(is_reply).copied().collect();
        if seen.is_sorted() {
            Ok(())
        } else {
            Err(format!("out of order: {seen:?}"))
        }
    }

    /// A card arrives, and says so when it is repeated; a digest is never said twice, and may be lost to a doubt.
    pub(super) fn partner_is_told(&self) -> Result<(), String> {
        for calls in self.telegram.calls.values() {
            let right = match calls.class {
                Some(Class::Notification) => calls.unmarked <= 1 && calls.delivered > 0,
                Some(Class::Digest) => calls.delivered + calls.doubts > 0 && calls.delivered <= 1,
                _ => true,
            };
            if !right {
                return Err(format!("to the partner: {calls:?}"));
            }
        }
        Ok(())
    }
}

fn text_of(item: &StoryItem) -> String {
    let payload: serde_json::Value = serde_json::from_str(&item.payload).unwrap_or_default();
    payload["text"].as_str().unwrap_or_default().to_owned()
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, real: &T, model: &T) -> Result<(), String> {
    if real == model {
        return Ok(());
    }
    Err(format!("{what}: the bot has {real:?}, the model {model:?}"))
}
