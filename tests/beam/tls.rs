//! Distribution over TLS: both sides verify each other, and a mistake is told as one of TLS.

use beam_operator::beam::{Connected, Error, Visibility};

use crate::harness::{Certificates, Distribution, LIMIT, Node, Otp, Wanted, connected, refused};

fn node(otp: &Otp, certificates: &Certificates, name: &str) -> Node {
    let distribution = Distribution::Tls(certificates.options(otp));
    Node::start_as(otp, &Wanted { distribution, ..Wanted::named(name) })
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn nodes_are_asked_over_tls() {
    let certificates = Certificates::issue("127.0.0.1");
    for otp in Otp::all() {
        let [one, two] = ["one@127.0.0.1", "two@127.0.0.1"].map(|name| node(&otp, &certificates, name));
        let to_one = connected(&one.with_tls(certificates.client())).await;

        assert_eq!(to_one.peer().name, one.name);
        assert_eq!(to_one.connect_node(two.name.clone(), LIMIT).await.unwrap(), Connected::Yes);
        assert_eq!(to_one.nodes(Visibility::Visible, LIMIT).await.unwrap(), std::slice::from_ref(&two.name));
        assert!(to_one.memory(LIMIT).await.unwrap().total > 0);
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn certificates_for_a_name() {
    let certificates = Certificates::issue("shop.internal");
    for otp in Otp::all() {
        let node = node(&otp, &certificates, "shop@127.0.0.1");

        let error = refused(&node.with_tls(certificates.client())).await;
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        let named = certificates.client().with_server_name("shop.internal").unwrap();
        assert_eq!(connected(&node.with_tls(named)).await.peer().name, node.name);
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn neither_side_takes_a_stranger() {
    let (certificates, others) = (Certificates::issue("127.0.0.1"), Certificates::issue("127.0.0.1"));
    for otp in Otp::all() {
        let node = node(&otp, &certificates, "shop@127.0.0.1");

        for tls in [others.client(), certificates.stranger()] {
            let error = refused(&node.with_tls(tls)).await;
            assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn one_side_without_tls() {
    let certificates = Certificates::issue("127.0.0.1");
    for otp in Otp::all() {
        let (plain, secure) = (Node::start(&otp, "plain@127.0.0.1"), node(&otp, &certificates, "secure@127.0.0.1"));

        let error = refused(&plain.with_tls(certificates.client())).await;
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        let error = refused(&secure.target()).await;
        assert!(matches!(error, Error::TlsExpected { .. }), "{error:?}");
    }
}
