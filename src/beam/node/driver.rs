//! The task behind a connection: it writes calls and ticks, and hands answers to those who wait for them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::super::call::Call;
use super::super::control::{self, CallId, Heard};
use super::super::error::{Closing, Error, Result};
use super::super::frame::{self, FrameError, Frames, Width};
use super::super::term::{Process, Term};
use super::Limits;

/// No frame is longer. The names of two thousand nodes fit.
const LONGEST_FRAME: u32 = 256 * 1024;

/// How many calls may wait for an answer.
pub(super) const MOST_CALLS: usize = 64;

/// A call, and where its answer goes.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) call: Call,
    pub(super) reply: oneshot::Sender<Result<Term>>,
}

struct Waiting {
    id: CallId,
    reply: oneshot::Sender<Result<Term>>,
}

/// One connection.
pub(super) struct Driver<S> {
    stream: S,
    frames: Frames,
    us: Process,
    requests: mpsc::Receiver<Box<Request>>,
    waiting: Vec<Waiting>,
    last_id: CallId,
    /// When a whole frame was read last.
    heard: Instant,
    /// When something was written last.
    spoken: Instant,
    /// When somebody asked something last.
    asked: Instant,
    limits: Limits,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    pub(super) fn new(stream: S, us: Process, limits: &Limits, requests: mpsc::Receiver<Box<Request>>) -> Self {
        let (frames, now) = (Frames::new(Width::Four, LONGEST_FRAME), Instant::now());
        Self {
            stream,
            frames,
            us,
            requests,
            waiting: Vec::new(),
            last_id: 0,
            heard: now,
            spoken: now,
            asked: now,
            limits: *limits,
        }
    }

    /// Drives the connection to its end, and says why it ended before anybody who waits gets to know.
    pub(super) async fn run(mut self, told: Arc<OnceLock<Closing>>) {
        let closing = loop {
            if let Err(closing) = self.step().await {
                break closing;
            }
        };
        // Nobody else sets it.
        let _ = told.set(closing);
    }

    async fn step(&mut self) -> Result<(), Closing> {
        let due = self.due();
        tokio::select! {
            frame = self.frames.next(&mut self.stream) => {
                let frame = frame.map_err(|error| broken(&error))?;
                self.heard = Instant::now();
                self.take(&frame).await
            }
            request = self.requests.recv() => match request {
                Some(request) => self.call(*request).await,
                None => Err(Closing::ByOwner),
            },
            () = sleep_until(due) => self.look().await,
        }
    }

    async fn take(&mut self, frame: &[u8]) -> Result<(), Closing> {
        let heard = control::read(frame).map_err(|malformed| Closing::Garbage(malformed.to_string()))?;
        match heard {
            // A node ticks as often as its own net_ticktime asks for, so answering suits it whatever that is.
            Heard::Tick => self.write(&control::TICK).await,
            Heard::Answer(id, result) => {
                if let Some(at) = self.waiting.iter().position(|waiting| waiting.id == id) {
                    // Who gave up waiting does not hear it.
                    let _ = self.waiting.swap_remove(at).reply.send(Ok(result));
                }
                Ok(())
            }
            Heard::Other => Ok(()),
        }
    }

    async fn call(&mut self, Request { call, reply }: Request) -> Result<(), Closing> {
        self.asked = Instant::now();
        self.forget_who_gave_up();
        if self.waiting.len() >= MOST_CALLS {
            let _ = reply.send(Err(Error::TooManyCalls { limit: MOST_CALLS }));
            return Ok(());
        }
        self.last_id = self.last_id.wrapping_add(1);
        let id = self.last_id;
        self.waiting.push(Waiting { id, reply });
        let frame = control::call(&self.us, id, &call);
        drop(call);
        self.write(&frame).await
    }

    /// When there is something to do even if nothing happens.
    fn due(&self) -> Instant {
        self.tick_due().min(self.silent_at()).min(self.idle_at())
    }

    /// A little later than the node's own tick, whose answer usually does.
    fn tick_due(&self) -> Instant {
        self.spoken + self.limits.tick / 4 + self.limits.tick / 60
    }

    fn silent_after(&self) -> Duration {
        self.limits.tick + self.limits.tick / 4
    }

    fn silent_at(&self) -> Instant {
        self.heard + self.silent_after()
    }

    fn idle_at(&self) -> Instant {
        self.asked + self.limits.idle
    }

    async fn look(&mut self) -> Result<(), Closing> {
        let now = Instant::now();
        if now >= self.silent_at() {
            return Err(Closing::Silent(self.silent_after()));
        }
        if now >= self.idle_at() {
            self.forget_who_gave_up();
            if self.waiting.is_empty() {
                return Err(Closing::Idle(self.limits.idle));
            }
            self.asked = now;
        }
        if now >= self.tick_due() { self.write(&control::TICK).await } else { Ok(()) }
    }

    fn forget_who_gave_up(&mut self) {
        self.waiting.retain(|waiting| !waiting.reply.is_closed());
    }

    async fn write(&mut self, frame: &[u8]) -> Result<(), Closing> {
        let limit = self.limits.tick;
        let written = timeout(limit, frame::send(&mut self.stream, frame)).await;
        written.map_err(|_| Closing::Stuck(limit))?.map_err(|error| broken(&error))?;
        self.spoken = Instant::now();
        Ok(())
    }
}

fn broken(error: &FrameError) -> Closing {
    match error {
        FrameError::Closed => Closing::ByPeer,
        FrameError::TooLong(_) => Closing::Garbage(error.to_string()),
        FrameError::Io(error) => Closing::Broken(error.kind()),
    }
}
