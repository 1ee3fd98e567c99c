//! Nodes with the certificates that the operator makes and the options that it writes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use beam_operator::api::ElixirRelease;
use beam_operator::beam::{Connected, Error, Identity, Tls, Visibility, connect};
use beam_operator::resources::tls::access::access;
use beam_operator::resources::tls::issue::{self, Issued, Role};
use beam_operator::resources::tls::options;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::ByteString;
use rstest::rstest;
use serde_json::json;

use crate::harness::{Distribution, LIMIT, Node, Otp, Wanted, connected, cookie, limits, refused};

const NAME: &str = "shop-nodes.store.svc";

/// Every two minutes OTP looks which of its files have changed. Distribution cannot be told another time, so that here it
/// is sent what its timer would send.
const LOOKS_OFTEN: [&str; 2] =
    ["-eval", "spawn(fun Look() -> timer:sleep(200), ssl_pem_cache_dist ! clear_pem_cache, Look() end)."];

fn authority() -> Issued {
    issue::authority(Timestamp::now(), later()).unwrap()
}

fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

fn issued(role: Role, name: &str, authority: &Issued) -> Issued {
    issue::leaf(role, name, (&authority.certificate, &authority.key), Timestamp::now(), later()).unwrap()
}

/// The files of a node, as a pod has them.
struct Files {
    options: String,
}

impl Files {
    fn write(otp: &Otp, certificate: &Issued, trusted: &str) -> Self {
        otp.write("tls.crt", &certificate.certificate);
        otp.write("tls.key", &certificate.key);
        let path = otp.write("ca.crt", trusted);
        let directory = path.strip_suffix("/ca.crt").unwrap();
        Self { options: otp.write("inet_tls.conf", &options::file(directory, NAME)) }
    }

    fn node(&self, otp: &Otp, name: &str) -> Node {
        let arguments = LOOKS_OFTEN.map(str::to_owned).to_vec();
        let distribution = Distribution::Tls(self.options.clone());
        Node::start_as(otp, &Wanted { distribution, arguments, ..Wanted::named(name) })
    }
}

/// A node with a certificate for a name, of an authority.
fn node(otp: &Otp, name: &str, certified: &str, authority: &Issued) -> Node {
    let certificate = issued(Role::Node, certified, authority);
    Files::write(otp, &certificate, &authority.certificate).node(otp, name)
}

/// The operator, as it reads the Secret that no pod mounts.
fn operator(authority: &Issued) -> Tls {
    let release = json!({"apiVersion": "beam-operator.io/v1alpha1", "kind": "ElixirRelease",
        "metadata": {"name": "shop", "namespace": "store"},
        "spec": {"image": "shop:1", "cluster": {"tls": {"mode": "Managed"}}}});
    let release: ElixirRelease = serde_json::from_value(release).unwrap();
    let own = issued(Role::Operator, NAME, authority);
    let entry = |key: &str, value: &str| (key.to_owned(), ByteString(value.as_bytes().to_vec()));
    let data: BTreeMap<_, _> =
        [entry("ca.crt", &authority.certificate), entry("tls.crt", &own.certificate), entry("tls.key", &own.key)]
            .into();
    access(&release).unwrap().client(&data).unwrap()
}

/// Whoever shows what the operator shows, and takes any node of the authority by this name.
fn client(certificate: &Issued, authority: &Issued, name: &str) -> Tls {
    let identity = Identity { certificates: certificate.certificate.as_bytes(), key: certificate.key.as_bytes() };
    Tls::new(authority.certificate.as_bytes(), Some(identity)).unwrap().with_server_name(name).unwrap()
}

/// Also nodes of two OTP releases, where the machine has two.
#[rstest]
#[case::over_ipv4("127.0.0.1")]
#[case::over_ipv6("::1")]
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn nodes_meet_and_the_operator_looks_in(#[case] host: &str) {
    let authority = authority();
    let otps = Otp::all();
    for first in &otps {
        for second in &otps {
            let (here, there) = (first.beside(first), second.beside(first));
            let one = node(&here, &format!("one@{host}"), NAME, &authority);
            let two = node(&there, &format!("two@{host}"), NAME, &authority);
            let to_one = connected(&one.with_tls(operator(&authority))).await;

            assert_eq!(to_one.peer().name, one.name);
            assert_eq!(to_one.connect_node(two.name.clone(), LIMIT).await.unwrap(), Connected::Yes);
            assert_eq!(to_one.nodes(Visibility::Visible, LIMIT).await.unwrap(), std::slice::from_ref(&two.name));
        }
    }
}

