//! Real nodes for the tests.

mod certificates;
mod child;
mod node;
mod otp;

use std::time::Duration;

use beam_operator::beam::{Connection, Cookie, Error, Limits, Target, connect};

pub use certificates::Certificates;
pub use node::{Distribution, Node, Wanted};
pub use otp::{Otp, free_port};

/// The cookie of every node.
pub const COOKIE: &str = "swordfish";

/// Long enough for a busy machine.
pub const LIMIT: Duration = Duration::from_secs(20);

/// The cookie of every node.
pub fn cookie() -> Cookie {
    Cookie::new(COOKIE).unwrap()
}

/// Limits that a busy machine keeps.
pub fn limits() -> Limits {
    Limits { connect: LIMIT, ..Limits::default() }
}

/// Connects with the right cookie.
pub async fn connected(target: &Target) -> Connection {
    connect(target, &cookie(), &limits()).await.unwrap_or_else(|error| panic!("{error}: {error:?}"))
}

/// Fails to connect with the right cookie.
pub async fn refused(target: &Target) -> Error {
    match connect(target, &cookie(), &limits()).await {
        Err(error) => error,
        Ok(connection) => panic!("connected to {:?}", connection.peer()),
    }
}
