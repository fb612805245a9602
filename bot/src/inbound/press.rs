//! Presses of inline buttons. The data is taken for hostile: a client can send any bytes.

use compact_str::CompactString;

use std::sync::Arc;

use dptree::prelude::*;

use super::{Act, Caller};
use crate::funnel::event::{Event, Press};
use crate::panel::parse;
use crate::telegram::callback::{self, CallbackData};
use crate::telegram::incoming::{Incoming, What};

pub fn routes() -> Handler<'static, Act> {
    dptree::entry()
        .branch(dptree::filter(|i: Arc<Incoming>| i.from.id != i.chat_id).endpoint(refuse))
        .branch(dptree::endpoint(press))
}

/// A private chat has the id of its person; anybody else's press is forged.
async fn refuse() -> Act {
    Act::Refuse
}

async fn press(incoming: Arc<Incoming>, caller: Caller) -> Act {
    read(&incoming, caller)
}

/// What a press in the presser's own chat asks for.
pub(super) fn read(incoming: &Incoming, caller: Caller) -> Act {
    let What::Press { data, .. } = &incoming.what else {
        return Act::Refuse;
    };
    match callback::parse(data) {
        Some(CallbackData::Press(press)) => Act::Lead(Event::Press(press)),
        Some(CallbackData::Panel(words)) if caller.insider => {
            parse::button(&words).map_or(Act::Refuse, Act::Panel)
        }
        Some(CallbackData::Panel(_)) => Act::Refuse,
        // Data of another version: the engine treats it as an old button and shows the way forward.
        None => Act::Lead(Event::Press(Press {
            funnel: CompactString::default(),
            step: CompactString::default(),
            visit: 0,
            button: CompactString::default(),
        })),
    }
}
