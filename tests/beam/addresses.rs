//! A node is found by EPMD and without it, over IPv4 and IPv6.

use beam_operator::beam::{Error, Port, Target};
use rstest::rstest;

use crate::harness::{Distribution, Node, Otp, Wanted, connected, free_port, refused};

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn by_epmd() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");
        let connection = connected(&node.target()).await;

        assert_eq!(connection.peer().name, node.name);
        assert!(connection.peer().our_name.ends_with("@beam-operator"), "{}", connection.peer().our_name);
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn on_a_fixed_port() {
    for otp in Otp::all() {
        let wanted = Wanted { distribution: Distribution::Fixed, ..Wanted::named("shop@127.0.0.1") };
        let node = Node::start_as(&otp, &wanted);

        assert_eq!(connected(&node.anonymous()).await.peer().name, node.name);
    }
}

#[rstest]
#[case::by_epmd(Distribution::Epmd)]
#[case::on_a_fixed_port(Distribution::Fixed)]
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn over_ipv6(#[case] distribution: Distribution) {
    for otp in Otp::all() {
        let node = Node::start_as(&otp, &Wanted { distribution: distribution.clone(), ..Wanted::named("shop@::1") });
        let connection = connected(&node.target()).await;

        assert_eq!(connection.peer().name.host(), "::1");
        assert!(connection.peer().address.is_ipv6());
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn by_a_host_name() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");

        connected(&Target { host: "localhost".to_owned(), ..node.target() }).await;
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn nobody_is_there() {
    for otp in Otp::all() {
        let target = |host: &str, port| Target { port, ..Target::new(host) };

        let error = refused(&target("127.0.0.1", Port::Fixed(free_port()))).await;
        assert!(matches!(error, Error::Refused { .. }), "{error:?}");
        let error = refused(&target("shop.invalid", Port::Fixed(1))).await;
        assert!(matches!(error, Error::Unresolved { .. }), "{error:?}");
        let error = refused(&target("127.0.0.1", Port::Epmd(otp.epmd_port))).await;
        assert!(matches!(&error, Error::NotRegistered { registered, .. } if registered.is_empty()), "{error:?}");
    }
}
