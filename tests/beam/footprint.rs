//! What an idle connection costs. A process of its own is measured, so that other tests do not count.

use std::env;
use std::process::Command;

use beam_operator::beam::{Connection, Target};

use crate::harness::{Certificates, Distribution, Node, Otp, Wanted, connected};

/// Set for the process that is measured.
const MEASURED: &str = "BEAM_OPERATOR_TEST_MEASURED";

const CONNECTIONS: usize = 1000;

/// A thousand connections have to fit into 20 MB, of which their owner needs some as well.
const PLAIN: usize = 8 * 1024;
const TLS: usize = 16 * 1024;

#[test]
#[ignore = "needs OTP; see main.rs"]
fn a_thousand_idle_connections() {
    let own = Command::new(env::current_exe().unwrap())
        .args(["--exact", "footprint::measured", "--include-ignored", "--nocapture"])
        .env(MEASURED, "1")
        .status();
    assert!(own.unwrap().success());
}

/// Nothing by itself: [`a_thousand_idle_connections`] runs it.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn measured() {
    if env::var_os(MEASURED).is_none() {
        return;
    }
    let otp = Otp::all().remove(0);
    let plain = Node::start(&otp, "plain@127.0.0.1");
    let certificates = Certificates::issue("127.0.0.1");
    let distribution = Distribution::Tls(certificates.options(&otp));
    let secure = Node::start_as(&otp, &Wanted { distribution, ..Wanted::named("secure@127.0.0.1") });

    let plain = footprint("plain", &plain.target()).await;
    let tls = footprint("TLS", &secure.with_tls(certificates.client())).await;
    assert!(plain < PLAIN && tls < TLS);
}

/// Bytes of memory for each connection.
async fn footprint(what: &str, target: &Target) -> usize {
    // What is needed once.
    drop(connected(target).await);
    let before = resident();
    let mut connections: Vec<Connection> = Vec::with_capacity(CONNECTIONS);
    for _ in 0..CONNECTIONS {
        connections.push(connected(target).await);
    }
    let each = (resident() - before) / CONNECTIONS;
    println!("an idle {what} connection takes {each} bytes");
    each
}

/// The memory of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<usize>().unwrap() * 1024
}
