//! Messages and commands of private chats.

use std::sync::Arc;

use dptree::prelude::*;

use super::{Act, Caller};
use crate::funnel::event::Event;
use crate::panel::parse;
use crate::telegram::incoming::{Incoming, What};

/// What starts a signed link: `t.me/<bot>?start=pi_<token>`.
pub const INVITE_PREFIX: &str = "pi_";

pub fn routes() -> Handler<'static, Act> {
    dptree::entry()
        .branch(dptree::filter(is_invite).endpoint(bind))
        .branch(dptree::filter(is_panel_command).endpoint(panel))
        .branch(dptree::filter(is_bare_start_of_insider).endpoint(home))
        .branch(dptree::endpoint(lead))
}

fn start_payload(what: &What) -> Option<&str> {
    match what {
        What::Command { name, args } if name == "start" => Some(args),
        _ => None,
    }
}

fn is_invite(incoming: Arc<Incoming>) -> bool {
    opens_an_invite(&incoming.what)
}

pub(super) fn opens_an_invite(what: &What) -> bool {
    start_payload(what).is_some_and(|payload| payload.starts_with(INVITE_PREFIX))
}

async fn bind(incoming: Arc<Incoming>) -> Act {
    let payload = start_payload(&incoming.what).unwrap_or_default();
    Act::Bind {
        token: payload.trim_start_matches(INVITE_PREFIX).to_owned(),
    }
}

/// A lead who types a panel command gets what the funnels make of it.
fn is_panel_command(incoming: Arc<Incoming>, caller: Caller) -> bool {
    caller.insider
        && matches!(&incoming.what, What::Command { name, .. } if parse::command(name).is_some())
}

async fn panel(incoming: Arc<Incoming>) -> Act {
    match &incoming.what {
        What::Command { name, .. } => {
            parse::command(name).map_or(Act::Ignore("no such panel command"), Act::Panel)
        }
        _ => Act::Ignore("not a panel command"),
    }
}

/// The partner's people see the panel; through a funnel's link they walk it like a guest.
fn is_bare_start_of_insider(incoming: Arc<Incoming>, caller: Caller) -> bool {
    caller.insider
        && (start_payload(&incoming.what) == Some("")
            || !caller.in_funnel && start_payload(&incoming.what).is_none())
}

async fn home() -> Act {
    Act::Panel(parse::Request::Home)
}

async fn lead(incoming: Arc<Incoming>) -> Act {
    of_lead(&incoming)
}

pub(super) fn of_lead(incoming: &Incoming) -> Act {
    Act::Lead(event(incoming))
}

fn event(incoming: &Incoming) -> Event {
    match &incoming.what {
        What::Text(text) => Event::Text(text.clone()),
        What::Command { name, args } if name == "start" => Event::Start {
            payload: (!args.is_empty()).then(|| args.clone()),
        },
        What::Command { name, args } => Event::Command {
            name: name.clone(),
            args: args.clone(),
        },
        What::Contact {
            phone,
            user_id,
            forwarded,
        } => Event::Contact {
            phone: phone.clone(),
            // Anybody's card can be attached: only a card Telegram ties to the sender is their own.
            own: *user_id == Some(incoming.from.id) && !forwarded,
        },
        What::Photo { file } => Event::Photo { file: file.clone() },
        What::Other { kind } => Event::Other {
            kind: (*kind).to_owned(),
        },
        What::Press { .. } | What::Reach { .. } | What::Unknown => Event::Other {
            kind: "message".to_owned(),
        },
    }
}
