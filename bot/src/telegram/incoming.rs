//! A raw update, reduced to what the bot acts on. Read by types of our own: teloxide's try dozens of kinds of message
//! one after the other, which was a quarter of all work.

use serde::Deserialize;
use serde::de::IgnoredAny;

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
    fn of(shown: Shown) -> Box<Seen> {
        Box::new(Seen {
            message_id: shown.message_id,
            words: shown.text.or(shown.caption).unwrap_or_default(),
            at: shown.date.saturating_mul(1_000),
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
    #[derive(Deserialize)]
    struct Head {
        update_id: i64,
    }
    // Telegram puts it first.
    if let Some(rest) = raw.strip_prefix("{\"update_id\":") {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if rest[digits..].starts_with([',', '}']) {
            return rest[..digits].parse().ok();
        }
    }
    serde_json::from_str::<Head>(raw)
        .ok()
        .map(|head| head.update_id)
}

/// Reads an update; one that cannot be read is `Unknown`, never an error.
pub fn parse(raw: &str, bot_username: &str) -> Incoming {
    match serde_json::from_str::<Update>(raw) {
        Ok(Update {
            message: Some(message),
            ..
        }) => from_message(message, bot_username),
        Ok(Update {
            callback_query: Some(query),
            ..
        }) => from_callback(query),
        Ok(Update {
            my_chat_member: Some(change),
            ..
        }) => from_member(change),
        _ => Incoming::unknown(),
    }
}

#[derive(Deserialize)]
struct Update {
    message: Option<Message>,
    callback_query: Option<CallbackQuery>,
    my_chat_member: Option<ChatMemberUpdated>,
}

#[derive(Deserialize)]
struct Message {
    chat: Chat,
    from: Option<User>,
    date: i64,
    text: Option<String>,
    contact: Option<Contact>,
    #[serde(default)]
    photo: Vec<PhotoSize>,
    forward_origin: Option<IgnoredAny>,
    reply_to_message: Option<Box<Shown>>,
    animation: Option<IgnoredAny>,
    sticker: Option<IgnoredAny>,
    voice: Option<IgnoredAny>,
    video_note: Option<IgnoredAny>,
    venue: Option<IgnoredAny>,
    location: Option<IgnoredAny>,
    document: Option<IgnoredAny>,
    video: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Chat {
    id: i64,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct User {
    id: i64,
    is_bot: bool,
    first_name: String,
    #[serde(default)]
    last_name: String,
    username: Option<String>,
    language_code: Option<String>,
}

#[derive(Deserialize)]
struct Contact {
    phone_number: String,
    user_id: Option<i64>,
}

#[derive(Deserialize)]
struct PhotoSize {
    file_id: String,
}

#[derive(Deserialize)]
struct CallbackQuery {
    id: String,
    from: User,
    /// Absent under inline messages, which have no chat and are not ours.
    message: Option<Shown>,
    #[serde(default)]
    data: String,
}

/// A message of the bot that an update is about.
#[derive(Deserialize)]
struct Shown {
    message_id: i64,
    chat: Chat,
    #[serde(default)]
    date: i64,
    text: Option<String>,
    caption: Option<String>,
}

#[derive(Deserialize)]
struct ChatMemberUpdated {
    chat: Chat,
    from: User,
    date: i64,
    new_chat_member: ChatMember,
}

#[derive(Deserialize)]
struct ChatMember {
    status: String,
}

impl Chat {
    fn is_private(&self) -> bool {
        self.kind == "private"
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

fn from_message(mut message: Message, bot_username: &str) -> Incoming {
    let from = message.from.take().map(person).unwrap_or_default();
    Incoming {
        chat_id: message.chat.id,
        private: message.chat.is_private(),
        from,
        sent_at: message.date.saturating_mul(1_000),
        seen: message
            .reply_to_message
            .take()
            .map(|replied| Seen::of(*replied)),
        what: what(message, bot_username),
    }
}

fn what(message: Message, bot_username: &str) -> What {
    let kind = other_kind(&message);
    if let Some(text) = message.text {
        return command(&text, bot_username).unwrap_or(What::Text(text));
    }
    if let Some(contact) = message.contact {
        return What::Contact {
            phone: contact.phone_number,
            user_id: contact.user_id,
            forwarded: message.forward_origin.is_some(),
        };
    }
    match message.photo.into_iter().next_back() {
        Some(photo) => What::Photo {
            file: photo.file_id,
        },
        None => What::Other { kind },
    }
}

fn other_kind(message: &Message) -> &'static str {
    if message.animation.is_some() || message.venue.is_some() {
        // They come with a document and a place of their own.
        "message"
    } else if message.sticker.is_some() {
        "sticker"
    } else if message.voice.is_some() || message.video_note.is_some() {
        "voice"
    } else if message.location.is_some() {
        "location"
    } else if message.document.is_some() {
        "document"
    } else if message.video.is_some() {
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
    let shown = query.message.as_ref();
    Incoming {
        chat_id: shown.map_or(0, |message| message.chat.id),
        private: shown.is_some_and(|message| message.chat.is_private()),
        from: person(query.from),
        sent_at: 0,
        what: What::Press {
            id: query.id,
            data: query.data,
            message_id: shown.map_or(0, |message| message.message_id),
        },
        // Of a message that is too old Telegram tells no date and no words.
        seen: query.message.filter(|shown| shown.date != 0).map(Seen::of),
    }
}

fn from_member(change: ChatMemberUpdated) -> Incoming {
    let status = change.new_chat_member.status;
    Incoming {
        chat_id: change.chat.id,
        private: change.chat.is_private(),
        from: person(change.from),
        sent_at: change.date.saturating_mul(1_000),
        what: What::Reach {
            blocked: matches!(status.as_str(), "kicked" | "left"),
        },
        seen: None,
    }
}

fn person(user: User) -> Person {
    Person {
        id: user.id,
        first_name: user.first_name,
        last_name: user.last_name,
        username: user.username,
        language: user.language_code,
        is_bot: user.is_bot,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = r#""message_id":7,"date":1700000000,"chat":{"id":5,"type":"private","first_name":"А"},"from":{"id":5,"is_bot":false,"first_name":"А","language_code":"ru"}"#;

    fn message(rest: &str) -> What {
        parse(
            &format!(r#"{{"update_id":1,"message":{{{HEAD},{rest}}}}}"#),
            "north_bot",
        )
        .what
    }

    #[test]
    fn a_message_is_what_its_fields_say() {
        let text = |text: &str| What::Text(text.to_owned());
        let other = |kind| What::Other { kind };
        for (fields, expected) in [
            (
                r#""text":"\u041f\u0440\u0438\u0432\u0435\u0442 \"вам\"""#,
                text("Привет \"вам\""),
            ),
            (r#""text":"/start@other_bot x""#, text("/start@other_bot x")),
            (
                r#""text":"/Start@north_bot  weight ","entities":[{"type":"bot_command","offset":0,"length":6}]"#,
                What::Command {
                    name: "start".into(),
                    args: "weight".into(),
                },
            ),
            (
                r#""contact":{"phone_number":"+77010000000","first_name":"А","user_id":5},"forward_origin":{"type":"user"}"#,
                What::Contact {
                    phone: "+77010000000".into(),
                    user_id: Some(5),
                    forwarded: true,
                },
            ),
            (
                r#""photo":[{"file_id":"small","width":1},{"file_id":"large","width":9}],"caption":"я""#,
                What::Photo {
                    file: "large".into(),
                },
            ),
            (r#""sticker":{"file_id":"x"}"#, other("sticker")),
            (r#""voice":{"file_id":"x"}"#, other("voice")),
            (
                r#""animation":{"file_id":"x"},"document":{"file_id":"x"}"#,
                other("message"),
            ),
            (r#""document":{"file_id":"x"}"#, other("document")),
            (r#""venue":{},"location":{"latitude":1}"#, other("message")),
            (r#""dice":{"value":3}"#, other("message")),
        ] {
            assert_eq!(message(fields), expected, "{fields}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        for raw in [
            "",
            "[]",
            "{}",
            r#"{"update_id":1,"message":{}}"#,
            r#"{"update_id":1,"edited_message":{}}"#,
            r#"{"update_id":1,"message":{"chat":{"id":"5","type":"private"},"date":1,"text":"a"}}"#,
            r#"{"update_id":1,"callback_query":{"id":5}}"#,
        ] {
            assert_eq!(parse(raw, "north_bot").what, What::Unknown, "{raw}");
        }
    }

    #[test]
    fn the_number_is_found_wherever_it_stands() {
        for (raw, id) in [
            (r#"{"update_id":12,"message":{}}"#, Some(12)),
            (r#"{"update_id":12}"#, Some(12)),
            (r#"{"message":{"update_id":3}, "update_id": 12}"#, Some(12)),
            (r#"{"update_id":12x}"#, None),
            (r#"{"update_id":"12"}"#, None),
            ("{}", None),
        ] {
            assert_eq!(update_id(raw), id, "{raw}");
        }
    }
}
