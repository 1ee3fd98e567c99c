//! A node that calls itself otherwise than expected is seen, and knows us by a name that costs it nothing.

use beam_operator::beam::{Error, NodeName, Port, Target, Visibility};

use crate::harness::{COOKIE, LIMIT, Node, Otp, Wanted, connected, refused};

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_node_under_another_name() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "renamed@127.0.0.1");
        let expecting = Target { expected: Some(name("shop@127.0.0.1")), ..node.target() };

        let Error::NameMismatch { expected, actual } = refused(&expecting).await else { panic!("another error") };
        assert_eq!((expected, actual), (name("shop@127.0.0.1"), node.name.clone()));
        assert_eq!(connected(&node.anonymous()).await.peer().name, node.name);
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn the_same_first_part_and_another_host() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@localhost.localdomain");
        let expecting = Target { expected: Some(name("shop@127.0.0.1")), ..node.target() };

        let error = refused(&expecting).await;
        assert!(matches!(&error, Error::NameMismatch { actual, .. } if *actual == node.name), "{error:?}");
    }
}

/// Nodes with short names talk to each other only; to us they talk as well.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_node_with_a_short_name() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@localhost");
        let connection = connected(&node.target()).await;

        assert_eq!(connection.peer().name, node.name);
        assert_eq!(connection.nodes(Visibility::Hidden, LIMIT).await.unwrap().len(), 1);
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn none_of_several() {
    for otp in Otp::all() {
        let _nodes = ["one@127.0.0.1", "two@127.0.0.1"].map(|name| Node::start(&otp, name));
        let port = Port::Epmd(otp.epmd_port);
        let target = Target { port, expected: Some(name("shop@127.0.0.1")), ..Target::new("127.0.0.1") };

        let Error::NotRegistered { mut registered, .. } = refused(&target).await else { panic!("another error") };
        registered.sort();
        assert_eq!(registered, ["one", "two"]);
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn we_are_hidden() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let connection = connected(&node.target()).await;

        assert_eq!(connection.nodes(Visibility::Visible, LIMIT).await.unwrap(), []);
        let hidden = connection.nodes(Visibility::Hidden, LIMIT).await.unwrap();
        assert_eq!(hidden, [name(&connection.peer().our_name)]);
    }
}

/// The name of a connection that ended is given out again; one that we choose stays in the node's table of atoms.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_given_name_costs_the_node_no_atoms() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let connection = connected(&node.target()).await;
            names.insert(connection.peer().our_name.clone());
            drop(connection);
            // So that the node has noticed the end of the connection.
            let probe = connected(&node.as_chosen("probe@127.0.0.1")).await;
            while !probe.nodes(Visibility::Hidden, LIMIT).await.unwrap().iter().all(|name| name.alive() == "probe") {}
        }
        assert_eq!(names.len(), 1, "{names:?}");
    }
}

/// The node believes in the old connection, asks, and lets go of it.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_chosen_name_that_is_still_connected() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let old = connected(&node.as_chosen("beam-operator@127.0.0.1")).await;
        let new = connected(&node.as_chosen("beam-operator@127.0.0.1")).await;

        old.closed().await;
        assert_eq!(new.nodes(Visibility::Hidden, LIMIT).await.unwrap(), [name("beam-operator@127.0.0.1")]);
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_node_that_allows_nobody_else() {
    for otp in Otp::all() {
        let arguments = ["-eval", "net_kernel:allow(['friend@127.0.0.1'])"].map(str::to_owned).to_vec();
        let node = Node::start_as(&otp, &Wanted { arguments, ..Wanted::named("shop@127.0.0.1") });

        let error = refused(&node.target()).await;
        assert!(matches!(error, Error::NotAllowed { .. }), "{error:?}");
        connected(&node.as_chosen("friend@127.0.0.1")).await;
        assert!(!format!("{error:?} {error}").contains(COOKIE));
    }
}
