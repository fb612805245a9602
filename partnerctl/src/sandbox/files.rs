//! Files of one bot: uploads, pictures people sent, and addresses that were given instead of a file.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use serde_json::{Value, json};

use super::clock::Dice;

/// What kind of thing a file is to Telegram; a file_id keeps its kind for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    Photo,
    Video,
    Animation,
    Audio,
    Voice,
    Document,
    Sticker,
}

impl FileKind {
    /// The field of a message that holds it.
    pub fn field(self) -> &'static str {
        match self {
            FileKind::Photo => "photo",
            FileKind::Video => "video",
            FileKind::Animation => "animation",
            FileKind::Audio => "audio",
            FileKind::Voice => "voice",
            FileKind::Document => "document",
            FileKind::Sticker => "sticker",
        }
    }

    fn mime(self) -> &'static str {
        match self {
            FileKind::Photo => "image/jpeg",
            FileKind::Video | FileKind::Animation => "video/mp4",
            FileKind::Audio => "audio/mpeg",
            FileKind::Voice => "audio/ogg",
            FileKind::Document => "application/octet-stream",
            FileKind::Sticker => "image/webp",
        }
    }
}

/// One file a bot can name.
#[derive(Clone, Debug)]
pub struct File {
    pub kind: FileKind,
    /// As a Bot API object: an array of sizes for a photo, else `Video`, `Document`, ….
    pub object: Value,
    pub path: String,
    pub content_type: String,
    /// `None` when the file was given by address.
    pub bytes: Option<Bytes>,
}

/// The files of one bot.
pub struct Files {
    bot: i64,
    by_id: HashMap<String, File>,
    paths: HashMap<String, String>,
}

impl Files {
    pub fn new(bot: i64) -> Files {
        Files {
            bot,
            by_id: HashMap::new(),
            paths: HashMap::new(),
        }
    }

    pub fn get(&self, id: &str) -> Option<&File> {
        self.by_id.get(id)
    }

    pub fn by_path(&self, path: &str) -> Option<&File> {
        self.by_id.get(self.paths.get(path)?)
    }

    /// Keeps the bytes (or nothing, for an address) and returns the object for a message.
    pub fn add(
        &mut self,
        kind: FileKind,
        name: &str,
        content_type: Option<&str>,
        bytes: Option<Bytes>,
    ) -> Value {
        let number = self.by_id.len() as u64 + 1;
        let seed = bytes
            .as_ref()
            .map_or_else(|| hash(name.as_bytes()), |b| hash(b));
        let id = self.id(kind, number, seed);
        let unique = URL_SAFE_NO_PAD.encode(&seed.to_be_bytes()[..]);
        let content_type = content_type.unwrap_or(kind.mime()).to_owned();
        let object = describe(kind, &id, &unique, name, &content_type, bytes.as_ref());
        let extension = name.rsplit_once('.').map_or("bin", |(_, ext)| ext);
        let extension = if kind == FileKind::Photo {
            "jpg"
        } else {
            extension
        };
        let path = format!("{}s/file_{number}.{extension}", kind.field());
        self.paths.insert(path.clone(), id.clone());
        let file = File {
            kind,
            object: object.clone(),
            path,
            content_type,
            bytes,
        };
        self.by_id.insert(id, file);
        object
    }

    fn id(&self, kind: FileKind, number: u64, seed: u64) -> String {
        let mut dice = Dice::new(seed ^ self.bot.unsigned_abs().rotate_left(17) ^ number << 48);
        let mut bytes = vec![kind as u8, 2];
        for _ in 0..6 {
            bytes.extend(dice.next().to_be_bytes());
        }
        format!("AgAD{}", URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn describe(
    kind: FileKind,
    id: &str,
    unique: &str,
    name: &str,
    content_type: &str,
    bytes: Option<&Bytes>,
) -> Value {
    let mut object = json!({"file_id": id, "file_unique_id": unique});
    if let Some(bytes) = bytes {
        object["file_size"] = bytes.len().into();
    }
    let (width, height) = bytes.and_then(|b| picture_size(b)).unwrap_or((640, 480));
    let sized = |mut object: Value| {
        object["width"] = width.into();
        object["height"] = height.into();
        object
    };
    match kind {
        FileKind::Photo => return json!([sized(object)]),
        FileKind::Sticker => {
            object = sized(object);
            object["type"] = "regular".into();
            object["is_animated"] = false.into();
            object["is_video"] = false.into();
            object["emoji"] = "🙂".into();
            return object;
        }
        FileKind::Video | FileKind::Animation => object = sized(object),
        FileKind::Audio | FileKind::Voice | FileKind::Document => {}
    }
    if kind != FileKind::Document {
        object["duration"] = 1.into();
    }
    if kind != FileKind::Voice {
        object["file_name"] = name.rsplit('/').next().unwrap_or(name).into();
    }
    object["mime_type"] = content_type.into();
    object
}

/// Whether the bytes begin as one of the formats that Telegram takes as a photo.
pub fn is_picture(bytes: &[u8]) -> bool {
    let starts: [&[u8]; 5] = [b"\x89PNG\r\n", b"\xFF\xD8\xFF", b"GIF8", b"BM", b"RIFF"];
    starts.iter().any(|start| bytes.starts_with(start))
}

/// Width and height of a PNG or JPEG.
fn picture_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let big = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    if bytes.starts_with(b"\x89PNG\r\n") {
        return Some((big(16)?, big(20)?));
    }
    if !bytes.starts_with(&[0xFF, 0xD8]) {
        return None;
    }
    let short = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let mut at = 2;
    while let (Some(0xFF), Some(&marker)) = (bytes.get(at), bytes.get(at + 1)) {
        if matches!(marker, 0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF) {
            return Some((short(at + 7)?.into(), short(at + 5)?.into()));
        }
        at += 2 + usize::from(short(at + 2)?);
    }
    None
}

fn hash(bytes: &[u8]) -> u64 {
    let step = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3);
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, step)
}