/// Neither when it connects nor when it is connected to.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_node_takes_no_stranger() {
    let (ours, theirs) = (authority(), authority());
    for otp in Otp::all() {
        let shop = node(&otp, "shop@127.0.0.1", NAME, &ours);
        let to_shop = connected(&shop.with_tls(operator(&ours))).await;

        let without = Node::start(&otp, "plain@127.0.0.1");
        let [theirs_at, other_at] = [otp.beside(&otp), otp.beside(&otp)];
        let other_authority = node(&theirs_at, "alien@127.0.0.1", NAME, &theirs);
        let other_name = node(&other_at, "other@127.0.0.1", "other-nodes.store.svc", &ours);
        for stranger in [&without, &other_authority, &other_name] {
            let met = to_shop.connect_node(stranger.name.clone(), LIMIT).await.unwrap();
            assert_eq!(met, Connected::No, "{}", stranger.name);
        }
        let to_plain = connected(&without.target()).await;
        assert_eq!(to_plain.connect_node(shop.name.clone(), LIMIT).await.unwrap(), Connected::No);
        let to_alien = connected(&other_authority.with_tls(operator(&theirs))).await;
        assert_eq!(to_alien.connect_node(shop.name.clone(), LIMIT).await.unwrap(), Connected::No);
        assert!(to_shop.nodes(Visibility::Visible, LIMIT).await.unwrap().is_empty());
    }
}

/// The authority of a company issues for others as well.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn a_certificate_for_another_name_is_refused() {
    let authority = authority();
    for otp in Otp::all() {
        let shop = node(&otp, "shop@127.0.0.1", NAME, &authority);

        let other = issued(Role::Node, "other-nodes.store.svc", &authority);
        let error = refused(&shop.with_tls(client(&other, &authority, NAME))).await;
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        let error =
            refused(&shop.with_tls(client(&issued(Role::Node, NAME, &authority), &authority, "other.svc"))).await;
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    }
}

/// What the operator shows does not make a node: nobody connects to it.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn the_certificate_of_the_operator_is_for_connecting_only() {
    let authority = authority();
    for otp in Otp::all() {
        let shop = node(&otp, "shop@127.0.0.1", NAME, &authority);
        let own = issued(Role::Operator, NAME, &authority);
        let beside = otp.beside(&otp);
        let disguised = Files::write(&beside, &own, &authority.certificate).node(&beside, "fake@127.0.0.1");

        let to_shop = connected(&shop.with_tls(operator(&authority))).await;
        assert_eq!(to_shop.connect_node(disguised.name.clone(), LIMIT).await.unwrap(), Connected::No);
    }
}

/// An authority is replaced as the operator does it, in files that change while nodes run.
#[tokio::test]
#[ignore = "needs OTP; see main.rs"]
async fn renewed_files_are_used_without_a_restart() {
    let (old, new) = (authority(), authority());
    let both = format!("{}{}", new.certificate, old.certificate);
    for otp in Otp::all() {
        let old_certificate = issued(Role::Node, NAME, &old);
        let shop = Files::write(&otp, &old_certificate, &old.certificate).node(&otp, "shop@127.0.0.1");
        let before = connected(&shop.with_tls(operator(&old))).await;
        refused(&shop.with_tls(operator(&new))).await;

        // It trusts both, and shows what it has shown.
        Files::write(&otp, &old_certificate, &both);
        let shows_old = client(&issued(Role::Operator, NAME, &new), &old, NAME);
        until_connected(&shop, &shows_old).await;
        connect(&shop.with_tls(operator(&old)), &cookie(), &limits()).await.unwrap();

        // It shows the new one, and still takes those who show the old.
        Files::write(&otp, &issued(Role::Node, NAME, &new), &both);
        until_connected(&shop, &operator(&new)).await;
        let shows_new = client(&issued(Role::Operator, NAME, &old), &new, NAME);
        connect(&shop.with_tls(shows_new), &cookie(), &limits()).await.unwrap();

        // Who is connected stays connected.
        assert!(before.memory(LIMIT).await.unwrap().total > 0);
    }
}

async fn until_connected(node: &Node, tls: &Tls) {
    let deadline = Instant::now() + LIMIT;
    while let Err(error) = connect(&node.with_tls(tls.clone()), &cookie(), &limits()).await {
        assert!(Instant::now() < deadline, "{error}: {error:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
