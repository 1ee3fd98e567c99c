//! Releases and namespaces side by side.

use std::time::{Duration, Instant};

use beam_operator::controller::kind::ChildKind;

use crate::harness::{Cluster, Fault, Namespace, Operator, Options, Proxy, Scene};

const SHOP: &str = "{image: 'shop:1', replicas: 2}";

/// Many releases whose Deployments the API server refuses are tried again, each later and later; they leave room for the
/// others even where little is done at a time.
#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn a_failing_neighbour_does_not_slow_the_others() {
    let scene = Scene::with("neighbours", &["--concurrency=2"]).await;
    let is_failing = |name: &str| name.starts_with("failing-");
    scene.proxy.fail(usize::MAX, Fault::Status(500), move |request| {
        request.verb == "apply" && request.resource == "deployments" && is_failing(&request.name)
    });
    let started = Instant::now();
    for index in 0..20 {
        scene.apply(&format!("failing-{index}"), SHOP).await;
    }
    scene.condition("failing-19", "Degraded", "WriteFailed").await;

    let begun = Instant::now();
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "it took {took:?}");

    // After n failures a release has waited for 2^n - 1 seconds.
    let tries = scene.proxy.requests().into_iter().filter(|it| it.verb == "apply" && it.resource == "deployments");
    let tries = tries.filter(|request| request.name == "failing-0").count();
    let most = (started.elapsed().as_secs() + 1).ilog2() + 2;
    assert!(tries <= usize::try_from(most).unwrap(), "{tries} tries in {:?}", started.elapsed());

    scene.proxy.heal();
    scene.releases().get("failing-0").await.unwrap();
    scene.child(ChildKind::Deployment, "failing-0", |_| true).await;
    scene.condition("failing-0", "Degraded", "AsExpected").await;
}

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_namespaces_of_a_list_are_watched_and_no_others() {
    let cluster = Cluster::shared().await;
    let [one, two, other] = [
        Namespace::new(&cluster, "one").await,
        Namespace::new(&cluster, "two").await,
        Namespace::new(&cluster, "other").await,
    ];
    let proxy = Proxy::to(cluster.client).await;
    let list = format!("{}, {}", one.name, two.name);
    let options = Options { kubeconfig: proxy.kubeconfig(), arguments: vec!["--watch-namespace".to_owned(), list] };
    let mut operator = Operator::start(&options);
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
