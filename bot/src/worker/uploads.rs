//! Files that go with messages: uploaded once per bot, by Telegram's file id afterwards.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::funnel::effect::{Media, MediaSource};
use crate::store::MediaRow;
use crate::telegram::Client;
use crate::telegram::outgoing::media_field;
use crate::telegram::verdict::{Answer, Sent, Verdict, classify};

/// A file's hash as long as it is unchanged on disk.
struct Known {
    modified: SystemTime,
    length: u64,
    sha256: String,
}

#[derive(Default)]
pub struct Uploads {
    file_ids: Mutex<HashMap<(String, &'static str), String>>,
    hashes: Mutex<HashMap<PathBuf, Known>>,
}

impl Uploads {
    /// Starts with what the store remembers: (sha256, kind, file id).
    pub fn new(remembered: Vec<(String, String, String)>) -> Uploads {
        let kinds = ["photo", "video", "animation", "document", "audio", "voice"];
        let known = remembered
            .into_iter()
            .filter_map(|(sha256, kind, file_id)| {
                let kind = kinds.into_iter().find(|known| *known == kind)?;
                Some(((sha256, kind), file_id))
            });
        Uploads {
            file_ids: Mutex::new(known.collect()),
            hashes: Mutex::default(),
        }
    }

    /// Sends the message with its file; also tells what to remember, or to forget.
    pub async fn send(
        &self,
        client: &Client,
        method: &str,
        payload: &str,
        media: &str,
        now: i64,
    ) -> (Verdict, Option<MediaRow>) {
        let Ok(media) = serde_json::from_str::<Media>(media) else {
            return (
                Verdict::Refused("the stored message names no media".to_owned()),
                None,
            );
        };
        let Ok(mut fields) = serde_json::from_str::<Value>(payload) else {
            return (
                Verdict::Refused("the stored message is not an object".to_owned()),
                None,
            );
        };
        let field = media_field(media.kind);
        let path = match &media.source {
            MediaSource::Url(url) => {
                fields[field] = Value::from(url.as_str());
                return (
                    classify(&client.send(method, &fields.to_string()).await),
                    None,
                );
            }
            MediaSource::File(path) => path,
        };
        let sha256 = match self.hash(path).await {
            Ok(sha256) => sha256,
            Err(error) => {
                return (
                    Verdict::NoFile(format!("{}: {error}; put the file back", path.display())),
                    None,
                );
            }
        };
        if let Some(file_id) = self.file_id(&sha256, field) {
            fields[field] = Value::from(file_id);
            let verdict = classify(&client.send(method, &fields.to_string()).await);
            let forget =
                matches!(verdict, Verdict::StaleFile(_)).then(|| self.forget(&sha256, field, now));
            return (verdict, forget);
        }
        let verdict = classify(&upload(client, method, &fields, field, path).await);
        let remember = match &verdict {
            Verdict::Sent(Sent {
                file_id: Some(file_id),
                ..
            }) => Some(self.remember(sha256, field, file_id, now)),
            _ => None,
        };
        (verdict, remember)
    }

    fn file_id(&self, sha256: &str, kind: &'static str) -> Option<String> {
        self.file_ids
            .lock()
            .ok()?
            .get(&(sha256.to_owned(), kind))
            .cloned()
    }

    fn remember(&self, sha256: String, kind: &'static str, file_id: &str, at: i64) -> MediaRow {
        if let Ok(mut known) = self.file_ids.lock() {
            known.insert((sha256.clone(), kind), file_id.to_owned());
        }
        MediaRow {
            sha256,
            kind,
            file_id: file_id.to_owned(),
            at,
        }
    }

    fn forget(&self, sha256: &str, kind: &'static str, at: i64) -> MediaRow {
        if let Ok(mut known) = self.file_ids.lock() {
            known.remove(&(sha256.to_owned(), kind));
        }
        MediaRow {
            sha256: sha256.to_owned(),
            kind,
            file_id: String::new(),
            at,
        }
    }

    async fn hash(&self, path: &Path) -> std::io::Result<String> {
        let meta = tokio::fs::metadata(path).await?;
        let (modified, length) = (meta.modified()?, meta.len());
        if let Ok(hashes) = self.hashes.lock()
            && let Some(known) = hashes.get(path)
            && (known.modified, known.length) == (modified, length)
        {
            return Ok(known.sha256.clone());
        }
        let bytes = tokio::fs::read(path).await?;
        let sha256 =
            Sha256::digest(&bytes)
                .iter()
                .fold(String::with_capacity(64), |mut hex, byte| {
                    use std::fmt::Write;
                    let _ = write!(hex, "{byte:02x}");
                    hex
                });
        if let Ok(mut hashes) = self.hashes.lock() {
            hashes.insert(
                path.to_owned(),
                Known {
                    modified,
                    length,
                    sha256: sha256.clone(),
                },
            );
        }
        Ok(sha256)
    }
}

/// The file itself; a picture of our own drawing becomes one that Telegram reads.
async fn part(path: &Path) -> std::io::Result<reqwest::multipart::Part> {
    if path.extension().is_none_or(|kind| kind != "svg") {
        return reqwest::multipart::Part::file(path).await;
    }
    let svg = tokio::fs::read_to_string(path).await?;
    let png = tokio::task::spawn_blocking(move || super::raster::png(&svg)).await?;
    let png = png.map_err(std::io::Error::other)?;
    Ok(reqwest::multipart::Part::bytes(png).file_name("week.png"))
}

async fn upload(
    client: &Client,
    method: &str,
    fields: &Value,
    field: &'static str,
    path: &Path,
) -> Answer {
    let part = match part(path).await {
        Ok(part) => part,
        Err(error) => return Answer::NotConnected(format!("{}: {error}", path.display())),
    };
    let mut form = reqwest::multipart::Form::new().part(field, part);
    for (name, value) in fields.as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        form = form.text(name.clone(), text);
    }
    client.upload(method, form).await
}
