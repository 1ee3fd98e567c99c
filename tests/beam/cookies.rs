//! The cookie is proved by both sides, and can be changed while nodes run.

use beam_operator::beam::{Connected, Cookie, Error, Evidence, Visibility, connect};

use crate::harness::{LIMIT, Node, Otp, connected, cookie, limits};

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_wrong_cookie() {
    for otp in Otp::all() {
        let node = Node::start(&otp, "shop@127.0.0.1");

        let error = connect(&node.target(), &Cookie::new("haddock").unwrap(), &limits()).await.unwrap_err();
        assert!(
            matches!(&error, Error::WrongCookie { peer, evidence: Evidence::Rejected } if *peer == node.name),
            "{error:?}"
        );
    }
}

#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_cookie_is_changed_while_nodes_run() {
    for otp in Otp::all() {
        let [one, two] = ["one@127.0.0.1", "two@127.0.0.1"].map(|name| Node::start(&otp, name));
        let (to_one, to_two) = (connected(&one.target()).await, connected(&two.target()).await);
        let new = || Cookie::new("haddock").unwrap();
        assert_eq!(to_one.connect_node(two.name.clone(), LIMIT).await.unwrap(), Connected::Yes);

        to_one.set_cookie(one.name.clone(), new(), LIMIT).await.unwrap();
        to_two.set_cookie(two.name.clone(), new(), LIMIT).await.unwrap();

        // Who is connected stays connected.
        assert_eq!(to_one.nodes(Visibility::Visible, LIMIT).await.unwrap(), std::slice::from_ref(&two.name));
        connect(&one.target(), &new(), &limits()).await.unwrap();
        let old = connect(&one.target(), &cookie(), &limits()).await;
        assert!(matches!(old, Err(Error::WrongCookie { .. })), "{old:?}");
    }
}
