//! What an update asks for: the routing tree, and one small translation per kind of event. Nothing here does anything.

mod message;
pub use message::INVITE_PREFIX;
mod press;

use std::sync::Arc;

use dptree::prelude::*;

use crate::funnel::event::Event;
use crate::panel::parse::Request;
use crate::telegram::incoming::{Incoming, What};

/// Who sent it, as far as routing needs to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// One of the partner's own people.
    pub insider: bool,
    /// In the middle of a funnel (the partner trying it out, or any lead).
    pub in_funnel: bool,
}

/// What is to be done about an update.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// A lead's turn.
    Lead(Event),
    /// The partner's panel.
    Panel(Request),
    /// Somebody opened a signed link that makes them one of the partner's people.
    Bind {
        token: String,
    },
    /// The lead blocked the bot, or came back.
    Reach {
        blocked: bool,
    },
    /// A press that nobody who pressed it may make.
    Refuse,
    Ignore(&'static str),
    /// An update of a kind this version does not read: kept for a later one.
    Keep,
}

pub type Schema = Handler<'static, Act>;

/// The routing tree. The order matters: the partner's commands stand before the funnels'.
pub fn schema() -> Schema {
    let schema = dptree::entry()
        .branch(dptree::filter(|i: Arc<Incoming>| i.what == What::Unknown).endpoint(keep))
        .branch(dptree::filter(|i: Arc<Incoming>| !i.private || i.from.is_bot).endpoint(not_ours))
        .branch(dptree::filter(is_press).chain(press::routes()))
        .branch(dptree::filter(is_of_another).endpoint(forged))
        .branch(dptree::filter(is_reach).endpoint(reach))
        .branch(message::routes());
    // A missing dependency is found here, at start, and not at the first update.
    dptree::type_check(
        schema.sig(),
        &deps(Arc::new(Incoming::unknown()), Caller::default()),
        &[],
    );
    schema
}

/// Asks the tree about one update, unless it is one of those that nearly all are: each question of the tree costs a
/// dozen pieces of memory, which was a twentieth of a turn.
pub async fn route(schema: &Schema, incoming: &Arc<Incoming>, caller: Caller) -> Act {
    match shortcut(incoming, caller) {
        Some(act) => act,
        None => by_tree(schema, incoming, caller).await,
    }
}

/// A lead's word, command or press in their own chat; the tree would say the same.
fn shortcut(incoming: &Incoming, caller: Caller) -> Option<Act> {
    if !incoming.private || incoming.from.is_bot || incoming.from.id != incoming.chat_id {
        return None;
    }
    match &incoming.what {
        What::Text(_) | What::Contact { .. } | What::Photo { .. } if !caller.insider => {
            Some(message::of_lead(incoming))
        }
        What::Command { .. } if !caller.insider && !message::opens_an_invite(&incoming.what) => {
            Some(message::of_lead(incoming))
        }
        What::Press { .. } => Some(press::read(incoming, caller)),
        _ => None,
    }
}

async fn by_tree(schema: &Schema, incoming: &Arc<Incoming>, caller: Caller) -> Act {
    match schema.dispatch(deps(incoming.clone(), caller)).await {
        std::ops::ControlFlow::Break(act) => act,
        std::ops::ControlFlow::Continue(_) => Act::Ignore("nothing in it for a bot"),
    }
}

fn deps(incoming: Arc<Incoming>, caller: Caller) -> DependencyMap {
    dptree::deps![incoming, caller]
}

fn is_press(incoming: Arc<Incoming>) -> bool {
    matches!(incoming.what, What::Press { .. })
}

/// A private chat has the id of its person; nothing else in it may pass for somebody's word.
fn is_of_another(incoming: Arc<Incoming>) -> bool {
    incoming.from.id != incoming.chat_id
}

async fn forged() -> Act {
    Act::Ignore("a message in somebody else's chat")
}

fn is_reach(incoming: Arc<Incoming>) -> bool {
    matches!(incoming.what, What::Reach { .. })
}

async fn keep() -> Act {
    Act::Keep
}

async fn not_ours() -> Act {
    Act::Ignore("only private chats with people are served")
}

async fn reach(incoming: Arc<Incoming>) -> Act {
    match incoming.what {
        What::Reach { blocked } => Act::Reach { blocked },
        _ => Act::Ignore("not a change of reach"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telegram::incoming::Person;

    #[tokio::test]
    async fn the_short_way_says_what_the_tree_says() {
        let press = |data: &str| What::Press {
            id: "1".into(),
            data: data.into(),
            message_id: 7,
        };
        let kinds = [
            What::Text("привет".into()),
            What::Text("/start".into()),
            What::Contact {
                phone: "+77010000000".into(),
                user_id: Some(5),
                forwarded: false,
            },
            What::Photo { file: "x".into() },
            What::Command {
                name: "start".into(),
                args: String::new(),
            },
            What::Command {
                name: "start".into(),
                args: "pi_token".into(),
            },
            What::Command {
                name: "leads".into(),
                args: String::new(),
            },
            What::Other { kind: "sticker" },
            What::Reach { blocked: true },
            What::Unknown,
            press("1:weight:goal:yes:11"),
            press("p:home"),
            press("p:nonsense"),
            press("garbage"),
        ];
        let schema = schema();
        let mut short = 0;
        for what in kinds {
            for bits in 0..32 {
                let is = |bit: u32| bits & (1 << bit) != 0;
                let incoming = Arc::new(Incoming {
                    chat_id: 5,
                    private: is(0),
                    from: Person {
                        id: if is(1) { 5 } else { 6 },
                        is_bot: is(2),
                        ..Person::default()
                    },
                    what: what.clone(),
                    ..Incoming::unknown()
                });
                let caller = Caller {
                    insider: is(3),
                    in_funnel: is(4),
                };
                if let Some(act) = shortcut(&incoming, caller) {
                    let tree = by_tree(&schema, &incoming, caller).await;
                    assert_eq!(act, tree, "{incoming:?} {caller:?}");
                    short += 1;
                }
            }
        }
        assert!(short > 20, "the short way is taken: {short}");
    }
}
