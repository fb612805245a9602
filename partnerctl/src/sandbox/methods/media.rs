//! Sending files: uploads, file_ids and addresses, alone or as an album.

use serde_json::{Map, Value};

use super::send::{deliver, pass_flood, reply_header, writable_chat};
use crate::sandbox::api::{Answer, ApiError, Ctx, formatted};
use crate::sandbox::files::{FileKind, is_picture};
use crate::sandbox::markup::{self, Markup};

const PHOTO_MAX: usize = 10 << 20;
const FILE_MAX: usize = 50 << 20;
const WRONG_FILE: &str = "wrong file identifier/HTTP URL specified";

fn kind_of(name: &str) -> Option<FileKind> {
    Some(match name {
        "sendPhoto" | "photo" => FileKind::Photo,
        "sendVideo" | "video" => FileKind::Video,
        "sendAnimation" | "animation" => FileKind::Animation,
        "sendDocument" | "document" => FileKind::Document,
        "sendAudio" | "audio" => FileKind::Audio,
        "sendVoice" | "voice" => FileKind::Voice,
        "sendSticker" | "sticker" => FileKind::Sticker,
        _ => return None,
    })
}

/// The file behind a field: an upload, a file_id of this bot, or an address.
pub fn take_file(ctx: &mut Ctx<'_>, kind: FileKind, given: &str) -> Result<Value, ApiError> {
    let request = ctx.request;
    if let Some(name) = given.strip_prefix("attach://") {
        let upload = request
            .files
            .get(name)
            .ok_or_else(|| ApiError::bad("media not found"))?;
        if upload.bytes.is_empty() {
            return Err(ApiError::bad("file must be non-empty"));
        }
        let max = if kind == FileKind::Photo {
            PHOTO_MAX
        } else {
            FILE_MAX
        };
        if upload.bytes.len() > max {
            return Err(ApiError::new(413, "Request Entity Too Large"));
        }
        if kind == FileKind::Photo && !is_picture(&upload.bytes) {
            return Err(ApiError::bad("IMAGE_PROCESS_FAILED"));
        }
        let (name, content_type) = (&upload.file_name, upload.content_type.as_deref());
        return Ok(ctx
            .bot()
            .files
            .add(kind, name, content_type, Some(upload.bytes.clone())));
    }
    if given.is_empty() {
        return Err(ApiError::bad(format!(
            "there is no {} in the request",
            kind.field()
        )));
    }
    if given.starts_with("http://") || given.starts_with("https://") {
        let name = given.rsplit('/').next().unwrap_or("file").to_owned();
        return Ok(ctx.bot().files.add(kind, &name, None, None));
    }
    match ctx.bot().files.get(given) {
        Some(file) if file.kind == kind => Ok(file.object.clone()),
        Some(file) => Err(ApiError::bad(format!(
            "type of file mismatch: a {} can't be sent as {}",
            file.kind.field(),
            kind.field()
        ))),
        None => Err(ApiError::bad(WRONG_FILE)),
    }
}

/// Content of a message with that file and the caption beside it in `fields`.
pub fn content(
    ctx: &mut Ctx<'_>,
    kind: FileKind,
    given: &str,
    fields: &Map<String, Value>,
) -> Result<Map<String, Value>, ApiError> {
    let object = take_file(ctx, kind, given)?;
    let mut content = Map::new();
    // An animation is also shown as a document, for clients that know no animations.
    if kind == FileKind::Animation {
        let mut document = object.clone();
        if let Some(document) = document.as_object_mut() {
            for name in ["width", "height", "duration"] {
                document.remove(name);
            }
        }
        content.insert("document".to_owned(), document);
    }
    content.insert(kind.field().to_owned(), object);
    let caption = formatted(ctx.state, fields, "caption", "caption_entities")?.require_caption()?;
    caption.write(&mut content, "caption", "caption_entities");
    for (field, shown) in [
        ("has_spoiler", "has_media_spoiler"),
        ("show_caption_above_media", "show_caption_above_media"),
    ] {
        if fields.get(field) == Some(&Value::Bool(true)) {
            content.insert(shown.to_owned(), true.into());
        }
    }
    Ok(content)
}

pub fn send(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let request = ctx.request;
    let chat = writable_chat(ctx)?;
    let kind = kind_of(&request.method).unwrap_or(FileKind::Document);
    let markup = markup::parse(ctx.state, ctx.param("reply_markup"))?;
    let header = reply_header(ctx, chat)?;
    let given = request
        .params
        .get(kind.field())
        .and_then(Value::as_str)
        .unwrap_or("");
    let content = content(ctx, kind, given, &request.params)?;
    pass_flood(ctx, chat, 1)?;
    Ok(Answer::Raw(deliver(ctx, chat, header, content, markup)))
}

/// The kind and content of an `InputMedia`.
pub fn input_media(
    ctx: &mut Ctx<'_>,
    media: &Value,
) -> Result<(FileKind, Map<String, Value>), ApiError> {
    let name = media["type"].as_str().unwrap_or("");
    let kind = kind_of(name).ok_or_else(|| {
        ApiError::not_simulated(format!("media of the type {name} is not simulated"))
    })?;
    let empty = Map::new();
    let fields = media.as_object().unwrap_or(&empty);
    let given = media["media"].as_str().unwrap_or("").to_owned();
    Ok((kind, content(ctx, kind, &given, fields)?))
}

pub fn group(ctx: &mut Ctx<'_>) -> Result<Answer, ApiError> {
    let request = ctx.request;
    let chat = writable_chat(ctx)?;
    let items = request.params["media"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if items.is_empty() {
        return Err(ApiError::bad("there are no messages to send"));
    }
    if items.len() > 10 {
        return Err(ApiError::bad("too many messages to send as an album"));
    }
    if items.len() < 2 {
        return Err(ApiError::strict(
            "an album must have 2 to 10 items".to_owned(),
        ));
    }
    let mut album = Vec::new();
    for (number, item) in items.iter().enumerate() {
        album.push(input_media(ctx, item).map_err(|error| in_album(error, number + 1))?);
    }
    let lonely = |kind: FileKind| matches!(kind, FileKind::Document | FileKind::Audio);
    let first = album[0].0;
    if album
        .iter()
        .any(|(kind, _)| (lonely(*kind) || lonely(first)) && *kind != first)
    {
        return Err(ApiError::bad(
            "can't use the media of the specified type in the album",
        ));
    }
    let header = reply_header(ctx, chat)?;
    pass_flood(ctx, chat, items.len())?;
    let group_id = (ctx.state.dice.next() >> 1).to_string();
    let mut sent = Vec::new();
    for (_, content) in album {
        let mut header = header.clone();
        header.insert("media_group_id".to_owned(), group_id.as_str().into());
        sent.push(deliver(ctx, chat, header, content, Markup::None));
    }
    Ok(Answer::Raw(format!("[{}]", sent.join(","))))
}

/// Telegram wraps what is wrong with one item's file.
fn in_album(error: ApiError, number: usize) -> ApiError {
    if !error.description.ends_with(WRONG_FILE) {
        return error;
    }
    let text = "Wrong file identifier/HTTP URL specified";
    ApiError::bad(format!(
        "failed to send message #{number} with the error message \"{text}\""
    ))
}
