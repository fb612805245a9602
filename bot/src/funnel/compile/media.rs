//! Pictures, videos and files sent with a step. PURE.

use super::problems::hint;
use super::site::Site;
use crate::funnel::effect::{MediaKind, MediaSource};
use crate::funnel::spec::MediaSpec;

const MB: u64 = 1024 * 1024;

impl Site<'_> {
    pub fn media_file(&mut self, path: &str, spec: &MediaSpec) -> Option<(MediaKind, MediaSource)> {
        let MediaSpec {
            photo,
            video,
            animation,
            document,
            audio,
            voice,
        } = spec;
        let all = [
            (MediaKind::Photo, "photo", photo),
            (MediaKind::Video, "video", video),
            (MediaKind::Animation, "animation", animation),
            (MediaKind::Document, "document", document),
            (MediaKind::Audio, "audio", audio),
            (MediaKind::Voice, "voice", voice),
        ];
        let given: Vec<_> = all
            .into_iter()
            .filter_map(|(kind, key, value)| Some((kind, key, value.as_deref()?)))
            .collect();
        let [(kind, key, value)] = given[..] else {
            self.problems.error(path, "a step sends one file; keep one of photo, video, animation, document, audio and voice");
            return None;
        };
        self.source(&format!("{path}.{key}"), kind, value)
            .map(|source| (kind, source))
    }

    fn source(&mut self, path: &str, kind: MediaKind, value: &str) -> Option<MediaSource> {
        if value.starts_with("https://") {
            return Some(MediaSource::Url(value.to_owned()));
        }
        if value.contains("://") {
            self.problems.error(path, "only https addresses can be sent; write https://…, or a file such as media/gift.jpg");
            return None;
        }
        let Some(files) = self.media.clone() else {
            return Some(MediaSource::File(value.into()));
        };
        let Some((file, bytes)) = files.get(value) else {
            let help = hint(
                value,
                files.keys().map(String::as_str),
                &format!("; put the file at {value} beside the funnel"),
            );
            self.problems
                .error(path, format!("no file \"{value}\"{help}"));
            return None;
        };
        let limit = if kind == MediaKind::Photo { 10 } else { 50 };
        if *bytes > limit * MB {
            self.problems.error(
                path,
                format!(
                    "the file has {} MB; Telegram takes {limit}, make it smaller",
                    bytes.div_ceil(MB)
                ),
            );
        }
        Some(MediaSource::File(file.clone()))
    }
}
