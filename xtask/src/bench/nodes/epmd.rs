//! EPMD, as far as somebody asks it who knows the name of the node.
//!
//! See the [EPMD protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#epmd-protocol).

/// What EPMD answers to a request for the port of the one node that it knows, which listens on `port`; `None` until the
/// whole request is here.
pub(super) fn answer(request: &[u8], port: u16) -> Option<Vec<u8>> {
    let (length, request) = request.split_first_chunk()?;
    let request = request.get(..usize::from(u16::from_be_bytes(*length)))?;
    let Some(alive) = request.strip_prefix(b"z") else { return Some(vec![b'w', 1]) };
    let length = u16::try_from(alive.len()).ok()?.to_be_bytes();
    // A visible node, by TCP over IPv4, that speaks version 6 and nothing older, with nothing more to say.
    Some([&b"w\0"[..], &port.to_be_bytes(), &[77, 0, 0, 6, 0, 6], &length, alive, &[0, 0]].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn epmd_knows_one_node() {
        assert_eq!(answer(b"\0\x05zsho", 9100), None, "the request is not whole");
        let expected = b"w\0\x23\x8cM\0\0\x06\0\x06\0\x04shop\0\0";
        assert_eq!(answer(b"\0\x05zshop", 9100).unwrap(), expected);
        assert_eq!(answer(b"\0\x01n", 9100), Some(vec![b'w', 1]), "nobody asks for all names");
    }
}
