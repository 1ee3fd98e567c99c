//! EPMD, the port mapper of Erlang: which nodes run on a host, and on which ports.
//!
//! It answers two questions, each on a connection that it closes after the answer: `PORT_PLEASE2_REQ`, the port of a node
//! whose name is known, and `NAMES_REQ`, all nodes. The second is what finds a node that calls itself otherwise than
//! expected. Answers are read up to a limit and parsed by pure functions.
//!
//! See the [EPMD protocol](https://www.erlang.org/doc/apps/erts/erl_dist_protocol#epmd-protocol).

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::error::{Error, Result, Stage};

/// Where EPMD listens unless it is told otherwise.
pub const PORT: u16 = 4369;

const NAMES_REQ: u8 = b'n';
const PORT_PLEASE2_REQ: u8 = b'z';
const PORT2_RESP: u8 = b'w';

/// No answer is longer: it would hold hundreds of names.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// A node that EPMD knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The part of its name before the `@`.
    pub alive: String,
    /// Where it listens.
    pub port: u16,
}

/// Asks on a fresh connection for the port of the node `alive`. `None` if there is no such node.
pub(super) async fn ask_port(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    address: SocketAddr,
    alive: &str,
) -> Result<Option<u16>> {
    let mut question = vec![PORT_PLEASE2_REQ];
    question.extend_from_slice(alive.as_bytes());
    parse_port(&ask(stream, address, &question).await?)
}

/// Asks on a fresh connection for all nodes.
pub(super) async fn ask_names(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    address: SocketAddr,
) -> Result<Vec<Entry>> {
    parse_names(&ask(stream, address, &[NAMES_REQ]).await?)
}

async fn ask(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    address: SocketAddr,
    question: &[u8],
) -> Result<Vec<u8>> {
    let length = u16::try_from(question.len()).unwrap_or(u16::MAX);
    let mut request = length.to_be_bytes().to_vec();
    request.extend_from_slice(question);
    let mut answer = Vec::new();
    let exchange = async {
        stream.write_all(&request).await?;
        stream.take(LONGEST_ANSWER + 1).read_to_end(&mut answer).await
    };
    exchange.await.map_err(|source| Error::Unreachable { address, source })?;
    if answer.len() as u64 > LONGEST_ANSWER {
        return Err(Error::protocol(Stage::Epmd, "a short answer", format!("more than {LONGEST_ANSWER} bytes")));
    }
    Ok(answer)
}

/// Reads a `PORT2_RESP`, of which only result and port matter.
fn parse_port(answer: &[u8]) -> Result<Option<u16>> {
    match answer {
        [PORT2_RESP, 0, high, low, ..] => Ok(Some(u16::from_be_bytes([*high, *low]))),
        [PORT2_RESP, refusal] if *refusal != 0 => Ok(None),
        _ => Err(Error::protocol(Stage::Epmd, "the answer to a port request", format!("{} other bytes", answer.len()))),
    }
}

/// Reads the answer to a `NAMES_REQ`: EPMD's own port and a line a node.
fn parse_names(answer: &[u8]) -> Result<Vec<Entry>> {
    let Some((_port, text)) = answer.split_first_chunk::<4>() else {
        return Err(Error::protocol(Stage::Epmd, "a list of nodes", format!("{} bytes", answer.len())));
    };
    let text = String::from_utf8_lossy(text);
    text.lines().filter(|line| !line.is_empty()).map(parse_line).collect()
}

fn parse_line(line: &str) -> Result<Entry> {
    let entry = || {
        let (alive, port) = line.strip_prefix("name ")?.rsplit_once(" at port ")?;
        Some(Entry { alive: alive.to_owned(), port: port.trim_end().parse().ok()? })
    };
    let wrong = || Error::protocol(Stage::Epmd, "a line such as `name shop at port 9100`", "another line");
    entry().ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), PORT);

    /// What EPMD gets to hear, and what is made of its answer.
    async fn exchange<T>(answer: &[u8], ask: impl AsyncFnOnce(&mut tokio::io::DuplexStream) -> T) -> (Vec<u8>, T) {
        let (mut ours, mut theirs) = tokio::io::duplex(128 * 1024);
        theirs.write_all(answer).await.unwrap();
        theirs.shutdown().await.unwrap();
        let result = ask(&mut ours).await;
        drop(ours);
        let mut heard = Vec::new();
        theirs.read_to_end(&mut heard).await.unwrap();
        (heard, result)
    }

    #[tokio::test]
    async fn the_port_of_a_node() {
        let answer = [&[119, 0, 0x23, 0x8c, 77, 0, 0, 6, 0, 5, 0, 4][..], b"shop", &[0, 0]].concat();
        let (heard, port) = exchange(&answer, async |stream| ask_port(stream, ADDRESS, "shop").await).await;

        assert_eq!(heard, b"\x00\x05zshop");
        assert_eq!(port.unwrap(), Some(9100));
    }

    #[tokio::test]
    async fn no_such_node() {
        let (_, port) = exchange(&[119, 1], async |stream| ask_port(stream, ADDRESS, "shop").await).await;

        assert_eq!(port.unwrap(), None);
    }

    #[tokio::test]
    async fn all_nodes() {
        let answer = b"\x00\x00\x11\x11name shop at port 9100\nname admin at port 9101\n";
        let (heard, names) = exchange(answer, async |stream| ask_names(stream, ADDRESS).await).await;

        assert_eq!(heard, b"\x00\x01n");
        let entry = |alive: &str, port| Entry { alive: alive.to_owned(), port };
        assert_eq!(names.unwrap(), [entry("shop", 9100), entry("admin", 9101)]);
    }

    #[tokio::test]
    async fn an_endless_answer_is_cut() {
        let (_, names) = exchange(&vec![b'n'; 70_000], async |stream| ask_names(stream, ADDRESS).await).await;

        assert!(matches!(names, Err(Error::Protocol { stage: Stage::Epmd, expected: "a short answer", .. })));
    }

    #[rstest]
    #[case::empty(b"")]
    #[case::cut(b"w\0")]
    #[case::another(b"HTTP/1.1 400 Bad Request")]
    fn what_is_no_answer(#[case] answer: &[u8]) {
        assert!(matches!(parse_port(answer), Err(Error::Protocol { stage: Stage::Epmd, .. })));
        assert!(matches!(parse_names(answer), Err(Error::Protocol { stage: Stage::Epmd, .. })));
    }

    proptest! {
        #[test]
        fn no_answer_is_too_strange(answer in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_port(&answer);
            let _ = parse_names(&answer);
        }

        #[test]
        fn names_are_found_again(entries in proptest::collection::vec(("[a-z_]{1,20}", any::<u16>()), 0..20)) {
            let mut answer = vec![0, 0, 0x11, 0x11];
            for (alive, port) in &entries {
                answer.extend_from_slice(format!("name {alive} at port {port}\n").as_bytes());
            }
            let found: Vec<_> = parse_names(&answer).unwrap().into_iter().map(|entry| (entry.alive, entry.port)).collect();
            prop_assert_eq!(found, entries);
        }
    }
}
