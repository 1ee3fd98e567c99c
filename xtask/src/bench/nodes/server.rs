//! The sockets of the simulated nodes: one thread serves them all.
//!
//! Two listeners on all addresses take the connections to every address of the loopback network; which node is meant, the
//! local address of a connection tells. Connections from elsewhere are closed.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::epmd;
use super::session::{Session, Traffic};
use super::world::{NodeId, World};

/// How long the thread sleeps at most: how exactly nodes tick.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// The ports on which every node listens.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) epmd: u16,
    pub(super) distribution: u16,
}

/// All simulated nodes. They end with it.
pub(super) struct Server {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    world: World,
    state: Mutex<State>,
    ends: AtomicBool,
}

#[derive(Default)]
struct State {
    traffic: Traffic,
    /// Connections past the handshake.
    connected: usize,
    /// What came that is not simulated.
    problem: Option<String>,
}

impl Server {
    /// Lets the nodes listen.
    pub(super) fn start(world: World, ports: Ports) -> Result<Self> {
        let listen = |port| -> Result<TcpListener> {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
                .with_context(|| format!("simulated nodes cannot listen on port {port}"))?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let listeners = [listen(ports.epmd)?, listen(ports.distribution)?];
        let shared = Arc::new(Shared { world, state: Mutex::default(), ends: AtomicBool::new(false) });
        let server = Loop { shared: shared.clone(), listeners, ports, links: Vec::new(), accepted: 0 };
        Ok(Self { shared, thread: Some(thread::spawn(|| server.run())) })
    }

    /// The messages so far. Fails if something came that is not simulated.
    pub(super) fn traffic(&self) -> Result<Traffic> {
        let state = self.shared.lock();
        if let Some(problem) = &state.problem {
            bail!("the simulated nodes got something that they do not know: {problem}");
        }
        Ok(state.traffic)
    }

    /// How many connections the operator has that are past the handshake.
    pub(super) fn connected(&self) -> usize {
        self.shared.lock().connected
    }

    /// From now on the node and the others of its release do not see each other.
    pub(super) fn isolate(&self, node: NodeId) {
        self.shared.world.isolate(node);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.ends.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // If it panicked, it said so.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Loop {
    shared: Arc<Shared>,
    listeners: [TcpListener; 2],
    ports: Ports,
    links: Vec<Link>,
    accepted: u32,
}

/// A connection that was accepted.
struct Link {
    stream: TcpStream,
    talk: Talk,
    /// What waits to be sent.
    rest: Vec<u8>,
    is_over: bool,
}

enum Talk {
    Epmd(Vec<u8>),
    Node(Session),
}

impl Loop {
    fn run(mut self) {
        while !self.shared.ends.load(Relaxed) {
            if let Err(error) = self.step() {
                self.shared.lock().problem.get_or_insert(format!("{error:#}"));
            }
        }
    }

    fn step(&mut self) -> Result<()> {
        let (ready, readable) = self.wait()?;
        let mut traffic = Traffic::default();
        let mut problem = None;
        let now = Instant::now();
        for (link, is_readable) in self.links.iter_mut().zip(readable) {
            if let Err(error) = link.goes_on(is_readable, now, &self.shared.world, self.ports, &mut traffic) {
                (link.is_over, problem) = (true, Some(error));
            }
        }
        self.links.retain(|link| !link.is_over);
        if ready {
            self.accept()?;
        }
        let mut state = self.shared.lock();
        state.traffic += traffic;
        state.connected = self
            .links
            .iter()
            .filter(|link| matches!(&link.talk, Talk::Node(session) if session.is_connected()))
            .count();
        problem.map_or(Ok(()), Err)
    }

    /// Waits until something comes: a new connection, or something on those that there are.
    fn wait(&self) -> Result<(bool, Vec<bool>)> {
        let mut sockets: Vec<_> = self.listeners.iter().map(|listener| PollFd::new(listener, PollFlags::IN)).collect();
        sockets.extend(self.links.iter().map(|link| {
            let events = if link.rest.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
            PollFd::new(&link.stream, events)
        }));
        poll(&mut sockets, Some(&PATIENCE))?;
        let (listeners, links) = sockets.split_at(self.listeners.len());
        let is_ready = |fd: &PollFd| !fd.revents().is_empty();
        Ok((listeners.iter().any(is_ready), links.iter().map(is_ready).collect()))
    }

    fn accept(&mut self) -> Result<()> {
        for (position, listener) in self.listeners.iter().enumerate() {
            loop {
                let stream = match listener.accept() {
                    Ok((stream, _)) => stream,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    // The other side gave up meanwhile.
                    Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                    Err(error) => return Err(error).context("no connection can be accepted"),
                };
                let IpAddr::V4(address) = stream.local_addr()?.ip() else { continue };
                let Some(node) = self.shared.world.node(address) else { continue };
                stream.set_nonblocking(true)?;
                stream.set_nodelay(true)?;
                self.accepted += 1;
                let is_epmd = position == 0;
                let talk = if is_epmd { Talk::Epmd(Vec::new()) } else { Talk::Node(Session::new(node, self.accepted)) };
                self.links.push(Link { stream, talk, rest: Vec::new(), is_over: false });
            }
        }
        Ok(())
    }
}

impl Link {
    fn goes_on(
        &mut self,
        is_ready: bool,
        now: Instant,
        world: &World,
        ports: Ports,
        traffic: &mut Traffic,
    ) -> Result<()> {
        if is_ready {
            let heard = self.reads();
            let says = match &mut self.talk {
                Talk::Node(session) => session.hears(&heard, world, traffic)?,
                Talk::Epmd(request) => {
                    request.extend(heard);
                    let answer = epmd::answer(request, ports.distribution);
                    // EPMD closes once it has answered.
                    self.is_over |= answer.is_some();
                    answer.unwrap_or_default()
                }
            };
            self.rest.extend(says);
        }
        if let Talk::Node(session) = &mut self.talk {
            self.rest.extend(session.looks(now, traffic));
        }
        self.writes();
        ensure!(self.rest.len() < 1 << 20, "the operator does not read what it asked for");
        Ok(())
    }

    fn reads(&mut self) -> Vec<u8> {
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => self.is_over = true,
                Ok(read) => {
                    heard.extend_from_slice(&buffer[..read]);
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => self.is_over = true,
            }
            return heard;
        }
    }

    fn writes(&mut self) {
        while !self.rest.is_empty() {
            match self.stream.write(&self.rest) {
                Ok(written) => drop(self.rest.drain(..written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.is_over = true;
                    return;
                }
            }
        }
    }
}
