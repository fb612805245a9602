//! What an answer of the Bot API means for the message. PURE; texts from the server's source (research: error classes).

use serde::Deserialize;

use crate::lead::Reach;

/// How a call ended, before it is understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Http {
        status: u16,
        body: Vec<u8>,
    },
    /// The request cannot have left: no address, no connection, no TLS.
    NotConnected(String),
    /// The request may have left: a timeout, a reset, a cut answer.
    Broken(String),
}

/// What to do with the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Sent(Sent),
    /// Nothing was done; try again after a growing pause.
    NotSent(String),
    /// Nothing was done; try again after exactly this.
    Limited {
        after_ms: i64,
    },
    /// It may or may not have been done.
    Ambiguous(String),
    /// The lead cannot be reached until they come back.
    Unreachable(Reach, String),
    /// The chat has a new id.
    Migrated(i64),
    /// Send the same words without markup, once.
    Unparsable(String),
    /// Send the same without buttons that open a person's profile, once.
    PrivateProfile,
    /// The cached file id is no good; upload again.
    StaleFile(String),
    /// The file is not on the disk: the words go alone.
    NoFile(String),
    /// The token is revoked or wrong: no message of this bot will go.
    TokenRefused(String),
    /// It will never be done.
    Refused(String),
}

impl Verdict {
    /// Whether the message would be said again.
    pub fn may_go_again(&self) -> bool {
        match self {
            Verdict::Sent(_) | Verdict::Unreachable(..) | Verdict::Refused(_) => false,
            Verdict::NotSent(_)
            | Verdict::Limited { .. }
            | Verdict::Ambiguous(_)
            | Verdict::Migrated(_)
            | Verdict::Unparsable(_)
            | Verdict::PrivateProfile
            | Verdict::StaleFile(_)
            | Verdict::NoFile(_)
            | Verdict::TokenRefused(_) => true,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// 0 when the answer did not say.
    pub message_id: i64,
    pub file_id: Option<String>,
    /// The call was needless: already so, or too late to matter.
    pub needless: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a serde_json::value::RawValue>,
    error_code: Option<u16>,
    description: Option<String>,
    parameters: Option<Parameters>,
}

#[derive(Deserialize)]
struct Parameters {
    retry_after: Option<i64>,
    migrate_to_chat_id: Option<i64>,
}

/// Understands an answer. `max_wait_s` bounds a retry_after nobody can mean.
pub fn classify(answer: &Answer) -> Verdict {
    match answer {
        Answer::NotConnected(why) => Verdict::NotSent(why.clone()),
        Answer::Broken(why) => Verdict::Ambiguous(why.clone()),
        Answer::Http { status, body } => classify_http(*status, body),
    }
}

fn classify_http(status: u16, body: &[u8]) -> Verdict {
    if let Some(message_id) = plainly_sent(body) {
        return Verdict::Sent(Sent {
            message_id,
            ..Sent::default()
        });
    }
    let Ok(envelope) = serde_json::from_slice::<Envelope>(body) else {
        // A success we cannot read is still a success: Telegram says 200 only when it was done.
        return match status {
            200 => Verdict::Sent(Sent::default()),
            429 => Verdict::Limited { after_ms: 1_000 },
            500.. => Verdict::Ambiguous(format!("http {status} without a readable answer")),
            _ => Verdict::Refused(format!("http {status} without a readable answer")),
        };
    };
    if envelope.ok {
        return Verdict::Sent(
            envelope
                .result
                .map(|raw| sent(raw.get()))
                .unwrap_or_default(),
        );
    }
    let code = envelope.error_code.unwrap_or(status);
    let description = envelope.description.unwrap_or_default();
    refused(code, &description, envelope.parameters)
}

/// The number of a message without a file, read from the start of the answer: most answers are that, and reading them
/// whole was a twentieth of a turn.
fn plainly_sent(body: &[u8]) -> Option<i64> {
    let whole = std::str::from_utf8(body).ok()?.strip_suffix("}}")?;
    let result = whole.strip_prefix(r#"{"ok":true,"result":{"message_id":"#)?;
    let (message_id, rest) = result.split_once(',')?;
    (!rest.contains("file_id")).then(|| message_id.parse().ok())?
}

/// Texts are matched without case, since the server changes the case of first letters.
const NEEDLESS: [&str; 6] = [
    "message is not modified",
    "message to edit not found",
    "message to delete not found",
    "message can't be edited",
    "query is too old",
    "query id is invalid",
];
const STALE_FILE: [&str; 4] = [
    "wrong file identifier",
    "wrong remote file identifier",
    "file_reference_",
    "wrong file_id",
];

/// What Telegram cannot make a message of, although the words with it are fine.
const BAD_FILE: [&str; 7] = [
    "failed to get http url content",
    "wrong type of the web page content",
    "webpage_",
    "file is too big",
    "photo_invalid_dimensions",
    "image_process_failed",
    "photo_save_file_invalid",
];

fn refused(code: u16, description: &str, parameters: Option<Parameters>) -> Verdict {
    let text = description.to_lowercase();
    let says = |part: &str| text.contains(part);
    let why = || format!("{code} {description}");
    if let Some(chat) = parameters.as_ref().and_then(|p| p.migrate_to_chat_id) {
        return Verdict::Migrated(chat);
    }
    match code {
        429 => {
            let seconds = parameters.and_then(|p| p.retry_after).unwrap_or(1).max(1);
            Verdict::Limited {
                after_ms: seconds.saturating_mul(1_000),
            }
        }
        401 | 404 => Verdict::TokenRefused(why()),
        // This server does not serve the bot: nothing was done.
        421 => Verdict::NotSent(why()),
        500.. => Verdict::Ambiguous(why()),
        403 if says("blocked by the user") => Verdict::Unreachable(Reach::Blocked, why()),
        403 if says("user is deactivated") => Verdict::Unreachable(Reach::Deactivated, why()),
        403 if says("can't initiate conversation") => Verdict::Unreachable(Reach::Blocked, why()),
        400 if says("chat not found") => Verdict::Unreachable(Reach::Blocked, why()),
        400 if says("peer_id_invalid") => Verdict::Unreachable(Reach::Blocked, why()),
        400 if NEEDLESS.iter().any(|part| says(part)) => Verdict::Sent(Sent {
            needless: true,
            ..Sent::default()
        }),
        400 if says("can't parse entities") => Verdict::Unparsable(why()),
        400 if says("button_user_privacy_restricted") || says("button_user_invalid") => {
            Verdict::PrivateProfile
        }
        // An error may come wrapped in the words of another.
        400 if says("too many requests: retry after ") => Verdict::Limited {
            after_ms: wrapped_seconds(&text).saturating_mul(1_000),
        },
        400 if BAD_FILE.iter().any(|part| says(part)) => Verdict::NoFile(why()),
        400 if STALE_FILE.iter().any(|part| says(part)) => Verdict::StaleFile(why()),
        _ => Verdict::Refused(why()),
    }
}

/// `… retry after 7"` inside a longer text.
fn wrapped_seconds(text: &str) -> i64 {
    let digits = text.rsplit("retry after ").next().unwrap_or_default();
    let end = digits.find(|c: char| !c.is_ascii_digit());
    let digits = &digits[..end.unwrap_or(digits.len())];
    digits.parse().unwrap_or(1).max(1)
}

#[derive(Deserialize)]
struct Delivered {
    message_id: Option<i64>,
    photo: Option<Vec<File>>,
    video: Option<File>,
    animation: Option<File>,
    document: Option<File>,
    audio: Option<File>,
    voice: Option<File>,
}

#[derive(Deserialize)]
struct File {
    file_id: String,
}

fn sent(result: &str) -> Sent {
    let Ok(message) = serde_json::from_str::<Delivered>(result) else {
        return Sent::default();
    };
    let largest = message.photo.and_then(|mut sizes| sizes.pop());
    // An animation also comes with a `document`, so the order matters.
    let file = largest
        .or(message.video)
        .or(message.animation)
        .or(message.audio)
        .or(message.voice)
        .or(message.document)
        .map(|file| file.file_id);
    Sent {
        message_id: message.message_id.unwrap_or(0),
        file_id: file,
        needless: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(status: u16, body: &str) -> Verdict {
        classify(&Answer::Http {
            status,
            body: body.as_bytes().to_vec(),
        })
    }

    fn error(code: u16, description: &str) -> Verdict {
        http(
            code,
            &format!(r#"{{"ok":false,"error_code":{code},"description":"{description}"}}"#),
        )
    }

    #[test]
    fn a_success_yields_the_message_and_its_largest_photo() {
        let verdict = http(
            200,
            r#"{"ok":true,"result":{"message_id":7,"date":1,"photo":[{"file_id":"small"},{"file_id":"large"}]}}"#,
        );
        let sent = Sent {
            message_id: 7,
            file_id: Some("large".into()),
            needless: false,
        };
        assert_eq!(verdict, Verdict::Sent(sent));
        assert_eq!(
            http(200, r#"{"ok":true,"result":true}"#),
            Verdict::Sent(Sent::default())
        );
    }

    #[test]
    fn the_short_way_reads_what_the_long_way_does() {
        let said = |body: &str| {
            let short = plainly_sent(body.as_bytes());
            let Verdict::Sent(sent) = http(200, body) else {
                panic!("{body}");
            };
            (short, sent.message_id)
        };
        let plain = r#"{"ok":true,"result":{"message_id":7,"date":1,"text":"{}"}}"#;
        assert_eq!(said(plain), (Some(7), 7));
        for (longer, message_id) in [
            (r#"{"ok":true,"result":{"date":1,"message_id":7}}"#, 7),
            (r#"{ "ok":true,"result":{"message_id":7,"date":1}}"#, 7),
            (r#"{"ok":true,"result":{"message_id":7.5,"date":1}}"#, 0),
            (r#"{"ok":true,"result":{"message_id":7,"da"#, 0),
            (r#"{"ok":true,"result":{"message_id":7"#, 0),
            (
                r#"{"ok":true,"result":{"message_id":7,"voice":{"file_id":"v"}}}"#,
                7,
            ),
        ] {
            assert_eq!(said(longer), (None, message_id), "{longer}");
        }
    }

    #[test]
    fn every_refusal_has_one_meaning() {
        let blocked =
            |code, text: &str| Verdict::Unreachable(Reach::Blocked, format!("{code} {text}"));
        for (code, text) in [
            (403, "Forbidden: bot was blocked by the user"),
            (
                403,
                "Forbidden: bot can't initiate conversation with a user",
            ),
            (400, "Bad Request: chat not found"),
            (400, "Bad Request: private chat not found"),
        ] {
            assert_eq!(error(code, text), blocked(code, text));
        }
        let gone = "Forbidden: user is deactivated";
        assert_eq!(
            error(403, gone),
            Verdict::Unreachable(Reach::Deactivated, format!("403 {gone}"))
        );
        for text in [
            "Bad Request: message is not modified: specified new message content is exactly the same",
            "Bad Request: message to edit not found",
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
        ] {
            assert!(
                matches!(error(400, text), Verdict::Sent(Sent { needless: true, .. })),
                "{text}"
            );
        }
        assert!(matches!(
            error(400, "Bad Request: can't parse entities: no end tag"),
            Verdict::Unparsable(_)
        ));
        assert!(matches!(
            error(400, "Bad Request: wrong file identifier/HTTP URL specified"),
            Verdict::StaleFile(_)
        ));
        assert_eq!(
            error(400, "Bad Request: BUTTON_USER_PRIVACY_RESTRICTED"),
            Verdict::PrivateProfile
        );
        for code in [401, 404] {
            assert!(matches!(
                error(code, "Unauthorized"),
                Verdict::TokenRefused(_)
            ));
        }
        for text in [
            "Bad Request: TOPIC_CLOSED",
            "Bad Request: message is too long",
            "Bad Request: BUTTON_DATA_INVALID",
        ] {
            assert!(matches!(error(400, text), Verdict::Refused(_)), "{text}");
        }
        assert!(matches!(
            error(403, "Forbidden: bot was kicked from the group chat"),
            Verdict::Refused(_)
        ));
    }

    #[test]
    fn wrapped_and_misdirected_answers_are_understood() {
        let wrapped = r#"failed to send message #2 with the error message \"Too Many Requests: retry after 17\""#;
        assert_eq!(
            error(400, &format!("Bad Request: {wrapped}")),
            Verdict::Limited { after_ms: 17_000 }
        );
        assert!(matches!(
            error(421, "Misdirected Request"),
            Verdict::NotSent(_)
        ));
        for text in [
            "Bad Request: file is too big",
            "Bad Request: IMAGE_PROCESS_FAILED",
        ] {
            assert!(matches!(error(400, text), Verdict::NoFile(_)), "{text}");
        }
    }

    #[test]
    fn waiting_moving_and_doubt_are_told_apart() {
        let limited = r#"{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 7","parameters":{"retry_after":7}}"#;
        assert_eq!(http(429, limited), Verdict::Limited { after_ms: 7_000 });
        let moved = r#"{"ok":false,"error_code":400,"description":"Bad Request: group chat was upgraded to a supergroup chat","parameters":{"migrate_to_chat_id":-1009}}"#;
        assert_eq!(http(400, moved), Verdict::Migrated(-1009));
        assert!(matches!(
            error(500, "Internal Server Error: restart"),
            Verdict::Ambiguous(_)
        ));
        assert!(matches!(
            http(502, "<html>Bad Gateway</html>"),
            Verdict::Ambiguous(_)
        ));
        assert_eq!(
            http(200, r#"{"ok":true,"result":{"mess"#),
            Verdict::Sent(Sent::default())
        );
        assert!(matches!(
            classify(&Answer::NotConnected("refused".into())),
            Verdict::NotSent(_)
        ));
        assert!(matches!(
            classify(&Answer::Broken("timed out".into())),
            Verdict::Ambiguous(_)
        ));
    }
}
