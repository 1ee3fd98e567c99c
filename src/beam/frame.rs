//! Frames: everything on a connection between nodes comes with its length in front.
//!
//! The length has two bytes in a handshake over TCP, and four everywhere else. It is the peer's word, so a frame has a
//! limit, and memory is taken as the bytes arrive and not when they are announced.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Memory taken at a time while a frame arrives.
const CHUNK: usize = 4096;

/// Bytes of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    Two,
    Four,
}

impl Width {
    const fn bytes(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// Why there is no frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("closed")]
    Closed,
    #[error("a frame of {0} bytes")]
    TooLong(u32),
    #[error(transparent)]
    Io(io::Error),
}

/// Reads frames. A read that is given up continues where it was.
#[derive(Debug)]
pub(super) struct Frames {
    width: Width,
    limit: u32,
    head: [u8; 4],
    /// How many bytes of the length are here.
    heads: usize,
    body: Vec<u8>,
}

impl Frames {
    /// Frames of at most `limit` bytes.
    pub(super) fn new(width: Width, limit: u32) -> Self {
        Self { width, limit, head: [0; 4], heads: 0, body: Vec::new() }
    }

    /// The next frame, without its length.
    pub(super) async fn next(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> Result<Vec<u8>, FrameError> {
        let width = self.width.bytes();
        while self.heads < width {
            let read = stream.read(&mut self.head[4 - width + self.heads..]).await;
            self.heads += some(read)?;
        }
        let length = u32::from_be_bytes(self.head);
        if length > self.limit {
            return Err(FrameError::TooLong(length));
        }
        let length = length as usize;
        while self.body.len() < length {
            let missing = length - self.body.len();
            self.body.reserve(missing.min(CHUNK));
            some((&mut *stream).take(missing as u64).read_buf(&mut self.body).await)?;
        }
        self.heads = 0;
        Ok(std::mem::take(&mut self.body))
    }
}

/// A read of nothing is the end.
fn some(read: io::Result<usize>) -> Result<usize, FrameError> {
    match read {
        Ok(0) => Err(FrameError::Closed),
        Ok(read) => Ok(read),
        Err(error) if is_end(&error) => Err(FrameError::Closed),
        Err(error) => Err(FrameError::Io(error)),
    }
}

/// Whether the peer is gone, be it without a word.
fn is_end(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Writes a short frame.
pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), width: Width, body: &[u8]) -> Result<(), FrameError> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes();
    send(stream, &[&length[4 - width.bytes()..], body].concat()).await
}

/// Writes a frame that has its length in front.
pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), frame: &[u8]) -> Result<(), FrameError> {
    let sent = async {
        stream.write_all(frame).await?;
        stream.flush().await
    };
    sent.await.map_err(|error| if is_end(&error) { FrameError::Closed } else { FrameError::Io(error) })
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use proptest::prelude::*;

    use super::*;

    #[tokio::test]
    async fn frames_with_both_widths() {
        for width in [Width::Two, Width::Four] {
            let (mut ours, mut theirs) = tokio::io::duplex(64);
            for body in [&b"shop"[..], b"", b"x"] {
                write(&mut theirs, width, body).await.unwrap();
            }
            drop(theirs);
            let mut frames = Frames::new(width, 10);

            assert_eq!(frames.next(&mut ours).await.unwrap(), b"shop");
            assert_eq!(frames.next(&mut ours).await.unwrap(), b"");
            assert_eq!(frames.next(&mut ours).await.unwrap(), b"x");
            assert!(matches!(frames.next(&mut ours).await, Err(FrameError::Closed)));
        }
    }

    #[tokio::test]
    async fn a_frame_over_the_limit_is_not_read() {
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_all(&[0xff; 8]).await.unwrap();

        let error = Frames::new(Width::Four, 1000).next(&mut ours).await.unwrap_err();
        assert!(matches!(error, FrameError::TooLong(u32::MAX)), "{error:?}");
    }

    #[tokio::test]
    async fn an_announced_frame_takes_no_memory_yet() {
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        theirs.write_all(&1_000_000_u32.to_be_bytes()).await.unwrap();
        let mut frames = Frames::new(Width::Four, 1_000_000);

        assert!(frames.next(&mut ours).now_or_never().is_none());
        assert!(frames.body.capacity() <= CHUNK);
    }

    proptest! {
        /// As when a tick or a request comes up while half of a frame is here.
        #[test]
        fn a_read_that_is_given_up_loses_nothing(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..30), 1..6),
            step in 1..9_usize,
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let read = runtime.block_on(async {
                let (mut ours, mut theirs) = tokio::io::duplex(1024);
                let mut wire = Vec::new();
                for body in &bodies {
                    write(&mut wire, Width::Four, body).await.unwrap();
                }
                let (mut frames, mut read) = (Frames::new(Width::Four, 100), Vec::new());
                for piece in wire.chunks(step) {
                    theirs.write_all(piece).await.unwrap();
                    while let Some(frame) = frames.next(&mut ours).now_or_never() {
                        read.push(frame.unwrap());
                    }
                }
                read
            });
            prop_assert_eq!(read, bodies);
        }
    }
}
