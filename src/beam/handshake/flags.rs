//! What this side of a connection can do, in the bits of the [distribution flags].
//!
//! A node refuses whoever lacks one that it calls mandatory. All that were up to OTP 28 are here, and nothing beside
//! them: no atom cache and no fragments, so that every frame is complete in itself; no links, monitors, spawn requests
//! or aliases; and not `PUBLISHED`, which makes this a hidden node that applications do not take for a member.
//!
//! [distribution flags]: https://www.erlang.org/doc/apps/erts/erl_dist_protocol#distribution-flags

const EXTENDED_REFERENCES: u64 = 1 << 2;
const FUN_TAGS: u64 = 1 << 4;
const NEW_FUN_TAGS: u64 = 1 << 7;
const EXTENDED_PIDS_PORTS: u64 = 1 << 8;
const EXPORT_PTR_TAG: u64 = 1 << 9;
const BIT_BINARIES: u64 = 1 << 10;
const NEW_FLOATS: u64 = 1 << 11;
const UTF8_ATOMS: u64 = 1 << 16;
const MAP_TAG: u64 = 1 << 17;
const BIG_CREATION: u64 = 1 << 18;
const HANDSHAKE_23: u64 = 1 << 24;
const UNLINK_ID: u64 = 1 << 25;
const MANDATORY_25_DIGEST: u64 = 1 << 26;
const V4_NC: u64 = 1 << 34;

/// Mandatory since OTP 25.
const MANDATORY_25: u64 = EXTENDED_REFERENCES
    | FUN_TAGS
    | NEW_FUN_TAGS
    | EXTENDED_PIDS_PORTS
    | EXPORT_PTR_TAG
    | BIT_BINARIES
    | NEW_FLOATS
    | UTF8_ATOMS
    | MAP_TAG
    | BIG_CREATION
    | HANDSHAKE_23;

/// Mandatory since OTP 26, and one that stands for all that are since OTP 25.
const MANDATORY_26: u64 = MANDATORY_25 | V4_NC | UNLINK_ID | MANDATORY_25_DIGEST;

/// What this client can do.
pub(super) const OURS: u64 = MANDATORY_26;

/// No ability but a wish: to be given a name by the node.
pub(super) const NAME_ME: u64 = 1 << 33;

/// Whether the node is as new as this client needs, which is OTP 25.
pub(super) const fn are_enough(theirs: u64) -> bool {
    theirs & MANDATORY_25_DIGEST != 0 || theirs & MANDATORY_25 == MANDATORY_25
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `erts_internal:get_dflags()` of OTP 27 calls these mandatory.
    #[test]
    fn all_mandatory_ones_are_there() {
        assert_eq!(OURS & 0x4_0307_0f94, 0x4_0307_0f94);
    }

    #[test]
    fn the_client_is_hidden_and_its_frames_are_whole() {
        let published = 1;
        let atom_caches = 1 << 1 | 1 << 6 | 1 << 13;
        let fragments = 1 << 23;
        assert_eq!(OURS & (published | atom_caches | fragments), 0);
    }

    #[test]
    fn a_node_has_to_be_new_enough() {
        assert!(are_enough(MANDATORY_25));
        assert!(are_enough(MANDATORY_25_DIGEST));
        assert!(!are_enough(MANDATORY_25 & !HANDSHAKE_23));
    }
}
