//! A narrow door for fuzzers: what reads hostile bytes, without what acts on them. Not an interface.

use std::sync::Arc;

use futures_util::FutureExt;

use crate::funnel::effect::Message;
use crate::funnel::event::Press;
use crate::telegram::callback::{self, CallbackData};
use crate::telegram::verdict::{self, Answer};
use crate::telegram::{incoming, outgoing};
use crate::{inbound, invite, panel};

/// Reads an update and asks the routing tree about it; what it asks for, in words.
pub fn update(raw: &str, insider: bool) -> String {
    let id = incoming::update_id(raw);
    let incoming = Arc::new(incoming::parse(raw, "north_bot"));
    let caller = inbound::Caller {
        insider,
        in_funnel: insider,
    };
    let act = inbound::route(&inbound::schema(), &incoming, caller).now_or_never();
    format!("{id:?} {act:?}")
}

/// Reads what a button carries: a press of a funnel, if it is one.
pub fn callback(data: &str) -> Option<Press> {
    match callback::parse(data)? {
        CallbackData::Press(press) => Some(press),
        CallbackData::Panel(words) => {
            std::hint::black_box(panel::parse::button(&words));
            None
        }
    }
}

/// Whether a signed link of the bot with this token is good.
pub fn invite(bot_token: &str, link: &str, now: i64) -> bool {
    invite::verify(&invite::InviteKey::derive(bot_token), link, now).is_ok()
}

/// Understands an answer of Telegram.
pub fn answer(status: u16, body: &[u8]) -> String {
    let answer = Answer::Http {
        status,
        body: body.to_vec(),
    };
    format!("{:?}", verdict::classify(&answer))
}

/// The call that sends a message, and each way in which it is repaired.
pub fn outgoing(message: &Message) -> [Option<String>; 4] {
    let payload = outgoing::render(1, message.clone()).payload;
    [
        outgoing::as_plain(&payload),
        outgoing::without_profiles(&payload),
        outgoing::without_media(&payload),
        Some(payload),
    ]
}
