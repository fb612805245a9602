//! One-time links that make somebody one of the partner's people: `t.me/<bot>?start=pi_<token>`. PURE.
//!
//! A token is 4 bytes of expiry (minutes), 6 of nonce and 14 of HMAC-SHA256, in base64url: 32 of the 64 characters
//! a start payload may have. The nonce is remembered when it is used.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const BODY: usize = 10;
const TAG: usize = 14;
/// A link is good for a week.
pub const VALID_MS: i64 = 7 * 24 * 3_600_000;

/// Signs links; made from the bot's token, so that another bot's links are refused.
pub struct InviteKey([u8; 32]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InviteProblem {
    Malformed,
    Forged,
    Expired,
}

impl InviteKey {
    pub fn derive(token: &str) -> InviteKey {
        InviteKey(mac(token.as_bytes(), &[b"partner invite v1"]))
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("hmac takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// A token for a link that is good until `now` plus a week.
pub fn issue(key: &InviteKey, nonce: [u8; 6], now: i64) -> String {
    let minutes = u32::try_from((now + VALID_MS) / 60_000).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(BODY + TAG);
    bytes.extend_from_slice(&minutes.to_be_bytes());
    bytes.extend_from_slice(&nonce);
    let tag = mac(&key.0, &[&bytes]);
    bytes.extend_from_slice(&tag[..TAG]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The nonce of a token that is ours and in time.
pub fn verify(key: &InviteKey, token: &str, now: i64) -> Result<String, InviteProblem> {
    let bytes = URL_SAFE_NO_PAD
        .decode(token)
        .map_err(|_| InviteProblem::Malformed)?;
    let body = bytes
        .get(..BODY)
        .filter(|_| bytes.len() == BODY + TAG)
        .ok_or(InviteProblem::Malformed)?;
    let mut check = Hmac::<Sha256>::new_from_slice(&key.0).expect("hmac takes a key of any length");
    check.update(body);
    check
        .verify_truncated_left(&bytes[BODY..])
        .map_err(|_| InviteProblem::Forged)?;
    let minutes = u32::from_be_bytes([body[0], body[1], body[2], body[3]]);
    if i64::from(minutes) * 60_000 < now {
        return Err(InviteProblem::Expired);
    }
    Ok(URL_SAFE_NO_PAD.encode(&body[4..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    #[test]
    fn a_link_is_good_for_a_week() {
        let key = InviteKey::derive("TEST-TOKEN");
        let token = issue(&key, [1, 2, 3, 4, 5, 6], NOW);
        assert!(token.len() + 3 <= 64, "fits a start payload");
        assert_eq!(verify(&key, &token, NOW), Ok("AQIDBAUG".to_owned()));
        assert_eq!(
            verify(&key, &token, NOW + VALID_MS + 60_000),
            Err(InviteProblem::Expired)
        );
    }

    #[test]
    fn a_changed_or_foreign_link_is_refused() {
        let key = InviteKey::derive("TEST-TOKEN");
        let token = issue(&key, [9; 6], NOW);
        assert_eq!(
            verify(&InviteKey::derive("OTHER-TEST-TOKEN"), &token, NOW),
            Err(InviteProblem::Forged)
        );
        for index in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(verify(&key, &changed, NOW).is_err(), "{changed}");
        }
        for text in ["", "AAAA", "%%%", &format!("{token}AA")] {
            assert!(verify(&key, text, NOW).is_err(), "{text}");
        }
    }
}
