//! The marker that every secret of the tests carries, and the search for it.

use std::path::{Path, PathBuf};

use base64::Engine;

/// In every token; nothing that is written may hold it.
pub const MARKER: &str = "CANARY-8f3b1c";

/// Files that hold a secret because a test put it there, as an operator would.
pub const GIVEN: [&str; 10] = [
    ".env",
    "alert.txt",
    "alerts.json",
    "form.csv",
    "manager.token",
    "manager.txt",
    "token",
    "token.txt",
    "unknown",
    "wrong.txt",
];

/// The marker as it may hide: plain, in base64 at each of its three offsets, every byte as `%XX`, in hex.
pub fn forms() -> Vec<(&'static str, Vec<u8>)> {
    let each = |shape: fn(&u8) -> String| {
        MARKER
            .as_bytes()
            .iter()
            .map(shape)
            .collect::<String>()
            .into_bytes()
    };
    let mut forms = vec![
        ("plain", MARKER.as_bytes().to_vec()),
        ("percent-encoded", each(|byte| format!("%{byte:02X}"))),
        ("percent-encoded", each(|byte| format!("%{byte:02x}"))),
        ("hex", each(|byte| format!("{byte:02x}"))),
    ];
    for offset in 0..3 {
        let mut padded = vec![b'x'; offset];
        padded.extend_from_slice(MARKER.as_bytes());
        let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(&padded);
        // The first and last letters also depend on the neighbours.
        forms.push(("base64", text.as_bytes()[4..text.len() - 4].to_vec()));
    }
    forms
}

/// In which form these bytes hold the marker.
pub fn leak(bytes: &[u8]) -> Option<&'static str> {
    let mut forms = forms().into_iter();
    forms
        .find(|(_, form)| holds(bytes, form))
        .map(|(name, _)| name)
}

fn holds(bytes: &[u8], form: &[u8]) -> bool {
    let Some(first) = form.first() else {
        return false;
    };
    let starts = bytes.iter().enumerate().filter(|(_, byte)| *byte == first);
    starts
        .map(|(at, _)| at)
        .any(|at| bytes[at..].starts_with(form))
}

/// Every file below `root` but those of these names: how many were read, and what leaks.
pub fn leaks(root: &Path, but: &[&str]) -> (usize, Vec<String>) {
    search(root, but, leak)
}

/// The same with another look at the bytes.
pub fn search(
    root: &Path,
    but: &[&str],
    look: impl Fn(&[u8]) -> Option<&'static str>,
) -> (usize, Vec<String>) {
    let (mut read, mut found) = (0, Vec::new());
    let mut open: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() && !path.is_symlink() {
            let entries = std::fs::read_dir(&path).into_iter().flatten();
            open.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
            continue;
        }
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        if name.is_some_and(|name| but.contains(&name.as_str())) {
            continue;
        }
        // Sockets cannot be read, and hold nothing.
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        read += 1;
        if let Some(form) = look(&bytes) {
            found.push(format!("{}: {form}", path.display()));
        }
    }
    (read, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_however_it_is_written() {
        let secret = format!("123456:TEST-{MARKER}-not-a-secret");
        for offset in 0..3 {
            let hidden = format!("{}{secret}", "y".repeat(offset));
            let hidden = base64::engine::general_purpose::URL_SAFE.encode(hidden);
            assert_eq!(leak(hidden.as_bytes()), Some("base64"), "{hidden}");
        }
        let encoded: String = secret.bytes().map(|byte| format!("%{byte:02X}")).collect();
        assert_eq!(leak(encoded.as_bytes()), Some("percent-encoded"));
        assert_eq!(leak(b"nothing here"), None);
    }
}
