//! Every call has the answer that its type says, from every OTP release.

use std::time::Duration;

use beam_operator::beam::{Closing, Connected, Error, InitStatus, Limits, Stage, Visibility, connect};

use crate::harness::{LIMIT, Node, Otp, Wanted, connected, cookie, limits};

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn what_a_node_tells_of_itself() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let connection = connected(&node.target()).await;

        let memory = connection.memory(LIMIT).await.unwrap();
        assert!(memory.total > 1_000_000 && memory.total > memory.processes && memory.ets > 0, "{memory:?}");
        connection.run_queue(LIMIT).await.unwrap();
        assert_eq!(connection.schedulers_online(LIMIT).await.unwrap(), 2);
        let release: u32 = connection.otp_release(LIMIT).await.unwrap().parse().unwrap();
        let version = connection.erts_version(LIMIT).await.unwrap();
        assert!(release >= 25 && version.starts_with(&(release - 12).to_string()), "{release} {version}");
        let processes = connection.process_count(LIMIT).await.unwrap();
        assert!((10..1000).contains(&processes), "{processes}");
        assert!(connection.longest_queue(LIMIT).await.unwrap() < 100);
        assert!(connection.process_limit(LIMIT).await.unwrap() > 100_000);
        let uptime = connection.uptime(LIMIT).await.unwrap();
        assert!(uptime < Duration::from_mins(5), "{uptime:?}");
        assert_eq!(connection.net_ticktime(LIMIT).await.unwrap(), Some(Duration::from_mins(1)));
        assert_eq!(connection.prevent_overlapping_partitions(LIMIT).await.unwrap(), Some(true));
        let status = connection.init_status(LIMIT).await.unwrap();
        assert!(matches!(status, InitStatus::Starting | InitStatus::Started), "{status:?}");
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_setting_of_the_node() {
    for otp in Otp::all() {
        let arguments = ["-kernel", "prevent_overlapping_partitions", "false"].map(str::to_owned).to_vec();
        let node = Node::start_as(&otp, &Wanted { arguments, ..Wanted::named("shop@127.0.0.1") });

        let setting = connected(&node.target()).await.prevent_overlapping_partitions(LIMIT).await;
        assert_eq!(setting.unwrap(), Some(false));
    }
}

/// Also nodes of two OTP releases, where the machine has two.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn nodes_are_connected() {
    let otps = Otp::all();
    let (first, last) = (otps.first().unwrap(), otps.last().unwrap());
    let one = Node::start(first, "one@127.0.0.1");
    // At the EPMD of the first, where the other looks for it.
    let two = Node::start_as(&last.beside(first), &Wanted::named("two@127.0.0.1"));
    let (to_one, to_two) = (connected(&one.target()).await, connected(&two.target()).await);

    assert_eq!(to_one.connect_node(two.name.clone(), LIMIT).await.unwrap(), Connected::Yes);
    assert_eq!(to_one.nodes(Visibility::Visible, LIMIT).await.unwrap(), std::slice::from_ref(&two.name));
    assert_eq!(to_two.nodes(Visibility::Visible, LIMIT).await.unwrap(), std::slice::from_ref(&one.name));
    let nobody = "nobody@127.0.0.1".parse().unwrap();
    assert_eq!(to_one.connect_node(nobody, LIMIT).await.unwrap(), Connected::No);
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn several_calls_at_a_time() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let connection = connected(&node.target()).await;

        let calls = (0..40).map(|_| connection.memory(LIMIT));
        futures::future::try_join_all(calls).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_node_that_ends() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let connection = connected(&node.target()).await;
        drop(node);

        assert_eq!(connection.closed().await, Closing::ByPeer);
        let error = connection.memory(LIMIT).await.unwrap_err();
        assert!(matches!(error, Error::Closed(Closing::ByPeer)), "{error:?}");
    }
}

/// A node with a short tick time drops whoever is silent; we answer its ticks, whatever we think its tick time is.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_node_with_a_short_tick_time_keeps_us() {
    for otp in Otp::all() {
        let arguments = ["-kernel", "net_ticktime", "4"].map(str::to_owned).to_vec();
        let node = Node::start_as(&otp, &Wanted { arguments, ..Wanted::named("shop@127.0.0.1") });
        let connection = connect(&node.target(), &cookie(), &limits()).await.unwrap();

        // Twice its time; the only thing to wait for is that nothing happens.
        let ended = tokio::time::timeout(Duration::from_secs(8), connection.closed()).await;
        assert!(ended.is_err(), "{ended:?}");
        assert_eq!(connection.net_ticktime(LIMIT).await.unwrap(), Some(Duration::from_secs(4)));
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_node_that_freezes() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let connection = connected(&node.target()).await;
        node.freeze();

        let error = connection.memory(Duration::from_millis(200)).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { stage: Stage::Call, .. }), "{error:?}");
        // Enough for EPMD, which goes on.
        let soon = Limits { connect: Duration::from_secs(3), ..limits() };
        let error = connect(&node.target(), &cookie(), &soon).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { stage: Stage::Status, .. }), "{error:?}");

        // The late answer is not taken for the next.
        node.thaw();
        assert_eq!(connection.schedulers_online(LIMIT).await.unwrap(), 2);
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn an_idle_connection_is_closed() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let idle = Duration::from_millis(50);
        let connection = connect(&node.target(), &cookie(), &Limits { idle, ..limits() }).await.unwrap();

        assert_eq!(connection.closed().await, Closing::Idle(idle));
    }
}
