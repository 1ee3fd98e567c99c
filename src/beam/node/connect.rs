//! From an address to a connection.
//!
//! An expected node that EPMD does not know may be there under another name. If exactly one node is registered, that is
//! the one to talk to: in the handshake it says who it is, and the caller gets to know both names.

use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpStream, lookup_host};

use super::super::cookie::Cookie;
use super::super::deadline::Deadline;
use super::super::epmd;
use super::super::error::{Error, Result, Stage};
use super::super::frame::Width;
use super::super::handshake::{self, Introduction};
use super::connection::Connection;
use super::{Limits, Port, Target};

/// Connects to a node and proves to it that we know the cookie, as it proves to us.
///
/// # Errors
/// Every [`Error`] but those of a call. Nothing of the attempt is left behind.
pub async fn connect(target: &Target, cookie: &Cookie, limits: &Limits) -> Result<Connection> {
    let deadline = Deadline::after(limits.connect);
    let addresses = deadline.hold(Stage::Resolve, resolve(&target.host)).await?;
    let mut failure = None;
    for address in addresses {
        match connect_to(address, target, cookie, limits, deadline).await {
            // Another address of the same host may be reachable, as with two IP families.
            Err(error @ (Error::Refused { .. } | Error::Unreachable { .. })) => failure = Some(error),
            other => return other,
        }
    }
    Err(failure.unwrap_or_else(|| unresolved(&target.host, std::io::ErrorKind::NotFound.into())))
}

async fn resolve(host: &str) -> Result<Vec<IpAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    let found = lookup_host((host, 0)).await.map_err(|source| unresolved(host, source))?;
    let mut addresses: Vec<_> = found.map(|address| address.ip()).collect();
    addresses.dedup();
    Ok(addresses)
}

fn unresolved(host: &str, source: std::io::Error) -> Error {
    Error::Unresolved { host: host.to_owned(), source }
}

async fn connect_to(
    ip: IpAddr,
    target: &Target,
    cookie: &Cookie,
    limits: &Limits,
    deadline: Deadline,
) -> Result<Connection> {
    let port = match target.port {
        Port::Fixed(port) => port,
        Port::Epmd(epmd) => find(SocketAddr::new(ip, epmd), target, deadline).await?,
    };
    let address = SocketAddr::new(ip, port);
    let mut stream = open(address, deadline).await?;
    let (own_name, expected) = (&target.own_name, target.expected.as_ref());
    let introduction = Introduction { address, own_name, cookie, expected };
    match &target.tls {
        None => {
            let introduced = handshake::perform(&mut stream, Width::Two, introduction, deadline).await?;
            Ok(Connection::start(stream, address, introduced, limits))
        }
        Some(tls) => {
            let mut stream = deadline.hold(Stage::Tls, tls.connect(stream, address)).await?;
            let introduced = handshake::perform(&mut stream, Width::Four, introduction, deadline).await?;
            Ok(Connection::start(stream, address, introduced, limits))
        }
    }
}

async fn open(address: SocketAddr, deadline: Deadline) -> Result<TcpStream> {
    let opened = async {
        let stream = TcpStream::connect(address).await?;
        // Without it, every call waits for a delayed acknowledgement.
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    deadline.hold(Stage::Connect, async { opened.await.map_err(|source| Error::connect(address, source)) }).await
}

/// Asks EPMD for the port of the node.
async fn find(address: SocketAddr, target: &Target, deadline: Deadline) -> Result<u16> {
    let wanted = target.expected.as_ref().map(|name| name.alive().to_owned());
    if let Some(alive) = &wanted {
        let mut stream = open(address, deadline).await?;
        if let Some(port) = deadline.hold(Stage::Epmd, epmd::ask_port(&mut stream, address, alive)).await? {
            return Ok(port);
        }
    }
    let mut stream = open(address, deadline).await?;
    let entries = deadline.hold(Stage::Epmd, epmd::ask_names(&mut stream, address)).await?;
    if let [only] = entries.as_slice() {
        return Ok(only.port);
    }
    let registered = entries.into_iter().map(|entry| entry.alive).collect();
    Err(Error::NotRegistered { epmd: address, wanted, registered })
}
