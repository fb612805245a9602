//! Reads `multipart/form-data` bodies.

use bytes::Bytes;

/// One part of a form.
pub struct Part {
    pub name: String,
    /// Present for uploads.
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub bytes: Bytes,
}

/// The boundary named by a content type.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (_, rest) = content_type.split_once("boundary=")?;
    let rest = rest.split(';').next().unwrap_or(rest).trim();
    Some(rest.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

/// Splits a body into its parts; `None` when it is cut short or malformed.
pub fn parse(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    let delimiter = format!("\r\n--{boundary}");
    let first = format!("--{boundary}");
    if !body.starts_with(first.as_bytes()) {
        return None;
    }
    let mut at = first.len();
    let mut parts = Vec::new();
    loop {
        let rest = &body[at..];
        if rest.starts_with(b"--") {
            return Some(parts);
        }
        let head = rest.strip_prefix(b"\r\n")?;
        let head_len = find(head, b"\r\n\r\n")?;
        let from = at + 2 + head_len + 4;
        let length = find(&body[from..], delimiter.as_bytes())?;
        parts.push(part(&head[..head_len], body.slice(from..from + length))?);
        at = from + length + delimiter.len();
    }
}

fn part(head: &[u8], bytes: Bytes) -> Option<Part> {
    let head = std::str::from_utf8(head).ok()?;
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    };
    let disposition = header("content-disposition")?;
    Some(Part {
        name: attribute(disposition, "name")?,
        file_name: attribute(disposition, "filename"),
        content_type: header("content-type").map(str::to_owned),
        bytes,
    })
}

fn attribute(disposition: &str, name: &str) -> Option<String> {
    let found = disposition.split(';').find_map(|item| {
        let (key, value) = item.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"'))
    })?;
    Some(
        found
            .replace("%22", "\"")
            .replace("%0D", "\r")
            .replace("%0A", "\n"),
    )
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(step) = haystack[from..].iter().position(|byte| *byte == first) {
        let at = from + step;
        if haystack[at..].starts_with(needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}
