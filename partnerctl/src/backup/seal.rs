//! age encryption to the operator's public key: the host that writes backups cannot read them.

use std::io::{Read, Write};

use age::x25519;

use crate::failure::{Code, Failure};

/// The public keys of a text, one a line; `#` begins a comment.
pub fn recipients(text: &str, file: &str) -> Result<Vec<x25519::Recipient>, Failure> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with("AGE-SECRET-KEY-") {
            let message = format!(
                "{file}:{}: a secret key; it must not lie here: put the public key (age1…) instead",
                index + 1
            );
            return Err(Failure::new(Code::Credentials, message));
        }
        let key = line.parse().map_err(|why| {
            let message = format!(
                "{file}:{}: not a public key of age ({why}); it begins with age1",
                index + 1
            );
            Failure::new(Code::Credentials, message)
        })?;
        found.push(key);
    }
    if found.is_empty() {
        let message =
            format!("{file}: no public key; make one with: partnerctl backup --new-key FILE");
        return Err(Failure::new(Code::Credentials, message));
    }
    Ok(found)
}

/// A new pair: (the secret text for the operator's own keeping, the public key).
pub fn new_pair() -> (String, String) {
    use age::secrecy::ExposeSecret;
    let identity = x25519::Identity::generate();
    let public = identity.to_public().to_string();
    let secret = identity.to_string();
    let text = format!("# public key: {public}\n{}\n", secret.expose_secret());
    (text, public)
}

/// The secret keys of an identity file; no message ever shows one.
pub fn identities(text: &str, file: &str) -> Result<Vec<x25519::Identity>, Failure> {
    let found: Vec<x25519::Identity> = text
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    if found.is_empty() {
        let message =
            format!("{file}: no secret key of age; it has a line that begins with AGE-SECRET-KEY-");
        return Err(Failure::new(Code::Credentials, message));
    }
    Ok(found)
}

/// What is written here arrives sealed in `out`, once `finish` was called.
pub fn seal<W: Write>(
    recipients: &[x25519::Recipient],
    out: W,
) -> anyhow::Result<age::stream::StreamWriter<W>> {
    let recipients = recipients.iter().map(|key| key as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients)?;
    Ok(encryptor.wrap_output(out)?)
}

/// Reads what was sealed. Any changed byte ends in an error, never in other contents.
pub fn open<R: Read>(
    identities: &[x25519::Identity],
    input: R,
) -> anyhow::Result<age::stream::StreamReader<R>> {
    let decryptor = age::Decryptor::new(input)?;
    let keys = identities.iter().map(|key| key as &dyn age::Identity);
    Ok(decryptor.decrypt(keys)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_with_its_key_only_and_any_changed_byte_is_seen() {
        let (secret, public) = new_pair();
        let keys = recipients(&format!("# mine\n{public}\n"), "keys").expect("a key");
        let mut sealed = Vec::new();
        let mut writer = seal(&keys, &mut sealed).expect("a writer");
        writer.write_all(b"BOT_TOKEN=1:TEST").expect("written");
        writer.finish().expect("finished");
        assert!(!sealed.windows(9).any(|part| part == b"BOT_TOKEN"));
        let read = |bytes: &[u8], secret: &str| -> anyhow::Result<String> {
            let keys = identities(secret, "key").expect("a key");
            let mut text = String::new();
            open(&keys, bytes)?.read_to_string(&mut text)?;
            Ok(text)
        };
        assert_eq!(read(&sealed, &secret).expect("read"), "BOT_TOKEN=1:TEST");
        assert!(read(&sealed, &new_pair().0).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(read(&changed, &secret).is_err(), "byte {at}");
        }
    }

    #[test]
    fn a_secret_key_among_the_public_ones_is_refused_without_being_shown() {
        let (secret, _) = new_pair();
        let failure = recipients(&secret, "backup.keys").expect_err("refused");
        let said = failure.error.expect("words").to_string();
        assert!(said.contains("backup.keys:2: a secret key"), "{said}");
        assert!(!said.contains("AGE-SECRET"), "{said}");
    }
}
