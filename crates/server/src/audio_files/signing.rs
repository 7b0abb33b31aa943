//! Signed URLs: permission to move the bytes of one file, for one user, until a time.
//!
//! The signature is a keyed BLAKE3 hash (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, "BLAKE3: one function, fast everywhere",
//! 2020) over method, path, blob, size, expiry and user. It is no login: whoever uses it is judged again by their role of
//! that moment.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Id, Timestamp};
use serde::{Deserialize, Serialize};
use storage::BlobKey;

use crate::state::SigningKey;

/// What a signature vouches for, beside method and path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grant {
    /// SHA-256 of the bytes, hexadecimal.
    #[param(value_type = String)]
    pub(crate) blob: String,
    /// How many bytes there are.
    pub(crate) size: u64,
    /// Until when, in milliseconds since 1970.
    pub(crate) expires: i64,
    /// For whom.
    #[param(value_type = String)]
    pub(crate) user: Id,
    /// The keyed hash, base64url.
    pub(crate) signature: String,
}

/// Why a signed URL is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadGrant {
    /// Some part of it was changed, or another server signed it.
    #[error("This link is not valid.")]
    Forged,
    /// Its time has passed.
    #[error("This link has expired. Please ask for a new one.")]
    Expired,
}

impl Grant {
    /// Signs.
    pub(crate) fn sign(
        key: &SigningKey,
        method: &str,
        path: &str,
        (blob, size): (&BlobKey, u64),
        user: &Id,
        expires: Timestamp,
    ) -> Grant {
        let mut grant =
            Grant { blob: blob.to_string(), size, expires: expires.0, user: user.clone(), signature: String::new() };
        grant.signature = URL_SAFE_NO_PAD.encode(grant.hash(key, method, path).as_bytes());
        grant
    }

    /// The path and query that carry it.
    pub(crate) fn url(&self, path: &str) -> String {
        // Every part is of characters that stand in a query as they are.
        let Grant { blob, size, expires, user, signature } = self;
        format!("{path}?blob={blob}&size={size}&expires={expires}&user={user}&signature={signature}")
    }

    /// Judges the signature and the time.
    pub(crate) fn verify(
        &self,
        key: &SigningKey,
        method: &str,
        path: &str,
        now: Timestamp,
    ) -> Result<BlobKey, BadGrant> {
        let given: [u8; 32] = URL_SAFE_NO_PAD
            .decode(&self.signature)
            .ok()
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or(BadGrant::Forged)?;
        // Comparing two BLAKE3 hashes takes the same time wherever they differ.
        if self.hash(key, method, path) != blake3::Hash::from_bytes(given) {
            return Err(BadGrant::Forged);
        }
        if now.0 > self.expires {
            return Err(BadGrant::Expired);
        }
        self.blob.parse().map_err(|_| BadGrant::Forged)
    }

    fn hash(&self, key: &SigningKey, method: &str, path: &str) -> blake3::Hash {
        let Grant { blob, size, expires, user, .. } = self;
        // No part can hold a line's end, so no two grants read alike.
        let text = format!("{method}\n{path}\n{blob}\n{size}\n{expires}\n{user}");
        blake3::keyed_hash(&key.derive("audio file transfer"), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/api/audio-files/a/content";

    fn grant(key: &SigningKey) -> Grant {
        let blob = BlobKey::from_digest(&[7; 32]);
        Grant::sign(key, "PUT", PATH, (&blob, 10), &Id::new("ann").unwrap(), Timestamp(1_000))
    }

    #[test]
    fn a_signature_holds_until_it_expires() {
        let key = SigningKey::new([1; 32]);
        let grant = grant(&key);
        assert_eq!(grant.verify(&key, "PUT", PATH, Timestamp(1_000)), Ok(BlobKey::from_digest(&[7; 32])));
        assert_eq!(grant.verify(&key, "PUT", PATH, Timestamp(1_001)), Err(BadGrant::Expired));
        assert!(grant.url(PATH).starts_with("/api/audio-files/a/content?blob=0707"));
    }

    #[test]
    fn no_part_of_a_grant_can_be_changed() {
        let key = SigningKey::new([1; 32]);
        let good = grant(&key);
        let forged = |grant: &Grant, method: &str, path: &str| {
            assert_eq!(grant.verify(&key, method, path, Timestamp(0)), Err(BadGrant::Forged), "{grant:?}");
        };
        forged(&good, "GET", PATH);
        forged(&good, "PUT", "/api/audio-files/b/content");
        forged(&Grant { blob: BlobKey::from_digest(&[8; 32]).to_string(), ..good.clone() }, "PUT", PATH);
        forged(&Grant { size: 11, ..good.clone() }, "PUT", PATH);
        forged(&Grant { expires: 2_000, ..good.clone() }, "PUT", PATH);
        forged(&Grant { user: Id::new("eve").unwrap(), ..good.clone() }, "PUT", PATH);
        forged(&Grant { signature: String::new(), ..good.clone() }, "PUT", PATH);
        let other = SigningKey::new([2; 32]);
        assert_eq!(good.verify(&other, "PUT", PATH, Timestamp(0)), Err(BadGrant::Forged));
    }
}
