//! Small helpers for the words of messages. PURE.

/// The candidate the author most likely meant, if any is near enough.
pub fn suggest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a (impl AsRef<str> + ?Sized + 'a)>,
) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    let limit = ((wanted.chars().count() + 1) / 3).max(1);
    candidates
        .into_iter()
        .map(AsRef::as_ref)
        .map(|candidate| {
            let near = strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
            (near, candidate)
        })
        .filter(|(near, candidate)| *near <= limit && *near < candidate.chars().count())
        .min_by_key(|(near, _)| *near)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean "address"?`, or nothing.
pub(super) fn did_you_mean<'a>(word: &str, candidates: &'a [impl AsRef<str>]) -> String {
    let near: Option<&'a str> = suggest(word, candidates);
    near.map(|near| format!("; did you mean \"{near}\"?"))
        .unwrap_or_default()
}

/// Replaces what looks like a bot token by as many stars: a secret put into the wrong file must not be printed.
pub fn mask_tokens(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(colon) = rest.find(':') {
        let digits = rest[..colon]
            .bytes()
            .rev()
            .take_while(u8::is_ascii_digit)
            .count();
        let tail = rest[colon + 1..]
            .bytes()
            .take_while(|b| is_token_byte(*b))
            .count();
        if digits >= 5 && tail >= 16 {
            masked.push_str(&rest[..colon - digits]);
            masked.push_str(&"*".repeat(digits + 1 + tail));
            rest = &rest[colon + 1 + tail..];
        } else {
            masked.push_str(&rest[..=colon]);
            rest = &rest[colon + 1..];
        }
    }
    masked.push_str(rest);
    masked
}

fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

/// At most `limit` characters, without tokens.
pub(super) fn short(text: &str, limit: usize) -> String {
    let masked = mask_tokens(text);
    let line = masked.lines().next().unwrap_or_default();
    if line.chars().count() <= limit && line.len() == masked.len() {
        return masked;
    }
    let mut cut: String = line.chars().take(limit).collect();
    cut.push('…');
    cut
}
