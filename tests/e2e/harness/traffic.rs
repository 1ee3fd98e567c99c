//! Customers: requests that go on while something happens to the release, each of them counted.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::Connections;

const BETWEEN_REQUESTS: Duration = Duration::from_millis(40);

/// Clients of each of two kinds: one keeps its connection, the other makes one for each request.
const CLIENTS_OF_A_KIND: usize = 2;

/// Clients that count up without pause.
pub struct Traffic {
    clients: JoinSet<Tally>,
    stop: CancellationToken,
}

/// What became of the requests.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests that were answered well.
    pub counted: u64,
    /// What went wrong with the others.
    pub failures: Vec<String>,
}

impl Traffic {
    /// Starts to count at this address.
    pub fn start(url: &str) -> Self {
        let (mut clients, stop) = (JoinSet::new(), CancellationToken::new());
        for _ in 0..CLIENTS_OF_A_KIND {
            clients.spawn(count("kept connection", Connections::kept(), url.to_owned(), stop.clone()));
            clients.spawn(count("fresh connection", Connections::fresh(), url.to_owned(), stop.clone()));
        }
        Self { clients, stop }
    }

    /// Ends it and tells what became of it.
    pub async fn stop(self) -> Tally {
        self.stop.cancel();
        let mut total = Tally::default();
        for tally in self.clients.join_all().await {
            total.counted += tally.counted;
            total.failures.extend(tally.failures);
        }
        total
    }
}

/// Counts up until it is stopped, but lets a request under way end.
async fn count(kind: &str, connections: Connections, url: String, stop: CancellationToken) -> Tally {
    let url = format!("{url}/count");
    let mut tally = Tally::default();
    let mut clock = interval(BETWEEN_REQUESTS);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        clock.tick().await;
        match connections.post(&url).await {
            Ok(_) => tally.counted += 1,
            Err(why) => tally.failures.push(format!("request {} on a {kind}: {why}", tally.counted)),
        }
    }
    tally
}
