//! Releases that were not made by Mix take the operator's facts under the names that they chose.

use serde_json::json;

use crate::harness::{Namespace, Operator, meshed, shop};

/// The image's `vm.args` has `-name ${NODE_NAME} -setcookie ${ERLANG_COOKIE}`, as many a release of Distillery has.
const DISTILLERY: &str = "
replicas: 2
image: localhost/shop:1-distillery
release: {tool: Distillery}
env:
  - {name: NODE_NAME, value: $(BEAM_NODE)}
  - {name: ERLANG_COOKIE, value: $(BEAM_COOKIE)}
";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_release_in_the_manner_of_distillery_is_a_cluster() {
    let namespace = Namespace::new("distillery").await;
    namespace.apply(&shop("shop", DISTILLERY)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;
    for node in shop.nodes().await {
        let name = node.describe().await.unwrap().node;
        assert_eq!(name, format!("shop@{}", node.address().unwrap()));
        let answer = node.exec(&["/app/bin/shop", "ping"]).await.unwrap();
        assert_eq!(answer.trim(), "pong", "{name} answers beside its pinned ports");
        let told = node.rpc("IO.puts(length(Node.list()))").await;
        assert_eq!(told, "1", "{name}");
    }
}

/// With a root file system that cannot be written: what a release of Mix writes at its start goes where it can.
const OTP_25: &str = "
replicas: 2
image: localhost/shop:1-otp25
podTemplate: {spec: {containers: [{name: release, securityContext: {readOnlyRootFilesystem: true}}]}}
";

#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_release_on_otp_25_is_a_cluster_and_rolls() {
    let namespace = Namespace::new("otp25").await;
    namespace.apply(&shop("shop", OTP_25)).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    let told = meshed(&[shop], 2).await;
    assert!(told.iter().all(|it| (&*it.version, &*it.otp_release) == ("1.0.0", "25")), "{told:?}");

    shop.change(&json!({"image": "localhost/shop:2-otp25"})).await;
    shop.until("the rollout has begun", |release| !crate::harness::is_complete(release)).await;
    Operator::of(&namespace.cluster).kill().await;
    shop.complete().await;
    let told = meshed(&[shop], 2).await;
    assert!(told.iter().all(|it| (&*it.version, &*it.otp_release) == ("2.0.0", "25")), "{told:?}");
}

/// `eval` starts neither the application nor the distribution, so it runs beside the node.
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn tasks_of_the_release_run_in_its_image() {
    let namespace = Namespace::new("tasks").await;
    namespace.apply(&shop("shop", "replicas: 1")).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    let node = &shop.nodes().await[0];
    let migrate = "SHOP_MIGRATION_FILE=/tmp/migrated /app/bin/shop eval 'Shop.Release.migrate()'";
    for _ in 0..2 {
        node.exec(&["sh", "-c", migrate]).await.unwrap();
        assert_eq!(node.exec(&["cat", "/tmp/migrated"]).await.unwrap().trim(), "1.0.0", "once, however often it runs");
    }
    let refused = node.exec(&["sh", "-c", &format!("SHOP_MIGRATION=fail {migrate}")]).await.unwrap_err();
    assert!(refused.contains("SHOP_MIGRATION=fail") && refused.contains("exit code 1"), "{refused}");
}
