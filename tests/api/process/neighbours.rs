//! Releases and namespaces side by side.

use std::time::{Duration, Instant};

use beam_operator::controller::kind::ChildKind;
use rstest::rstest;

use crate::harness::{Cluster, Fault, Namespace, Operator, Options, Proxy, Scene};

const SHOP: &str = "{image: 'shop:1', replicas: 2}";

/// Neighbours with this fault on each of their Deployments, and an operator that does two things at a time.
async fn neighbours(purpose: &str, count: usize, fault: Fault) -> (Scene, Duration) {
    let scene = Scene::with(purpose, &["--concurrency=2", "--request-timeout=1"]).await;
    // How long it takes on this machine when nobody fails.
    let calm = time_to_apply(&scene, "calm").await;
    scene.proxy.fail(usize::MAX, fault, |request| {
        request.verb == "apply" && request.resource == "deployments" && request.name.starts_with("failing-")
    });
    for index in 0..count {
        scene.apply(&format!("failing-{index}"), SHOP).await;
    }
    for index in 0..count {
        scene.condition(&format!("failing-{index}"), "Degraded", "WriteFailed").await;
    }
    (scene, calm)
}

async fn time_to_apply(scene: &Scene, release: &str) -> Duration {
    let begun = Instant::now();
    scene.apply(release, SHOP).await;
    scene.applied(release).await;
    begun.elapsed()
}

/// Many releases whose Deployments the API server refuses are tried again, each later and later; they leave room for the
/// others even where little is done at a time.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_failing_neighbour_does_not_slow_the_others() {
    let started = Instant::now();
    let (scene, calm) = neighbours("neighbours", 20, Fault::Status(500)).await;
    let took = time_to_apply(&scene, "shop").await;
    assert!(took < 2 * calm + Duration::from_secs(5), "it took {took:?}, and {calm:?} when nobody failed");

    // After n failures a release has waited for 2^n - 1 seconds. A write of its status may bring it forward once each: one
    // that says what is wrong, one that says it has begun.
    let tries = scene.proxy.requests().into_iter().filter(|it| it.verb == "apply" && it.resource == "deployments");
    let tries = tries.filter(|request| request.name == "failing-0").count();
    let most = (started.elapsed().as_secs() + 1).ilog2() + 2 + 2;
    assert!(tries <= usize::try_from(most).unwrap(), "{tries} tries in {:?}", started.elapsed());

    scene.proxy.heal();
    scene.releases().get("failing-0").await.unwrap();
    scene.child(ChildKind::Deployment, "failing-0", |_| true).await;
    scene.condition("failing-0", "Degraded", "AsExpected").await;
}

/// Writes that get no answer hold a slot until their time is up: a second here, so that once round all of these takes
/// fifteen, longer than their pauses at first. Those that have hung before leave half of the slots to the others, so that
/// these wait for nobody.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_hanging_neighbour_does_not_slow_the_others() {
    let (scene, calm) = neighbours("hanging", 30, Fault::Hang).await;
    for release in ["shop", "blog", "wiki"] {
        let took = time_to_apply(&scene, release).await;
        assert!(took < 2 * calm + Duration::from_secs(2), "{release} took {took:?}, and {calm:?} when nobody hung");
    }
    scene.proxy.heal();
    for index in 0..30 {
        scene.condition(&format!("failing-{index}"), "Degraded", "AsExpected").await;
    }
}

/// However many wait, in however many namespaces.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn no_more_releases_are_reconciled_at_a_time_than_allowed() {
    let cluster = Cluster::shared().await;
    let both = [Namespace::new(&cluster, "here").await, Namespace::new(&cluster, "there").await];
    let proxy = Proxy::to(cluster.client).await;
    let slow = Fault::Delay(Duration::from_millis(500));
    let writes = proxy.fail(usize::MAX, slow, |request| request.verb == "apply" && request.resource == "deployments");
    let list = format!("{},{}", both[0].name, both[1].name);
    let arguments = ["--watch-namespace", &list, "--concurrency=3"].map(str::to_owned).to_vec();
    let mut operator = Operator::start(&Options { kubeconfig: proxy.kubeconfig(), arguments, environment: Vec::new() });
    operator.ready().await;
    for namespace in &both {
        for index in 0..6 {
            namespace.apply(&format!("shop-{index}"), SHOP).await;
        }
    }
    for namespace in &both {
        for index in 0..6 {
            namespace.applied(&format!("shop-{index}")).await;
        }
    }
    assert_eq!(writes.most_at_once(), 3, "the limit is used and kept");
}

#[rstest]
#[case::by_flag(true)]
#[case::by_environment(false)]
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_namespaces_of_a_list_are_watched_and_no_others(#[case] by_flag: bool) {
    let cluster = Cluster::shared().await;
    let [one, two, other] = [
        Namespace::new(&cluster, "one").await,
        Namespace::new(&cluster, "two").await,
        Namespace::new(&cluster, "other").await,
    ];
    let proxy = Proxy::to(cluster.client).await;
    let list = format!("{}, {}", one.name, two.name);
    let (arguments, environment) = if by_flag {
        (vec!["--watch-namespace".to_owned(), list], Vec::new())
    } else {
        (Vec::new(), vec![("WATCH_NAMESPACE", list)])
    };
    let mut operator = Operator::start(&Options { kubeconfig: proxy.kubeconfig(), arguments, environment });
    operator.ready().await;
    for namespace in [&other, &one, &two] {
        namespace.apply("shop", SHOP).await;
    }
    one.applied("shop").await;
    two.applied("shop").await;
    proxy.quiet().await;
    assert_eq!(other.state().await.children(), [""; 0]);
    assert_eq!(other.releases().get("shop").await.unwrap().status, None);
    // The same name in two namespaces is two releases with a cookie each.
    let cookie = async |namespace: &Namespace| {
        namespace.children(ChildKind::Secret).get("shop-cookie").await.unwrap().data["data"]["cookie"].clone()
    };
    assert_ne!(cookie(&one).await, cookie(&two).await);
}
