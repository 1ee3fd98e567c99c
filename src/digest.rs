//! Digests of JSON values, for telling whether two are the same without keeping either.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The first 64 bits of the SHA-256 of the value's canonical text. Maps are sorted by key, so the order in which somebody
/// wrote them makes no difference.
#[must_use]
pub fn of_value(value: &Value) -> u64 {
    of_bytes(value.to_string().as_bytes())
}

/// The digest of anything that serializes to JSON. A value that does not (a map with keys that are no strings) has the
/// digest of its absence.
#[must_use]
pub fn of(value: &impl Serialize) -> u64 {
    of_value(&serde_json::to_value(value).unwrap_or_default())
}

/// The first 64 bits of the SHA-256 of some bytes.
#[must_use]
pub fn of_bytes(bytes: &[u8]) -> u64 {
    let hash = Sha256::digest(bytes);
    hash.iter().take(8).fold(0, |digest, byte| digest << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn order_of_keys_does_not_matter_and_values_do() {
        assert_eq!(of_value(&json!({"a": 1, "b": 2})), of_value(&json!({"b": 2, "a": 1})));
        assert_ne!(of_value(&json!({"a": 1})), of_value(&json!({"a": 2})));
    }

    #[test]
    fn digests_never_change_because_they_name_revisions() {
        assert_eq!(of_value(&json!({})), 0x4413_6fa3_55b3_678a);
    }
}
