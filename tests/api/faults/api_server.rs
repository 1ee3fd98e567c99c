//! The API server itself stops and comes back.
//!
//! Runs with an API server of its own, without a controller manager: no pod is made.

use beam_operator::api;
use beam_operator::controller::kind::ChildKind;
use kube::api::DeleteParams;

use crate::harness::{Namespace, OwnCluster, Proxy, Request, Scene};

const SHOP: &str = "{image: 'shop:1', replicas: 2, ports: [{containerPort: 4000}]}";

#[tokio::test]
#[ignore = "needs an API server: cargo xtask test"]
async fn the_operator_outlives_the_api_server() {
    let own = OwnCluster::start("api-server").await;
    own.cluster.install_crd(&api::crd()).await;
    let namespace = Namespace::new(&own.cluster, "restart").await;
    let proxy = Proxy::to(own.cluster.client.clone()).await;
    let mut scene = Scene::on(namespace, proxy, &["--request-timeout", "2"]);
    scene.operator.ready().await;
    scene.rest().await;
    scene.proxy.forget();
    scene.apply("shop", SHOP).await;
    scene.applied("shop").await;
    scene.rest().await;
    let told = scene.proxy.writes().into_iter().filter(Request::is_report).count();
    assert!(told <= 2, "the status of a new release was written {told} times");
    let wanted = scene.state().await.only_children();
    scene.rest().await;
    scene.proxy.forget();

    own.stop_api_server();
    own.start_api_server();

    // What happens after it came back shows that the watches of releases and of children did, too.
    scene.children(ChildKind::Service).delete("shop", &DeleteParams::background()).await.unwrap();
    scene.child(ChildKind::Service, "shop", |_| true).await;
    scene.reaches(&wanted).await;
    scene.apply("blog", SHOP).await;
    scene.applied("blog").await;
    scene.rest().await;
    let of_shop: Vec<_> = scene.proxy.changes().into_iter().filter(|change| change.contains("shop")).collect();
    assert_eq!(of_shop, ["apply services shop"], "the restart itself must cause no write");
    assert!(scene.operator.metric("beam_operator_watch_errors_total").await > 0.0);
    assert_eq!(scene.operator.get("/healthz").await.unwrap().0, 200);
}
