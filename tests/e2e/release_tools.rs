//! Releases that were not made by Mix take the operator's facts under the names that they chose.

use rstest::rstest;
use serde_json::json;

use crate::harness::{Namespace, Operator, Release, meshed, shop};

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
    remote_commands_work(shop, &["rpc", "IO.puts(length(Node.list()))"]).await;
}

/// Its start script reaches each node beside the node's own pinned ports, and so does a command that counts the peers.
async fn remote_commands_work(shop: Release<'_>, count_peers: &[&str]) {
    for node in shop.nodes().await {
        let name = node.describe().await.unwrap().node;
        assert_eq!(name, format!("shop@{}", node.address().unwrap()));
        for (command, answer) in [(&["ping"][..], "pong"), (count_peers, "1")] {
            let told = node.exec(&[&["/app/bin/shop"], command].concat()).await.unwrap();
            assert_eq!(told.trim(), answer, "{command:?} of {name}");
        }
    }
}

/// The image's `vm.args.src` has the same two lines. The start script is the one that rebar3 writes.
const RELX: &str = "
replicas: 2
image: localhost/shop:1-relx
release: {tool: Relx}
env:
  - {name: NODE_NAME, value: $(BEAM_NODE)}
  - {name: ERLANG_COOKIE, value: $(BEAM_COOKIE)}
";

#[rstest]
#[case::with_epmd("relx", "{}")]
#[case::without_epmd("relx-alone", "{epmd: Disabled}")]
#[tokio::test]
#[ignore = "needs nodes: cargo xtask test"]
async fn a_release_of_rebar3_is_a_cluster(#[case] subject: &str, #[case] cluster: &str) {
    let namespace = Namespace::new(subject).await;
    namespace.apply(&shop("shop", &format!("{RELX}\ncluster: {cluster}"))).await;
    let shop = namespace.release("shop");
    shop.complete().await;
    meshed(&[shop], 2).await;
    remote_commands_work(shop, &["eval", "length(nodes())."]).await;
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
    let namespace = Namespace::alone("otp25").await;
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
