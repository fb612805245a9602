//! A raw update, read by teloxide's types and reduced to what the bot acts on.

use teloxide::types::{CallbackQuery, ChatMemberUpdated, Message, Update, UpdateKind, User};

/// One update with everything unimportant taken off.
#[derive(Clone, Debug, PartialEq)]
pub struct Incoming {
    pub chat_id: i64,
    /// Only private chats talk to the bot.
    pub private: bool,
    pub from: Person,
    /// Unix milliseconds, Telegram's clock; 0 when the update has no date.
    pub sent_at: i64,
    pub what: What,
    /// The bot's message that this is about: the one whose button was pressed, or that was replied to.
    pub seen: Option<Box<Seen>>,
}

/// A message of the bot, as the lead has it on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub message_id: i64,
    /// Text or caption, without markup.
    pub words: String,
    /// When it arrived, in unix milliseconds, full seconds.
    pub at: i64,
}

impl Seen {
    fn of(message: &Message) -> Box<Seen> {
        let words = message.text().or(message.caption()).unwrap_or_default();
        Box::new(Seen {
            message_id: i64::from(message.id.0),
            words: words.to_owned(),
            at: message.date.timestamp_millis(),
        })
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Person {
    pub id: i64,
    pub first_name: String,
    pub last_name: String,
    pub username: Option<String>,
    pub language: Option<String>,
    pub is_bot: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Text(String),
    Command {
        name: String,
        args: String,
    },
    Press {
        id: String,
        data: String,
        message_id: i64,
    },
    Contact {
        phone: String,
        user_id: Option<i64>,
        forwarded: bool,
    },
    Photo {
        file: String,
    },
    /// `my_chat_member` in a private chat: the person blocked the bot or came back.
    Reach {
        blocked: bool,
    },
    /// A kind of message no question asks for.
    Other {
        kind: &'static str,
    },
    /// A kind of update this version does not read; kept, not handled.
    Unknown,
}

/// The number of an update, read without the rest of it.
pub fn update_id(raw: &str) -> Option<i64> {
    #[derive(serde::Deserialize)]
    struct Head {
        update_id: i64,
    }
    serde_json::from_str::<Head>(raw)
        .ok()
        .map(|head| head.update_id)
}

/// Reads an update; one that teloxide cannot read is `Unknown`, never an error.
pub fn parse(raw: &str, bot_username: &str) -> Incoming {
    match serde_json::from_str::<Update>(raw).map(|update| update.kind) {
        Ok(UpdateKind::Message(message)) => from_message(message, bot_username),
        Ok(UpdateKind::CallbackQuery(query)) => from_callback(query),
        Ok(UpdateKind::MyChatMember(change)) => from_member(&change),
        _ => Incoming::unknown(),
    }
}

impl Incoming {
    /// An update nobody can read.
    pub fn unknown() -> Incoming {
        Incoming {
            chat_id: 0,
            private: false,
            from: Person::default(),
            sent_at: 0,
            what: What::Unknown,
            seen: None,
        }
    }
}

fn from_message(message: Message, bot_username: &str) -> Incoming {
    let private = message.chat.is_private();
    let sent_at = message.date.timestamp_millis();
    let chat_id = message.chat.id.0;
    let from = message.from.as_ref().map(person).unwrap_or_default();
    Incoming {
        chat_id,
        private,
        from,
        sent_at,
        what: what(&message, bot_username),
        seen: message.reply_to_message().map(Seen::of),
    }
}

fn what(message: &Message, bot_username: &str) -> What {
    if let Some(text) = message.text() {
        return command(text, bot_username).unwrap_or_else(|| What::Text(text.to_owned()));
    }
    if let Some(contact) = message.contact() {
        let user_id = contact.user_id.and_then(|id| i64::try_from(id.0).ok());
        let forwarded = message.forward_origin().is_some();
        return What::Contact {
            phone: contact.phone_number.clone(),
            user_id,
            forwarded,
        };
    }
    if let Some(photo) = message.photo().and_then(|sizes| sizes.last()) {
        return What::Photo {
            file: photo.file.id.to_string(),
        };
    }
    What::Other {
        kind: other_kind(message),
    }
}

fn other_kind(message: &Message) -> &'static str {
    if message.sticker().is_some() {
        "sticker"
    } else if message.voice().is_some() || message.video_note().is_some() {
        "voice"
    } else if message.location().is_some() {
        "location"
    } else if message.document().is_some() {
        "document"
    } else if message.video().is_some() {
        "video"
    } else {
        "message"
    }
}

/// `/name@bot args`; a command meant for another bot is plain text.
fn command(text: &str, bot_username: &str) -> Option<What> {
    let rest = text.strip_prefix('/')?;
    let (word, args) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let (name, to) = word.split_once('@').unwrap_or((word, bot_username));
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (plain && to.eq_ignore_ascii_case(bot_username)).then(|| What::Command {
        name: name.to_ascii_lowercase(),
        args: args.trim().to_owned(),
    })
}

fn from_callback(query: CallbackQuery) -> Incoming {
    let from = person(&query.from);
    // A press under a message of a private chat; inline messages have no chat and are not ours.
    let chat = query.message.as_ref().map(|message| message.chat());
    let chat_id = chat.map_or(0, |chat| chat.id.0);
    let private = chat.is_some_and(|chat| chat.is_private());
    let message_id = query
        .message
        .as_ref()
        .map_or(0, |message| i64::from(message.id().0));
    let what = What::Press {
        id: query.id.to_string(),
        data: query.data.clone().unwrap_or_default(),
        message_id,
    };
    Incoming {
        chat_id,
        private,
        from,
        sent_at: 0,
        what,
        seen: query
            .message
            .as_ref()
            .and_then(|message| message.regular_message())
            .map(Seen::of),
    }
}

fn from_member(change: &ChatMemberUpdated) -> Incoming {
    Incoming {
        chat_id: change.chat.id.0,
        private: change.chat.is_private(),
        from: person(&change.from),
        sent_at: change.date.timestamp_millis(),
        what: What::Reach {
            blocked: change.new_chat_member.is_banned() || change.new_chat_member.is_left(),
        },
        seen: None,
    }
}

fn person(user: &User) -> Person {
    Person {
        id: i64::try_from(user.id.0).unwrap_or(0),
        first_name: user.first_name.clone(),
        last_name: user.last_name.clone().unwrap_or_default(),
        username: user.username.clone(),
        language: user.language_code.clone(),
        is_bot: user.is_bot,
    }
}
