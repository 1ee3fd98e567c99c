//! Releases that were not made by Mix take the operator's facts under the names that they chose.

use crate::harness::{Namespace, meshed, shop};

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
